"""A model with classes of its own is loaded with them, however they were registered; what is missing is named."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from keras.src.saving import object_registration

from export.errors import InputError
from export.model.keras_file import load_keras
from export.model.own_code import OwnCode
from export.model.own_objects import find_own
from export.model.stored_model import open_stored

layers, ops = keras.layers, keras.ops
IMAGES = np.random.default_rng(0).normal(0, 1, (3, 8, 8, 1)).astype(np.float32)


class Gain(keras.layers.Layer):
    """A layer of a user's own, with a setting and a weight."""

    def __init__(self, start: float = 1.0, **options: Any) -> None:
        super().__init__(**options)
        self.start = start

    def build(self, shape: Any) -> None:
        self.gain = self.add_weight(shape=(shape[-1],), initializer=keras.initializers.Constant(self.start))

    def call(self, x: Any) -> Any:
        return x * self.gain

    def compute_output_shape(self, shape: Any) -> Any:
        return shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "start": self.start}


class Ones(keras.initializers.Initializer):
    """An initializer of a user's own."""

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        return ops.ones(shape, dtype)

    def get_config(self) -> dict[str, Any]:
        return {}


class Net(keras.Model):
    """A subclassed model of a user's own."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.flatten, self.last = layers.Flatten(), layers.Dense(3, activation="softmax")

    def call(self, x: Any) -> Any:
        return self.last(self.flatten(x))


def squared(x: Any) -> Any:
    return ops.relu(x) ** 2


def functional(body: Callable[[Any], Any]) -> keras.Model:
    keras.utils.set_random_seed(0)
    image = keras.Input((8, 8, 1))
    return keras.Model(image, layers.Dense(3, activation="softmax")(layers.Flatten()(body(image))))


def subclassed() -> keras.Model:
    net = Net()
    net(IMAGES)
    return net


OWN: Mapping[str, tuple[Callable[[], keras.Model], dict[str, Any], str]] = {
    "layer": (lambda: functional(Gain(2.0)), {"Gain": Gain}, "the class Gain"),
    "in a wrapper": (lambda: functional(layers.TimeDistributed(Gain())), {"Gain": Gain}, "the class Gain"),
    "in a model": (lambda: functional(keras.Sequential([Gain()])), {"Gain": Gain}, "the class Gain"),
    "initializer": (
        lambda: functional(layers.Conv2D(2, 3, kernel_initializer=Ones())),
        {"Ones": Ones},
        "the class Ones",
    ),
    "activation": (
        lambda: functional(layers.Conv2D(2, 3, activation=squared)),
        {"squared": squared},
        "the function squared",
    ),
    "layer of a function": (
        lambda: functional(layers.Lambda(squared)),
        {"squared": squared},
        "the function squared",
    ),
    "several": (
        lambda: functional(lambda x: layers.Dense(2, activation=squared, kernel_initializer=Ones())(Gain()(x))),
        {"Gain": Gain, "squared": squared, "Ones": Ones},
        "the class Gain, the function squared and the class Ones",
    ),
}


@pytest.fixture
def registry() -> Iterator[None]:
    """What a test registers with Keras is forgotten afterwards."""
    known = dict(object_registration.GLOBAL_CUSTOM_OBJECTS), dict(object_registration.GLOBAL_CUSTOM_NAMES)
    yield
    for kept, current in zip(
        known, (object_registration.GLOBAL_CUSTOM_OBJECTS, object_registration.GLOBAL_CUSTOM_NAMES), strict=True
    ):
        current.clear()
        current.update(kept)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("name", list(OWN))
def test_what_is_missing_is_named_and_what_is_given_is_used(name: str, suffix: str, tmp_path: Path) -> None:
    make, objects, titles = OWN[name]
    model, path = make(), tmp_path / f"model{suffix}"
    model.save(path)

    with pytest.raises(InputError) as raised:
        load_keras(path)
    loaded = load_keras(path, code=OwnCode(objects=objects)).model

    them = "them" if " and " in titles else "it"
    assert str(raised.value) == (
        f"{path} needs {titles}, which a Keras file does not hold: name the Python file that defines {them} with "
        "--code FILE.py"
    )
    np.testing.assert_array_equal(loaded(IMAGES), model(IMAGES))


def test_a_subclassed_model_is_named_and_loaded(tmp_path: Path) -> None:
    model = subclassed()
    model.save(tmp_path / "model.keras")

    with pytest.raises(InputError, match="needs the class Net, which"):
        load_keras(tmp_path / "model.keras")
    loaded = load_keras(tmp_path / "model.keras", code=OwnCode(objects={"Net": Net})).model

    np.testing.assert_array_equal(loaded(IMAGES), model(IMAGES))


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("options", [{"package": "mine"}, {"package": "mine", "name": "Other"}, {}])
def test_a_registered_class_is_found_though_the_code_given_does_not_register_it(
    options: dict[str, str], suffix: str, tmp_path: Path, registry: None
) -> None:
    model, path = functional(Gain(2.0)), tmp_path / f"model{suffix}"
    keras.saving.register_keras_serializable(**options)(Gain)
    model.save(path)
    object_registration.GLOBAL_CUSTOM_OBJECTS.clear()
    object_registration.GLOBAL_CUSTOM_NAMES.clear()
    objects = {"Other": Gain} if suffix == ".h5" and "name" in options else {"Gain": Gain}

    with pytest.raises(InputError, match=r"needs the class \w+, which a Keras file does not hold"):
        load_keras(path)
    loaded = load_keras(path, code=OwnCode(objects=objects)).model

    np.testing.assert_array_equal(loaded(IMAGES), model(IMAGES))


def test_a_registered_function_is_found_likewise(tmp_path: Path, registry: None) -> None:
    keras.saving.register_keras_serializable("mine")(squared)
    model = functional(layers.Conv2D(2, 3, activation=squared))
    model.save(tmp_path / "model.keras")
    object_registration.GLOBAL_CUSTOM_OBJECTS.clear()
    object_registration.GLOBAL_CUSTOM_NAMES.clear()

    loaded = load_keras(tmp_path / "model.keras", code=OwnCode(objects={"squared": squared})).model

    np.testing.assert_array_equal(loaded(IMAGES), model(IMAGES))


def test_a_class_that_the_code_calls_otherwise_is_found_by_its_own_name(tmp_path: Path) -> None:
    functional(Gain(2.0)).save(tmp_path / "model.keras")

    load_keras(tmp_path / "model.keras", code=OwnCode(objects={"G": Gain}))


def test_losses_and_metrics_of_its_own_are_not_needed(tmp_path: Path) -> None:
    inner = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(2, 3)])
    inner.compile(loss=squared, metrics=[squared])
    model = functional(inner)
    model.compile(loss=squared, metrics=[squared])
    model.save(tmp_path / "model.keras")

    load_keras(tmp_path / "model.keras")

    assert find_own(open_stored(tmp_path / "model.keras").config) == []


def test_a_function_that_only_a_file_of_keras_2_names_is_named(tmp_path: Path) -> None:
    functional(layers.Conv2D(2, 3, activation="relu")).save(tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5", "r+") as file:
        config = json.loads(file.attrs["model_config"])
        config["config"]["layers"][1]["config"]["activation"] = "squared"
        file.attrs["model_config"] = json.dumps(config).encode()

    with pytest.raises(InputError, match="needs the function squared, which"):
        load_keras(tmp_path / "model.h5")
    load_keras(tmp_path / "model.h5", code=OwnCode(objects={"squared": squared}))


def test_a_class_is_missed_though_keras_has_one_of_its_name(tmp_path: Path) -> None:
    model = functional(layers.Conv2D(2, 3, kernel_initializer=Ones()))
    model.save(tmp_path / "model.keras")

    with pytest.raises(InputError, match="needs the class Ones, which"):
        load_keras(tmp_path / "model.keras")
    loaded = load_keras(tmp_path / "model.keras", code=OwnCode(objects={"Ones": Ones})).model

    assert isinstance(loaded.layers[1].kernel_initializer, Ones)


def test_functions_of_tensorflow_in_a_model_of_keras_2_are_told_as_such(tmp_path: Path) -> None:
    functional(layers.Flatten()).save(tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5", "r+") as file:
        text = str(file.attrs["model_config"]).replace('"class_name": "Flatten"', '"class_name": "TFOpLambda"')
        file.attrs["model_config"], file.attrs["keras_version"] = text.encode(), b"2.15.0"

    with pytest.raises(
        InputError, match=r"was saved by Keras 2\.15\.0 with functions of TensorFlow's between its layers, w"
    ):
        load_keras(tmp_path / "model.h5")


def test_a_lambda_layer_of_keras_2_needs_the_function_that_it_names(tmp_path: Path) -> None:
    model = functional(layers.Lambda(squared))
    model.save(tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5", "r+") as file:
        config = json.loads(file.attrs["model_config"])
        old = {"name": "odd", "function": "squared", "function_type": "function", "module": "__main__", "arguments": {}}
        config["config"]["layers"][1]["config"] = old
        file.attrs["model_config"] = json.dumps(config).encode()

    with pytest.raises(InputError, match="needs the function squared, which"):
        load_keras(tmp_path / "model.h5")
    loaded = load_keras(tmp_path / "model.h5", code=OwnCode(objects={"squared": squared})).model

    np.testing.assert_array_equal(loaded(IMAGES), model(IMAGES))


def test_a_class_that_does_not_take_what_was_saved_is_told_by_its_own_words(tmp_path: Path) -> None:
    functional(Gain(2.0)).save(tmp_path / "model.keras")

    with pytest.raises(
        InputError, match=r"can't be loaded as a Keras model \(.*unexpected keyword.*'start'.*save it again"
    ):
        load_keras(tmp_path / "model.keras", code=OwnCode(objects={"Gain": _without_setting()}))


def _without_setting() -> type:
    class Gain(keras.layers.Layer):
        def __init__(self, *, name: str, dtype: Any, trainable: bool) -> None:
            super().__init__(name=name, dtype=dtype, trainable=trainable)

    return Gain
