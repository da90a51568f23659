"""scripts/setup where something is in the way, cut off anywhere, without a network, with bad pins, and two at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from scripts.benches.hostility.case import Attack, AttackKind, CasePlace
from scripts.benches.hostility.checkout import make_checkout, make_wheel, pin, variables_for

Words = Sequence[str | Path]
Damage = Callable[[Path], Mapping[str, str] | None]
Until = Callable[[Path], bool]
_WITHOUT_VENV = """#!/bin/sh
[ "$1" = -I ] || exec "{python}" "$@"
exec "{python}" -I -c '
import importlib.util, runpy, sys
find = importlib.util.find_spec
importlib.util.find_spec = lambda name: None if name == "ensurepip" else find(name)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")' "$2"
"""


def _python() -> str:
    """A Python that does not belong to an environment."""
    return os.path.realpath(sys.executable)


def _checkout(place: CasePlace) -> Path:
    checkout = place.folder / "checkout"
    make_checkout(checkout)
    return checkout


def call(checkout: Path, *arguments: str, **variables: str) -> list[str]:
    """How scripts/setup is called, without what this process's pip is configured with."""
    told = [word for name in os.environ if name.startswith("PIP_") for word in ("-u", name)]
    # pip asks a compiler of Rust for its version, and that one may write into the user's home.
    given = {"PYTHON": _python(), "PATH": "/usr/bin:/bin", **variables_for(checkout), **variables}
    setup = ["sh", str(checkout / "scripts" / "setup"), *arguments]
    return ["env", *told, *(f"{name}={value}" for name, value in given.items()), *setup]


def _with(damage: Damage, *arguments: str) -> Callable[[CasePlace], Words]:
    """A checkout, damaged; what `damage` returns are further variables of the command."""

    def prepare(place: CasePlace) -> Words:
        checkout = _checkout(place)
        return call(checkout, *arguments, **(damage(checkout) or {}))

    return prepare


def _finish(checkout: Path) -> None:
    subprocess.run(call(checkout), check=True, capture_output=True)


def _finished(then: Damage) -> Damage:
    """An environment that is finished before it is damaged."""

    def damage(checkout: Path) -> Mapping[str, str] | None:
        _finish(checkout)
        return then(checkout)

    return damage


def _cut(command: Words, environment: Path, until: Until) -> None:
    """Kill the command and all that it started as soon as `until` holds."""
    nothing = subprocess.DEVNULL
    with subprocess.Popen(command, stdout=nothing, stderr=nothing, start_new_session=True) as setup:
        while setup.poll() is None and not until(environment):
            time.sleep(0.005)
        if setup.poll() is not None:
            raise ValueError("it ended before it could be killed")
        os.killpg(setup.pid, signal.SIGKILL)


def _cut_off(
    until: Callable[[], Until], *, offline: bool = False, finished: bool = False
) -> Callable[[CasePlace], Words]:
    """A setup that is killed, and the same command again; `offline`: nothing can be downloaded any more; `finished`:
    all was installed before, and the tests' packages are being added."""

    def prepare(place: CasePlace) -> Words:
        checkout = _checkout(place)
        if finished:
            _finish(checkout)
        arguments = ["--test"] if finished else []
        _cut(call(checkout, *arguments), checkout / ".venv", until())
        return call(checkout, *arguments, **({"PIP_FIND_LINKS": ""} if offline else {}))

    return prepare


def _after(seconds: float) -> Until:
    end = time.monotonic() + seconds
    return lambda _: time.monotonic() > end


def _installed(package: str, files: int) -> Until:
    """So many files of the package are there."""
    return lambda environment: len([*environment.glob(f"lib/python*/site-packages/{package}/*")]) >= files


def _exists(pattern: str) -> Until:
    return lambda environment: any(environment.glob(pattern))


def whole(place: CasePlace, _: object = None) -> list[str]:
    """What is wrong with an environment that scripts/setup finished."""
    environment = place.folder / "checkout" / ".venv"
    code = "import checkout, tiny, pip; assert tiny.WHOLE and checkout.WHOLE"
    done = subprocess.run([environment / "bin/python", "-I", "-c", code], capture_output=True, text=True, check=False)
    left = [name for name in (".wheels", ".tmp", ".pip.log") if (environment / name).exists()]
    return [*([done.stderr] if done.returncode else []), *(f"{name} is left behind" for name in left)]


def _file(checkout: Path) -> None:
    (checkout / ".venv").write_text("a note", encoding="utf-8")


def _dangling(checkout: Path) -> None:
    (checkout / ".venv").symlink_to(checkout.parent / "unplugged")


def _of_another(checkout: Path) -> None:
    other = checkout.parent / "other" / ".venv"
    (other / "bin").mkdir(parents=True)
    (other / "pyvenv.cfg").touch()
    (other / ".installed").write_text('{"root": "/other", "made": true}', encoding="utf-8")
    (checkout / ".venv").symlink_to(other)


def _something_else(checkout: Path) -> None:
    (checkout / ".venv").mkdir()
    (checkout / ".venv" / "thesis.tex").touch()


def _without_venv(checkout: Path) -> Mapping[str, str]:
    python = checkout.parent / "python"
    python.write_text(_WITHOUT_VENV.format(python=_python()), encoding="utf-8")
    python.chmod(0o755)
    return {"PYTHON": str(python)}


def _offline(_: Path) -> Mapping[str, str]:
    return {"PIP_FIND_LINKS": "", "PIP_NO_INDEX": "", "PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "0"}


def _other_bytes(checkout: Path) -> None:
    _new_pins(checkout)
    make_wheel(checkout / "wheels" / "tiny-1-py3-none-any.whl", 5)


def _new_pins_offline(checkout: Path) -> Mapping[str, str]:
    _new_pins(checkout)
    return _offline(checkout)


def _no_such_version(checkout: Path) -> None:
    pins = checkout / "scripts" / "requirements.txt"
    pins.write_text(pins.read_text(encoding="utf-8").replace("==1", "==2"), encoding="utf-8")


def _without_a_hash(checkout: Path) -> None:
    (checkout / "scripts" / "requirements.txt").write_text("tiny==1\n", encoding="utf-8")


def _killed_older(checkout: Path) -> None:
    """What an earlier version left that was killed in its first two seconds: a Python without pip, and no record."""
    subprocess.run([_python(), "-m", "venv", "--without-pip", checkout / ".venv"], check=True)


def _bad_record(checkout: Path) -> None:
    (checkout / ".venv" / ".installed").write_text('{"root": [], "parts": 3}', encoding="utf-8")


def _no_python(checkout: Path) -> None:
    for python in (checkout / ".venv" / "bin").glob("python*"):
        python.unlink()


def _new_pins(checkout: Path) -> None:
    wheel = checkout / "wheels" / "tiny-1-py3-none-any.whl"
    make_wheel(wheel, 4)
    pin(checkout / "scripts" / "requirements.txt", wheel)


def _read_only(place: CasePlace) -> Words:
    checkout = _checkout(place)
    checkout.chmod(0o555)
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *call(checkout)]


def _two_at_once(place: CasePlace) -> Words:
    checkout = _checkout(place)
    with (place.folder / "first.txt").open("wb") as output:
        subprocess.Popen(call(checkout), stdout=output, stderr=output)
    end = time.monotonic() + 5
    while not (checkout / ".venv" / ".installed").exists() and time.monotonic() < end:
        time.sleep(0.005)
    return call(checkout)


def _attack(name: str, prepare: Callable[[CasePlace], Words], code: int, says: str) -> Attack:
    """A case that makes an environment; refusals make none and are short."""
    check = whole if code == 0 else None
    refused = code == 2
    changes = () if refused else ("checkout", "first.txt")
    return Attack(
        kind=AttackKind.SETUP,
        name=name,
        prepare=prepare,
        codes=(code,),
        says=says,
        changes=changes,
        check=check,
        seconds=10 if refused else 30,
        slow=not refused,
        needs_root=prepare is _read_only,
        needs_linux=True,
    )


_REFUSED: tuple[tuple[str, Damage, tuple[str, ...], str], ...] = (
    ("an option that does not exist", lambda _: None, ("--tset",), "unknown option --tset"),
    ("another Python", lambda _: {"PYTHON": "false"}, (), "Python 3.11, 3.12 or 3.13 is needed"),
    ("a Python that is not there", lambda _: {"PYTHON": "/no/python"}, (), "Python 3.11, 3.12 or 3.13 is needed"),
    ("a Python without venv", _without_venv, (), "lacks the venv module"),
    ("a file in the place of .venv", _file, (), r"\.venv is a file"),
    ("a .venv that is a link to nothing", _dangling, (), "which does not exist"),
    ("a .venv that is a link to another checkout's", _of_another, (), "of another checkout"),
    ("a .venv that holds something else", _something_else, (), r"holds thesis\.tex and no environment"),
)
_FAILED: tuple[tuple[str, Damage, str], ...] = (
    ("new pins and no network", _new_pins_offline, "pip download failed: .*check the network"),
    ("a wheel whose hash is another", _other_bytes, "pip download failed: THESE PACKAGES DO NOT MATCH THE HASHES"),
    ("a pin that does not exist", _no_such_version, "No matching distribution found for tiny==2"),
    ("a pin without a hash", _without_a_hash, "pip download failed: Hashes are required"),
)
_CUTS: tuple[tuple[str, Callable[[], Until], bool, bool], ...] = (
    ("killed after 0.2 s", lambda: _after(0.2), False, False),
    ("killed after 1 s", lambda: _after(1), False, False),
    ("killed after 2 s", lambda: _after(2), False, False),
    ("killed while pip is installed", lambda: _installed("pip", 3), False, False),
    ("killed in the middle of a package, then offline", lambda: _installed("tiny", 300), True, False),
    ("killed before the last record, then offline", lambda: _exists("lib/*/site-packages/checkout*"), True, False),
    ("killed while --test is added, then offline", lambda: _installed("tester", 3), True, True),
)
_REPEATED: tuple[tuple[str, Damage, str], ...] = (
    ("a finished environment and no network", _finished(_offline), "is up to date"),
    ("a record that is garbage", _finished(_bad_record), "setup: done"),
    ("an environment whose Python is gone", _finished(_no_python), "setup: done"),
    ("pins that changed", _finished(_new_pins), "setup: done"),
    ("an environment without pip, from an older version", _killed_older, "setup: done"),
)

CASES: tuple[Attack, ...] = (
    *(_attack(name, _with(damage, *arguments), 2, says) for name, damage, arguments, says in _REFUSED),
    _attack("a folder that is read-only", _read_only, 2, "can't be written to"),
    *(_attack(name, _with(_finished(damage)), 1, says) for name, damage, says in _FAILED),
    *(
        _attack(name, _cut_off(until, offline=offline, finished=finished), 0, "setup: done")
        for name, until, offline, finished in _CUTS
    ),
    *(_attack(name, _with(damage), 0, says) for name, damage, says in _REPEATED),
    _attack("two at once", _two_at_once, 0, "waiting for another scripts/setup.* setup: done"),
)
