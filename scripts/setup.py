"""Make `.venv` from pinned versions, each checked by its hashes, and install the project: what scripts/setup starts.

It can be cut off anywhere and repeated. Every package is downloaded before the first is installed, and a record in the
environment says what is whole: what was cut off is installed once more from the downloads, without a network. Needs
nothing but Python itself.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
PINS = {
    "--gpu": ["requirements.txt", "requirements-gpu.txt"],
    "--test": ["requirements.txt", "requirements-test.txt"],
    "--lowest": ["requirements-lowest.txt"],
}
"""The parts of an environment that an option asks for, by the files that pin them."""
RECORD, WHEELS, TEMPORARY, LOG = ".installed", ".wheels", ".tmp", ".pip.log"
OURS = {"bin", "include", "lib", "lib64", "share", "etc", "Include", "Lib", "Scripts"}
OURS |= {RECORD, f"{RECORD}.new", WHEELS, TEMPORARY, LOG}
FAILED, REFUSED, INTERRUPTED = 1, 2, 130
SUPPORTED = "import pip, sys; raise SystemExit(not (3, 11) <= sys.version_info[:2] <= (3, 13))"


@dataclass(frozen=True)
class Record:
    """What an environment holds: `made` with pip by the checkout at `root`, and digests by file of the whole `parts`.

    `installing`: parts under way, or cut off. `project`: the digest of the pyproject.toml that was installed last.
    """

    root: str = ""
    made: bool = False
    parts: Mapping[str, str] = field(default_factory=dict)
    installing: Sequence[str] = ()
    project: str = ""


def main(arguments: Sequence[str]) -> None:
    """Leave the environment up to date, or leave with one sentence."""
    if "--help" in arguments:
        print("usage: scripts/setup [--gpu] [--test], or scripts/setup --lowest: make .venv from pinned versions")
        return
    for argument in arguments:
        if argument not in PINS:
            leave(REFUSED, f"unknown option {argument}: scripts/setup takes --gpu and --test, or --lowest")
    if "--lowest" in arguments and len(arguments) > 1:
        leave(REFUSED, f"--lowest makes an environment of its own: leave {' '.join(arguments)} apart")
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        leave(REFUSED, f"Python 3.11, 3.12 or 3.13 is needed, but {sys.executable} is another: install one")
    folder = ROOT / (".venv-lowest" if "--lowest" in arguments else ".venv")
    asked = ["requirements.txt"] if not arguments else [name for argument in arguments for name in PINS[argument]]
    if up_to_date(folder, asked):
        print(f"setup: {folder.name} is up to date")
        return
    refuse_place(folder)
    with only_one():
        if not up_to_date(folder, asked):
            install(folder, asked)
    print("setup: done")


def up_to_date(folder: Path, asked: Collection[str]) -> bool:
    """Whether the environment works and holds what is asked for, as the files have it now."""
    record = read_record(folder)
    return (
        not record.installing
        and set(asked) <= set(record.parts)
        and all(digest(name) == known for name, known in record.parts.items())
        and record.project == digest("pyproject.toml")
        and (record.root == str(ROOT) or folder.is_symlink())
        and works(folder)
    )


def refuse_place(folder: Path) -> None:
    """Leave, with nothing changed, where no environment can be made or where something else would be lost."""
    if folder.is_symlink() and not folder.exists():
        leave(REFUSED, f"{folder} is a link to {folder.readlink()}, which does not exist: remove the link")
    if folder.exists() and not folder.is_dir():
        leave(REFUSED, f"{folder} is a file, but the environment belongs there: move the file away")
    for place in (ROOT, folder):
        if place.exists() and not os.access(place, os.R_OK | os.W_OK | os.X_OK):
            leave(REFUSED, f"{place} can't be written to: change its rights, or use a copy of the project elsewhere")
    names = {path.name for path in folder.iterdir()} if folder.exists() else set()
    if folder.is_symlink() and names and read_record(folder).root != str(ROOT):
        leave(
            REFUSED, f"{folder} is a link to the environment of another checkout: run scripts/setup there, or remove it"
        )
    if names - OURS and "pyvenv.cfg" not in names:
        leave(REFUSED, f"{folder} holds {min(names - OURS)} and no environment: move that folder away")


@contextlib.contextmanager
def only_one() -> Iterator[None]:
    """Wait until no other setup works in this checkout.

    Children inherit the lock, so that of a killed setup lasts as long as its pip. Windows goes without.
    """
    with Path(__file__).open("rb") as file:
        if os.name == "posix":
            import fcntl

            os.set_inheritable(file.fileno(), True)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print("setup: waiting for another scripts/setup in this folder", flush=True)
                fcntl.flock(file, fcntl.LOCK_EX)
            except OSError:
                print("setup: this file system has no locks, so start no second one meanwhile", flush=True)
        yield


def install(folder: Path, asked: Sequence[str]) -> None:
    """Download and install what is missing: all parts where one has changed, or where none is known to be whole."""
    record = read_record(folder)
    wanted = [*dict.fromkeys([*record.parts, *record.installing, *asked])]
    usable = record.made and works(folder)
    moved = record.root != str(ROOT)
    changed = any(digest(name) != known for name, known in record.parts.items())
    parts = {} if moved or changed or not usable else dict(record.parts)
    missing = [name for name in wanted if name not in parts]
    if missing:
        here = "everything is downloaded" if is_downloaded(folder, missing) else size(missing)
        print(f"setup: installing into {folder.name}: {here}", flush=True)
    if not usable:
        make(folder, wanted)
    if missing:
        download(folder, missing)
    if usable and (moved or (record.installing and not parts)):
        make(folder, wanted)
    now = Record(root=str(ROOT), made=True, parts=parts, installing=missing)
    write_record(folder, now)
    if missing:
        # What was cut off may look installed to pip.
        again = ["--ignore-installed"] if parts and record.installing else []
        pip(folder, "install", *again, "--no-index", "--find-links", str(folder / WHEELS), *requirements(missing))
    now = replace(now, parts={name: digest(name) for name in wanted}, installing=[])
    write_record(folder, now)
    again = [] if record.project else ["--ignore-installed"]
    pip(folder, "install", *again, "--no-index", "--no-deps", "--no-build-isolation", "--editable", str(ROOT))
    write_record(folder, replace(now, project=digest("pyproject.toml")))
    for name in (WHEELS, TEMPORARY):
        shutil.rmtree(folder / name, ignore_errors=True)
    (folder / LOG).unlink(missing_ok=True)


def make(folder: Path, wanted: Sequence[str]) -> None:
    """An empty environment with pip in the place of what was there, but for the downloads."""
    if importlib.util.find_spec("ensurepip") is None:
        leave(REFUSED, f"{sys.executable} lacks the venv module: install it (on Debian and Ubuntu: python3-venv)")
    folder.mkdir(exist_ok=True)
    if (folder / "pyvenv.cfg").exists():
        print(f"setup: making {folder.name} once more: it is not known to be whole", flush=True)
    unmade = Record(root=str(ROOT), installing=wanted)
    write_record(folder, unmade)
    for path in folder.iterdir():
        if path.name not in (RECORD, WHEELS):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    venv.EnvBuilder(symlinks=os.name != "nt").create(folder)
    run(folder, ["ensurepip", "--default-pip"], "run scripts/setup again")
    write_record(folder, replace(unmade, made=True, installing=[]))


def download(folder: Path, names: Sequence[str]) -> None:
    """Every wheel of these parts, in the environment's own folder of downloads; nothing if they are there."""
    if is_downloaded(folder, names):
        return
    wheels = folder / WHEELS
    shutil.rmtree(wheels, ignore_errors=True)
    pip(folder, "download", "--only-binary", ":all:", "--dest", str(wheels), *requirements(names))
    (wheels / "complete").write_text(all_digests(names), encoding="utf-8")


def is_downloaded(folder: Path, names: Sequence[str]) -> bool:
    """Whether every wheel of these parts is there."""
    complete = folder / WHEELS / "complete"
    return complete.is_file() and complete.read_text(encoding="utf-8", errors="replace") == all_digests(names)


def all_digests(names: Sequence[str]) -> str:
    """What names these parts as they are now."""
    return " ".join(map(digest, names))


def pip(folder: Path, *arguments: str) -> None:
    """Let the environment's pip do that."""
    way_out = {
        "download": "check the network, or set PIP_NO_INDEX=1 and PIP_FIND_LINKS to a folder of wheels; then repeat",
        "install": "repeat scripts/setup, which needs no network from here on",
    }[arguments[0]]
    quiet = ["--quiet", "--disable-pip-version-check", "--no-input"]
    run(folder, ["pip", arguments[0], *quiet, *arguments[1:]], way_out)


def run(folder: Path, words: Sequence[str], way_out: str) -> None:
    """Run a module with the environment's Python; leave with its last error if it fails.

    Its temporary files lie in the environment, where there is room for them and the next setup removes them.
    """
    log, temporary = folder / LOG, folder / TEMPORARY
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    variables = {**os.environ, "TMPDIR": str(temporary), "TEMP": str(temporary), "TMP": str(temporary)}
    command = [str(python_of(folder)), "-I", "-m", *words]
    with log.open("wb") as file:
        code = subprocess.run(
            command, env=variables, stdout=file, stderr=file, close_fds=os.name == "nt", check=False
        ).returncode
    if code != 0:
        text = log.read_text(encoding="utf-8", errors="replace").strip() or f"exit code {code}"
        errors = [line for line in text.splitlines() if line.startswith("ERROR: ")]
        reason = (errors or text.splitlines())[-1].removeprefix("ERROR: ")[:300].rstrip(". ")
        leave(FAILED, f"{' '.join(words[:2])} failed: {reason}; {way_out} (its output is in {log})")


def requirements(names: Sequence[str]) -> list[str]:
    """The arguments that make pip install these pins and nothing else."""
    return ["--no-deps", "--require-hashes", *(word for name in names for word in ("--requirement", str(pins(name))))]


def size(names: Collection[str]) -> str:
    """What somebody should know before it starts."""
    if {"requirements.txt", "requirements-lowest.txt"} & set(names):
        return "about 800 MB to download and 2.8 GB on disk (3.6 GB meanwhile), most of it TensorFlow; 2 to 10 minutes"
    return f"what {', '.join(names)} adds"


def works(folder: Path) -> bool:
    """Whether the environment has a Python that is supported and knows pip."""
    try:
        return (
            subprocess.run([python_of(folder), "-I", "-c", SUPPORTED], capture_output=True, check=False).returncode == 0
        )
    except OSError:
        return False


def python_of(folder: Path) -> Path:
    """The environment's Python."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def pins(name: str) -> Path:
    """The file of that name."""
    return ROOT / name if name == "pyproject.toml" else ROOT / "scripts" / name


def digest(name: str) -> str:
    """The sha256 of a file of ours; empty if there is none."""
    return hashlib.sha256(pins(name).read_bytes()).hexdigest() if pins(name).exists() else ""


def read_record(folder: Path) -> Record:
    """What an earlier setup wrote; nothing is known to be whole where that can't be read."""
    try:
        record = Record(**json.loads((folder / RECORD).read_text(encoding="utf-8")))
        known = {name for names in PINS.values() for name in names if pins(name).exists()}
        parts = {name: str(value) for name, value in record.parts.items() if name in known}
        return replace(record, parts=parts, installing=[name for name in record.installing if name in known])
    except (OSError, ValueError, TypeError, AttributeError):
        return Record()


def write_record(folder: Path, record: Record) -> None:
    """Replace the record; a crash leaves the old one or the new one."""
    new = folder / f"{RECORD}.new"
    new.write_text(json.dumps(asdict(record)), encoding="utf-8")
    new.replace(folder / RECORD)


def leave(code: int, sentence: str) -> NoReturn:
    """Say why, and end."""
    print(f"setup: {sentence}", file=sys.stderr)
    raise SystemExit(code)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        leave(INTERRUPTED, "interrupted: run scripts/setup again, which continues from there")
    except OSError as error:
        leave(FAILED, f"{error.filename or ROOT}: {error.strerror or error}; then repeat scripts/setup")
