"""How an error in a user's own code reads: one line, its place first, the sentence that matters kept."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tuning.errors import InputError, UserCodeError
from tuning.failures import LONGEST, describe_failure, is_users_own, message_of, own_files, shorten, traceback_of

IMAGES = np.linspace(0, 1, 8 * 28 * 28, dtype=np.float32).reshape(8, 28, 28, 1)


@pytest.fixture
def failing(tmp_path: Path) -> Callable[[str], BaseException]:
    """`failing(lines)`: what a function of these lines raises, which begin in line 3 of fails.py."""

    def call(lines: str) -> BaseException:
        path = tmp_path / "fails.py"
        path.write_text("import keras, json\ndef run(x):\n" + "".join(f"    {line}\n" for line in lines.splitlines()))
        spec = importlib.util.spec_from_file_location("fails", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        with pytest.raises(Exception) as raised:  # noqa: PT011 whatever it is
            module.run(IMAGES)
        return raised.value

    return call


def test_the_last_line_of_the_user_s_own_is_named(failing: Any) -> None:
    assert describe_failure(failing("\nreturn json.loads('{')")).startswith(
        "fails.py line 4: JSONDecodeError: Expecting"
    )


def test_a_neighbour_s_line_is_named_where_it_led_there_last(failing: Any, tmp_path: Path) -> None:
    (tmp_path / "deep_below.py").write_text("def go():\n    raise KeyError('x')\n")

    error = failing(f"import sys; sys.path.insert(0, {str(tmp_path)!r})\nimport deep_below\ndeep_below.go()")

    assert describe_failure(error) == "deep_below.py line 2: KeyError: 'x'"
    assert [path.name for path in own_files(error)] == ["test_failures.py", "fails.py", "deep_below.py"]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            "keras.Sequential([keras.Input((28, 28, 1)), keras.layers.MaxPooling2D(30)])",
            "fails.py line 3: ValueError: Computed output size would be zero or negative. Received: "
            "`inputs.shape=[None 28 28 1]`, `pool_size=[30 30]`, `strides=(30, 30)`, `padding=valid`.",
        ),
        (
            "m = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Flatten(), keras.layers.Dense(9)])\n"
            "m(x[:, :20])",
            "expected axis -1 of input shape to have value 784, but received input with shape (8, 560)",
        ),
        (
            "m = keras.Sequential([keras.Input((784,)), keras.layers.Dense(9)])\nm(x)",
            "Expected shape (None, 784), but input has incompatible shape (8, 28, 28, 1)",
        ),
    ],
    ids=["building", "calling", "an array of pixels"],
)
def test_what_keras_wraps_around_its_sentence_is_taken_off(failing: Any, lines: str, said: str) -> None:
    told = describe_failure(failing(lines))

    assert said in told
    assert not {"\n", "\x1b"} & set(told)
    assert "Arguments received" not in told
    assert "0.0" not in told


@pytest.mark.slow
def test_an_error_within_a_graph_reads_as_any_other(failing: Any) -> None:
    lines = """m = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(5)])
m.compile("adam", "sparse_categorical_crossentropy")
m.fit(x, x[:, 0, 0, 0] * 0 + 7, verbose=0)"""

    told = describe_failure(failing(lines))

    assert told.startswith(
        "fails.py line 5: InvalidArgumentError: Received a label value of 7 which is outside the valid"
    )
    assert "node" not in told


def test_the_operation_of_a_graph_is_left_out_of_its_shapes(failing: Any) -> None:
    lines = """@tf.function
def added(x, y):
    return x + y
added(tf.zeros((2, 3)), tf.zeros((2, 4)))"""

    told = describe_failure(failing("import tensorflow as tf\n" + lines))

    assert told == (
        "fails.py line 6: ValueError: Dimensions must be equal, but are 3 and 4 with input shapes: [2,3], [2,4]."
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "<class 'F'> could not be deserialized properly.\n\nconfig={}.\n\nException encountered: G() got no x",
            "G() got no x",
        ),
        (
            "Object N must override get_config. Please do.\n\nExample:\n\nclass A:\n  pass",
            "Object N must override get_config. Please do.",
        ),
    ],
    ids=["what failed to load", "an example of Keras's"],
)
def test_only_the_sentence_that_matters_stays(text: str, said: str) -> None:
    assert message_of(ValueError(text)) == said


def test_code_that_tensorflow_rewrote_has_its_own_lines() -> None:
    @tf.function
    def rewritten(x: Any) -> Any:
        if tf.reduce_sum(x) > 0:
            x = x + undefined_thing  # noqa: F821
        return x

    with pytest.raises(NameError) as raised:
        rewritten(tf.constant([1.0]))

    assert describe_failure(raised.value).endswith(": NameError: name 'undefined_thing' is not defined")
    assert describe_failure(raised.value).startswith("test_failures.py line ")


def test_an_error_of_ours_reads_without_its_class() -> None:
    assert message_of(InputError("units must be 8")) == "units must be 8"
    assert describe_failure(InputError("units must be 8")) == "units must be 8"


def test_an_error_outside_all_files_has_no_place() -> None:
    assert describe_failure(ValueError("mine")) == "ValueError: mine"
    assert describe_failure(ValueError()) == "ValueError"


def test_a_long_message_keeps_its_beginning_and_its_end() -> None:
    text = "First. " + "and so on, " * 100 + "the last sentence."

    cut = shorten(text)

    assert len(cut) <= LONGEST
    assert cut.startswith("First. and")
    assert cut.endswith("the last sentence.")
    assert shorten("short") == "short"


def test_a_traceback_is_that_of_what_the_user_s_code_raised() -> None:
    told = UserCodeError("told", reason="told")
    told.__cause__ = KeyError("mine")

    assert traceback_of(told) == "KeyError: 'mine'\n"
    assert traceback_of(ValueError("x")) == "ValueError: x\n"


@pytest.mark.parametrize(
    ("file", "is_own"),
    [
        (__file__, True),
        (keras.__file__, False),
        (np.__file__, False),
        (importlib.util.__file__, False),
        (describe_failure.__code__.co_filename, False),
        ("<string>", False),
    ],
)
def test_the_user_s_own_is_no_library_and_not_ours(file: str, is_own: bool) -> None:
    assert is_users_own(file) is is_own
