"""`--code` and `--allow-lambda`: what they name is checked before anything runs, and loaded together."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import pytest
from run_records import MODEL, run_json

from export.errors import InputError
from scripts.options.code import Code, add_code_arguments, load_objects, read_code
from tuning.files.atomic import write_json
from tuning.plugins.user_code import code_digest
from tuning.runs.run_folder import RunFolder

pytestmark = pytest.mark.slow

LAYER = "import keras\n\n\nclass {name}(keras.layers.Layer):\n    pass\n"
Write = Callable[[str, str], str]
TrainedRun = Callable[..., RunFolder]


def read(*options: str) -> Code:
    parser = argparse.ArgumentParser()
    add_code_arguments(parser)
    return read_code(parser.parse_args(options))


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """`write(name, text)`: a file in the test's folder; its path."""

    def call(name: str, text: str) -> str:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return str(path)

    return call


def test_without_options_no_code_is_given() -> None:
    assert read() == Code()
    assert not read().is_given


def test_files_are_repeatable_and_not_run_while_they_are_read(write: Write) -> None:
    files = [write("a_layer.py", "raise RuntimeError"), write("b_layer.py", "")]

    code = read("--code", files[0], "--code", files[1], "--allow-lambda")

    assert code == Code(files=tuple(files), allow_lambda=True)
    assert code.is_given


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"there is no file .*none\.py: give --code the Python file that defines the mod"
    ):
        read("--code", str(tmp_path / "none.py"))


@pytest.mark.parametrize("name", ["layers.txt", "layers", "mylayers.py:Scale"])
def test_what_is_no_python_file_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=rf"--code must be a Python file, like layers\.py, got {name}"):
        read("--code", name)


def test_classes_and_functions_of_all_files_are_found_with_those_of_neighbours(write: Write) -> None:
    write("base_of_code.py", LAYER.format(name="Base"))
    first = write("first_code.py", "from base_of_code import Base\n\n\ndef act(x):\n    return x\n")
    second = write("second_code.py", LAYER.format(name="Second"))

    assert set(load_objects([first, second])) == {"Base", "act", "Second"}


def test_the_source_of_a_run_is_loaded_likewise(write: Write) -> None:
    file = write("builder_code.py", LAYER.format(name="Own") + "\n\ndef build(hp):\n    return None\n")

    assert set(load_objects([f"{file}:build"])) == {"Own", "build"}


def test_a_class_that_several_files_share_is_one(write: Write) -> None:
    write("shared_code.py", LAYER.format(name="Shared"))
    files = [write(f"user_{number}_code.py", "from shared_code import Shared\n") for number in (1, 2)]

    assert set(load_objects(files)) == {"Shared"}


def test_two_classes_of_one_name_are_refused(write: Write) -> None:
    files = [write(f"{folder}/layers.py", LAYER.format(name="Block")) for folder in ("a", "b")]

    with pytest.raises(
        InputError, match=r"a/layers\.py and .*b/layers\.py define two classes of the name Block: register"
    ):
        load_objects(files)


def test_two_classes_of_one_name_that_are_registered_are_told_apart(write: Write) -> None:
    text = "import keras\n\n\n@keras.saving.register_keras_serializable('{package}')\n" + LAYER.partition("\n\n\n")[2]
    files = [write(f"{folder}/layers.py", text.format(package=folder, name="Block")) for folder in ("c", "d")]

    assert set(load_objects(files)) == {"Block"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x = 1\nundefined_name\n", "line 2: NameError: name 'undefined_name' is not defined"),
        ("x = 1\n\ndef f(:\n", "line 3: SyntaxError: "),
        ("import no_such_module_anywhere\n", "line 1: ModuleNotFoundError: No module named 'no_such_mod"),
        ("raise SystemExit(3)\n", "line 1: SystemExit: 3"),
    ],
)
def test_a_file_that_fails_is_one_sentence_with_its_line(write: Write, text: str, told: str) -> None:
    file = write("failing_code.py", text)

    with pytest.raises(InputError, match=rf"failing_code\.py can't be imported \(failing_code\.py {told}") as raised:
        load_objects([file])

    assert "\n" not in str(raised.value)


def test_a_mistake_in_a_neighbour_is_told_where_it_is(write: Write) -> None:
    write("mistaken_neighbour.py", "x = 1\n\n\ndef f(:\n")
    file = write("asking_code.py", "import keras\nimport mistaken_neighbour\n")

    with pytest.raises(InputError, match=r"asking_code\.py can't be imported \(mistaken_neighbour\.py line 4: Syntax"):
        load_objects([file])


BUILDER = """
import keras


class Gain(keras.layers.Layer):
    def call(self, x):
        return x * 2


def make():
    class Hidden(Gain):
        pass

    return Hidden()


def build(hp):
    return keras.Sequential([keras.Input((4,)), Gain(), make(), keras.layers.Dense(hp.Int("width", 2, 5))])
"""


def of_run(run: RunFolder, source: str) -> Code:
    write_json(run.run_json, run_json(model={**MODEL, "source": source, "digest": code_digest(source)}))
    return Code().of_run(run, run)


def test_a_run_of_the_built_in_model_needs_no_code(tmp_path: Path) -> None:
    run = RunFolder(path=tmp_path)
    for model in (None, MODEL):
        write_json(run.run_json, run_json(model=model))
        assert Code().of_run(run, run) == Code()


def test_the_code_of_a_run_gives_whatever_its_model_is_made_of(write: Write, trained_run: TrainedRun) -> None:
    code = of_run(trained_run(hyperparameters={"width": 3}), f"{write('gains.py', BUILDER)}:build").load()

    assert {"Gain", "Hidden", "build"} <= set(code.objects)
    assert code.trusted
    assert code.rebuild is not None
    assert code.rebuild().output_shape == (None, 3)


def test_code_that_changed_builds_no_model_for_weights_alone(write: Write, trained_run: TrainedRun) -> None:
    code = of_run(trained_run(hyperparameters={"width": 3}), f"{write('changed_gains.py', BUILDER)}:build").load()
    write("changed_gains.py", BUILDER.replace("x * 2", "x * 3"))

    assert code.rebuild is not None
    with pytest.raises(InputError, match=r"changed_gains\.py:build changed since the model was trained, of which only"):
        code.rebuild()


def test_code_that_does_not_build_the_model_any_more_is_told(write: Write, trained_run: TrainedRun) -> None:
    code = of_run(trained_run(hyperparameters={"units": 3}), f"{write('other_gains.py', BUILDER)}:build")

    with pytest.raises(
        InputError,
        match=r"other_gains\.py:build does not build the model of the run any more \(.*it asks for width.*or ",
    ):
        code.load()
