"""Learning curves and hyperparameters of every training, as TensorBoard reads them. Needs `tensorboard`."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from tuning.errors import InputError
from tuning.plugins.user_callbacks import TrialContext
from tuning.settings import Configuration


@dataclass(frozen=True, kw_only=True)
class TensorBoardLogs:
    """A callback factory that can be sent to worker processes: it makes a log in `folder/<trial_id>`.

    `folder` None: `tensorboard` in the folder of the run.
    """

    folder: Path | None

    def __call__(self, trial: TrialContext) -> list[keras.callbacks.Callback]:
        folder = self.folder if self.folder is not None else trial.run_folder / "tensorboard"
        return [_Log(folder / trial.trial_id, trial.trial_id, trial.hyperparameters)]


def tensorboard_factory(folder: Path | None = None) -> TensorBoardLogs:
    """Logs of all trainings below `folder`; None: of each run in its own folder.

    Raises InputError if `tensorboard` is not installed.
    """
    if importlib.util.find_spec("tensorboard") is None:
        raise InputError("`tensorboard` needs tensorboard: install it with pip install tensorboard")
    return TensorBoardLogs(folder=None if folder is None else folder.resolve())


class _Log(keras.callbacks.Callback):
    """Writes what Keras reports of an epoch, one point each, and the hyperparameters for the HParams page.

    Keras's own callback splits a training into two runs, which the HParams page would take for two configurations, and
    the plugin's own one is made for the Keras that TensorFlow brings along.
    """

    def __init__(self, folder: Path, trial_id: str, hyperparameters: Configuration) -> None:
        super().__init__()
        self._folder = folder
        self._trial_id = trial_id
        self._hyperparameters = dict(hyperparameters)
        self._writer: Any = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        import tensorflow as tf
        from tensorboard.plugins.hparams import api

        self._writer = tf.summary.create_file_writer(str(self._folder))
        with self._writer.as_default():
            api.hparams(self._hyperparameters, trial_id=self._trial_id)
        self._writer.flush()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        import tensorflow as tf

        values = {name: float(value) for name, value in (logs or {}).items()}
        if getattr(self.model, "optimizer", None) is not None:
            values["learning_rate"] = float(self.model.optimizer.learning_rate)
        with self._writer.as_default():
            for name, value in values.items():
                tf.summary.scalar(name, value, step=epoch)
        # A training that is ended from outside keeps its epochs.
        self._writer.flush()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        import tensorflow as tf
        from tensorboard.plugins.hparams import api_pb2, summary

        with self._writer.as_default():
            ended = summary.session_end_pb(api_pb2.STATUS_SUCCESS)
            tf.summary.experimental.write_raw_pb(ended.SerializeToString(), step=0)
        self._writer.close()
