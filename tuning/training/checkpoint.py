"""A training's state on disk after its epochs, so that a killed one continues where it was."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tuning.files.atomic import write_json
from tuning.files.json_record import JsonRecord
from tuning.files.recorded import read_record
from tuning.records import Epoch
from tuning.settings import TrainingPlan
from tuning.training.callbacks import LearningCurve
from tuning.training.steps.averaging import PowerAverage

SECONDS_APART = 10.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Restored:
    """What a killed training had reached: its learning curve, and the state that it continues from.

    `best_weights`: those of the epoch of lowest validation loss, where the training keeps them.
    `averages`: those of the weights, if there are any, in their order.
    `random_state`: path → value of the variables that dropout draws from; Keras leaves them out of weights files.
    """

    epochs: tuple[Epoch, ...]
    weights: Path
    best_weights: Path | None
    averages: tuple[np.ndarray, ...]
    random_state: Mapping[str, list[int]]

    def load_into(self, model: keras.Model) -> None:
        """Give the model and its optimizer the saved state."""
        _load_trained_weights(model, self.weights)
        for variable in _random_variables(model):
            variable.assign(self.random_state[variable.path])


@dataclass(frozen=True, kw_only=True)
class _SavedProgress(JsonRecord):
    """What `progress.json` holds. `plan`: what decides its epochs, as JSON, which may be one of another version."""

    plan: Mapping[str, Any]
    epochs: tuple[Epoch, ...]
    weights: str
    best_weights: str | None
    averages: str | None
    random_state: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """The folder of one training's state, and how many seconds of work may be lost."""

    folder: Path
    seconds_apart: float = SECONDS_APART

    def restore(self, plan: TrainingPlan) -> Restored | None:
        """What was saved of this very plan, or of one that trains alike up to there; else None."""
        if not self._progress.exists():
            return None
        give = f"remove {self.folder} to train from the start"
        saved = read_record(self._progress, _SavedProgress, fault="is not the progress of a training", give=give)
        if saved.plan != plan.up_to(len(saved.epochs)):
            return None
        return Restored(
            epochs=saved.epochs,
            weights=self.folder / saved.weights,
            best_weights=None if saved.best_weights is None else self.folder / saved.best_weights,
            averages=() if saved.averages is None else _read_arrays(self.folder / saved.averages),
            random_state=saved.random_state,
        )

    def save(
        self,
        plan: TrainingPlan,
        model: keras.Model,
        epochs: list[Epoch],
        *,
        best_weights: Path | None = None,
        averages: Sequence[np.ndarray] = (),
    ) -> None:
        """Write the weights under names of their own, then the progress that names them, then drop older weights.

        `best_weights`: a copy is kept of this file, if it exists. `averages`: of the weights, if there are any.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        weights, best, averaged = self.folder / f"{len(epochs)}.weights.h5", None, None
        model.save_weights(weights)
        if averages:
            averaged = self.folder / f"averages-{len(epochs)}.npz"
            np.savez(averaged, *averages)
        if best_weights is not None and best_weights.exists():
            best = self.folder / f"best-{len(epochs)}.weights.h5"
            shutil.copyfile(best_weights, best)
        progress = _SavedProgress(
            plan=plan.up_to(len(epochs)),
            epochs=tuple(epochs),
            weights=weights.name,
            best_weights=None if best is None else best.name,
            averages=None if averaged is None else averaged.name,
            random_state={variable.path: variable.numpy().tolist() for variable in _random_variables(model)},
        )
        write_json(self._progress, progress.as_json())
        for older in (*self.folder.glob("*.weights.h5"), *self.folder.glob("*.npz")):
            if older not in (weights, best, averaged):
                older.unlink()

    def clear(self) -> None:
        """Remove everything: the training has ended."""
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def _progress(self) -> Path:
        return self.folder / "progress.json"


class EpochCheckpoint(keras.callbacks.Callback):
    """Saves the training after an epoch that another one follows, unless it did so a moment ago.

    Belongs behind all other callbacks. `pauses`: asked after every epoch whether the training is to end there for now.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        plan: TrainingPlan,
        curve: LearningCurve,
        *,
        pauses: Callable[[], bool],
        best_weights: Path,
        average: PowerAverage | None,
    ) -> None:
        super().__init__()
        self._pauses, self._average = pauses, average
        self._checkpoint, self._plan, self._curve, self._best = checkpoint, plan, curve, best_weights
        self._saved = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        pauses = self._pauses()
        is_due = pauses or time.perf_counter() - self._saved >= self._checkpoint.seconds_apart
        # What a callback ended is not saved: a restored training would not know that it was to end there.
        if is_due and not self.model.stop_training:
            self._checkpoint.save(
                self._plan,
                self.model,
                self._curve.epochs,
                best_weights=self._best,
                averages=() if self._average is None else self._average.values,
            )
            self._saved = time.perf_counter()
        if pauses:
            self.model.stop_training = True


def _read_arrays(path: Path) -> tuple[np.ndarray, ...]:
    with np.load(path, allow_pickle=False) as arrays:
        return tuple(arrays[name] for name in arrays.files)


def _load_trained_weights(model: keras.Model, weights: Path) -> None:
    """Load weights and optimizer state from a file of `model.save_weights`."""
    # Unbuilt, the optimizer would leave its own part of the file aside and start again.
    if getattr(model, "optimizer", None) is not None:
        model.optimizer.build(model.trainable_variables)
    model.load_weights(weights)


def _random_variables(model: keras.Model) -> list[Any]:
    return [variable for variable in model.variables if "seed_generator" in variable.path]
