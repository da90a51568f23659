"""What the tests of `tuning` share: records to draw or to make by hand, and a search whose trials take a second."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from tuning.records import Epoch, TrialRecord, TrialStatus
from tuning.settings import Labels, Objective, Schedule, TrainingSettings
from tuning.space.ranges import Choices, FloatRange

TINY = {
    "num_blocks": Choices(values=(1,)),
    "num_filters_1": Choices(values=(8,)),
    "kernel_size_1": Choices(values=(3,)),
    "padding": Choices(values=("valid",)),
    "batch_normalization": Choices(values=("none",)),
    "pooling": Choices(values=("max", "average")),
    "convolutions_1": Choices(values=(1,)),
    "convolution": Choices(values=("full",)),
    "head": Choices(values=("flatten",)),
    "dense_units": Choices(values=(0,)),
    "dropout": Choices(values=(0.0,)),
    "label_smoothing": Choices(values=(0.0,)),
    "weight_decay": Choices(values=(0.0,)),
    "augmentation": Choices(values=(0.0,)),
    "averaging": Choices(values=("power",)),
    "learning_rate": FloatRange(low=0.003, high=0.02, log=True),
    "batch_size": Choices(values=(64,)),
}


def _finite() -> st.SearchStrategy[float]:
    return st.floats(allow_nan=False, allow_infinity=False)


@pytest.fixture(scope="session")
def configurations() -> Any:
    """Strategy: hyperparameters of any name and any kind of value."""
    values = st.one_of(st.booleans(), st.integers(), _finite(), st.text(max_size=8))
    return st.dictionaries(st.text(min_size=1, max_size=8), values, max_size=4)


@pytest.fixture(scope="session")
def epoch_records() -> Any:
    """Strategy: epochs with finite values, validated or not."""
    return st.builds(
        Epoch,
        loss=st.none() | _finite(),
        accuracy=st.none() | _finite(),
        val_loss=st.none() | _finite(),
        val_accuracy=st.none() | _finite(),
        learning_rate=_finite(),
        seconds=_finite(),
        metrics=st.dictionaries(st.text(max_size=8), st.floats(allow_nan=False), max_size=3),
    )


@pytest.fixture(scope="session")
def settings_records() -> Any:
    """Strategy: training settings."""
    return st.builds(
        TrainingSettings,
        epochs=st.integers(min_value=1),
        schedule=st.sampled_from(Schedule),
        labels=st.sampled_from(Labels),
        patience=st.none() | st.integers(min_value=0),
        keep_best=st.booleans(),
        balance_classes=st.booleans(),
        objective=st.builds(Objective, name=st.text(max_size=8), maximize=st.booleans()),
    )


@pytest.fixture(scope="session")
def trial_records(configurations: Any, epoch_records: Any, settings_records: Any) -> Any:
    """Strategy: trials with finite values."""
    return st.builds(
        TrialRecord,
        trial_id=st.text(max_size=8),
        hyperparameters=configurations,
        settings=settings_records,
        seed=st.integers(min_value=0),
        status=st.sampled_from(TrialStatus),
        reason=st.text(),
        epochs=st.lists(epoch_records, max_size=3).map(tuple),
        result_epoch=st.just(0),
        parameters=st.integers(min_value=0),
        seconds=_finite(),
        macs=st.none() | st.integers(min_value=0),
        repeat_of=st.none() | st.text(min_size=1, max_size=8),
    )


@pytest.fixture(scope="session")
def make_epoch() -> Callable[..., Epoch]:
    """An epoch with the given values."""

    def make(**values: Any) -> Epoch:
        usual = {
            "loss": 0.5,
            "accuracy": 0.8,
            "val_loss": 0.6,
            "val_accuracy": 0.75,
            "learning_rate": 0.01,
            "seconds": 2.0,
        }
        return Epoch(**{**usual, **values})

    return make


@pytest.fixture(scope="session")
def make_trial(make_epoch: Callable[..., Epoch]) -> Callable[..., TrialRecord]:
    """A trial of one epoch that ended with the given validation loss."""

    def make(val_loss: float | None = 0.6, **values: Any) -> TrialRecord:
        usual = {
            "trial_id": "0000",
            "hyperparameters": {"num_blocks": 1, "learning_rate": 0.01},
            "settings": TrainingSettings(epochs=1),
            "seed": 1,
            "status": TrialStatus.COMPLETED,
            "reason": "",
            "epochs": (make_epoch(val_loss=val_loss),),
            "result_epoch": 0,
            "parameters": 100,
            "seconds": 3.0,
        }
        return TrialRecord(**{**usual, **values})

    return make


@pytest.fixture(scope="session")
def tiny(hypermodel: Any) -> Any:
    """The built-in model with all but the kind of pooling and the learning rate fixed, so that it trains fast."""
    from tuning.models.built_in import TunableClassifier

    return TunableClassifier(hypermodel.task, ranges={**hypermodel.ranges, **TINY})


@pytest.fixture(scope="session")
def guides() -> Any:
    """The module `scripts/examples/guides.py`: builders as Keras Tuner's guides write them."""
    spec = importlib.util.spec_from_file_location(
        "guides", Path(__file__).parents[2] / "scripts" / "examples" / "guides.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
