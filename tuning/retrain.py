"""Train a winner, or any one configuration, afresh and save it."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from tuning.builder import ModelBuilder
from tuning.checkpoint import Checkpoint
from tuning.dataset import Split
from tuning.errors import TrainingError
from tuning.probing import as_builder
from tuning.records import SearchResult, TrainedModel, TrialRecord
from tuning.run_folder import RunFolder, write_json
from tuning.search_data import SearchData
from tuning.seeds import derive_seed
from tuning.selection import epochs_to_best
from tuning.settings import Plan
from tuning.trial import Watch, train


def retraining_plan(
    builder: ModelBuilder,
    winner: TrialRecord,
    *,
    curves: Sequence[TrialRecord],
    examples: int,
    seed: int,
    most_epochs: int | None = None,
) -> Plan:
    """How the winner is trained again on so many images, from new weights, with a seed of its own.

    `curves`: its trainings on the split, from which the number of epochs comes. `most_epochs`: as many as there is time
    for; None for all that suit.
    """
    settings = builder.retraining_settings(winner, epochs_to_best=epochs_to_best(curves), examples=examples)
    if most_epochs is not None:
        settings = dataclasses.replace(settings, epochs=min(settings.epochs, most_epochs))
    return Plan(hyperparameters=winner.hyperparameters, settings=settings, seed=derive_seed(seed, "retrain"))


def retrain(
    model: Any, result: SearchResult, data: SearchData, folder: Path | str, *, seed: int = 0, watch: Watch | None = None
) -> TrainedModel:
    """Train a search's winner on all training images and write `model.keras` and `training.json` into `folder`.

    `model`: what the search was given. `folder`: that of the search. A builder whose own `fit` wants validation images
    gets them, and the others to train on. Raises TrainingError if no trial has a result or the loss becomes NaN or
    infinite, OSError if the model can't be written.
    """
    if result.winner is None:
        raise TrainingError("no trial of the search has a result: there is no winner to train")
    builder = as_builder(model, data)
    training, validation = data.for_retraining(keeps_validation=builder.keeps_validation)
    plan = retraining_plan(builder, result.winner, curves=result.winner_curves, examples=len(training), seed=seed)
    run = RunFolder(path=Path(folder))
    run.path.mkdir(parents=True, exist_ok=True)
    watching = watch if watch is not None else Watch()
    trained = train_and_save(builder, plan, run, training=training, validation=validation, watch=watching)
    Checkpoint(folder=run.checkpoint).clear()
    return trained


def train_and_save(
    builder: ModelBuilder,
    plan: Plan,
    folder: RunFolder,
    *,
    training: Split,
    validation: Split | None,
    watch: Watch,
) -> TrainedModel:
    """Train the plan on all of `training` and write `model.keras` and `training.json`.

    The model starts from new weights: nothing that a search trained goes into it. With `validation`, every epoch is
    validated. Killed and called again with the same plan, it goes on from its last saved epoch, kept in
    `folder.checkpoint`, which the caller removes once it has on record that the model is there. Raises TrainingError
    if the loss becomes NaN or infinite, OSError if the model can't be written.
    """
    started = time.perf_counter()
    checkpoint = Checkpoint(folder=folder.checkpoint)
    outcome = train(builder, plan, training=training, validation=validation, watch=watch, checkpoint=checkpoint)
    if outcome.diverged:
        raise TrainingError(
            f"the loss became NaN or infinite in epoch {len(outcome.epochs)}: choose a smaller learning rate"
        )
    save_model(outcome.model, folder.model)
    trained = TrainedModel(
        hyperparameters=outcome.hyperparameters,
        settings=plan.settings,
        seed=plan.seed,
        examples=len(training),
        parameters=outcome.model.count_params(),
        epochs=outcome.epochs,
        result_epoch=outcome.result_epoch,
        seconds=time.perf_counter() - started,
    )
    write_json(folder.training, trained.as_json())
    return trained


def save_model(model: keras.Model, path: Path) -> None:
    """Write a `.keras` file, all at once. It loads with plain `keras.models.load_model`. Raises OSError."""
    temporary = path.with_name(f".part-{path.name}")
    try:
        model.save(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
