"""How examples are handed to whatever model a user's code built: rows, images, several outputs, labels by the loss."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from tuning.data.array_feeding import encode_labels, scale_pixels
from tuning.data.dataset import Split
from tuning.errors import InputError
from tuning.models.feeding import feed_for
from tuning.settings import Labels
from tuning.training.built import Recipe
from tuning.training.input_pipeline import epoch_batches, training_batches, validation_batches

pytestmark = pytest.mark.slow
layers = keras.layers
RNG = np.random.default_rng(0)
UNIT = (1 / 255, 0.0)


def images(shape: tuple[int, ...] = (6, 4, 1), labels: Any = None, count: int = 12) -> Split:
    shown = RNG.integers(0, 256, (count, *shape), dtype=np.uint8)
    return Split(images=shown, labels=labels if labels is not None else np.arange(count) % 3)


def model_of(shape: Any, *, loss: Any = "sparse_categorical_crossentropy", units: int = 3) -> keras.Model:
    stack = [keras.Input(shape), layers.Flatten(), layers.Dense(units, activation="softmax")]
    made = keras.Sequential(stack)
    made.compile("adam", loss)
    return made


def feed(model: keras.Model, examples: Split, *, num_classes: int = 3, scale: Any = UNIT) -> Any:
    return feed_for(model, examples, num_classes=num_classes, pixel_scale=scale, name="my.py:build")


@pytest.mark.parametrize(
    ("shape", "wanted", "handed"),
    [
        ((6, 4, 1), (24,), (24,)),
        ((6, 4, 3), (72,), (72,)),
        ((6, 4, 1), (6, 4), (6, 4)),
        ((6, 4, 1), (1, 6, 4), (1, 6, 4)),
        ((6, 4, 1), (6, 4, 1), None),
        ((6, 4, 1), (None, None, 1), None),
    ],
)
def test_images_are_handed_over_in_the_shape_that_the_model_takes(shape: Any, wanted: Any, handed: Any) -> None:
    stack = [keras.Input(wanted), *([layers.GlobalMaxPooling2D()] if None in wanted else [layers.Flatten()])]
    model = keras.Sequential([*stack, layers.Dense(3, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    examples = images(shape)

    found = feed(model, examples)

    assert found.shape == handed
    model.fit(
        training_batches(examples, recipe=Recipe(batch_size=4, augmentation=1.0), seed=0, feed=found),
        steps_per_epoch=3,
        shuffle=False,
    )
    assert scale_pixels(examples, found).shape == (12, *(handed if handed is not None else shape))


def test_every_pixel_keeps_its_place_in_a_row() -> None:
    examples = images((6, 4, 3))
    found = feed(model_of((72,)), examples)

    (batch, _), *_ = validation_batches(examples, feed=found)

    np.testing.assert_allclose(batch, examples.images.reshape(12, 72) / 255, rtol=1e-6)


@pytest.mark.parametrize("wanted", [(3, 6, 4), (4, 6, 3), (71,), (6, 4, 1)])
def test_axes_in_another_order_are_refused(wanted: Any) -> None:
    with pytest.raises(
        InputError, match=r"can't take the data, whose examples have shape \(6, 4, 3\).*make the model's"
    ):
        feed(model_of(wanted), images((6, 4, 3)))


@pytest.mark.parametrize(
    ("loss", "kind"),
    [("sparse_categorical_crossentropy", Labels.INTEGER), ("categorical_crossentropy", Labels.ONE_HOT)],
)
def test_labels_fit_each_model_by_itself(loss: str, kind: Labels) -> None:
    assert feed(model_of((6, 4, 1), loss=loss), images()).labels is kind


@pytest.mark.parametrize("loss", ["sparse_categorical_crossentropy", "categorical_crossentropy"])
def test_rows_of_numbers_can_be_told_apart(loss: str) -> None:
    table = Split(images=RNG.normal(size=(12, 5)).astype(np.float32), labels=np.arange(12) % 3)
    model = model_of((5,), loss=loss)

    found = feed(model, table, scale=None)

    model.fit(
        training_batches(table, recipe=Recipe(batch_size=4), seed=0, feed=found), steps_per_epoch=3, shuffle=False
    )
    assert found.pixel_scale is None


@pytest.mark.parametrize("channels", [1, 3])
def test_a_target_can_be_an_image(channels: int) -> None:
    masks = images(labels=RNG.random((12, 6, 4, channels)).astype(np.float32))
    made = keras.Sequential([keras.Input((6, 4, 1)), layers.Conv2D(channels, 1, activation="sigmoid")])
    made.compile("adam", "binary_crossentropy")

    found = feed(made, masks, num_classes=0)

    history = made.fit(epoch_batches(masks, batch_size=4, seed=0, feed=found), verbose=0, shuffle=False)
    assert np.isfinite(history.history["loss"][0])


def two_heads(*, as_list: bool, loss: Any) -> keras.Model:
    image = keras.Input((6, 4, 1))
    x = layers.Flatten()(image)
    kind = layers.Dense(3, activation="softmax", name="kind")(x)
    size = layers.Dense(1, name="size")(x)
    made = keras.Model(image, [size, kind] if as_list else {"kind": kind, "size": size})
    made.compile("adam", loss)
    return made


LABELS = {"kind": np.arange(12) % 3, "size": np.linspace(0, 1, 12, dtype=np.float32)}


@pytest.mark.parametrize("as_list", [False, True])
@pytest.mark.parametrize(
    ("kind", "one_hot"), [("sparse_categorical_crossentropy", {}), ("categorical_crossentropy", {"kind": 3})]
)
def test_labels_go_to_the_outputs_of_their_names(as_list: bool, kind: str, one_hot: Any) -> None:
    losses: Any = {"kind": kind, "size": "mse"} if not as_list else ["mse", kind]
    model, examples = two_heads(as_list=as_list, loss=losses), images(labels=LABELS)

    found = feed(model, examples, num_classes=0)

    assert (found.one_hot, found.outputs) == (one_hot, ("size", "kind") if as_list else ())
    batches = training_batches(examples, recipe=Recipe(batch_size=4, augmentation=1.0), seed=0, feed=found)
    model.fit(
        batches, steps_per_epoch=3, validation_data=validation_batches(examples, feed=found), verbose=0, shuffle=False
    )
    handed = encode_labels(LABELS, found)
    shapes = [values.shape for values in handed] if as_list else {name: values.shape for name, values in handed.items()}
    width = (12, 3) if one_hot else (12,)
    assert shapes == ([(12,), width] if as_list else {"kind": width, "size": (12,)})


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            ("kind", "weight"),
            "the data has labels for kind, weight but the outputs of my.py:build are kind, size: name",
        ),
        (("kind",), "the data has labels for kind but the outputs of my.py:build are kind, size: name its outputs"),
    ],
)
def test_outputs_of_other_names_are_refused(names: Any, message: str) -> None:
    labels = dict.fromkeys(names, LABELS["kind"])

    with pytest.raises(InputError, match=message):
        feed(two_heads(as_list=False, loss="mse"), images(labels=labels), num_classes=0)


def test_a_single_output_has_no_name() -> None:
    with pytest.raises(InputError, match=r"but the outputs of my\.py:build are a single one without a name"):
        feed(model_of((6, 4, 1)), images(labels=LABELS), num_classes=0)


def test_losses_that_do_not_take_the_labels_are_refused() -> None:
    losses = {"kind": "sparse_categorical_crossentropy", "size": "sparse_categorical_crossentropy"}
    labels = {"kind": LABELS["kind"], "size": np.ones((12, 4), np.float32)}

    with pytest.raises(
        InputError, match=r"the losses of my\.py:build don't take the labels of its outputs \(.*compile"
    ):
        feed(two_heads(as_list=False, loss=losses), images(labels=labels), num_classes=0)
