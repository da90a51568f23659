"""Folders that can't simply be written over, and exports that are killed while they are put in place."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from scripts.benches.hostility.case import Attack, AttackKind, CasePlace
from scripts.benches.hostility.goods import SCRIPTS
from scripts.benches.hostility.running import as_command
from scripts.benches.hostility.settings import with_mounts

DONE, BAD_INPUT = (0,), (2,)
KILLS = (1, 8, 15, 22, 29)
EXPORT_SECONDS, CHECK_SECONDS = 60.0, 120.0
ARTIFACTS = "runs/first/artifacts"
EXPORT = ["export.py", "--run", "first", "--format", "onnx", "--format", "tflite"]
EVERYTHING = ["export.py", "--run", "first"]
VERIFY = ["verify.py", ARTIFACTS, "--format", "onnx"]
_WITHOUT_RIGHTS = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
"""Root as a user whom the rights of files hold for."""

_KILLED = """
import os, runpy, sys
at, script, *words = sys.argv[1:]
sys.argv = [script, *words]
sys.path.insert(0, os.path.dirname(os.path.dirname(script)))
import export.folder.install as place
from scripts.benches.hostility.killing import kill_at
put = place.install
def install(staged, target):
    kill_at(int(at))
    return put(staged, target)
place.install = install
sys.path[0] = os.path.dirname(script)
runpy.run_path(script, run_name="__main__")
"""
"""Runs a script and kills it at a file operation of its installation; `scripts/bench installation` tries them all."""


def _runs(change: Callable[[Path], object], words: Sequence[str] = EXPORT) -> Callable[[CasePlace], Sequence[str]]:
    """The command on copied runs whose published folder was changed."""

    def prepare(place: CasePlace) -> Sequence[str]:
        place.goods.runs(place.folder)
        change(place.folder / ARTIFACTS)
        return words

    return prepare


def _run(place: CasePlace, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        as_command(words), cwd=place.folder, capture_output=True, text=True, timeout=CHECK_SECONDS, check=False
    )


def _is_whole(place: CasePlace, done: subprocess.CompletedProcess[str]) -> Sequence[str]:
    """The folder verifies, whether the export was done, refused or killed."""
    del done
    found = _run(place, VERIFY)
    return [] if found.returncode == 0 else [f"verify.py then ends with {found.returncode}: {found.stderr.strip()}"]


def _is_whole_and_goes_on(place: CasePlace, done: subprocess.CompletedProcess[str]) -> Sequence[str]:
    """The same, and a fresh export succeeds and leaves nothing but its files."""
    faults = list(_is_whole(place, done))
    again = _run(place, EXPORT)
    if again.returncode:
        faults.append(f"a fresh export ends with {again.returncode}: {again.stderr.strip()}")
    left = [path.name for path in (place.folder / ARTIFACTS).parent.iterdir() if path.name.startswith(".artifacts")]
    return [*faults, *(f"{name} is left" for name in left)]


def _kill(at: int) -> Callable[[CasePlace], Sequence[str]]:
    def prepare(place: CasePlace) -> Sequence[str]:
        place.goods.runs(place.folder)
        return [sys.executable, "-c", _KILLED, str(at), str(SCRIPTS / EXPORT[0]), *EXPORT[1:]]

    return prepare


def _linked(name: str) -> Callable[[Path], object]:
    def change(artifacts: Path) -> None:
        elsewhere = artifacts.parents[2] / "elsewhere"
        elsewhere.mkdir()
        (artifacts / name).rename(elsewhere / "part")
        (artifacts / name).symlink_to(elsewhere / "part")

    return change


def _read_only(name: str, mode: int = 0o555) -> Callable[[Path], object]:
    def change(artifacts: Path) -> None:
        part = artifacts / name
        for path in sorted(part.rglob("*"), reverse=True):
            path.chmod(mode if path.is_dir() else 0o444)
        part.chmod(mode if part.is_dir() else 0o444)

    return change


def _half_way(artifacts: Path) -> None:
    """A folder as versions left it that did not make room first: new files beside an old manifest."""
    ready = artifacts.with_name(".artifacts.ready")
    ready.mkdir()
    for name in ("manifest.json", "parity.json", "reference.npz"):
        (ready / name).write_bytes((artifacts / name).read_bytes())
    (artifacts / "parity.json").unlink()


def _damaged(artifacts: Path) -> None:
    """The same by force: what is ready lacks what was taken away in the folder."""
    _half_way(artifacts)
    (artifacts / "model.onnx").unlink()


def _ready(artifacts: Path) -> None:
    """All of the new state beside a folder that is gone."""
    artifacts.rename(artifacts.with_name(".artifacts.ready"))


def _old(artifacts: Path) -> None:
    """Parts of the old state that were moved away, before anything was decided."""
    old = artifacts.with_name(".artifacts.old")
    old.mkdir()
    for name in ("model.onnx", "saved_model"):
        (artifacts / name).rename(old / name)


def _replaced(name: str, make: Callable[[Path], object]) -> Callable[[Path], object]:
    def change(artifacts: Path) -> None:
        (artifacts / name).unlink()
        make(artifacts / name)

    return change


def _mounted(place_name: str, words: Sequence[str]) -> Callable[[CasePlace], Sequence[str]]:
    """The command while a disk is mounted at a place in the published folder."""

    def prepare(place: CasePlace) -> Sequence[str]:
        place.goods.runs(place.folder)
        target = place.folder / ARTIFACTS / place_name
        copy = place.folder / "disk"
        copy.mkdir()
        mounts = f"cp -a {target}/. {copy} && mount --bind {copy} {target}"
        return with_mounts(words, mounts)

    return prepare


def _without_rights(
    change: Callable[[Path], object], words: Sequence[str] = EXPORT
) -> Callable[[CasePlace], Sequence[str]]:
    def prepare(place: CasePlace) -> Sequence[str]:
        place.goods.runs(place.folder)
        change(place.folder / ARTIFACTS)
        return [*_WITHOUT_RIGHTS, *as_command(words)]

    return prepare


def _closed_parent(artifacts: Path) -> None:
    _ready(artifacts)
    artifacts.parent.chmod(0o555)


def _half_way_closed(artifacts: Path) -> None:
    _damaged(artifacts)
    artifacts.chmod(0o555)
    artifacts.parent.chmod(0o555)


def _export(name: str, prepare: Callable[[CasePlace], Sequence[str]], **options: object) -> Attack:
    expected: dict[str, object] = {
        "codes": DONE,
        "says": "published in",
        "changes": ("runs", "elsewhere", "disk"),
        "check": _is_whole,
        "seconds": EXPORT_SECONDS,
        "slow": True,
    }
    return Attack(kind=AttackKind.PUBLICATION, name=name, prepare=prepare, **{**expected, **options})  # type: ignore[arg-type]


def _state(name: str, change: Callable[[Path], object], *, codes: tuple[int, ...] = DONE, says: str = "") -> Attack:
    """What `verify.py` makes of a folder that was left so."""
    return Attack(
        kind=AttackKind.PUBLICATION,
        name=name,
        prepare=_runs(change, VERIFY),
        codes=codes,
        says=says if says else "all as published",
        changes=("runs",),
    )


def _pairs(name: str) -> Callable[[Path], object]:
    def change(artifacts: Path) -> None:
        content = json.loads((artifacts / "manifest.json").read_text(encoding="utf-8"))
        (artifacts / "manifest.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
        (artifacts / name).write_text("of another manifest", encoding="utf-8")

    return change


CASES: tuple[Attack, ...] = (
    *(
        _export(
            f"an export killed at file operation {at} of its installation",
            _kill(at),
            codes=(-9,),
            says="",
            # The next command removes it, as cases of leftovers show.
            changes=("runs", "../tmp/keras-tune-export-work-*"),
            check=_is_whole_and_goes_on,
            needs_linux=True,
        )
        for at in KILLS
    ),
    *(
        _export(f"{name} that is a link", _runs(_linked(name), EVERYTHING))
        for name in ("saved_model", "model.onnx", "reference.npz", "saved_model/variables")
    ),
    _export(
        "a link in the place of a format that is not asked for",
        _runs(_linked("saved_model")),
        codes=(1,),
        says="is a link and not the folder that was published",
        check=None,
    ),
    _export("a link to nowhere in the place of a file", _runs(_replaced("model.onnx", lambda at: at.symlink_to("no")))),
    _export("a folder in the place of a file", _runs(_replaced("model.tflite", lambda at: at.mkdir()))),
    _export("a pipe in the place of a file", _runs(_replaced("model.onnx", os.mkfifo)), needs_linux=True),
    *(
        _export(f"{name} that its owner made read-only", _without_rights(_read_only(name)), needs_root=True)
        for name in ("saved_model", "model.onnx", "manifest.json")
    ),
    _export(
        "a folder that its owner made read-only",
        _without_rights(lambda artifacts: artifacts.chmod(0o555)),
        codes=BAD_INPUT,
        says="permission is denied",
        needs_root=True,
    ),
    *(
        _export(
            f"a disk mounted at {name or 'the folder itself'}",
            _mounted(name, EXPORT),
            codes=BAD_INPUT,
            says="is a disk of its own",
            needs_root=True,
        )
        for name in ("", "saved_model", "saved_model/variables")
    ),
    _export("a folder left half-way by an older version", _runs(_half_way)),
    _export("a signature of an earlier manifest", _runs(_pairs("manifest.json.sig"))),
    _state("a folder left half-way by an older version, verified", _half_way),
    _state("a new state that only waits to be put in place", _ready),
    _state("an old state whose parts were moved away", _old),
    _state("a folder left half-way by force", _damaged, codes=(1, 2), says=r"model\.onnx is missing"),
    Attack(
        kind=AttackKind.PUBLICATION,
        name="a new state that can't be put in place",
        prepare=_without_rights(_closed_parent, VERIFY),
        codes=DONE,
        says="all as published",
        needs_root=True,
    ),
    Attack(
        kind=AttackKind.PUBLICATION,
        name="a folder left half-way that can't be completed",
        prepare=_without_rights(_half_way_closed, VERIFY),
        codes=BAD_INPUT,
        says="was left half-way by a publication that was cut off, and can't be completed here",
        needs_root=True,
    ),
)
