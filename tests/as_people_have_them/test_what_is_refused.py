"""Mistakes are told in one sentence that says where they are, and nothing is written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest
from refused import assert_refused
from warm_scripts import WarmScripts

from .kinds import write_code
from .layouts import four_classes
from .refusals import REFUSALS

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.slow


def everything_in(folder: Path) -> dict[str, bytes | None]:
    """Path → content, None of a folder; without locks, and what Python itself keeps of modules."""
    return {
        str(path): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
        if "__pycache__" not in path.parts and path.suffix != ".lock"
    }


@pytest.mark.parametrize("name", REFUSALS)
def test_a_mistake_is_told_where_it_is_and_changes_nothing(name: str, tmp_path: Path, warm: WarmScripts) -> None:
    refusal = REFUSALS[name]
    write_code(tmp_path, {**refusal.files, "my.py": refusal.code})
    keras.utils.set_random_seed(1)
    refusal.data(tmp_path)
    before = everything_in(tmp_path)

    done = warm.run(tmp_path, *refusal.words)

    assert_refused(done, *refusal.told)
    assert everything_in(tmp_path) == before


def test_a_keras_json_that_can_not_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "keras.json").write_text('{"floatx": "float8"}')
    four_classes(tmp_path)

    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "tune.py"), "--data", "data.npz"],
        cwd=tmp_path,
        env={**os.environ, "KERAS_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert_refused(done, "keras.json can't be read", "float8", "fix or remove that file")


def test_the_table_is_large_enough() -> None:
    assert len(REFUSALS) >= 30
