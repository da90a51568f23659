"""Published MNIST configurations as points of the search space, each with its own training settings."""

from __future__ import annotations

from dataclasses import dataclass

from tuning.errors import InputError
from tuning.settings import Configuration, Labels, Schedule, TrainingSettings, Value


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """A configuration that was published, how it was trained, and the accuracy (0 to 1) that it has to reach.

    `metric` is `test` or `validation`: where the published figure was measured. Where none was published it is 0.985
    on the test set.
    """

    name: str
    description: str
    hyperparameters: Configuration
    settings: TrainingSettings
    accuracy: float
    metric: str = "test"


def _configuration(filters: tuple[int, ...], **values: Value) -> Configuration:
    blocks: Configuration = {f"num_filters_{block}": count for block, count in enumerate(filters, start=1)}
    kernels: Configuration = {f"kernel_size_{block}": 3 for block in range(1, len(filters) + 1)}
    convolutions: Configuration = {f"convolutions_{block}": 1 for block in range(1, len(filters) + 1)}
    layers: Configuration = {
        "convolution": "full",
        "padding": "valid",
        "batch_normalization": "none",
        "pooling": "max",
        "head": "flatten",
        "dropout": 0.0,
    }
    training: Configuration = {
        "label_smoothing": 0.0,
        "weight_decay": 0.0,
        "augmentation": 0.0,
        "averaging": "none",
        "learning_rate": 0.001,
    }
    return {"num_blocks": len(filters), **blocks, **kernels, **convolutions, **layers, **training, **values}


_ALL = (
    Baseline(
        name="simple-32",
        description="conv 32 3×3, max-pool, dense 100; Adam; sparse categorical cross-entropy",
        hyperparameters=_configuration((32,), dense_units=100, batch_size=32),
        settings=TrainingSettings(epochs=10, schedule=Schedule.CONSTANT, keep_best=True),
        accuracy=0.985,
    ),
    Baseline(
        name="keras-curves",
        description="two plain blocks, 32 and 64 filters; Adam; categorical cross-entropy; its curves are plotted",
        hyperparameters=_configuration((32, 64), dense_units=0, batch_size=128),
        settings=TrainingSettings(epochs=6, schedule=Schedule.CONSTANT, labels=Labels.ONE_HOT),
        accuracy=0.985,
    ),
    Baseline(
        name="bn-32-64",
        description="two padded blocks with batch normalization, 32 and 64 filters, dense 128; batch 128; 20 epochs",
        hyperparameters=_configuration(
            (32, 64),
            padding="same",
            batch_normalization="convolution",
            dense_units=128,
            batch_size=128,
        ),
        settings=TrainingSettings(epochs=20, schedule=Schedule.CONSTANT, labels=Labels.ONE_HOT),
        accuracy=0.98,
        metric="validation",
    ),
    Baseline(
        name="callbacks-99",
        description="two blocks, 32 and 64 filters, dense 128 with dropout; 5 epochs with EarlyStopping, "
        "ModelCheckpoint and LearningRateScheduler",
        hyperparameters=_configuration((32, 64), dense_units=128, dropout=0.3, batch_size=64),
        settings=TrainingSettings(epochs=5, schedule=Schedule.STEP, patience=2, keep_best=True),
        accuracy=0.99,
    ),
    Baseline(
        name="simple-28",
        description="conv 28 3×3, max-pool, dense 128; Adam; batch 64; 10 epochs",
        hyperparameters=_configuration((28,), dense_units=128, batch_size=64),
        settings=TrainingSettings(epochs=10, schedule=Schedule.CONSTANT, keep_best=True),
        accuracy=0.985,
    ),
)

BASELINES = {baseline.name: baseline for baseline in _ALL}


def baseline(name: str) -> Baseline:
    """The baseline of that name. Raises InputError for an unknown one."""
    if name not in BASELINES:
        raise InputError(f"unknown baseline {name}: choose one of {', '.join(BASELINES)}")
    return BASELINES[name]
