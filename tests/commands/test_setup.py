"""scripts/setup: what it installs and when it installs nothing; cut off at every step and repeated.

The steps run with a stand-in for pip that believes, as pip does, what a cut off installation left. Real pip, real
kills and what is refused are among the attacks, in scripts/benches/hostility/kinds/setup.py.
"""

from __future__ import annotations

import importlib.util
import itertools
import json
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from scripts.benches.hostility.checkout import make_checkout, variables_for
from scripts.benches.hostility.kinds.setup import call
from scripts.pin import entries, lowest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent.parent
PINS = ["requirements.txt", "requirements-test.txt", "requirements-gpu.txt", "requirements-lowest.txt"]


class Cut(BaseException):
    """What a SIGKILL is to the real one: nothing after it happens."""


class Machine:
    """A checkout with a stand-in for its environment's Python; `cut_at` is the step before which it is cut off."""

    def __init__(self, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (checkout / "scripts").mkdir(parents=True)
        for name in [*PINS, "setup.py"]:
            shutil.copy(ROOT / "scripts" / name, checkout / "scripts" / name)
        (checkout / "pyproject.toml").touch()
        self.checkout = checkout
        self.monkeypatch = monkeypatch
        self.cut_at = -1
        self.steps = 0
        self.downloads = 0
        self.load()

    def load(self) -> None:
        """The command as it is in the checkout now."""
        path = self.checkout / "scripts" / "setup.py"
        spec = importlib.util.spec_from_file_location("setup_command", path)
        assert spec is not None
        assert spec.loader is not None
        self.command: ModuleType = importlib.util.module_from_spec(spec)
        self.monkeypatch.setitem(sys.modules, "setup_command", self.command)
        spec.loader.exec_module(self.command)
        written = self.command.write_record
        self.monkeypatch.setattr(self.command, "write_record", lambda *words: (self.step(), written(*words)))
        self.monkeypatch.setattr(self.command, "works", lambda folder: (folder / "lib" / "pip").exists())
        self.monkeypatch.setattr(self.command, "run", self.run)
        self.monkeypatch.setattr(self.command, "venv", SimpleNamespace(EnvBuilder=self.builder))

    def builder(self, **_: object) -> SimpleNamespace:
        return SimpleNamespace(create=lambda folder: self.put(folder / "pyvenv.cfg"))

    def step(self) -> None:
        self.steps += 1
        if self.steps == self.cut_at:
            raise Cut

    def put(self, path: Path) -> None:
        """Write a file whose presence alone does not say that it is whole."""
        path.parent.mkdir(exist_ok=True)
        self.step()
        path.write_text("partial")
        self.step()
        path.write_text("whole")

    def run(self, folder: Path, words: Sequence[str], _: str) -> None:
        names = [Path(word).name for word in words if word.endswith(".txt")]
        wheels = folder / ".wheels"
        if words[0] == "ensurepip":
            self.put(folder / "lib" / "pip")
            return
        if words[1] == "download":
            self.downloads += 1
            for name in names:
                self.put(wheels / name)
            return
        for name in names or ["project"]:
            assert name == "project" or (wheels / name).read_text() == "whole"
            if not (folder / "lib" / name).exists() or "--ignore-installed" in words or name == "project":
                self.put(folder / "lib" / name)

    def setup(self, *arguments: str, cut_at: int = -1) -> None:
        self.cut_at, self.steps, self.downloads = cut_at, 0, 0
        self.command.main(arguments)

    def holds(self) -> dict[str, str]:
        return {path.name: path.read_text() for path in (self.checkout / ".venv" / "lib").iterdir()}


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path / "check out", monkeypatch)


def _change_the_pins(machine: Machine) -> None:
    (machine.checkout / "scripts" / "requirements.txt").write_text("numpy==9")


def _change_the_project(machine: Machine) -> None:
    (machine.checkout / "pyproject.toml").write_text("[project]")


def _move(machine: Machine) -> None:
    machine.checkout = machine.checkout.rename(machine.checkout.with_name("moved"))
    machine.load()


def _lose_the_record(machine: Machine) -> None:
    (machine.checkout / ".venv" / ".installed").write_text('{"parts": 3}')


def _lose_pip(machine: Machine) -> None:
    (machine.checkout / ".venv" / "lib" / "pip").unlink()


BEFORE: dict[str, Callable[[Machine], None]] = {
    "nothing was there": lambda machine: None,
    "the environment was finished": lambda machine: machine.setup(),
    "it was finished with --test": lambda machine: machine.setup("--test"),
    "pins changed": lambda machine: (machine.setup("--test"), _change_the_pins(machine)),
    "the project changed": lambda machine: (machine.setup("--test"), _change_the_project(machine)),
    "the checkout was moved": lambda machine: (machine.setup("--test"), _move(machine)),
    "the record is garbage": lambda machine: (machine.setup("--test"), _lose_the_record(machine)),
    "pip is gone": lambda machine: (machine.setup("--test"), _lose_pip(machine)),
}


@pytest.mark.parametrize("before", BEFORE)
def test_a_setup_that_is_cut_off_at_any_step_ends_well_when_repeated(
    before: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for cut_at in itertools.count(1):
        machine = Machine(tmp_path / str(cut_at) / "checkout", monkeypatch)
        BEFORE[before](machine)
        try:
            machine.setup("--test", cut_at=cut_at)
            break
        except Cut:
            machine.setup("--test")

        whole = {"pip", "requirements.txt", "requirements-test.txt", "project"}
        assert machine.holds() == dict.fromkeys(whole, "whole"), cut_at
        machine.setup("--test")
        assert machine.steps == 0


@pytest.mark.parametrize("before", ["nothing was there", "the environment was finished", "pins changed"])
def test_what_was_downloaded_is_not_downloaded_again(
    before: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = []
    for cut_at in itertools.count(1):
        machine = Machine(tmp_path / str(cut_at) / "checkout", monkeypatch)
        BEFORE[before](machine)
        try:
            machine.setup("--test", cut_at=cut_at)
            break
        except Cut:
            complete = (machine.checkout / ".venv" / ".wheels" / "complete").exists()
            machine.setup("--test")
        again += [machine.downloads] if complete else []

    assert len(again) >= 4
    assert not any(again)


def test_what_needs_no_download_says_so(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    wheels = machine.checkout / ".venv" / ".wheels"
    wheels.mkdir(parents=True)
    (wheels / "requirements.txt").write_text("whole")
    (wheels / "complete").write_text(machine.command.digest("requirements.txt"))

    machine.setup()

    assert "installing into .venv: everything is downloaded" in capsys.readouterr().out
    assert machine.downloads == 0


def test_only_what_is_missing_installs_again_and_what_was_asked_for_stays(machine: Machine) -> None:
    downloads = []
    for arguments in ([], ["--test"], ["--test"], [], ["--gpu"], ["--gpu", "--test"]):
        machine.setup(*arguments)
        downloads.append(machine.downloads)

    assert downloads == [1, 1, 0, 0, 1, 0]
    assert set(machine.holds()) == {*PINS[:3], "pip", "project"}


def test_the_lowest_versions_have_an_environment_of_their_own(machine: Machine) -> None:
    machine.setup("--lowest")

    assert (machine.checkout / ".venv-lowest" / "lib" / "requirements-lowest.txt").read_text() == "whole"
    assert not (machine.checkout / ".venv").exists()


def test_the_lowest_versions_are_not_mixed_with_others(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        machine.setup("--lowest", "--test")

    assert "--lowest makes an environment of its own" in capsys.readouterr().err


def test_a_python_that_is_too_new_is_refused(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(machine.command.sys, "version_info", (3, 14, 0))

    with pytest.raises(SystemExit, match="2"):
        machine.setup()

    assert "Python 3.11, 3.12 or 3.13 is needed" in capsys.readouterr().err


@pytest.mark.slow
def test_real_pip_installs_and_a_finished_environment_is_left_alone(tmp_path: Path) -> None:
    make_checkout(tmp_path / "check out")
    command = call(tmp_path / "check out", **variables_for(tmp_path / "check out"))

    first = subprocess.run(command, capture_output=True, text=True, check=False)
    second = subprocess.run(command, capture_output=True, text=True, check=False)

    assert first.stdout.endswith("setup: done\n"), first.stderr
    assert second.stdout == "setup: .venv is up to date\n"


@pytest.mark.parametrize("name", PINS)
def test_every_pin_has_hashes(name: str) -> None:
    pinned = entries((ROOT / "scripts" / name).read_text(encoding="utf-8"))

    assert len(pinned) > 10
    assert [pin for pin, block in pinned.items() if "==" not in pin or "--hash=sha256:" not in block] == []


def _pinned(*names: str) -> dict[str, Version]:
    pins = [pin for name in names for pin in entries((ROOT / "scripts" / name).read_text(encoding="utf-8"))]
    found = {one.name.lower(): next(iter(one.specifier)).version for one in map(Requirement, pins)}
    return {name.replace("_", "-"): Version(version) for name, version in found.items()}


def test_the_lowest_pins_are_the_lower_bounds_of_the_project() -> None:
    pinned = _pinned("requirements-lowest.txt")

    bounds = {one.name: next(iter(one.specifier)).version for one in map(Requirement, lowest(ROOT / "pyproject.toml"))}

    assert len(bounds) > 25
    assert {name: pinned[name] for name in bounds} == {name: Version(version) for name, version in bounds.items()}


def test_the_pins_keep_the_lower_bounds_and_the_build_backend() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    asked = [
        *project["project"]["dependencies"],
        *itertools.chain(*project["project"]["optional-dependencies"].values()),
    ]
    pinned = _pinned(*PINS[:2])

    requirements = [one for one in map(Requirement, asked) if one.name != project["project"]["name"]]
    build = [Requirement(one) for one in project["build-system"]["requires"]]

    assert [str(one) for one in [*requirements, *build] if not one.specifier.contains(pinned[one.name])] == []
    assert all(str(one.specifier).startswith("==") for one in build)


def test_a_requirement_is_kept_with_its_marker_and_hashes() -> None:
    text = (
        "a==1 ; sys_platform == 'win32' \\\n    --hash=sha256:1 \\\n    --hash=sha256:2\nb==2 \\\n    --hash=sha256:3\n"
    )

    assert entries(text) == {
        "a==1 ; sys_platform == 'win32'": text[: text.index("b==2")],
        "b==2": text[text.index("b==2") :],
    }


def test_a_record_of_other_parts_is_not_believed(machine: Machine) -> None:
    machine.setup()
    record = machine.checkout / ".venv" / ".installed"
    known = json.loads(record.read_text())
    record.write_text(json.dumps({**known, "installing": ["../../etc/passwd"]}))

    assert machine.command.read_record(record.parent).installing == []
