"""Mistakes are told in one sentence that says where they are, and nothing is written."""

from __future__ import annotations

from pathlib import Path

import keras
import pytest
from refused import assert_refused
from warm_scripts import WarmScripts

from .kinds import write_code
from .refusals import REFUSALS

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


def test_the_table_is_large_enough() -> None:
    assert len(REFUSALS) >= 30
