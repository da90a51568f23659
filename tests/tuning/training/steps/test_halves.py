"""Batches in two halves: the same training as with whole ones, but for what normalizes over a batch."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from tuning.training.steps.halves import in_halves

pytestmark = pytest.mark.slow


def make_model(*, normalizes: bool = False) -> keras.Model:
    keras.utils.set_random_seed(0)
    layers = [keras.Input((6,)), keras.layers.Dense(5, activation="tanh", kernel_regularizer="l2")]
    if normalizes:
        layers.append(keras.layers.BatchNormalization())
    model = keras.Sequential([*layers, keras.layers.Dense(3, activation="softmax")])
    model.compile(keras.optimizers.Adam(0.01), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def fit(model: keras.Model, examples: int, **options: Any) -> dict[str, list[float]]:
    draw = np.random.default_rng(1)
    images, labels = draw.normal(size=(examples, 6)).astype(np.float32), np.arange(examples) % 3
    if "sample_weight" in options:
        options["sample_weight"] = draw.uniform(0.5, 2.0, examples)
    history = model.fit(images, labels, batch_size=7, epochs=3, shuffle=False, verbose=0, **options)
    return dict(history.history)


# The last batch has 7, 6 and 1 images.
@pytest.mark.parametrize("examples", [14, 20, 15])
@pytest.mark.parametrize("options", [{}, {"sample_weight": True}, {"class_weight": {0: 1.0, 1: 3.0, 2: 0.5}}])
def test_two_halves_train_as_the_whole_batch_does(examples: int, options: dict[str, Any]) -> None:
    whole, halved = make_model(), make_model()
    expected = fit(whole, examples, **options)

    with in_halves(halved):
        found = fit(halved, examples, **options)

    for one, other in zip(whole.get_weights(), halved.get_weights(), strict=True):
        assert other == pytest.approx(one, abs=1e-5)
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        assert found[name] == pytest.approx(values, abs=1e-5)


def test_a_batch_of_one_image_is_normalized_all_the_same() -> None:
    model = make_model(normalizes=True)

    with in_halves(model):
        found = fit(model, 8)

    assert np.isfinite(found["loss"]).all()
    assert all(np.isfinite(values).all() for values in model.get_weights())


def test_the_same_seed_gives_the_same_weights_bit_for_bit() -> None:
    weights = []
    for _ in range(2):
        model = make_model(normalizes=True)
        with in_halves(model):
            fit(model, 20)
        weights.append(model.get_weights())

    assert all(np.array_equal(one, other) for one, other in zip(*weights, strict=True))


def test_afterwards_the_model_trains_as_keras_has_it() -> None:
    model = make_model()
    with in_halves(model):
        fit(model, 7)

    assert "train_step" not in vars(model)
    assert fit(model, 7).keys() == {"accuracy", "loss"}
