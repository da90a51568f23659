"""A file of weights alone is loaded into the model that the user's code builds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from export.errors import InputError
from export.model.keras_file import load_keras
from export.model.own_code import OwnCode
from export.model.preprocessing import ServingOptions
from export.model.serving import load_serving_model, reference_answers

layers = keras.layers
IMAGES = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 1), dtype=np.uint8)
SCALED = IMAGES.astype(np.float32) / 255


class Gain(layers.Layer):
    """Does not say how it is made."""

    def __init__(self, parts: list[Any]) -> None:
        super().__init__()
        self.parts = parts

    def call(self, x: Any) -> Any:
        return sum(part(x) for part in self.parts)


class Net(keras.Model):
    """Has no weights before it is called."""

    def __init__(self) -> None:
        super().__init__()
        self.flat, self.head = layers.Flatten(), layers.Dense(4, activation="softmax")

    def call(self, x: Any) -> Any:
        return self.head(self.flat(x))


def functional(*, units: int = 3, dtype: str = "float32", loss: Any = None) -> keras.Model:
    image = keras.Input((8, 8, 1))
    x = Gain([layers.Dense(units, dtype=dtype), layers.Dense(units, activation="relu", dtype=dtype)])(image)
    model = keras.Model(image, layers.Dense(4, dtype="float32")(layers.Flatten()(x)))
    if loss is not None:
        model.compile("adam", loss)
    return model


def saved(path: Path, build: Callable[[], keras.Model]) -> tuple[Path, keras.Model]:
    keras.utils.set_random_seed(0)
    model = build()
    model(SCALED)
    model.save_weights(path / "model.weights.h5")
    return path / "model.weights.h5", model


@pytest.mark.slow
@pytest.mark.parametrize("build", [functional, Net], ids=["a layer", "a model class"])
def test_the_rebuilt_model_answers_as_the_one_that_was_saved(build: Callable[[], Any], tmp_path: Path) -> None:
    path, model = saved(tmp_path, build)

    serving = load_serving_model(
        path, ServingOptions(pixel_scale=(1 / 255, 0.0), code=OwnCode(rebuild=build)), examples=IMAGES
    )

    answers = reference_answers(serving, {"image": IMAGES})["probabilities"]
    expected = model(SCALED)
    expected = expected if build is Net else keras.ops.softmax(expected)
    np.testing.assert_allclose(answers, expected, atol=1e-6)


def test_without_the_code_nothing_is_made_of_it(tmp_path: Path) -> None:
    path, _ = saved(tmp_path, functional)

    with pytest.raises(InputError, match=r"model\.weights\.h5 holds weights and no model"):
        load_keras(path)


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    path, _ = saved(tmp_path, functional)

    with pytest.raises(InputError, match=r"holds no weights that fit the model which its code builds \(.*\): restore"):
        load_keras(path, code=OwnCode(rebuild=lambda: functional(units=5)))


@pytest.mark.slow
def test_half_precision_is_computed_in_float32(tmp_path: Path) -> None:
    def build() -> keras.Model:
        return functional(dtype="mixed_bfloat16")

    path, _ = saved(tmp_path, build)

    whole = load_keras(path, code=OwnCode(rebuild=build))
    as_trained = load_keras(path, code=OwnCode(rebuild=build), in_float32=False)

    assert (whole.half_precision, as_trained.half_precision) == ("mixed_bfloat16", "")
    exact = load_keras(path, code=OwnCode(rebuild=functional)).model(SCALED)
    np.testing.assert_array_equal(whole.model(SCALED), exact)
    assert np.abs(np.asarray(as_trained.model(SCALED)) - exact).max() > 1e-4


@pytest.mark.parametrize("from_logits", [True, False])
def test_the_loss_says_whether_it_answers_logits(from_logits: bool, tmp_path: Path) -> None:
    def build() -> keras.Model:
        return functional(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=from_logits))

    path, _ = saved(tmp_path, build)

    assert load_keras(path, code=OwnCode(rebuild=build)).from_logits == from_logits


def test_a_loss_without_settings_says_nothing(tmp_path: Path) -> None:
    path, _ = saved(tmp_path, functional)

    assert not load_keras(path, code=OwnCode(rebuild=lambda: functional(loss="mse"))).from_logits


def test_keras_without_tensorflow_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras.config, "backend", lambda: "jax")

    with pytest.raises(InputError, match="imported with the backend jax, but models are exported with TensorFlow: set"):
        load_keras(tmp_path / "model.keras")
