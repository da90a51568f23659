"""What follows a search or a training: the winner trained on everything, and the look at the test set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from scripts.terminal.console import Console
    from tuning.data.dataset import Dataset, Split
    from tuning.data.search_data import SearchData
    from tuning.evaluation.promise import Promised
    from tuning.loop.budget import Budget
    from tuning.plugins.user_callbacks import CallbackFactory
    from tuning.ranking.choice import SearchResult
    from tuning.runs.run_folder import RunFolder
    from tuning.runs.trained import TrainedModel
    from tuning.settings import TrainingPlan
    from tuning.training.builder import ModelBuilder
    from tuning.training.built import Built


class Job(Protocol):
    """What a command found out before it wrote anything, as far as the stages need it."""

    @property
    def dataset(self) -> Dataset: ...

    @property
    def data(self) -> SearchData: ...

    @property
    def builder(self) -> ModelBuilder: ...

    @property
    def factories(self) -> tuple[CallbackFactory, ...]: ...


@dataclass(frozen=True, kw_only=True, eq=False)
class Work:
    """A job, the run that it is done in, and the terminal."""

    job: Job
    folder: RunFolder
    console: Console


def retrain_winner(work: Work, record: dict[str, Any], result: SearchResult, budget: Budget) -> dict[str, Any]:
    """Retrain and evaluate, from wherever an earlier command stopped; the completed record."""
    from tuning.files.atomic import write_json
    from tuning.runs import run_record

    winner = result.winner
    assert winner is not None
    described = run_record.describe_winner(winner)
    if record["winner"] != described:
        training, _ = work.job.data.for_retraining(keeps_validation=work.job.builder.keeps_validation)
        ratio = len(training) / len(work.job.data.training)
        epochs = budget.retraining_epochs(winner, examples_ratio=ratio, epochs=_wanted_epochs(work, result))
        record = {
            **record,
            "winner": described,
            "config": {**record["config"], "retraining_epochs": epochs},
            "status": run_record.RETRAINING,
        }
        write_json(work.folder.run_json, record)
    if record["status"] not in (run_record.EVALUATING, run_record.FINISHED):
        trained = _retrain(work, record, result)
        seconds = {**record["seconds"], "retrain": trained.seconds}
        record = {**record, "status": run_record.EVALUATING, "seconds": seconds}
        write_json(work.folder.run_json, record)
    return look_at_test_set(work, record)


def _retrain(work: Work, record: dict[str, Any], result: SearchResult) -> TrainedModel:
    from scripts.terminal.progress import counted
    from tuning._retrain import retraining_plan
    from tuning.evaluation.promise import Promised

    winner = result.winner
    assert winner is not None
    training, validation = work.job.data.for_retraining(keeps_validation=work.job.builder.keeps_validation)
    epochs, wanted = record["config"]["retraining_epochs"], _wanted_epochs(work, result)
    fewer = "" if epochs == wanted else f" (of {wanted} wanted: the time allows no more)"
    whole = "all " if validation is None else ""
    validated = "" if validation is None else f" ({len(validation)} are left for its own fit to validate)"
    work.console.print(
        f"retraining trial {winner.trial_id} on {whole}{len(training)} training images{validated}, "
        f"{counted(epochs, 'epoch')}{fewer}"
    )
    plan = retraining_plan(
        work.job.builder,
        winner,
        curves=result.winner_curves,
        examples=len(training),
        seed=record["seed"],
        most_epochs=epochs,
    )
    promised = Promised(curves=result.winner_curves, validation=len(work.job.data.validation))
    return train_model(work, record, plan, examples=(training, validation), promised=promised)


def train_model(
    work: Work,
    record: dict[str, Any],
    plan: TrainingPlan,
    *,
    examples: tuple[Split, Split | None],
    promised: Promised | None = None,
) -> TrainedModel:
    """Train and save the run's model, from the epoch that an earlier command reached, with progress on the terminal.

    Raises TrainingError, with the run's status FAILED on record, if there is no model to save.
    """
    from scripts.terminal.progress import TrainingProgress
    from tuning._retrain import train_and_save
    from tuning.errors import InputError, TrainingError
    from tuning.failures import describe_failure
    from tuning.files.atomic import write_json
    from tuning.plugins.user_callbacks import RETRAINING, TrialContext, made_by
    from tuning.runs import run_record
    from tuning.training.checkpoint import Checkpoint
    from tuning.training.train import Watch

    restored = Checkpoint(folder=work.folder.checkpoint).restore(plan)
    done = 0 if restored is None else len(restored.epochs)
    if done:
        work.console.print(f"going on after epoch {done}")
    with TrainingProgress(work.console, plan.settings, title="training", done=done) as progress:
        context = TrialContext(
            run=work.folder.name,
            trial_id=RETRAINING,
            hyperparameters=plan.hyperparameters,
            folder=work.folder.trial(RETRAINING).resolve(),
            run_folder=work.folder.path.resolve(),
        )
        watch = Watch(on_epoch=progress.epoch_finished, callbacks=lambda: made_by(work.job.factories, context))
        try:
            return train_and_save(
                work.job.builder, plan, work.folder, examples=examples, watch=watch, promised=promised
            )
        except (InputError, OSError):
            raise
        except Exception as error:
            if not isinstance(error, TrainingError) and not _runs_users_code(work):
                raise
            write_json(work.folder.run_json, {**record, "status": run_record.FAILED})
            if isinstance(error, TrainingError):
                raise
            reason = describe_failure(error)
            raise TrainingError(f"the training of {work.job.builder.name} failed ({reason}): fix it there") from error


def _runs_users_code(work: Work) -> bool:
    from tuning.models.user_model import UserModel

    return bool(work.job.factories) or isinstance(work.job.builder, UserModel)


def _wanted_epochs(work: Work, result: SearchResult) -> int:
    from tuning.ranking.selection import epochs_to_best

    assert result.winner is not None
    training, _ = work.job.data.for_retraining(keeps_validation=work.job.builder.keeps_validation)
    to_best = epochs_to_best(result.winner_curves)
    return work.job.builder.retraining_settings(result.winner, epochs_to_best=to_best, examples=len(training)).epochs


def look_at_test_set(work: Work, record: dict[str, Any]) -> dict[str, Any]:
    """Open the test set for the saved model, unless the run is finished; the completed record.

    The look is on record before anything is learned from it.
    """
    from tuning.files.atomic import write_json
    from tuning.runs import run_record
    from tuning.runs.run_folder import now
    from tuning.training.checkpoint import Checkpoint

    if record["status"] == run_record.FINISHED:
        return record
    folder, dataset = work.folder, work.job.dataset
    Checkpoint(folder=folder.checkpoint).clear()
    why = tell_weights_only(work)
    model = trained_model(work)
    test = dataset.test.open()
    looks = (record["test"] or {"looks": 0})["looks"] + dataset.test.looks
    saved = {"file": folder.written_model.name, "why_weights_only": why}
    record = {**record, "saved": saved, "test": {"accuracy": None, "ci95": None, "looks": looks}}
    write_json(folder.run_json, record)
    described = _evaluated(work, model, test)
    record = {**record, "test": {**described, "looks": looks}, "status": run_record.FINISHED, "finished_at": now()}
    write_json(folder.run_json, record)
    return record


def _evaluated(work: Work, model: Any, test: Split) -> dict[str, Any]:
    """How the model does on the test set; `evaluation.json` gets the details."""
    from tuning.evaluation.evaluation import evaluate
    from tuning.evaluation.inference import measure_outputs, predict_with
    from tuning.files.atomic import write_json
    from tuning.runs import run_record

    built = built_again(work)
    if not work.job.dataset.is_classification:
        metrics = measure_outputs(built.model, test, built.feed)
        write_json(work.folder.evaluation, {"examples": len(test), "metrics": metrics})
        return {"accuracy": None, "ci95": None, "metrics": metrics}
    predict = predict_with(model, built.feed, loss=built.model.loss if built.model.compiled else None)
    evaluation = evaluate(predict, test, class_names=work.job.dataset.class_names)
    write_json(work.folder.evaluation, evaluation.as_json())
    return run_record.describe_test(evaluation)


def trained_model(work: Work) -> Any:
    """The run's model as it was written. Raises InputError where the user's code does not build it any more."""
    from tuning.training.saving import load_keras_file

    model = built_again(work).model
    if not work.folder.model.exists():
        return model
    return load_keras_file(work.folder.model, work.job.builder.custom_objects_of(model))


def built_again(work: Work) -> Built:
    """The model that the code builds, with its losses and metrics, and the weights that were written."""
    from tuning.runs.training_file import read_trained
    from tuning.settings import TrainingPlan
    from tuning.training.saving import load_weights

    trained = read_trained(work.folder.training)
    plan = TrainingPlan(hyperparameters=trained.hyperparameters, settings=trained.settings, seed=trained.seed)
    built = work.job.builder.built(plan)
    load_weights(built.model, work.folder)
    return built


def tell_weights_only(work: Work) -> str | None:
    """Why there is no `.keras` file, which is printed, too; None where there is one."""
    from scripts.terminal.console import yellow
    from tuning.runs.training_file import read_trained

    why = read_trained(work.folder.training).why_weights_only
    if why:
        work.console.print(
            yellow("note: "),
            f"no .keras file of this model loads again ({why}): its weights are kept, and it is exported with the "
            f"code of {work.job.builder.name}",
        )
    return why if why else None
