"""The look at the test set: once, for the model as it was written, and on record before anything is learned from it."""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar

from tuning.data.dataset import Dataset, Split
from tuning.evaluation.evaluation import evaluate
from tuning.evaluation.inference import measure_outputs, predict_with
from tuning.files.atomic import write_json
from tuning.runs.evaluation_record import OutputEvaluation
from tuning.runs.run_folder import RunFolder, now
from tuning.runs.run_record import FinalTest, RunRecord, RunStatus, WrittenModel
from tuning.runs.training_file import read_trained
from tuning.settings import TrainingPlan
from tuning.training.builder import ModelBuilder
from tuning.training.built import Built
from tuning.training.checkpoint import Checkpoint
from tuning.training.saving import load_keras_file, load_weights

_Run = TypeVar("_Run", bound=RunRecord)


def look_at_test_set(run: RunFolder, record: _Run, builder: ModelBuilder, dataset: Dataset) -> _Run:
    """Measure the run's model on the test set, unless that is done; the completed record, FINISHED.

    Raises InputError where the user's code does not build the model any more.
    """
    if record.status is RunStatus.FINISHED:
        return record
    Checkpoint(folder=run.checkpoint).clear()
    model, built = _written_model(run, builder)
    # What a program saw before it had this run is a look, too.
    seen = record.test.looks if record.test is not None else dataset.test.looks
    test = dataset.test.open()
    looked = FinalTest(accuracy=None, ci95=None, looks=seen + 1)
    why = read_trained(run.training).why_weights_only
    saved = WrittenModel(file=run.written_model.name, why_weights_only=why or None)
    record = dataclasses.replace(record, saved=saved, test=looked)
    run.write(record)
    tested = dataclasses.replace(_measure(run, model, built, dataset, test), looks=looked.looks)
    record = dataclasses.replace(record, test=tested, status=RunStatus.FINISHED, finished_at=now())
    run.write(record)
    return record


def _measure(run: RunFolder, model: Any, built: Built, dataset: Dataset, test: Split) -> FinalTest:
    """How the model does on the test set; `evaluation.json` gets the details."""
    if not dataset.is_classification:
        metrics = measure_outputs(built.model, test, built.feed)
        write_json(run.evaluation, OutputEvaluation(examples=len(test), metrics=metrics).as_json())
        return FinalTest(accuracy=None, ci95=None, metrics=metrics, looks=0)
    predict = predict_with(model, built.feed, loss=built.model.loss if built.model.compiled else None)
    evaluation = evaluate(predict, test, class_names=dataset.class_names)
    write_json(run.evaluation, evaluation.as_json())
    return FinalTest(accuracy=evaluation.accuracy, ci95=evaluation.ci95, looks=0)


def _written_model(run: RunFolder, builder: ModelBuilder) -> tuple[Any, Built]:
    """The run's model as its file holds it, and as the code builds it, with losses, metrics and the same weights."""
    trained = read_trained(run.training)
    built = builder.build_model(
        TrainingPlan(hyperparameters=trained.hyperparameters, settings=trained.settings, seed=trained.seed)
    )
    load_weights(built.model, run)
    if not run.model.exists():
        return built.model, built
    return load_keras_file(run.model, builder.custom_objects_of(built.model)), built
