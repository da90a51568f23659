"""Ctrl-C that can't get lost.

Python drops an exception raised inside a finalizer or the callback of a weak reference, a KeyboardInterrupt too; a
training spends enough time in them for that to happen.
"""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading

DELAY_SECONDS = 0.05


def keep_interrupts() -> None:
    """Raise a dropped KeyboardInterrupt again shortly after, until it arrives."""
    show = sys.unraisablehook

    def again(unraisable: sys.UnraisableHookArgs) -> None:
        if not issubclass(unraisable.exc_type, KeyboardInterrupt):
            show(unraisable)
            return
        timer = threading.Timer(DELAY_SECONDS, _interrupt_main_thread)
        timer.daemon = True
        timer.start()

    sys.unraisablehook = again


def _interrupt_main_thread() -> None:
    if os.name == "nt":
        _thread.interrupt_main()
    else:  # a signal to the thread also ends a wait that it is in
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
