"""A process that is measured answers, or says in one sentence why it does not; it never outlives who started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from export.apart.limits import Limits
from export.artifact import Format
from export.benchmark.candidate import export_candidate
from export.benchmark.messages import Burst, Finish, Inputs, LoadRequest, Opened, PeakMemory, Timed
from export.benchmark.worker_process import BenchmarkProcess, WorkerError

ROOT = Path(__file__).resolve().parents[3]
posix = pytest.mark.skipif(os.name == "nt", reason="signals")


@pytest.fixture
def process() -> Iterator[BenchmarkProcess]:
    started = BenchmarkProcess(threads=1, environment={})
    yield started
    started.end()


def is_alive(pid: int) -> bool:
    """Not a zombie either: nobody may be left to wait for it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.slow
def test_what_can_t_be_done_is_told_and_the_process_goes_on(process: BenchmarkProcess) -> None:
    for _ in range(2):
        with pytest.raises(WorkerError, match="nothing was opened yet that Burst could be about"):
            process.ask(Burst(batch=1), Timed, limits=Limits(seconds=60))


@pytest.mark.slow
@posix
@pytest.mark.parametrize(
    ("number", "said"), [(signal.SIGKILL, "SIGKILL"), (signal.SIGSEGV, "SIGSEGV"), (50, "signal 50")]
)
def test_a_process_that_is_killed_says_by_what(process: BenchmarkProcess, number: int, said: str) -> None:
    with pytest.raises(WorkerError, match="nothing was opened"):
        process.ask(Burst(batch=1), Timed, limits=Limits(seconds=60))
    os.kill(process.pid, number)

    with pytest.raises(WorkerError, match=f"its process was ended by {said}"):
        process.ask(Burst(batch=1), Timed, limits=Limits(seconds=60))


@posix
def test_a_process_that_hangs_is_given_up(process: BenchmarkProcess) -> None:
    os.kill(process.pid, signal.SIGSTOP)
    start = time.monotonic()

    with pytest.raises(WorkerError, match=r"its process was not through after 0\.5 s: give it"):
        process.ask(Burst(batch=1), Timed, limits=Limits(seconds=0.5))

    assert time.monotonic() - start < 10
    assert not is_alive(process.pid)


def test_a_process_that_can_t_start_says_its_last_words(tmp_path: Path) -> None:
    broken = BenchmarkProcess(threads=1, environment={"PYTHONHOME": str(tmp_path)})

    with pytest.raises(WorkerError, match=r"its process ended with exit code 1 \(.*\)"):
        broken.ask(Burst(batch=1), Timed, limits=Limits(seconds=60))
    broken.end()


def test_a_reply_of_another_kind_is_an_error_of_ours(
    process: BenchmarkProcess, published: Path, tmp_path: Path
) -> None:
    candidate = export_candidate(Format.ONNX, published / "model.onnx")
    images = tmp_path / "images.npy"
    np.save(images, np.zeros((3, 28, 28, 1), np.uint8))
    task = LoadRequest(candidate=candidate, inputs=Inputs(names=("image",), paths=(images,)), threads=1, batches=(1,))
    process.ask(task, Opened, limits=Limits(seconds=60))

    with pytest.raises(TypeError, match="Finish was answered with PeakMemory, not Timed"):
        process.ask(Finish(answers=None), Timed, limits=Limits(seconds=60))
    assert process.ask(Finish(answers=None), PeakMemory, limits=Limits(seconds=60)) is not None


def test_ending_twice_is_fine(process: BenchmarkProcess) -> None:
    process.end()
    process.end()


@pytest.mark.slow
@posix
def test_it_ends_with_who_started_it(tmp_path: Path) -> None:
    program = f"""
import sys, time; sys.path.insert(0, {str(ROOT)!r})
from export.benchmark.worker_process import BenchmarkProcess
print(BenchmarkProcess(threads=1, environment={{}}).pid, flush=True)
time.sleep(600)
"""
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert is_alive(pid)

    parent.kill()
    parent.wait()
    parent.stdout.close()

    deadline = time.monotonic() + 30
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_alive(pid)
