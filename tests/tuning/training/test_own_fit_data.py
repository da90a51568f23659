"""In which form a user's own `fit` gets the examples, by the parameters that it has for them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tuning.data.dataset import Split
from tuning.errors import InputError
from tuning.settings import Feed, TrainingPlan, TrainingSettings
from tuning.space.recording import RecordingHyperParameters, answering
from tuning.training.built import Built, Recipe
from tuning.training.own_fit import OwnFit, data_parameters

PLAN = TrainingPlan(hyperparameters={}, settings=TrainingSettings(epochs=2), seed=0)
IMAGES, LABELS = np.arange(60, dtype=np.uint8).reshape(15, 2, 2, 1), np.arange(15, dtype=np.int64) % 3
TRAINING, VALIDATION = Split(images=IMAGES[:10], labels=LABELS[:10]), Split(images=IMAGES[10:], labels=LABELS[10:])


def on_disk(path: Path) -> Split:
    np.save(path, IMAGES)
    return Split(images=np.load(path, mmap_mode="r"), labels=LABELS)


def run(fit: Any, *, training: Split = TRAINING, validation: Split | None = VALIDATION, **feed: Any) -> Any:
    hp = RecordingHyperParameters(answering({}))
    built = Built(model=None, hp=hp, feed=Feed(**feed), recipe=Recipe(batch_size=4))
    own = OwnFit(fit=fit, name="it")
    return own.run(built, PLAN, [], epochs=range(2), training=training, validation=validation)


def open_ended(hp: Any, model: Any, *args: Any, **options: Any) -> Any:
    return args, options


def of_x_and_y(hp: Any, model: Any, x: Any, y: Any, **options: Any) -> Any:
    return (x, y), options


def with_validation(hp: Any, model: Any, x: Any, y: Any, x_val: Any, y_val: Any, **options: Any) -> Any:
    return (x, y, x_val, y_val), options


def of_one(hp: Any, model: Any, data: Any, validation_data: Any = None, **options: Any) -> Any:
    return data, validation_data, options


def by_name(hp: Any, model: Any, **options: Any) -> Any:
    return options


@pytest.mark.parametrize("fit", [open_ended, of_x_and_y])
def test_x_and_y_are_arrays(fit: Any) -> None:
    (x, y), options = run(fit)

    assert np.array_equal(x, IMAGES[:10])
    assert np.array_equal(y, LABELS[:10])
    assert np.array_equal(options["validation_data"][0], IMAGES[10:])
    assert options["epochs"] == 2


def test_four_are_x_and_y_to_train_and_to_validate_with() -> None:
    given, options = run(with_validation)

    assert [len(each) for each in given] == [10, 10, 5, 5]
    assert "validation_data" not in options


def test_a_single_one_is_batches() -> None:
    data, validation, options = run(of_one)

    assert isinstance(data, tf.data.Dataset)
    assert isinstance(validation, tf.data.Dataset)
    assert [len(labels) for _, labels in data] == [4, 4, 2]
    assert sum(len(labels) for _, labels in validation) == 5
    assert options["shuffle"] is False


def test_without_a_parameter_for_them_they_have_the_names_of_keras() -> None:
    options = run(by_name)

    assert np.array_equal(options["x"], IMAGES[:10])
    assert np.array_equal(options["y"], LABELS[:10])


def test_pixels_and_labels_are_as_the_model_takes_them() -> None:
    (x, _), options = run(of_x_and_y, pixel_scale=(0.5, 1.0), shape=(4,))

    assert (x.shape, x.dtype) == ((10, 4), np.float32)
    assert x[0].tolist() == [1.0, 1.5, 2.0, 2.5]
    assert options["validation_data"][0].shape == (5, 4)


def test_images_on_disk_are_batches_where_that_is_left_open_and_arrays_where_they_are_asked_for(tmp_path: Path) -> None:
    training = on_disk(tmp_path / "images.npy")

    (data,), _ = run(open_ended, training=training)
    (x, y), _ = run(of_x_and_y, training=training)

    assert isinstance(data, tf.data.Dataset)
    assert isinstance(x, np.ndarray)
    assert np.array_equal(x, IMAGES)
    assert np.array_equal(y, LABELS)


def test_arrays_that_memory_can_not_hold_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    training = on_disk(tmp_path / "images.npy")
    monkeypatch.setattr("tuning.training.own_fit.psutil.virtual_memory", lambda: SimpleNamespace(available=90))

    with pytest.raises(InputError, match=r"fit of it takes x and y, which would be .* more than there is memory for"):
        run(of_x_and_y, training=training)


@pytest.mark.parametrize(
    ("fit", "names"),
    [
        (open_ended, None),
        (of_x_and_y, ["x", "y"]),
        (of_one, ["data"]),
        (by_name, []),
        (lambda hp, model, x, y, batch_size, epochs=3: None, ["x", "y"]),
        (lambda hp, model, *, x, y: None, []),
    ],
)
def test_parameters_of_keras_s_own_fit_are_no_data(fit: Any, names: list[str] | None) -> None:
    assert data_parameters(fit) == names
