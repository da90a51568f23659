"""What weights of examples do to a training: as much as their share of the loss says."""

from __future__ import annotations

import dataclasses
from typing import Any

import keras
import numpy as np
import pytest

from tuning.data.split import Split
from tuning.errors import InputError
from tuning.settings import Feed, TrainingPlan, TrainingSettings
from tuning.space.recording import RecordingHyperParameters, answering
from tuning.training.built import Built, Recipe
from tuning.training.input_pipeline import epoch_batches, training_batches
from tuning.training.own_fit import OwnFit
from tuning.training.train import Watch, train
from tuning.training.weighing import class_weights, spread_weights, weigh

pytestmark = pytest.mark.slow

WEIGHTS = np.array([0.0, 2.0, 1.0, 1.0], np.float32)
RNG = np.random.default_rng(0)


def test_balanced_classes_weigh_the_same():
    labels = np.array([0] * 90 + [1] * 10)
    weights = class_weights(labels)
    assert weights[0] * 90 == pytest.approx(weights[1] * 10)
    assert np.mean([weights[label] for label in labels.tolist()]) == pytest.approx(1)


def test_balanced_classes_and_weights_of_examples_are_multiplied():
    split = Split(images=np.zeros((4, 2, 2, 1), np.uint8), labels=np.array([0, 0, 0, 1]), weights=WEIGHTS)
    weighed, by_class = weigh(split, balance_classes=True)
    assert by_class is None
    assert np.allclose(weighed.weights, WEIGHTS * np.array([4 / 6, 4 / 6, 4 / 6, 2]))


def test_without_weights_of_examples_keras_gets_those_of_classes():
    split = Split(images=np.zeros((4, 2, 2, 1), np.uint8), labels=np.array([0, 0, 0, 1]))
    assert weigh(split, balance_classes=True) == (split, {0: 4 / 6, 1: 2.0})
    assert weigh(split, balance_classes=False) == (split, None)


def two_outputs(as_mapping: bool) -> keras.Model:
    image = keras.Input((2, 2, 1))
    flat = keras.layers.Flatten()(image)
    one, other = keras.layers.Dense(2, name="one")(flat), keras.layers.Dense(1, name="other")(flat)
    model = keras.Model(image, {"one": one, "other": other} if as_mapping else [one, other])
    model.compile(loss={"one": "mse", "other": "mse"} if as_mapping else ["mse", "mse"])
    return model


def places(filters: int, loss: str, *, is_line: bool = False) -> keras.Model:
    """A model that answers for each place of an image, or of a line of it."""
    image = keras.Input((2, 2, 1))
    x = keras.layers.Conv2D(filters, 1, activation="softmax" if filters > 1 else None)(image)
    model = keras.Model(image, keras.layers.Reshape((4, filters))(x) if is_line else x)
    model.compile(loss=loss)
    return model


CASES = {
    "two outputs in a list": (lambda: two_outputs(False), {"one": (4, 2), "other": (4,)}, ("one", "other")),
    "two outputs by name": (lambda: two_outputs(True), {"one": (4, 2), "other": (4,)}, ()),
    "an image": (lambda: places(1, "mse"), (4, 2, 2, 1), ()),
    "a grey image": (lambda: places(1, "mse"), (4, 2, 2), ()),
    "a class for each place": (lambda: places(3, "sparse_categorical_crossentropy"), (4, 2, 2), ()),
    "a class for each place of a line": (
        lambda: places(3, "sparse_categorical_crossentropy", is_line=True),
        (4, 4),
        (),
    ),
    "one number": (lambda: places(1, "mse", is_line=True), (4, 4, 1), ()),
}


@pytest.mark.parametrize("case", CASES)
def test_the_loss_is_the_mean_of_the_weighed_losses_of_the_examples(case: str) -> None:
    make, shapes, outputs = CASES[case]
    model, images = make(), RNG.random((4, 2, 2, 1)).astype(np.float32)

    def answers(shape: tuple[int, ...]) -> Any:
        return RNG.integers(0, 3, shape) if "class" in case else RNG.random(shape).astype(np.float32)

    labels = {name: answers(shape) for name, shape in shapes.items()} if isinstance(shapes, dict) else answers(shapes)
    split, feed = Split(images=images, labels=labels, weights=WEIGHTS), Feed(outputs=outputs)
    built = Built(model=model, hp=RecordingHyperParameters(answering({})), feed=feed, recipe=Recipe(batch_size=4))
    alone = [
        model.evaluate(
            training_batches(split.take(np.array([n])), recipe=built.recipe, seed=0, feed=feed), steps=1, verbose=0
        )
        for n in range(4)
    ]
    totals = [each[0] if isinstance(each, list) else each for each in alone]

    weights = spread_weights(split, built)
    found = model.evaluate(
        training_batches(split, recipe=built.recipe, seed=0, feed=feed, weights=weights), steps=1, verbose=0
    )

    total = found[0] if isinstance(found, list) else found
    assert total == pytest.approx(float(np.mean(WEIGHTS * totals)), rel=1e-5)


def test_examples_that_weigh_nothing_teach_nothing(tiny, small_split) -> None:
    training, validation = small_split
    plan = TrainingPlan(hyperparameters=tiny.default_configuration(), settings=TrainingSettings(epochs=2), seed=5)
    weights = (training.labels < 5).astype(np.float32)
    wrong = np.where(training.labels < 5, training.labels, 0)

    def weights_after(labels: Any) -> list[np.ndarray]:
        split = Split(images=training.images, labels=labels, weights=weights)
        return train(tiny, plan, training=split, validation=validation, watch=Watch()).model.get_weights()

    right_ones, wrong_ones = weights_after(training.labels), weights_after(wrong)

    assert all(np.array_equal(one, other) for one, other in zip(right_ones, wrong_ones, strict=True))


def own(fit: Any, split: Split) -> Any:
    built = Built(
        model=places(1, "mse"), hp=RecordingHyperParameters(answering({})), feed=Feed(), recipe=Recipe(batch_size=2)
    )
    plan = TrainingPlan(hyperparameters={}, settings=TrainingSettings(epochs=2), seed=0)
    return OwnFit(fit=fit, name="it").run(built, plan, [], epochs=range(2), training=split, validation=None)


@pytest.fixture
def weighed() -> Split:
    images = RNG.random((4, 2, 2, 1)).astype(np.float32)
    return Split(images=images, labels=images, weights=WEIGHTS)


def test_a_fit_of_arrays_gets_the_weights_as_one(weighed: Split) -> None:
    options = own(lambda hp, model, x, y, **options: options, weighed)
    assert options["sample_weight"].shape == (4, 1, 1)
    assert np.array_equal(options["sample_weight"].reshape(-1), WEIGHTS)


def test_a_fit_of_batches_gets_the_weights_in_them(weighed: Split) -> None:
    batches = own(lambda hp, model, data, **options: list(data), weighed)
    assert sorted(np.concatenate([weights.numpy().reshape(-1) for _, _, weights in batches]).tolist()) == [0, 1, 1, 2]


def test_a_fit_that_can_not_take_them_is_refused(weighed: Split) -> None:
    with pytest.raises(InputError, match=r"fit of it takes no sample_weight: add \*\*kwargs to it"):
        own(lambda hp, model, x, y, epochs, callbacks: None, weighed)


def test_batches_without_weights_are_pairs(weighed: Split) -> None:
    plain = dataclasses.replace(weighed, weights=None)
    assert {len(batch) for batch in epoch_batches(plain, batch_size=2, seed=0, feed=Feed())} == {2}
