"""The model, data and training that all contestants have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras

from scripts.benches.rivals.job import MarksFile, RivalJob
from tuning.data.search_data import SearchData
from tuning.data.sources.by_name import load_dataset
from tuning.models.built_in import ClassificationTask, TunableClassifier
from tuning.models.network import adapt_ranges, default_ranges
from tuning.space.ranges import Choices, IntRange, Range

if TYPE_CHECKING:
    import keras_tuner as kt

    from tuning.settings import Configuration


class Marks(keras.callbacks.Callback):
    """Notes when a training starts and ends."""

    def __init__(self, file: MarksFile) -> None:
        super().__init__()
        self._file = file
        self._epochs = 0
        self._val_accuracy: float | None = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._file.append(0)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._epochs += 1
        self._val_accuracy = float((logs or {})["val_accuracy"])

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self._file.append(self._epochs, self._val_accuracy)


class FittedClassifier(TunableClassifier):
    """With the batch size as Keras Tuner's guide has it: `fit` reads it from the hyperparameters."""

    marks: MarksFile

    def fit(self, hp: kt.HyperParameters, model: keras.Model, *args: Any, **kwargs: Any) -> Any:
        callbacks = [*kwargs.pop("callbacks", ()), Marks(self.marks)]
        return model.fit(*args, batch_size=hp.get("batch_size"), callbacks=callbacks, **kwargs)


def load_data(job: RivalJob) -> SearchData:
    return SearchData.of(load_dataset(job.dataset))


def make_builder(job: RivalJob, data: SearchData, marks: MarksFile) -> FittedClassifier:
    shape = data.training.images.shape[1:]
    ranges = default_ranges(shape)
    if job.space == "small":
        ranges = _small(ranges)
    builder = FittedClassifier(ClassificationTask(image_shape=shape, num_classes=data.num_classes), ranges=ranges)
    builder.marks = marks
    return builder


def _small(ranges: dict[str, Range]) -> dict[str, Range]:
    """One or two blocks with at most 24 filters: what a search for a device with little memory looks at."""
    filters, blocks = IntRange(low=8, high=24, step=4), ranges["num_blocks"]
    assert isinstance(blocks, Choices)
    return adapt_ranges(
        ranges,
        {
            "num_blocks": Choices(values=tuple(count for count in blocks.values if int(count) <= 2)),
            "num_filters_1": filters,
            "num_filters_2": filters,
            "dense_units": Choices(values=(0, 32, 64)),
            "batch_size": Choices(values=(64, 128)),
        },
    )


def fit_configuration(
    builder: FittedClassifier, configuration: Configuration, data: SearchData, *, epochs: int
) -> float:
    """Train it as an objective function does that is written by hand; its last validation loss."""
    # Keras Tuner clears before each trial too, and so do Optuna's examples with Keras.
    keras.utils.clear_session()
    hp = builder.hyperparameters(configuration)
    history = builder.fit(
        hp,
        builder.build(hp),
        data.training.images,
        data.training.labels,
        validation_data=(data.validation.images, data.validation.labels),
        epochs=epochs,
        verbose=0,
    )
    return float(history.history["val_loss"][-1])
