"""Python code that a Keras file holds is found wherever it stands, loaded only when asked to, and works again."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
from keras.src.utils.python_utils import func_dump

from export.errors import InputError
from export.model.keras_file import load_keras
from export.model.own_code import OwnCode
from export.model.stored_code import layers_with_code
from export.model.stored_model import open_stored

layers, ops = keras.layers, keras.ops
pytestmark = pytest.mark.filterwarnings("ignore:The object being serialized includes a `lambda`:UserWarning")
IMAGES = np.random.default_rng(0).normal(0, 1, (3, 8, 8, 1)).astype(np.float32)

Body = Callable[[Any], Any]
BODIES: dict[str, Body] = {
    "layer": lambda x: layers.Lambda(lambda t: t * 2 - 1, name="code")(x),
    "layer that uses modules": lambda x: layers.Lambda(lambda t: tf.nn.relu(ops.cast(t, "float32")), name="code")(x),
    "layer with arguments": lambda x: layers.Lambda(lambda t, k=2: t * k, arguments={"k": 3}, name="code")(x),
    "layer with a shape": lambda x: layers.Lambda(
        lambda t: t[:, :5], output_shape=lambda shape: (shape[0], 5, *shape[2:]), name="code"
    )(x),
    "activation": lambda x: layers.Conv2D(2, 3, activation=lambda t: keras.ops.relu(t) ** 2, name="code")(x),
    "activation layer": lambda x: layers.Activation(lambda t: t * t, name="code")(x),
    "regularizer": lambda x: layers.Conv2D(2, 3, kernel_regularizer=lambda w: 0.0, name="code")(x),
    "layer in each step": lambda x: layers.TimeDistributed(layers.Lambda(lambda t: t * 2.0, name="code"))(x),
    "activation in a cell": lambda x: layers.RNN(
        layers.GRUCell(3, recurrent_activation=lambda t: t * 0.1, name="code")
    )(layers.Reshape((8, 8))(x)),
    "layer in a model in a model": lambda x: keras.Sequential(
        [keras.Input((8, 8, 1)), layers.Conv2D(2, 3), layers.Lambda(lambda t: t * 0.5, name="code")], name="inner"
    )(x),
}


def build(body: Body) -> keras.Model:
    keras.utils.set_random_seed(0)
    image = keras.Input((8, 8, 1))
    return keras.Model(image, layers.Dense(3, activation="softmax")(layers.Flatten()(body(image))))


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("name", list(BODIES))
def test_code_is_refused_until_it_is_trusted_and_then_works_again(name: str, suffix: str, tmp_path: Path) -> None:
    model = build(BODIES[name])
    path = tmp_path / f"model{suffix}"
    model.save(path)

    with pytest.raises(
        InputError, match=r"has Lambda layers \(code\): Lambda layers are Python code stored inside the f"
    ):
        load_keras(path)
    loaded = load_keras(path, code=OwnCode(trusted=True)).model

    np.testing.assert_array_equal(loaded(IMAGES), model(IMAGES))


def test_the_refusal_says_what_trust_means(tmp_path: Path) -> None:
    build(BODIES["layer"]).save(tmp_path / "model.keras")

    with pytest.raises(InputError) as raised:
        load_keras(tmp_path / "model.keras")

    assert str(raised.value) == (
        f"{tmp_path / 'model.keras'} has Lambda layers (code): Lambda layers are Python code stored inside the file, "
        "and whoever made the file can run anything on this machine with it; add --allow-lambda if you trust it"
    )


def test_every_layer_with_code_is_named_once(tmp_path: Path) -> None:
    def body(x: Any) -> Any:
        x = layers.Lambda(lambda t: t + 1, output_shape=lambda shape: shape, name="first")(x)
        return layers.Dense(3, activation=lambda t: t, name="second")(layers.Dense(2, activation="relu")(x))

    build(body).save(tmp_path / "model.keras")

    assert layers_with_code(open_stored(tmp_path / "model.keras").config) == ("first", "second")


@pytest.mark.parametrize(
    "body",
    [
        lambda x: layers.Conv2D(2, 3, activation="relu", kernel_initializer=keras.initializers.Constant([[1.0, 2.0]]))(
            x
        ),
        lambda x: layers.Normalization(mean=[1.0], variance=[2.0])(x),
        lambda x: layers.Lambda(keras.activations.relu)(x),
        lambda x: x[:, 1:, ...] * np.float32(2),
    ],
)
def test_numbers_and_functions_with_names_are_no_code(body: Body, tmp_path: Path) -> None:
    build(body).save(tmp_path / "model.keras")

    assert layers_with_code(open_stored(tmp_path / "model.keras").config) == ()
    load_keras(tmp_path / "model.keras")


def test_code_of_the_training_is_not_looked_at(tmp_path: Path) -> None:
    model = build(layers.Flatten())
    model.compile(loss=lambda y, p: ops.mean(p))
    model.save(tmp_path / "model.keras")

    load_keras(tmp_path / "model.keras")


def test_nothing_is_run_before_it_is_trusted(tmp_path: Path) -> None:
    marker, name = tmp_path / "was run", str(tmp_path / "was run")
    build(lambda x: layers.Lambda(lambda t: (Path(name).touch(), t)[1])(x)).save(tmp_path / "model.keras")
    marker.unlink()

    with pytest.raises(InputError, match="has Lambda layers"):
        load_keras(tmp_path / "model.keras")

    assert not marker.exists()


def test_code_may_use_what_the_users_modules_define(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("own_module")
    exec("FACTOR = 3\ndef act(x): return x", module.__dict__)
    monkeypatch.setitem(sys.modules, "own_module", module)
    code = eval("lambda t: t * FACTOR", module.__dict__)
    build(lambda x: layers.Lambda(code)(x)).save(tmp_path / "model.keras")

    loaded = load_keras(tmp_path / "model.keras", code=OwnCode(trusted=True, objects={"act": module.act}))

    np.testing.assert_array_equal(loaded.model.layers[1](IMAGES), IMAGES * 3)
    with pytest.raises(
        InputError, match="the code that it stores may be of another version of Python, or use names of"
    ):
        load_keras(tmp_path / "model.keras", code=OwnCode(trusted=True))


def test_a_lambda_layer_of_keras_2_works(tmp_path: Path) -> None:
    model = build(lambda x: layers.Lambda(lambda t: t * 2 - 1, name="code")(x))
    model.save(tmp_path / "model.h5")
    dump = func_dump(lambda t: tf.cast(t, tf.float32) * 2 - 1)
    _write_as_keras_2(tmp_path / "model.h5", {"function": dump, "function_type": "lambda", "module": "__main__"})

    with pytest.raises(InputError, match=r"has Lambda layers \(code\)"):
        load_keras(tmp_path / "model.h5")
    loaded = load_keras(tmp_path / "model.h5", code=OwnCode(trusted=True)).model

    np.testing.assert_array_equal(loaded(IMAGES), model(IMAGES))


def _write_as_keras_2(path: Path, of_lambda: dict[str, Any]) -> None:
    """Let the file's Lambda layer be told as Keras 2 does."""
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        (layer,) = [layer for layer in config["config"]["layers"] if layer["class_name"] == "Lambda"]
        old = {"output_shape": None, "output_shape_type": "raw", "output_shape_module": None, "arguments": {}}
        layer["config"] = {"name": "code", "trainable": True, "dtype": "float32", **of_lambda, **old}
        file.attrs["model_config"] = json.dumps(config).encode()


def test_code_that_this_python_can_not_load_is_one_sentence(tmp_path: Path) -> None:
    build(BODIES["layer"]).save(tmp_path / "model.h5")
    _write_as_keras_2(tmp_path / "model.h5", {"function": ["bm9uc2Vuc2U=\n", None, None], "function_type": "lambda"})

    with pytest.raises(
        InputError, match=r"can't be loaded as a Keras model \(.*may be of another version of Python, or"
    ):
        load_keras(tmp_path / "model.h5", code=OwnCode(trusted=True))
