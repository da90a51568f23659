"""Train a winner, or any one configuration, afresh and save it."""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tuning.data.dataset import Split
from tuning.data.search_data import SearchData, sample
from tuning.errors import TrainingError
from tuning.evaluation.promise import Promised, check_promise
from tuning.files.atomic import write_json
from tuning.models.probing import as_builder
from tuning.ranking.choice import SearchResult
from tuning.ranking.selection import epochs_to_best
from tuning.records import TrialRecord
from tuning.runs.run_folder import RunFolder
from tuning.runs.trained import TrainedModel
from tuning.seeds import derive_seed
from tuning.settings import TrainingPlan
from tuning.training.builder import ModelBuilder
from tuning.training.checkpoint import Checkpoint
from tuning.training.saving import Kept, load_weights, save_model, what_can_be_kept
from tuning.training.train import Watch, train

EXAMPLES_ASKED = 32


def retraining_plan(
    builder: ModelBuilder,
    winner: TrialRecord,
    *,
    curves: Sequence[TrialRecord],
    examples: int,
    seed: int,
    most_epochs: int | None = None,
) -> TrainingPlan:
    """How the winner is trained again on so many images, from new weights, with a seed of its own.

    `curves`: its trainings on the split, from which the number of epochs comes. `most_epochs`: as many as there is time
    for; None for all that suit.
    """
    settings = builder.retraining_settings(winner, epochs_to_best=epochs_to_best(curves), examples=examples)
    if most_epochs is not None:
        settings = dataclasses.replace(settings, epochs=min(settings.epochs, most_epochs))
    return TrainingPlan(hyperparameters=winner.hyperparameters, settings=settings, seed=derive_seed(seed, "retrain"))


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
    examples = data.for_retraining(keeps_validation=builder.keeps_validation)
    curves = result.winner_curves
    plan = retraining_plan(builder, result.winner, curves=curves, examples=len(examples[0]), seed=seed)
    run = RunFolder(path=Path(folder))
    run.path.mkdir(parents=True, exist_ok=True)
    watching = watch if watch is not None else Watch()
    promised = Promised(curves=curves, validation=len(data.validation))
    trained = train_and_save(builder, plan, run, examples=examples, watch=watching, promised=promised)
    Checkpoint(folder=run.checkpoint).clear()
    return trained


def train_and_save(
    builder: ModelBuilder,
    plan: TrainingPlan,
    folder: RunFolder,
    *,
    examples: tuple[Split, Split | None],
    watch: Watch,
    promised: Promised | None = None,
) -> TrainedModel:
    """Train the plan on all examples for training and write the model and `training.json`.

    The model starts from new weights: nothing that a search trained goes into it. `examples`: for training, and for
    validating every epoch, if any. `promised`: what the written model is to keep. Killed and called again with the same
    plan, it resumes from its last saved epoch, kept in `folder.checkpoint`, which the caller removes once it has on
    record that the model is there. Raises TrainingError if the loss becomes NaN or infinite, OSError if the model can't
    be written.
    """
    started = time.perf_counter()
    training, validation = examples
    checkpoint = Checkpoint(folder=folder.checkpoint)
    outcome = train(builder, plan, training=training, validation=validation, watch=watch, checkpoint=checkpoint)
    if outcome.diverged:
        raise TrainingError(
            f"the loss became NaN or infinite in epoch {len(outcome.epochs)}: choose a smaller learning rate"
        )
    few = sample(training, EXAMPLES_ASKED)
    kept = what_can_be_kept(builder, plan, outcome.model, few) if builder.probed is not None else Kept()
    save_model(outcome.model, folder, kept)
    seconds = time.perf_counter() - started
    promise = None
    if promised is not None:
        built = builder.build_model(plan)
        load = functools.partial(load_weights, folder=folder)
        promise = check_promise(built.model, built.feed, promised, trained_on=training, load=load)
    trained = TrainedModel(
        hyperparameters=outcome.hyperparameters,
        settings=plan.settings,
        seed=plan.seed,
        examples=len(training),
        parameters=outcome.model.count_params(),
        epochs=outcome.epochs,
        result_epoch=outcome.result_epoch,
        seconds=seconds,
        why_weights_only=kept.why_weights_only,
        promise=promise,
    )
    write_json(folder.training, trained.as_json())
    return trained
