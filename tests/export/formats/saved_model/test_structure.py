"""What must not be in a published SavedModel is found in its graph, as far as an answer depends on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from export.errors import InputError
from export.formats.saved_model.structure import read


@pytest.fixture
def faults(tmp_path: Path) -> Callable[[Callable[[Any], Any]], tuple[str, ...]]:
    """`faults(function)`: of a SavedModel that serves the function of float32 (batch, 4)."""

    def call(function: Callable[[Any], Any]) -> tuple[str, ...]:
        signature = [tf.TensorSpec((None, 4), tf.float32, name="x")]
        serve = tf.function(lambda x: {"y": function(x)}, input_signature=signature).get_concrete_function()
        tf.saved_model.save(tf.Module(), str(tmp_path / "saved_model"), signatures={"serving_default": serve})
        return read(tmp_path / "saved_model").flaws

    return call


def test_a_right_file_is_without_fault_and_its_operators_are_counted(published: Path) -> None:
    found = read(published / "saved_model")

    assert found.flaws == ()
    assert found.operators["Conv2D"] == found.operators["Softmax"] == 1
    assert found.versions["producer"] > 0


def seeded(x: Any) -> Any:
    return x + tf.random.stateless_truncated_normal(tf.shape(x), (1, 2))


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (lambda x: tf.nn.experimental.stateless_dropout(x, 0.5, (1, 2)), "StatelessRandomUniformV2"),
        (lambda x: tf.nn.dropout(x, 0.5), "RandomUniform"),
        (lambda x: x + tf.random.truncated_normal(tf.shape(x)), "TruncatedNormal"),
        (seeded, "StatelessTruncatedNormalV2"),
        (lambda x: tf.random.shuffle(x), "RandomShuffle"),
        (lambda x: x + tf.cast(tf.random.categorical(x, 4), tf.float32), "Multinomial"),
    ],
)
def test_a_live_random_layer_is_named(
    faults: Callable[..., tuple[str, ...]], function: Callable[[Any], Any], name: str
) -> None:
    assert f"it draws random numbers ({name})" in faults(function)


def test_chance_in_any_branch_is_named(faults: Callable[..., tuple[str, ...]]) -> None:
    def branch(x: Any) -> Any:
        chosen = tf.cast(tf.reduce_sum(x) > 0, tf.int32)
        return tf.switch_case(chosen, [lambda: x, lambda: -x, lambda: tf.nn.dropout(x, 0.5)])

    assert faults(branch) == ("it draws random numbers (RandomUniform)",)


def test_chance_in_a_loop_is_named(faults: Callable[..., tuple[str, ...]]) -> None:
    def loop(x: Any) -> Any:
        return tf.while_loop(lambda y: tf.reduce_sum(y) < 1, lambda y: (tf.nn.dropout(y, 0.5),), [x])[0]

    assert faults(loop) == ("it draws random numbers (RandomUniform)",)


def test_chance_that_no_answer_depends_on_is_no_fault(faults: Callable[..., tuple[str, ...]]) -> None:
    def unread(x: Any) -> Any:
        tf.random.uniform((3,))
        return -x

    assert faults(unread) == ()


def test_a_call_of_python_is_named(faults: Callable[..., tuple[str, ...]]) -> None:
    def call(x: Any) -> Any:
        return tf.ensure_shape(tf.numpy_function(np.negative, [x], tf.float32), (None, 4))

    assert faults(call) == ("it uses operators that may do more than compute (PyFunc)",)


def test_a_folder_without_the_signature_is_refused(tmp_path: Path) -> None:
    tf.saved_model.save(tf.Module(), str(tmp_path / "saved_model"))

    with pytest.raises(InputError, match=r"saved_model lacks the signature serving_default: export it again"):
        read(tmp_path / "saved_model")


@pytest.mark.parametrize("content", [b"", b"\xff\xff\xff"])
def test_another_kind_of_folder_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "saved_model.pb").write_bytes(content)

    with pytest.raises(InputError, match=r"can't be read as a SavedModel \(.*\): export it again"):
        read(tmp_path)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"can't be read as a SavedModel \(.*No such file.*\): export it again"):
        read(tmp_path)
