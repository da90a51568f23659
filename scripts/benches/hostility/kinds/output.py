"""Output that can't be written or shown: pipes that close, full disks, poor terminals."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from scripts.benches.hostility.case import Attack, AttackKind, CasePlace
from scripts.benches.hostility.goods import SCRIPTS, TUNE

Words = Sequence[str | Path]

HALF_READ = "| head -1; exit ${PIPESTATUS[0]}"
UNREAD = "| true; exit ${PIPESTATUS[0]}"
VERIFY = "verify.py artifacts --format onnx"
PREDICT = "predict.py one.png --artifacts artifacts --format onnx"
CHANGED = "verify.py changed --format tflite"
MISSING = "verify.py nowhere"
SEARCH = shlex.join(TUNE).replace("--run first", "--run own")
ANSWERED = r"one\.png: .*next:"
UNWRITTEN = "what belongs on standard output could not be written there"
# Where the output of a command goes, and whether that has room for words.
NOWHERE = {
    "a pipe that nobody reads": UNREAD,
    "a pipe that is closed after a line": HALF_READ,
    "a pipe for both that nobody reads": f"2>&1 {UNREAD}",
    "a full disk": ">/dev/full",
    "a full disk for both": ">/dev/full 2>&1",
    "a full disk for errors": "2>/dev/full",
    "no output at all": ">&-",
    "no output for errors": "2>&-",
    "neither input nor output": "<&- >&- 2>&-",
}
POOR = {
    "ASCII": "PYTHONIOENCODING=ascii",
    "latin-1": "PYTHONIOENCODING=latin-1",
    "cp1252": "PYTHONIOENCODING=cp1252",
    "cp437": "PYTHONIOENCODING=cp437",
    "the C locale": "LC_ALL=C PYTHONCOERCECLOCALE=0 PYTHONUTF8=0",
    "40 columns": "COLUMNS=40",
    "one column": "COLUMNS=1",
    "a dumb terminal": "TERM=dumb",
    "no terminal": "TERM=",
    "no colours": "NO_COLOR=1",
    "colours by force": "FORCE_COLOR=1",
    "no buffer": "PYTHONUNBUFFERED=1",
}
# Runs a command with a terminal of 40 columns that goes away after its first line: an error of input and output.
HANG_UP = """
import fcntl, os, struct, subprocess, sys, termios
ours, theirs = os.openpty()
fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 40, 0, 0))
with subprocess.Popen(sys.argv[1:], stdout=theirs, stderr=subprocess.STDOUT) as process:
    os.close(theirs)
    os.read(ours, 1)
    os.close(ours)
raise SystemExit(process.returncode)
"""
# Shows what a command prints on a terminal of 40 columns.
NARROW = """
import fcntl, os, struct, subprocess, sys, termios
ours, theirs = os.openpty()
fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 40, 0, 0))
with subprocess.Popen(sys.argv[1:], stdout=theirs, stderr=subprocess.STDOUT) as process:
    os.close(theirs)
    try:
        while read := os.read(ours, 1024):
            os.write(1, read)
    except OSError:
        pass
raise SystemExit(process.returncode)
"""


def _goods(place: CasePlace) -> None:
    """Published files, the same with one that was changed, a picture, and the model."""
    from PIL import Image

    place.goods.artifacts(place.folder)
    changed = place.goods.artifacts(place.folder, "changed") / "model.tflite"
    changed.write_bytes(changed.read_bytes()[:-1] + b"!")
    picture = Image.new("L", (28, 28))
    picture.paste(255, (12, 4, 16, 24))
    picture.save(place.folder / "one.png")
    place.goods.model(place.folder)


def _words(command: str) -> list[str]:
    script, *others = shlex.split(command)
    return [sys.executable, str(SCRIPTS / script), *others]


def _shell(command: str, *, before: str = "", behind: str = "") -> Callable[[CasePlace], Words]:
    """The command in a shell, with variables before it and what becomes of its output behind it."""

    def prepare(place: CasePlace) -> Words:
        _goods(place)
        return ["bash", "-c", f"{before} {shlex.join(_words(command))} {behind}"]

    return prepare


def _under(program: str, command: str) -> Callable[[CasePlace], Words]:
    def prepare(place: CasePlace) -> Words:
        _goods(place)
        return [sys.executable, "-c", program, *_words(command)]

    return prepare


def _attack(name: str, prepare: Callable[[CasePlace], Words], *, codes: tuple[int, ...], **facts: Any) -> Attack:
    facts = {"needs_linux": True, **facts}
    return Attack(kind=AttackKind.OUTPUT, name=name, prepare=prepare, codes=codes, **facts)


def _finished(place: CasePlace, done: subprocess.CompletedProcess[str]) -> list[str]:
    record = json.loads((place.folder / "runs" / "own" / "run.json").read_text(encoding="utf-8"))
    return [] if record["status"] == "finished" else [f"the run is {record['status']}"]


def _published(place: CasePlace, done: subprocess.CompletedProcess[str]) -> list[str]:
    return [] if (place.folder / "out" / "manifest.json").exists() else ["nothing was published"]


def _says_nothing_else(place: CasePlace, done: subprocess.CompletedProcess[str]) -> list[str]:
    return [f"it says {done.stderr!r}"] if done.stderr else []


def _is_one_object(place: CasePlace, done: subprocess.CompletedProcess[str]) -> list[str]:
    return [] if json.loads(done.stdout)["predictions"] else ["there is no result"]


_TESTED = (
    "a pipe that nobody reads",
    "a full disk for both",
    "neither input nor output",
    "cp1252",
    "the C locale",
    "one column",
)
"""Of a family that is tried elsewhere, too; the others are left to the bench."""

CASES = (
    *(
        _attack(f"{where}, and files that are all as published", _shell(VERIFY, behind=behind), codes=(0,), slow=True)
        for where, behind in NOWHERE.items()
    ),
    *(
        _attack(f"{where}, and a picture that is answered", _shell(PREDICT, behind=behind), codes=(0,))
        for where, behind in NOWHERE.items()
    ),
    *(
        _attack(
            f"{where}, and a file that was changed",
            _shell(CHANGED, behind=behind),
            codes=(1,),
            slow=where not in _TESTED,
        )
        for where, behind in NOWHERE.items()
    ),
    *(
        _attack(f"{where}, and a folder that is not there", _shell(MISSING, behind=behind), codes=(2,))
        for where, behind in NOWHERE.items()
    ),
    *(
        _attack(
            f"{where}, and a result as JSON",
            _shell(f"{PREDICT} --json", behind=NOWHERE[where]),
            codes=(0,),
            says=UNWRITTEN,
        )
        for where in ("a pipe that nobody reads", "a full disk", "no output at all")
    ),
    *(
        _attack(
            f"{where}, and a result as JSON",
            _shell(f"{PREDICT} --json", behind=NOWHERE[where]),
            codes=(0,),
            check=_is_one_object,
        )
        for where in ("a full disk for errors", "no output for errors")
    ),
    _attack(
        "a pipe that is closed after a line, in silence",
        _shell(PREDICT, behind=HALF_READ),
        codes=(0,),
        check=_says_nothing_else,
    ),
    _attack("a pipe that nobody reads, and help", _shell("verify.py --help", behind=UNREAD), codes=(141,)),
    _attack("a full disk, and help", _shell("verify.py --help", behind=">/dev/full"), codes=(2,), says=UNWRITTEN),
    _attack("no output at all, and help", _shell("verify.py --help", behind=">&-"), codes=(2,), says=UNWRITTEN),
    _attack("a full disk for errors, and an unknown option", _shell("verify.py --x", behind="2>/dev/full"), codes=(2,)),
    *(
        _attack(
            f"{what}, and a picture that is answered",
            _shell(PREDICT, before=before),
            codes=(0,),
            says="one.png: .*next:",
        )
        for what, before in POOR.items()
    ),
    *(
        _attack(
            f"{what}, and files that are all as published",
            _shell(VERIFY, before=before),
            codes=(0,),
            says=r"[^\n]+verdict\n[^\n]* same\n.*artifacts: all as published",
            slow=True,
        )
        for what, before in POOR.items()
        if "FORCE" not in before
    ),
    _attack(
        "ASCII, and what replaces a letter",
        _shell(VERIFY, before=POOR["ASCII"]),
        codes=(0,),
        says=r"size +\|dp\| +limit",
        slow=True,
    ),
    _attack(
        "40 columns, and a benchmark",
        _shell("benchmark.py artifacts --format onnx --repeats 3", before="COLUMNS=40"),
        codes=(0,),
        says=r"accuracy +flips\n.*model\.onnx .*% +0\n.*written to",
        changes=("artifacts/benchmark.json", "artifacts/benchmark.csv", ".artifacts.lock"),
        seconds=60.0,
        slow=True,
    ),
    *(
        _attack(
            f"{where}, and a SavedModel",
            _shell("verify.py artifacts --format saved_model", behind=NOWHERE[where]),
            codes=(0,),
            seconds=60.0,
            slow=True,
        )
        for where in ("no output for errors", "a full disk for both", "a pipe for both that nobody reads")
    ),
    *(
        _attack(
            f"{where}, and an export",
            _shell("export.py --model model.keras --dataset digits --format all --output out", behind=NOWHERE[where]),
            codes=(0,),
            check=_published,
            changes=("out*", ".out*"),
            seconds=120.0,
            slow=True,
        )
        for where in ("neither input nor output", "a pipe for both that nobody reads")
    ),
    *(
        _attack(
            f"{where}, and a search",
            _shell(SEARCH, behind=NOWHERE[where]),
            codes=(0,),
            check=_finished,
            changes=("runs*",),
            seconds=60.0,
            slow=True,
        )
        for where in ("a pipe that is closed after a line", "a full disk for both", "neither input nor output")
    ),
    _attack(
        "a pipe that is closed after a line, and a search by a worker",
        _shell(SEARCH.replace("--workers 0", "--workers 1"), behind=f"2>&1 {HALF_READ}"),
        codes=(0,),
        check=_finished,
        changes=("runs*",),
        seconds=90.0,
        slow=True,
    ),
    _attack(
        "ASCII and 40 columns, and a search",
        _shell(SEARCH, before="PYTHONIOENCODING=ascii COLUMNS=40"),
        codes=(0,),
        says=r"28x28x1.*winner: trial 0000",
        check=_finished,
        changes=("runs*",),
        seconds=60.0,
        slow=True,
    ),
    _attack("a terminal that goes away", _under(HANG_UP, PREDICT), codes=(0,)),
    _attack("a terminal that goes away, and a file that was changed", _under(HANG_UP, CHANGED), codes=(1,)),
    _attack(
        "a terminal of 40 columns",
        _under(NARROW, VERIFY),
        codes=(0,),
        says=r"verdict\W.*same\W.*all as published",
        slow=True,
    ),
)
