"""A run from its search to the look at the test set: what is on record, and that it resumes at any step."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from run_records import run_record

import tuning
from tuning.data.dataset import Dataset, make_dataset
from tuning.data.search_data import SearchData
from tuning.errors import InputError, TrainingError
from tuning.lifecycle.complete import _SearchOnly
from tuning.lifecycle.run_work import Retraining, RunWork
from tuning.lifecycle.steps import CompletedRun, complete_training_run
from tuning.lifecycle.training_step import train_run_model, train_until_end_is_fixed
from tuning.loop.budget import Budget
from tuning.loop.observer import Silent
from tuning.loop.resources import Resources
from tuning.records import Epoch, SearchConfig, StopReason, TrialStatus
from tuning.runs.run_folder import RunFolder
from tuning.runs.run_record import RunCommand, RunRecord, RunStatus, TrainRun
from tuning.settings import Schedule, TrainingPlan, TrainingSettings
from tuning.space.ranges import Choices

WRITES = 6
"""Of run.json: begun, searched, with a winner, trained, looked at the test set, finished."""


def build(hp: Any) -> keras.Model:
    """A model that trains at once."""
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Rescaling(1 / 255), keras.layers.Flatten()])
    model.add(keras.layers.Dense(4, activation="softmax"))
    optimizer = keras.optimizers.Adam(hp.Float("rate", 1e-3, 1e-1))
    model.compile(optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"], run_eagerly=True)
    return model


CONFIG = SearchConfig(max_trials=2, epochs=1, repeats=0)


def shapes(seed: int = 0) -> Dataset:
    """Every time another object, as another process has it."""
    draw = np.random.default_rng(seed)
    arrays: dict[str, Any] = {}
    for part, count in (("train", 60), ("test", 20)):
        arrays[f"x_{part}"] = draw.integers(0, 256, (count, 8, 8), dtype=np.uint8)
        arrays[f"y_{part}"] = np.arange(count) % 4
    return make_dataset(arrays, name="shapes")


def complete(folder: Path, dataset: Dataset, config: SearchConfig = CONFIG, model: Any = build) -> CompletedRun:
    return tuning.complete(model, dataset, folder, config, resources=Resources(workers=0))


def lasting(record: RunRecord) -> dict[str, Any]:
    """The record without times and looks."""
    written = record.as_json()
    del written["finished_at"], written["seconds"], written["test"]["looks"]
    return written


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What lasts of a run that nothing kills."""
    return lasting(complete(tmp_path_factory.mktemp("whole"), shapes()).record)


class Killed(BaseException):
    """A kill, as far as a process can survive one."""


def kill_at(monkeypatch: pytest.MonkeyPatch, number: int, *, before: bool) -> None:
    """At the write of run.json of that number."""
    write: Callable[..., None] = RunFolder.write
    count = [0]

    def dying(self: RunFolder, record: RunRecord) -> None:
        count[0] += 1
        if not before:
            write(self, record)
        if count[0] == number:
            raise Killed
        if before:
            write(self, record)

    monkeypatch.setattr(RunFolder, "write", dying)


@pytest.mark.slow
def test_a_run_in_one_call_is_searched_trained_and_tested_once(tmp_path: Path) -> None:
    done = complete(tmp_path / "run", shapes())

    record, run = done.record, RunFolder(path=tmp_path / "run")
    assert run.read() == record
    assert (record.command, record.status) == (RunCommand.COMPLETE, RunStatus.FINISHED)
    assert record.config.searched is not None
    assert record.config.searched.stopped_by is done.result.stopped_by is StopReason.MAX_TRIALS
    assert record.test is not None
    assert record.test.looks == 1
    assert record.test.accuracy is not None
    assert record.winner is not None
    assert record.winner.trial_id == done.result.winner.trial_id  # type: ignore[union-attr]
    assert record.saved is not None
    assert record.saved.file == "model.keras"
    assert keras.models.load_model(run.model).output_shape == (None, 4)
    assert json.loads(run.evaluation.read_text())["accuracy"] == record.test.accuracy


@pytest.mark.slow
@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("number", range(1, WRITES + 1))
def test_a_run_that_is_killed_at_any_step_resumes_there(
    tmp_path: Path, whole: dict[str, Any], number: int, *, before: bool
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        kill_at(patch, number, before=before)
        with pytest.raises(Killed):
            complete(tmp_path / "run", shapes())

    resumed = complete(tmp_path / "run", shapes())

    assert lasting(resumed.record) == whole
    assert resumed.record.test is not None
    # A look that was on record before the kill stays on record.
    looked_before = number == WRITES if before else number == WRITES - 1
    assert resumed.record.test.looks == (2 if looked_before else 1)


@pytest.mark.slow
def test_a_finished_run_is_returned_as_it_is(tmp_path: Path) -> None:
    first = complete(tmp_path, shapes())
    content = (tmp_path / "run.json").read_bytes()

    again = complete(tmp_path, shapes())

    assert again.record == first.record
    assert again.result.trials == first.result.trials
    assert (tmp_path / "run.json").read_bytes() == content


@pytest.mark.slow
def test_more_trials_search_on_and_only_another_winner_is_trained(tmp_path: Path) -> None:
    first = complete(tmp_path, shapes())
    more = complete(tmp_path, shapes(), dataclasses.replace(CONFIG, max_trials=4))

    assert len(more.result.trials) == 4
    assert more.record.test is not None
    assert more.record.test.looks == (1 if more.record.winner == first.record.winner else 2)
    with pytest.raises(InputError, match=r"max_trials 2 is less than the 4 that .* was started with: ask for more"):
        complete(tmp_path, shapes())


@pytest.mark.slow
def test_a_run_of_something_else_is_refused(tmp_path: Path) -> None:
    complete(tmp_path, shapes())

    with pytest.raises(InputError, match="was started with seed 0 and can't continue with 1: ask for the same or"):
        complete(tmp_path, shapes(), dataclasses.replace(CONFIG, seed=1))
    with pytest.raises(InputError, match=r"was started with data [0-9a-f]{64} and can't continue with"):
        complete(tmp_path, shapes(seed=1))


@pytest.mark.slow
def test_a_run_of_a_command_is_left_to_that(tmp_path: Path) -> None:
    RunFolder(path=tmp_path).write(run_record())

    with pytest.raises(InputError, match=r"holds a run of tune\.py: continue it by that command, or choose another"):
        complete(tmp_path, shapes())


@pytest.mark.exhaustive
def test_a_search_without_a_result_is_on_record_as_failed(tmp_path: Path) -> None:
    done = complete(tmp_path, shapes(), dataclasses.replace(CONFIG, max_parameters=1))

    assert done.result.winner is None
    assert {trial.status for trial in done.result.trials} == {TrialStatus.SKIPPED}
    assert RunFolder(path=tmp_path).read().status is RunStatus.FAILED


def work_on(builder: Any, dataset: Any, path: Path, *, factories: Any = ()) -> RunWork:
    return RunWork(
        folder=RunFolder(path=path),
        dataset=dataset,
        data=SearchData.of(dataset),
        builder=builder,
        factories=factories,
        observer=_SearchOnly(Silent()),
    )


def training(plan: TrainingPlan) -> TrainRun:
    record = run_record(command="train", status="retraining", config={"plan": plan.as_json()})
    assert isinstance(record, TrainRun)
    return record


class EpochsTakeTime(_SearchOnly):
    """Every epoch of the training moves a clock on by so many seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__(Silent())
        self.now, self._seconds = 0.0, seconds

    @contextlib.contextmanager
    def training(self, retraining: Retraining) -> Iterator[Callable[[Epoch], None]]:
        def move_on(epoch: Epoch) -> None:
            self.now += self._seconds

        yield move_on


@pytest.mark.slow
@pytest.mark.parametrize(("seconds", "epochs"), [(40.0, 3), (1000.0, 1), (1.0, 5)])
def test_a_training_ends_when_its_time_is_up_but_not_before_its_first_epoch(
    seconds: float, epochs: int, tiny: Any, digits: Any, tmp_path: Path
) -> None:
    follower = EpochsTakeTime(seconds)
    work = dataclasses.replace(work_on(tiny, digits, tmp_path), observer=follower)
    plan = TrainingPlan(hyperparameters=tiny.check({}), settings=tiny.trial_settings(5), seed=0)

    trained = train_run_model(
        work,
        training(plan),
        plan,
        limit=Budget(100.0, clock=lambda: follower.now),
    )

    assert len(trained.epochs) == epochs
    assert (tmp_path / "model.keras").exists()


@pytest.mark.slow
def test_when_its_speed_is_known_a_training_gets_as_many_epochs_as_have_time(
    tiny: Any, digits: Any, tmp_path: Path
) -> None:
    def plan_of(epochs: int) -> TrainingPlan:
        settings = TrainingSettings(epochs=epochs, schedule=Schedule.WARMUP_DECAY)
        return TrainingPlan(hyperparameters=tiny.check({}), settings=settings, seed=0)

    follower = EpochsTakeTime(10.0)
    work = dataclasses.replace(work_on(tiny, digits, tmp_path / "timed"), observer=follower)
    limit = Budget(100.0, clock=lambda: follower.now)
    plan = plan_of(60)

    epochs = train_until_end_is_fixed(work, training(plan), plan, wanted=60, limit=limit)

    # 90 s are left for it, of which a start takes almost 10 and two epochs have taken 20; only with 9 are two constant.
    assert (epochs, follower.now) == (9, 20.0)
    assert train_until_end_is_fixed(work, training(plan), plan_of(9), wanted=60, limit=limit) is None
    trained = train_run_model(work, training(plan), plan_of(9), limit=limit)
    (tmp_path / "whole").mkdir()
    whole = work_on(tiny, digits, tmp_path / "whole")
    assert len(trained.epochs) == 9
    train_run_model(whole, training(plan), plan_of(9))
    both = [keras.models.load_model(tmp_path / name / "model.keras").get_weights() for name in ("timed", "whole")]
    assert all(np.array_equal(one, other) for one, other in zip(*both, strict=True))


@pytest.mark.slow
def test_a_training_that_diverges_is_on_record_as_failed(hypermodel: Any, digits: Any, tmp_path: Path) -> None:
    hopeless = type(hypermodel)(hypermodel.task, ranges={**hypermodel.ranges, "learning_rate": Choices(values=(1e30,))})
    values = {"num_blocks": 1, "num_filters_1": 8, "learning_rate": 1e30}
    plan = TrainingPlan(hyperparameters=hopeless.check(values), settings=TrainingSettings(epochs=2), seed=0)
    record = training(plan)

    with pytest.raises(TrainingError, match="the loss became NaN or infinite in epoch 1"):
        complete_training_run(work_on(hopeless, digits, tmp_path), record)

    assert RunFolder(path=tmp_path).read() == dataclasses.replace(record, status=RunStatus.FAILED)
    assert not (tmp_path / "model.keras").exists()


@pytest.mark.slow
def test_a_callback_that_fails_while_a_model_is_trained_is_the_user_s_to_fix(
    hypermodel: Any, digits: Any, tmp_path: Path
) -> None:
    def broken(trial: Any) -> Any:
        raise ValueError("no tracker")

    plan = TrainingPlan(
        hyperparameters=hypermodel.check({"num_blocks": 1}), settings=TrainingSettings(epochs=1), seed=0
    )
    work = work_on(hypermodel, digits, tmp_path, factories=(broken,))

    with pytest.raises(
        TrainingError, match=r"the training of the built-in model failed \(test_lifecycle\.py line \d+: ValueError: no"
    ):
        complete_training_run(work, training(plan))

    assert RunFolder(path=tmp_path).read().status is RunStatus.FAILED
