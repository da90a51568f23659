"""Disks that are full, read-only or mounted in the way: one sentence, and nothing half done."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from refused import assert_refused

ROOT = Path(__file__).resolve().parent.parent.parent
EXHAUSTIVE = pytest.mark.exhaustive
HERE = ("--workers", 0, "--repeats", 0)
QUICK = ("--dataset", "digits", "--max-trials", 1, "--epochs", 1, "--budget", "1s", *HERE)


def _in_small_disk(size: str, mount_options: str, command: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run with a small memory file system at `cwd/disk`, in a mount namespace of its own."""
    (cwd / "disk").mkdir(exist_ok=True)
    mount = f'mount -t tmpfs -o size={size} none "{cwd}/disk" && {mount_options} && exec "$@"'
    isolated = ["unshare", "--map-root-user", "--mount", "sh", "-c", mount, "sh", *command]
    return subprocess.run(isolated, cwd=cwd, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind", ["onnx", *(pytest.param(kind, marks=EXHAUSTIVE) for kind in ("saved_model", "tflite"))]
)
def test_export_to_a_full_disk_says_so(kind: str, runs: Path, tmp_path: Path) -> None:
    command = [
        sys.executable,
        str(ROOT / "scripts/export.py"),
        "--run",
        "first",
        "--format",
        kind,
        "--output",
        "disk/out",
    ]

    done = _in_small_disk("64k", "true", command, tmp_path)

    assert_refused(done, "can't be written: the disk is full: free some space")


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [["export.py", "--run", "first", "--output", "disk/out"], ["tune.py", "--runs", "disk/runs", *map(str, QUICK)]],
)
def test_a_read_only_folder_is_refused(arguments: list[str], runs: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "scripts" / arguments[0]), *arguments[1:]]

    done = _in_small_disk("1m", f'mount -o remount,ro "{tmp_path}/disk"', command, tmp_path)

    assert_refused(done, "can't be written: the folder is read-only: choose another one")


@pytest.mark.exhaustive
def test_an_output_folder_that_is_a_disk_of_its_own_is_refused_and_stays_usable(runs: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "scripts/export.py"), "--run", "first", "--format", "onnx"]

    refused = _in_small_disk("8m", "true", [*command, "--output", "disk"], tmp_path)
    exported = _in_small_disk("8m", "true", [*command, "--output", "disk/inside"], tmp_path)

    assert_refused(refused, "disk is a disk of its own: choose a folder inside it")
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith((".ready", ".staged"))] == []
    assert exported.returncode == 0, exported.stderr


@pytest.mark.slow
def test_tune_on_a_full_disk_says_so(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "scripts/tune.py"), *map(str, QUICK), "--runs", "disk/runs"]

    done = _in_small_disk("12k", "true", command, tmp_path)

    assert_refused(done, "can't be written: the disk is full: free some space")
