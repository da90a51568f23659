"""Train a winner, or any one configuration, afresh and save it."""

from __future__ import annotations

import math
import time
from pathlib import Path

import keras

from tuning.checkpoint import Checkpoint
from tuning.dataset import Split
from tuning.errors import TrainingError
from tuning.hypermodel import TunableClassifier
from tuning.records import Configuration, Plan, Schedule, TrainedModel, TrainingSettings
from tuning.run_folder import RunFolder, write_json
from tuning.seeds import derive_seed
from tuning.trial import Watch, train

RETRAINING_IMAGES = 720_000
FEWEST_EPOCHS, MOST_EPOCHS = 12, 60


def wanted_epochs(examples: int) -> int:
    """Epochs of retraining on so many images if time allows: fewer images are shown more often, 12 to 60 times."""
    return min(max(math.ceil(RETRAINING_IMAGES / examples), FEWEST_EPOCHS), MOST_EPOCHS)


def retraining_plan(configuration: Configuration, *, epochs: int, seed: int) -> Plan:
    """How a winner is retrained: warm-up, cosine schedule, light affine augmentation, a seed of its own."""
    settings = TrainingSettings(epochs=epochs, schedule=Schedule.WARMUP_COSINE, augmentation=True)
    return Plan(hyperparameters=configuration, settings=settings, seed=derive_seed(seed, "retrain"))


def retrain(
    hypermodel: TunableClassifier,
    plan: Plan,
    training: Split,
    folder: RunFolder,
    *,
    validation: Split | None = None,
    watch: Watch,
) -> TrainedModel:
    """Train the plan on all of `training` and write `model.keras` and `training.json`.

    The model starts from new weights: nothing that the search trained goes into it. With `validation`, every epoch is
    validated. Killed and called again with the same plan, it goes on from its last saved epoch, kept in
    `folder.checkpoint`, which the caller removes once it has on record that the model is there. Raises TrainingError
    if the loss becomes NaN or infinite, OSError if the model can't be written.
    """
    started = time.perf_counter()
    checkpoint = Checkpoint(folder=folder.checkpoint)
    outcome = train(hypermodel, plan, training=training, validation=validation, watch=watch, checkpoint=checkpoint)
    if outcome.diverged:
        raise TrainingError(
            f"the loss became NaN or infinite in epoch {len(outcome.epochs)}: choose a smaller learning rate"
        )
    save_model(outcome.model, folder.model)
    trained = TrainedModel(
        hyperparameters=plan.hyperparameters,
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
