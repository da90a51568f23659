"""SIGKILLs of `export.py` inside its installation, at every one of its file operations: old or new, and always whole.

Two exports, of all formats and of one, are carried out up to the moment of their installation. From there on a process
installs, in a folder of its own for every file operation, and is killed at it. Each folder must then verify, and a
fresh export into it must succeed and leave nothing but its files.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent.parent
if __name__ == "__main__":
    sys.path[0] = str(SCRIPTS.parent)

from scripts.benches.hostility.goods import Goods, make_goods  # noqa: E402 the path comes first

RUN, ARTIFACTS = Path("runs") / "first", Path("runs") / "first" / "artifacts"
EXPORTS = {"all": ["--format", "all"], "onnx": ["--format", "onnx"]}
MOST_OPERATIONS = 1000

_EXPORT = """
import os, pathlib, runpy, shutil, sys
root, kept, *words = sys.argv[1:]
script = os.path.join(root, "scripts", "export.py")
sys.argv = [script, *words]
sys.path.insert(0, root)
import export.folder.install as place
put = place.install
def install(staged, target):
    shutil.copytree(target.parent, kept, symlinks=True)
    return put(staged, target)
place.install = install
sys.path[0] = os.path.dirname(script)
runpy.run_path(script, run_name="__main__")
"""
"""Exports, and keeps the run's folder as it is when all is verified and the installation begins."""
_INSTALL = """
import pathlib, sys
root, at, run = sys.argv[1:]
sys.path.insert(0, root)
from export.folder.install import install
from scripts.benches.hostility.killing import kill_at
target = pathlib.Path(run, "artifacts")
kill_at(int(at))
install(target.with_name(".artifacts.staged"), target)
"""
"""Installs what was staged there, and is killed at one of the operations."""
_AGAIN = """
import json, os, runpy, sys
root, *folders = sys.argv[1:]
script = os.path.join(root, "scripts", "export.py")
sys.path.insert(0, os.path.dirname(script))
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
for folder in folders:
    os.chdir(folder)
    sys.argv = [script, "--run", "first", "--format", "onnx"]
    try:
        runpy.run_path(script, run_name="__main__")
        code = 0
    except SystemExit as left:
        code = int(left.code or 0)
    print(json.dumps([folder, code]), file=answers, flush=True)
"""
"""Exports in many folders, one after the other: TensorFlow is loaded once."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench installation", description=__doc__)
    parser.add_argument("--goods", type=Path, metavar="DIR", help="keep the right things there, and use them again")
    arguments = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    faults: list[str] = []
    with tempfile.TemporaryDirectory() as work:
        goods = make_goods((arguments.goods or Path(work) / "goods").resolve())
        for name, words in EXPORTS.items():
            folder = Path(work).resolve() / name
            killed = kill_at_every_operation(goods, folder, words)
            found = [fault for number in range(1, killed + 1) for fault in check_whole(folder / str(number))]
            found += export_again([folder / str(number) for number in range(1, killed + 1)])
            print(f"{name}: killed at each of {killed} file operations, {len(found)} faults")
            faults += found
    print(*faults, sep="\n")
    return 1 if faults else 0


def kill_at_every_operation(goods: Goods, work: Path, words: Sequence[str]) -> int:
    """How many operations an installation has; what each kill left lies in `work`, by the operation's number."""
    start, kept = work / "start", work / "kept"
    start.mkdir(parents=True)
    goods.runs(start)
    command = [sys.executable, "-c", _EXPORT, str(SCRIPTS.parent), str(kept), "--run", RUN.name, *words]
    subprocess.run(command, cwd=start, check=True, capture_output=True)
    for number in range(1, MOST_OPERATIONS):
        run = work / str(number) / RUN
        shutil.copytree(kept, run, symlinks=True)
        install = [sys.executable, "-c", _INSTALL, str(SCRIPTS.parent), str(number), str(run)]
        code = subprocess.run(install, check=False).returncode
        if code == 0:
            return number - 1
        if code != -signal.SIGKILL:
            raise ValueError(f"the installation ended with {code} at its operation {number}, not by the kill")
    raise ValueError(f"an installation has {MOST_OPERATIONS} operations or more")


def check_whole(folder: Path) -> list[str]:
    """What `verify.py` finds wrong in a folder."""
    command = [sys.executable, str(SCRIPTS / "verify.py"), str(ARTIFACTS), "--format", "onnx", "--format", "tflite"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return [] if done.returncode == 0 else [f"{folder}: verify.py ends with {done.returncode}: {done.stderr.strip()}"]


def export_again(folders: Sequence[Path]) -> list[str]:
    """What is wrong after a fresh export into each of the folders."""
    command = [sys.executable, "-c", _AGAIN, str(SCRIPTS.parent), *map(str, folders)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    codes = dict(json.loads(line) for line in done.stdout.splitlines())
    faults = [f"{folder}: a fresh export ends with {code}" for folder, code in codes.items() if code]
    faults += [f"{folder}: there was no fresh export" for folder in folders if str(folder) not in codes]
    left = [path for folder in folders for path in (folder / RUN).glob(".artifacts*")]
    return faults + [f"{path} is left" for path in left]


if __name__ == "__main__":
    raise SystemExit(main())
