"""scripts/setup: what it installs, when it installs nothing, what it refuses. pip is real, and asked for a dry run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PROJECT = """
[project]
name = "checkout"
version = "0"
[project.optional-dependencies]
full = ["checkout[gpu]"]
gpu = []
test = []
"""
WITHOUT_A_NETWORK = {"PIP_DRY_RUN": "1", "PIP_NO_DEPS": "1", "PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0"}

Setup = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    """Run the command in a small checkout of its own, whose virtual environment is a door to this Python."""
    checkout = tmp_path / "check out"
    (checkout / "scripts").mkdir(parents=True)
    shutil.copy(ROOT / "scripts/setup", checkout / "scripts")
    (checkout / "scripts/requirements.txt").touch()
    (checkout / "pyproject.toml").write_text(PROJECT)
    python = tmp_path / "python"
    python.write_text(
        "#!/bin/sh\n"
        'if [ "$1 $2" = "-m venv" ]; then mkdir -p .venv/bin && ln -sf "$0" .venv/bin/python; exit; fi\n'
        f'[ "$2" != pip ] || echo "$@" >>"{tmp_path}/installed"\n'
        f'exec "{sys.executable}" "$@"\n'
    )
    python.chmod(0o755)

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [str(checkout / "scripts/setup"), *arguments]
        variables = {**os.environ, **WITHOUT_A_NETWORK, "PYTHON": str(python), **environment}
        return subprocess.run(command, env=variables, cwd=tmp_path, capture_output=True, text=True, check=False)

    return run


def _targets(folder: Path) -> list[str]:
    return [line.split()[-1] for line in (folder / "installed").read_text().splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "target"),
    [
        ([], ".[full]"),
        (["--test"], ".[full,test]"),
        (["--gpu"], ".[full,gpu]"),
        (["--gpu", "--test"], ".[full,gpu,test]"),
    ],
)
def test_the_project_is_installed_with_what_was_asked_for(
    arguments: list[str], target: str, setup: Setup, tmp_path: Path
) -> None:
    done = setup(*arguments)

    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("setup: done\n")
    assert _targets(tmp_path) == [target]


@pytest.mark.slow
def test_only_what_is_missing_installs_again_and_extras_stay(setup: Setup, tmp_path: Path) -> None:
    for arguments in ([], ["--test"], ["--test"], [], ["--gpu"], ["--gpu", "--test"]):
        assert setup(*arguments).returncode == 0

    assert _targets(tmp_path) == [".[full]", ".[full,test]", ".[full,test,gpu]"]


@pytest.mark.slow
def test_an_installation_that_failed_is_tried_again(setup: Setup, tmp_path: Path) -> None:
    assert setup(PIP_CONSTRAINT="no-such-file").returncode != 0

    assert setup().stdout.endswith("setup: done\n")
    assert _targets(tmp_path) == [".[full]", ".[full]"]


@pytest.mark.parametrize(
    ("arguments", "part"), [(["--nope"], "unknown option --nope"), ([], "is another version: install one")]
)
def test_setup_refuses_in_one_sentence(arguments: list[str], part: str, setup: Setup) -> None:
    done = setup(*arguments, PYTHON="false")

    assert done.returncode == 2
    assert part in done.stderr
    assert done.stderr.count("\n") == 1
