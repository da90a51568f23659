"""A process apart answers, refuses, and is ended when it goes beyond its limits, whatever it does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from export.apart.limits import Limits, can_watch_memory, resident_bytes
from export.apart.process import FILES, Apart, end_all, process_for
from export.artifact import Format
from export.errors import InputError, UnrunnableError, VerificationError

pytestmark = pytest.mark.slow

FILE = Path("folder/model.onnx")
PATIENT = Limits(seconds=60)
DOUBLE = """
import os, signal, subprocess, sys, time
from export.errors import InputError, UnrunnableError, VerificationError
ERRORS = {error.__name__: error for error in (InputError, UnrunnableError, VerificationError, KeyError)}
def add(*numbers): return sum(numbers)
def fail(name, text): raise ERRORS[name](text)
def sleep(): time.sleep(600)
def die(code): os._exit(code)
def be_killed(): os.kill(os.getpid(), signal.SIGSEGV)
def temporary():
    import tempfile
    return tempfile.gettempdir()
def tensorflow_modules():
    import tensorflow
    return [name for name in ("keras", "sklearn", "matplotlib") if sys.modules.get(name)]
def fill(): raise OSError(28, 'No space left on device', '/tmp/x')
def close_and_sleep(): os.closerange(0, 64); time.sleep(600)
def say(text): print(text, flush=True); os.write(1, b"native\\n"); return text
def eat():
    held = []
    while True: held.append(bytearray(16 << 20)); time.sleep(0.01)
def start():
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]).pid
def write_pid(path):
    open(path, "w").write(str(os.getpid()))
def start_and_sleep(path):
    open(path, "w").write(str(start())); time.sleep(600)
"""


@pytest.fixture
def apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Apart]:
    (tmp_path / "double_of_work.py").write_text(DOUBLE, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    process = Apart()
    yield process
    process.end()


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def test_tensorflow_brings_nothing_along_that_only_wrappers_of_keras_use(apart: Apart) -> None:
    assert apart.call("double_of_work:tensorflow_modules", file=FILE, limits=PATIENT) == ["keras"]


def wait_until_gone(pid: int) -> bool:
    end = time.monotonic() + 10
    while is_alive(pid) and time.monotonic() < end:
        time.sleep(0.05)
    return not is_alive(pid)


def test_it_answers_one_call_after_the_other(apart: Apart) -> None:
    assert [apart.call("double_of_work:add", 1, at, file=FILE, limits=PATIENT) for at in range(3)] == [1, 2, 3]


def test_its_temporary_files_lie_where_those_of_its_parent_do(
    apart: Apart, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in (str(tmp_path / "first"), str(tmp_path / "second")):
        monkeypatch.setattr("tempfile.tempdir", folder)

        assert apart.call("double_of_work:temporary", file=FILE, limits=PATIENT) == folder


def test_it_works_at_what_it_was_asked_for_while_its_parent_goes_on(apart: Apart, tmp_path: Path) -> None:
    apart.ask("double_of_work:write_pid", str(tmp_path / "pid"))
    end = time.monotonic() + 30
    while not (tmp_path / "pid").exists() and time.monotonic() < end:
        time.sleep(0.05)

    assert (tmp_path / "pid").exists()
    assert apart.call("double_of_work:add", 1, 1, file=FILE, limits=PATIENT) == 2
    assert apart.call("double_of_work:add", 2, 2, file=FILE, limits=PATIENT) == 4


def test_what_it_was_asked_for_fails_at_the_next_call(apart: Apart) -> None:
    apart.ask("double_of_work:fail", "InputError", "the reason")

    with pytest.raises(InputError, match=r"^the reason$"):
        apart.call("double_of_work:add", 1, 1, file=FILE, limits=PATIENT)
    assert apart.call("double_of_work:add", 1, 1, file=FILE, limits=PATIENT) == 2


def test_what_ends_it_before_the_next_call_is_named_there(apart: Apart) -> None:
    apart.ask("double_of_work:die", 3)

    with pytest.raises(UnrunnableError, match=r"model\.onnx ended the process that ran it with exit code 3"):
        apart.call("double_of_work:add", 1, file=FILE, limits=PATIENT)


def test_what_it_prints_is_not_taken_for_an_answer(apart: Apart) -> None:
    assert apart.call("double_of_work:say", "{}", file=FILE, limits=PATIENT) == "{}"


@pytest.mark.parametrize("error", [InputError, UnrunnableError, VerificationError])
def test_a_refusal_is_raised_again(apart: Apart, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"^the reason$") as found:
        apart.call("double_of_work:fail", error.__name__, "the reason", file=FILE, limits=PATIENT)

    assert type(found.value) is error
    assert apart.call("double_of_work:add", 1, 1, file=FILE, limits=PATIENT) == 2


def test_any_other_error_keeps_its_traceback(apart: Apart) -> None:
    with pytest.raises(RuntimeError, match=r"(?s)^KeyError: 'a'\n.*Traceback.*double_of_work"):
        apart.call("double_of_work:fail", "KeyError", "a", file=FILE, limits=PATIENT)


def test_a_full_disk_is_one_here_too(apart: Apart) -> None:
    with pytest.raises(OSError, match="No space left on device") as found:
        apart.call("double_of_work:fill", file=FILE, limits=PATIENT)

    assert (found.value.errno, found.value.filename) == (28, "/tmp/x")


def test_a_call_that_hangs_is_ended(apart: Apart) -> None:
    with pytest.raises(
        UnrunnableError, match=r"^folder/model\.onnx was not through after 0\.5 s: give it more with --ti"
    ):
        apart.call("double_of_work:sleep", file=FILE, limits=Limits(seconds=0.5))

    assert not apart.can_go_on


@pytest.mark.skipif(not can_watch_memory(), reason="the memory of other processes is not told here")
def test_a_call_that_eats_memory_is_ended(apart: Apart) -> None:
    limits = Limits(seconds=60, memory_bytes=200 << 20)

    with pytest.raises(UnrunnableError, match=r"model\.onnx took more than 200 MiB of memory: give it more with --mem"):
        apart.call("double_of_work:eat", file=FILE, limits=limits)


@pytest.mark.parametrize(
    ("function", "arguments", "how"),
    [("die", (3,), "exit code 3"), ("be_killed", (), "SIGSEGV"), ("die", (0,), "exit code 0")],
)
def test_a_call_that_ends_the_process_says_how(
    apart: Apart, function: str, arguments: tuple[int, ...], how: str
) -> None:
    with pytest.raises(UnrunnableError, match=rf"model\.onnx ended the process that ran it with {how}"):
        apart.call(f"double_of_work:{function}", *arguments, file=FILE, limits=PATIENT)
    with pytest.raises(UnrunnableError, match="ended the process"):
        apart.call("double_of_work:add", 1, file=FILE, limits=PATIENT)


def test_a_call_that_lets_go_of_its_pipe_is_ended(apart: Apart, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("export.child_process._SECONDS_TO_END", 0.2)

    with pytest.raises(UnrunnableError, match=r"model\.onnx ended the process that ran it with SIGKILL"):
        apart.call("double_of_work:close_and_sleep", file=FILE, limits=PATIENT)


@pytest.mark.skipif(sys.platform != "linux", reason="needs process groups and /proc")
def test_what_it_started_ends_with_it(apart: Apart, tmp_path: Path) -> None:
    with pytest.raises(UnrunnableError, match="was not through"):
        apart.call("double_of_work:start_and_sleep", str(tmp_path / "pid"), file=FILE, limits=Limits(seconds=2))

    assert wait_until_gone(int((tmp_path / "pid").read_text()))


@pytest.mark.skipif(sys.platform != "linux", reason="needs prctl")
def test_it_ends_with_its_parent_even_while_it_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "double_of_work.py").write_text(DOUBLE, encoding="utf-8")
    program = """
import pathlib, threading
from export.apart.limits import Limits
from export.apart.process import Apart
apart = Apart()
print(apart.pid, flush=True)
apart.call("double_of_work:sleep", file=pathlib.Path("x"), limits=Limits(seconds=600))
"""
    root = Path(__file__).resolve().parents[3]
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{root}")
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)

    assert wait_until_gone(pid)


def test_an_interrupt_ends_it(apart: Apart, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pickle.dump", interrupt)

    with pytest.raises(KeyboardInterrupt):
        apart.call("double_of_work:add", 1, file=FILE, limits=PATIENT)
    assert not apart.can_go_on


def test_files_of_one_format_share_a_process_until_it_ended_or_had_enough() -> None:
    end_all()
    first = process_for(Format.ONNX)
    assert process_for(Format.ONNX) is first
    assert process_for(Format.TFLITE) is not first

    first.files = FILES
    second = process_for(Format.ONNX)
    second.end()
    third = process_for(Format.ONNX)

    assert len({first, second, third}) == 3
    end_all()
    assert not third.can_go_on


@pytest.mark.skipif(not can_watch_memory(), reason="the memory of other processes is not told here")
def test_the_memory_of_a_process_holds_that_of_its_children() -> None:
    alone = resident_bytes(os.getpid())
    with subprocess.Popen([sys.executable, "-c", "print(1, flush=True); input()"], stdin=-1, stdout=-1) as child:
        assert child.stdout is not None
        child.stdout.readline()
        together, own = resident_bytes(os.getpid()), resident_bytes(child.pid)
        child.communicate(b"\n")

    assert alone is not None
    assert together is not None
    assert own is not None
    assert own > 1 << 20
    assert together > own


def test_the_memory_of_a_process_that_is_gone_is_not_known() -> None:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()

    assert resident_bytes(done.pid) is None
