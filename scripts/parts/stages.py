"""What follows a search or a training: the winner trained on everything, and the look at the test set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from tuning.budget import Budget
    from tuning.dataset import Dataset
    from tuning.hypermodel import TunableClassifier
    from tuning.records import TrialRecord
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
    if record["status"] in (run_record.SEARCHING, run_record.RETRAINING):
        seconds = _retrain(work, record, winner)
        record = {**record, "status": run_record.EVALUATING, "seconds": {**record["seconds"], "retrain": seconds}}
        write_json(work.folder.run_json, record)
    if record["status"] == run_record.EVALUATING:
        record = look_at_test_set(record, work.dataset, work.folder)
    return record


def _retrain(work: Work, record: dict[str, Any], winner: TrialRecord) -> float:
    """Seconds that it took."""
    from scripts.parts.terminal import TrainingProgress, counted
    from tuning.checkpoint import Checkpoint
    from tuning.retrain import retrain, retraining_plan
    from tuning.trial import Watch

    epochs, wanted = record["config"]["retraining_epochs"], _wanted_epochs(work.dataset)
    fewer = "" if epochs == wanted else f" (of {wanted} wanted: the time allows no more)"
    work.console.print(
        f"retraining trial {winner.trial_id} on all {len(work.dataset.training)} training images, "
        f"{counted(epochs, 'epoch')}{fewer}"
    )
    plan = retraining_plan(winner.hyperparameters, epochs=epochs, seed=record["seed"])
    restored = Checkpoint(folder=work.folder.checkpoint).restore(plan)
    done = 0 if restored is None else len(restored.epochs)
    if done:
        work.console.print(f"going on after epoch {done}")
    with TrainingProgress(work.console, plan.settings, title="retraining", done=done) as progress:
        watch = Watch(on_epoch=progress.epoch_finished)
        return retrain(work.hypermodel, plan, work.dataset.training, work.folder, watch=watch).seconds


def _wanted_epochs(dataset: Dataset) -> int:
    from tuning.retrain import wanted_epochs

    return wanted_epochs(len(dataset.training))


def look_at_test_set(record: dict[str, Any], dataset: Dataset, folder: RunFolder) -> dict[str, Any]:
    """Open the test set for the saved model. The look is on record before it happens."""
    import keras

    from tuning import run_record
    from tuning.evaluation import evaluate
    from tuning.inference import predict_with
    from tuning.run_folder import now, write_json

    looks = (record["test"] or {"looks": 0})["looks"] + 1
    record = {**record, "test": {"accuracy": None, "ci95": None, "looks": looks}}
    write_json(folder.run_json, record)
    model = keras.models.load_model(folder.model)
    evaluation = evaluate(predict_with(model), dataset.test.open(), class_names=dataset.class_names)
    write_json(folder.evaluation, evaluation.as_json())
    test = run_record.describe_test(evaluation, looks=looks)
    record = {**record, "test": test, "status": run_record.FINISHED, "finished_at": now()}
    write_json(folder.run_json, record)
    return record
