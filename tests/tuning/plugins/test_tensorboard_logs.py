"""What TensorBoard reads of a training, and what is said where it is not installed."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tuning.errors import InputError
from tuning.plugins.tensorboard_logs import tensorboard_factory
from tuning.plugins.user_callbacks import TrialContext, make_callbacks

HYPERPARAMETERS = {"units": 8, "rate": 0.01, "pool": "max", "bias": True}


def fit(factory: Any, *, first_epoch: int = 0, epochs: int = 3) -> None:
    folder = factory.folder / "run"
    context = TrialContext(
        run="mine", trial_id="0003", hyperparameters=HYPERPARAMETERS, folder=folder / "0003", run_folder=folder
    )
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.25), "mse")
    x, y = np.ones((8, 4), np.float32), np.ones((8, 1), np.float32)
    model.fit(
        x,
        y,
        validation_data=(x, y),
        initial_epoch=first_epoch,
        epochs=epochs,
        verbose=0,
        callbacks=make_callbacks((factory,), context),
    )


def read(folder: Path) -> Any:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    return EventAccumulator(str(folder)).Reload()


@pytest.mark.slow
def test_a_training_has_one_point_an_epoch_and_its_hyperparameters(tmp_path: Path) -> None:
    from tensorboard.plugins.hparams import metadata

    fit(pickle.loads(pickle.dumps(tensorboard_factory(tmp_path))))

    events = read(tmp_path / "0003")
    assert set(events.Tags()["tensors"]) >= {"loss", "val_loss", "learning_rate"}
    assert [event.step for event in events.Tensors("val_loss")] == [0, 1, 2]
    assert [float(tf.make_ndarray(event.tensor_proto)) for event in events.Tensors("learning_rate")] == [0.25] * 3
    content = events.SummaryMetadata(metadata.SESSION_START_INFO_TAG).plugin_data.content
    start = metadata.parse_session_start_info_plugin_data(content)
    found = {name: getattr(value, value.WhichOneof("kind")) for name, value in start.hparams.items()}
    assert (found, start.group_name) == (HYPERPARAMETERS, "0003")
    assert metadata.SESSION_END_INFO_TAG in events.PluginTagToContent(metadata.PLUGIN_NAME)


@pytest.mark.slow
def test_a_training_that_goes_on_adds_its_epochs(tmp_path: Path) -> None:
    factory = tensorboard_factory(tmp_path)

    fit(factory, epochs=2)
    fit(factory, first_epoch=2, epochs=4)

    from tensorboard.backend.event_processing.directory_watcher import DirectoryWatcher
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    loaded = DirectoryWatcher(str(tmp_path / "0003"), EventFileLoader).Load()
    steps = [event.step for event in loaded for value in event.summary.value if value.tag == "val_loss"]
    assert steps == [0, 1, 2, 3]


def test_without_tensorboard_it_is_told_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)

    with pytest.raises(InputError, match=r"^`tensorboard` needs tensorboard: install it with pip install tensorboard$"):
        tensorboard_factory(tmp_path)


def test_a_relative_folder_is_that_of_the_process_that_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert tensorboard_factory(Path("logs")).folder == tmp_path.resolve() / "logs"
