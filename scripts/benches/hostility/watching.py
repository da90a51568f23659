"""A command under watch: how long it took, how much memory its whole family held, and what it left running."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

MEBIBYTE = 2**20
SAMPLE_SECONDS = 0.05
LEAVING_SECONDS = 2.0
"""What belongs to a command may take this long to see that it is over."""
PATIENCE = 2.0
"""A command is killed after this many times what it may take, or above this many times what it may hold."""
LONGEST_OUTPUT = 2**20


@dataclass(frozen=True, kw_only=True)
class CommandLimits:
    """The most that one command may take: `seconds` by the clock, `mebibytes` of memory in all its processes."""

    seconds: float = 10.0
    mebibytes: float = 1024.0


@dataclass(frozen=True, kw_only=True)
class CommandResult:
    """A command that is over. `faults`: what was wrong with its time, its memory and its processes."""

    done: subprocess.CompletedProcess[str]
    seconds: float
    mebibytes: float = 0.0
    faults: tuple[str, ...] = ()


def watch(
    words: Sequence[str], *, folder: Path, environment: Mapping[str, str], limits: CommandLimits
) -> CommandResult:
    """Run a command there, kill it where it goes far beyond the limits, and end whatever it left."""
    faults: list[str] = []
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        started, peak = time.monotonic(), 0.0
        process = subprocess.Popen(
            words,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(SAMPLE_SECONDS)
                break
            peak = max(peak, memory_of_family(process.pid))
            if time.monotonic() - started > PATIENCE * limits.seconds or peak > PATIENCE * limits.mebibytes:
                faults.append("it was killed" + (": it hangs" if peak <= PATIENCE * limits.mebibytes else ""))
                _end(_session(process.pid))
                process.wait()
                break
        seconds = time.monotonic() - started
        left = _left_behind(process.pid)
        faults += [f"a process was left running: {name}" for name in left]
        done = subprocess.CompletedProcess(list(words), process.returncode, _text(out), _text(err))
    if seconds > limits.seconds:
        faults.append(f"it took {seconds:.1f} s, more than {limits.seconds:g}")
    if peak > limits.mebibytes:
        faults.append(f"it held {peak:.0f} MiB, more than {limits.mebibytes:g}")
    return CommandResult(done=done, seconds=seconds, mebibytes=peak, faults=tuple(faults))


def memory_of_family(pid: int) -> float:
    """MiB of a process and all that it started. What they share is counted once where the system tells it."""
    with contextlib.suppress(psutil.Error):
        parent = psutil.Process(pid)
        family = [parent, *parent.children(recursive=True)]
        return sum(map(_memory_of, family)) / MEBIBYTE if len(family) > 1 else parent.memory_info().rss / MEBIBYTE
    return 0.0


def _memory_of(process: psutil.Process) -> int:
    with contextlib.suppress(psutil.Error):
        # Linux alone has it: a page that several processes share is a part of each.
        return int(getattr(process.memory_full_info(), "pss", 0) or process.memory_info().rss)
    return 0


def _left_behind(leader: int) -> list[str]:
    """Names of processes that a command left after a moment; they are killed."""
    end = time.monotonic() + LEAVING_SECONDS
    while (left := _session(leader)) and time.monotonic() < end:
        time.sleep(SAMPLE_SECONDS)
    names = [_name(process) for process in left]
    _end(left)
    return names


def _session(leader: int) -> list[psutil.Process]:
    """Those that run in the session which this process began, itself among them."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if os.getsid(process.pid) == leader and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def _end(processes: Sequence[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.send_signal(signal.SIGKILL)


def _name(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error):
        return " ".join(process.cmdline())[:200]
    return f"process {process.pid}"


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read(LONGEST_OUTPUT).decode(errors="replace")
