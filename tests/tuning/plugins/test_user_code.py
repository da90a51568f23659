"""A user's own Python file: found and imported, or refused."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tuning.errors import InputError
from tuning.plugins.user_code import (
    code_digest,
    custom_objects_in,
    load_custom_objects,
    load_object,
    resolve_source,
)

pytestmark = pytest.mark.slow


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], str]:
    """`write(name, text)`: a Python file in the test's folder; its path."""

    def call(name: str, text: str) -> str:
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    return call


def test_an_object_of_a_file_is_loaded(write: Callable[[str, str], str]) -> None:
    assert load_object(f"{write('found.py', 'def build(): return 5')}:build")() == 5


def test_an_object_of_a_module_is_loaded() -> None:
    assert load_object("tuning.errors:InputError") is InputError


def test_a_file_finds_its_neighbours(write: Callable[[str, str], str]) -> None:
    write("neighbour_of_it.py", "WIDTH = 7")

    assert load_object(f"{write('asks.py', 'from neighbour_of_it import WIDTH')}:WIDTH") == 7


def test_the_same_file_is_imported_once(write: Callable[[str, str], str]) -> None:
    path = write("once.py", "class Layer: pass")

    assert load_object(f"{path}:Layer") is load_object(f"{path}:Layer")


def test_two_files_of_one_name_are_two(write: Callable[[str, str], str], tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()

    first = load_object(f"{write('model.py', 'X = 1')}:X")
    second = load_object(f"{write('other/model.py', 'X = 2')}:X")

    assert (first, second) == (1, 2)


def test_its_folder_is_behind_everything_else_afterwards(
    write: Callable[[str, str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = [entry for entry in sys.path if entry != str(tmp_path)]
    monkeypatch.setattr("sys.path", list(before))
    write("late_neighbour.py", "WIDTH = 9")

    late = load_object(
        f"{write('lazy.py', 'def late():' + chr(10) + '    import late_neighbour as n; return n.WIDTH')}:late"
    )

    assert late() == 9
    assert sys.path == [*before, str(tmp_path)]


def test_the_digest_changes_with_a_neighbour(write: Callable[[str, str], str]) -> None:
    write("near_by.py", "WIDTH = 1")
    source = f"{write('main_file.py', 'import near_by')}:near_by"

    before = code_digest(source)
    write("near_by.py", "WIDTH = 2")

    assert code_digest(source) != before
    assert code_digest(source) == code_digest(source)


def test_the_digest_of_a_module_covers_its_package() -> None:
    assert code_digest("tuning.errors:InputError") == code_digest("tuning.errors:TrainingError")


def test_its_classes_and_functions_are_custom_objects(write: Callable[[str, str], str]) -> None:
    text = "import numpy as np\nfrom numpy import mean\nclass Mine: pass\ndef act(x): return x\nX = 3"

    path = write("objects.py", text)

    assert set(load_custom_objects(f"{path}:X")) == {"Mine", "act"}
    assert load_custom_objects(path) == load_custom_objects(f"{path}:X")


def test_what_keras_knows_is_no_custom_object() -> None:
    import tuning.models.built_in

    assert "TunableClassifier" in custom_objects_in(tuning.models.built_in)
    assert not [name for name in custom_objects_in(tuning.models.built_in) if name.startswith("Dense")]


def test_a_path_becomes_absolute_and_a_module_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    (tmp_path / "my.py").write_text("")

    assert resolve_source("my.py:build") == f"{tmp_path.resolve()}/my.py:build"
    assert resolve_source("package.my:build") == "package.my:build"


@pytest.mark.parametrize("source", ["my.py", ":build", "my.py:", "my.py:not a name", ""])
def test_a_source_without_a_name_is_refused(source: str) -> None:
    with pytest.raises(InputError, match=r"must be FILE\.py:NAME or package\.module:NAME, like my_model\.py:build"):
        load_object(source)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no file .*none\.py: give the Python file that holds it"):
        load_object(f"{tmp_path}/none.py:build")


def test_a_missing_module_is_refused() -> None:
    with pytest.raises(InputError, match=r"there is no module no_such\.thing: run from the folder that holds it"):
        load_object("no_such.thing:build")


def test_a_missing_name_is_refused_and_the_nearest_suggested(write: Callable[[str, str], str]) -> None:
    path = write("names.py", "def build_model(hp): pass")

    with pytest.raises(InputError, match=r"names\.py has no build_modle: did you mean build_model\?"):
        load_object(f"{path}:build_modle")
    with pytest.raises(InputError, match=r"names\.py has no xyz: define it there or give another name"):
        load_object(f"{path}:xyz")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "x = 1\ndef broken(:\n",
            r"bad\.py can't be imported \(bad\.py line 2: SyntaxError: invalid syntax\): fix it there",
        ),
        ("x = 1\nimport no_such_package\n", r"bad\.py can't be imported \(bad\.py line 2: ModuleNotFoundError: No"),
        ("raise RuntimeError('mine')\n", r"bad\.py can't be imported \(bad\.py line 1: RuntimeError: mine\): fix"),
        ("import sys\nsys.exit(3)\n", r"bad\.py can't be imported \(bad\.py line 2: SystemExit: 3\)"),
    ],
)
def test_a_file_that_cannot_be_imported_is_refused_with_the_line(
    text: str, message: str, write: Callable[[str, str], str]
) -> None:
    with pytest.raises(InputError, match=message) as raised:
        load_object(f"{write('bad.py', text)}:build")

    assert "\n" not in str(raised.value)


def test_a_file_that_is_part_of_a_package_is_refused_with_the_way_to_name_it(write: Callable[[str, str], str]) -> None:
    message = r"inside\.py can't be imported .*: it is part of a package, so name it as package\.module:NAME, from the"

    with pytest.raises(InputError, match=message):
        load_object(f"{write('inside.py', 'from .blocks import head')}:build")


def test_the_classes_of_a_neighbour_that_is_imported_as_a_module_are_custom_objects(
    write: Callable[[str, str], str],
) -> None:
    write("own_layers.py", "import json\nclass Gate: pass")

    assert set(load_custom_objects(f"{write('by_module.py', 'import own_layers as ol, json')}:ol")) == {"Gate"}


@pytest.mark.parametrize(
    ("source", "part"), [("my.py", "must be FILE.py:NAME"), (":build", "must be FILE.py:NAME"), ("no.py:a", "no file")]
)
def test_what_is_misspelt_is_refused_before_anything_is_imported(source: str, part: str) -> None:
    with pytest.raises(InputError, match=part):
        resolve_source(source)
