"""What follows a search or a training: the winner trained on everything, and the look at the test set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from tuning.budget import Budget
    from tuning.dataset import Dataset, Split
    from tuning.hypermodel import TunableClassifier
    from tuning.records import Plan, TrainedModel, TrialRecord
    from tuning.run_folder import RunFolder


@dataclass(frozen=True, kw_only=True, eq=False)
class Work:
    """The data, the model builder, the run and the terminal that a command works with."""

    dataset: Dataset
    hypermodel: TunableClassifier
    folder: RunFolder
    console: Console


def retrain_winner(work: Work, record: dict[str, Any], winner: TrialRecord, budget: Budget) -> dict[str, Any]:
    """Retrain and evaluate, from wherever an earlier command stopped; the completed record."""
    from tuning import run_record
    from tuning.run_folder import write_json

    described = run_record.describe_winner(winner)
    if record["winner"] != described:
        ratio = len(work.dataset.training) / record["dataset"]["train"]
        epochs = budget.retraining_epochs(winner, examples_ratio=ratio, epochs=_wanted_epochs(work.dataset))
        record = {
            **record,
            "winner": described,
            "config": {**record["config"], "retraining_epochs": epochs},
            "status": run_record.RETRAINING,
        }
        write_json(work.folder.run_json, record)
    if record["status"] not in (run_record.EVALUATING, run_record.FINISHED):
        trained = _retrain(work, record, winner)
        seconds = {**record["seconds"], "retrain": trained.seconds}
        record = {**record, "status": run_record.EVALUATING, "seconds": seconds}
        write_json(work.folder.run_json, record)
    return look_at_test_set(work, record)


def _retrain(work: Work, record: dict[str, Any], winner: TrialRecord) -> TrainedModel:
    from scripts.parts.terminal import counted
    from tuning.retrain import retraining_plan

    epochs, wanted = record["config"]["retraining_epochs"], _wanted_epochs(work.dataset)
    fewer = "" if epochs == wanted else f" (of {wanted} wanted: the time allows no more)"
    work.console.print(
        f"retraining trial {winner.trial_id} on all {len(work.dataset.training)} training images, "
        f"{counted(epochs, 'epoch')}{fewer}"
    )
    plan = retraining_plan(winner.hyperparameters, epochs=epochs, seed=record["seed"])
    return train_model(work, record, plan, training=work.dataset.training)


def train_model(
    work: Work, record: dict[str, Any], plan: Plan, *, training: Split, validation: Split | None = None
) -> TrainedModel:
    """Train and save the run's model, from the epoch that an earlier command reached, with progress on the terminal.

    Raises TrainingError, with the run's status FAILED on record, if there is no model to save.
    """
    from scripts.parts.terminal import TrainingProgress
    from tuning import run_record
    from tuning.checkpoint import Checkpoint
    from tuning.errors import TrainingError
    from tuning.retrain import retrain
    from tuning.run_folder import write_json
    from tuning.trial import Watch

    restored = Checkpoint(folder=work.folder.checkpoint).restore(plan)
    done = 0 if restored is None else len(restored.epochs)
    if done:
        work.console.print(f"going on after epoch {done}")
    with TrainingProgress(work.console, plan.settings, title="training", done=done) as progress:
        watch = Watch(on_epoch=progress.epoch_finished)
        try:
            return retrain(work.hypermodel, plan, training, work.folder, validation=validation, watch=watch)
        except TrainingError:
            write_json(work.folder.run_json, {**record, "status": run_record.FAILED})
            raise


def _wanted_epochs(dataset: Dataset) -> int:
    from tuning.retrain import wanted_epochs

    return wanted_epochs(len(dataset.training))


def look_at_test_set(work: Work, record: dict[str, Any]) -> dict[str, Any]:
    """Open the test set for the saved model, unless the run is finished; the completed record.

    The look is on record before anything is learned from it.
    """
    import keras

    from tuning import run_record
    from tuning.checkpoint import Checkpoint
    from tuning.evaluation import evaluate
    from tuning.inference import predict_with
    from tuning.run_folder import now, write_json

    if record["status"] == run_record.FINISHED:
        return record
    folder, dataset = work.folder, work.dataset
    Checkpoint(folder=folder.checkpoint).clear()
    model = keras.models.load_model(folder.model)
    test = dataset.test.open()
    looks = (record["test"] or {"looks": 0})["looks"] + dataset.test.looks
    record = {**record, "test": {"accuracy": None, "ci95": None, "looks": looks}}
    write_json(folder.run_json, record)
    evaluation = evaluate(predict_with(model), test, class_names=dataset.class_names)
    write_json(folder.evaluation, evaluation.as_json())
    described = run_record.describe_test(evaluation, looks=looks)
    record = {**record, "test": described, "status": run_record.FINISHED, "finished_at": now()}
    write_json(folder.run_json, record)
    return record
