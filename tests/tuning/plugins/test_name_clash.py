"""A user's own package that has the name of one of ours: said, instead of imported in its place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tuning.errors import InputError
from tuning.plugins.user_code import executed_files, load_object

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder, which is the current one, with a package for each of our names."""
    for name in ("tuning", "export", "scripts"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "blocks.py").write_text("WIDTH = 3")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["tuning", "export", "scripts"])
@pytest.mark.parametrize(
    "text",
    [
        "import {}.blocks",
        "import numpy, {} as own",
        "from {} import blocks",
        "def f():\n    from {}.blocks import WIDTH",
    ],
)
def test_a_file_that_imports_its_own_package_is_refused(name: str, text: str, project: Path) -> None:
    (project / "my_model.py").write_text("x = 1\n" + text.format(name))
    line = 2 + text.count("\n")

    with pytest.raises(
        InputError, match=rf"^my_model\.py line {line} imports {name}, and .*{name} has the name of a"
    ) as e:
        load_object(f"{project}/my_model.py:x")
    assert f"rename it, for example to my_{name}" in str(e.value)


def test_a_neighbour_that_does_is_refused_too(project: Path) -> None:
    (project / "near_model.py").write_text("from tuning.blocks import WIDTH")
    (project / "my_other.py").write_text("import near_model")

    with pytest.raises(InputError, match=r"^near_model\.py line 1 imports tuning, and"):
        load_object(f"{project}/my_other.py:near_model")


def test_a_neighbour_that_finds_something_in_ours_is_refused_too(project: Path) -> None:
    """Nothing fails there: the wrong module is imported."""
    (project / "tuning" / "errors.py").write_text("InputError = 5")
    (project / "silent_model.py").write_text("from tuning.errors import InputError")
    (project / "my_third.py").write_text("import silent_model")

    with pytest.raises(InputError, match=r"^silent_model\.py line 1 imports tuning, and"):
        load_object(f"{project}/my_third.py:silent_model")

    assert project / "my_third.py" not in executed_files(), "a worker process would load it too"
    (project / "silent_model.py").write_text("WIDTH = 3")
    assert load_object(f"{project}/my_third.py:silent_model").WIDTH == 3


def test_a_module_in_such_a_package_is_refused(project: Path) -> None:
    with pytest.raises(InputError, match=r"^tuning\.blocks lies in .*tuning, which has the name of a package of this"):
        load_object("tuning.blocks:WIDTH")


def test_a_file_of_that_name_is_one_too(tmp_path: Path) -> None:
    (tmp_path / "export.py").write_text("X = 1")
    (tmp_path / "my_fourth.py").write_text("from export import X")

    with pytest.raises(InputError, match=rf"imports export, and {re.escape(str(tmp_path))}/export\.py has the name"):
        load_object(f"{tmp_path}/my_fourth.py:X")


def test_a_folder_of_such_a_name_is_no_obstacle_where_nothing_imports_it(project: Path) -> None:
    (project / "my_fifth.py").write_text("import json\nX = 1")

    assert load_object(f"{project}/my_fifth.py:X") == 1


def test_our_own_packages_can_be_imported_where_there_is_no_other(tmp_path: Path) -> None:
    (tmp_path / "my_sixth.py").write_text("from tuning.errors import InputError")

    assert load_object(f"{tmp_path}/my_sixth.py:InputError") is InputError


def test_this_project_s_own_folder_is_no_clash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)

    assert load_object("tuning.errors:InputError") is InputError
