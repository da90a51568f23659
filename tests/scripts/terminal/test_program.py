"""The program of an installation: it runs the commands, and calls them by its own name."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from scripts.terminal import program
from scripts.terminal.field_names import with_options

ROOT = Path(__file__).resolve().parents[3]


def call(monkeypatch: pytest.MonkeyPatch, *words: str) -> int | str | None:
    monkeypatch.setattr(sys, "argv", [program.NAME, *words])
    with pytest.raises(SystemExit) as ended:
        program.main()
    return ended.value.code


@pytest.mark.parametrize("words", [(), ("--help",), ("-h",)])
def test_its_help_lists_every_command(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, *words) == 0

    listed = re.findall(r"^  ([a-z]+) ", capsys.readouterr().out, re.MULTILINE)
    assert listed == list(program.COMMANDS)
    assert all((ROOT / "scripts" / f"{name}.py").is_file() for name in listed)


def test_an_unknown_command_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(monkeypatch, "tnue") == 2

    assert capsys.readouterr().err == "unknown command tnue: did you mean tune?\n"


def test_a_script_is_called_as_this_one_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["../scripts/tune.py", "--seed", "1"])

    assert program.call_of() == ["python", "../scripts/tune.py"]
    assert program.call_of("export.py") == ["python", "../scripts/export.py"]
    assert with_options("start one with `tune.py`") == "start one with python ../scripts/tune.py"
    assert program.how_to_install(Path("clone")) == f"run {Path('clone/scripts/setup')}"

    monkeypatch.setattr(program, "_installed", True)

    assert program.call_of() == ["keras-tune-export", "tune"]
    assert with_options("start one with `export.py`") == "start one with keras-tune-export export"
    assert program.how_to_install(Path("clone")) == 'pip install "keras-tune-export[full]"'


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's wheel, installed in a folder of its own."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    for name in ("tuning", "export", "scripts"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    build = ["wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", folder, source]
    subprocess.run([*pip, *build], check=True, cwd=folder, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    subprocess.run(
        [*pip, "install", "--no-deps", "--no-index", "--target", folder / "site", wheel], check=True, cwd=folder
    )
    return folder / "site"


@pytest.mark.slow
def test_the_wheel_holds_the_commands_and_nothing_of_the_tests(site: Path) -> None:
    (wheel,) = site.parent.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()

    assert {f"scripts/{name}.py" for name in program.COMMANDS} <= set(names)
    assert not [name for name in names if name.startswith(("tests/", "scripts/benches/", "scripts/examples/"))]
    assert {name.partition("/")[0] for name in names if "dist-info" not in name} == {"tuning", "export", "scripts"}


@pytest.mark.exhaustive
def test_the_installed_program_goes_the_whole_way(site: Path, tmp_path: Path) -> None:
    def run(*words: str) -> str:
        done = subprocess.run(
            [site / "bin" / program.NAME, *words],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(site), "PYTHONSAFEPATH": "1"},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    tuned = run("tune", "--dataset", "digits", "--max-trials", "1", "--epochs", "1", "--repeats", "0", "--workers", "0")
    exported = run("export", "--format", "onnx")
    verified = run("verify", "runs/digits-1/artifacts")

    assert tuned.endswith("next: keras-tune-export export --run digits-1\n")
    assert "next: keras-tune-export verify runs/digits-1/artifacts" in exported
    assert "next: keras-tune-export predict" in verified
