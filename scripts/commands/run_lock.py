"""The run that a command writes: a folder of its own, its lock, and how to go on after a Ctrl-C."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from scripts import _entry

if TYPE_CHECKING:
    from tuning.runs.run_folder import RunFolder


@contextlib.contextmanager
def writing_run(
    arguments: argparse.Namespace, folder: RunFolder, *, state: bytes | None, stem: str
) -> Iterator[RunFolder]:
    """Lock `folder`, whose `state()` was `state` when it was decided what to do, or without `--run` a fresh one.

    Raises InputError if another process writes it, or wrote it meanwhile.
    """
    from tuning.runs.run_folder import make_fresh

    if arguments.run is None:
        folder = make_fresh(arguments.runs, stem)
    else:
        folder.path.mkdir(parents=True, exist_ok=True)
    try:
        with _entry.writing_to(folder.path), folder.lock(state=state):
            yield folder
    except KeyboardInterrupt:
        script = Path(sys.argv[0]).name
        again = _entry.command(script, "--run", folder.name, "--resume", runs=arguments.runs)
        raise KeyboardInterrupt(f"everything finished so far is saved; continue with {again}") from None
