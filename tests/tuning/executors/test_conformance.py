"""What every executor does alike, and what those do that have processes of their own."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tuning.executors.by_name import executor_class, executor_names
from tuning.executors.interface import EpochEnded, Lost, ModelBuilt, TaskEnded

pytestmark = pytest.mark.slow


@pytest.fixture(params=executor_names())
def bench(request: pytest.FixtureRequest, bench_of: Any) -> Any:
    """Every executor."""
    return bench_of(request.param)


@pytest.fixture(params=[name for name in executor_names() if executor_class(name).is_apart])
def apart(request: pytest.FixtureRequest, bench_of: Any) -> Any:
    """Every executor whose tasks run in processes of their own."""
    return bench_of(request.param)


def losses(end: TaskEnded) -> list[Any]:
    return [(epoch.loss, epoch.val_loss) for epoch in end.epochs]


def weights(state: Path) -> list[np.ndarray]:
    """All that the last weights file of a state holds, the optimizer's part included."""
    import h5py

    found: list[np.ndarray] = []
    newest = max(state.glob("[0-9]*.weights.h5"), key=lambda path: int(path.name.partition(".")[0]))
    with h5py.File(newest) as file:
        file.visititems(lambda name, entry: found.append(entry[()]) if isinstance(entry, h5py.Dataset) else None)
    return found


def test_a_task_is_built_then_has_its_epochs_then_ends(bench: Any) -> None:
    task = bench.task()

    end = bench.end(task)

    assert bench.kinds(task) == [ModelBuilt, EpochEnded, EpochEnded, EpochEnded, TaskEnded]
    assert bench.numbers(task) == [1, 2, 3]
    assert (len(end.epochs), end.result_epoch, end.stopped, end.failure) == (3, 2, False, "")
    assert (end.hyperparameters, end.macs) == (bench.plan.hyperparameters, None)


def test_reports_hold_what_the_end_holds(bench: Any) -> None:
    end = bench.end(bench.task())

    built, *epochs, _ = bench.reports
    assert built.parameters == end.parameters > 0
    assert tuple(report.epoch for report in epochs) == end.epochs


def test_answered_no_before_the_first_epoch_nothing_is_trained(bench: Any) -> None:
    task = bench.task(waits=True)

    end = bench.end(task, lambda report: not isinstance(report, ModelBuilt))

    assert bench.kinds(task) == [ModelBuilt, TaskEnded]
    assert (end.epochs, end.stopped, end.failure) == ((), True, "")
    assert end.parameters > 0


def test_answered_no_after_the_second_epoch_it_ends_with_exactly_two(bench: Any) -> None:
    whole = bench.end(bench.task())
    task = bench.task(waits=True)

    end = bench.end(task, lambda report: not (isinstance(report, EpochEnded) and report.number == 2))

    assert bench.numbers(task) == [1, 2]
    assert losses(end) == losses(whole)[:2]
    assert end.stopped


def test_without_waiting_an_answer_of_no_stops_it_a_little_later(bench: Any, shorter: Any) -> None:
    plan = shorter(bench.plan, 300)

    end = bench.end(bench.task(plan=plan, until=300), lambda report: not isinstance(report, EpochEnded))

    assert end.stopped
    assert 1 <= len(end.epochs) < 300


def test_a_stopped_task_keeps_what_it_reached(bench: Any, shorter: Any) -> None:
    def stop(report: Any) -> bool:
        if isinstance(report, EpochEnded) and report.number == 1:
            bench.executor.stop(report.task_id)
        return True

    end = bench.end(bench.task(plan=shorter(bench.plan, 300), until=300), stop)

    assert (end.stopped, end.failure) == (True, "")
    assert 1 <= len(end.epochs) < 300


def test_a_killed_task_is_lost_for_the_given_reason(bench: Any) -> None:
    def kill(report: Any) -> bool:
        bench.executor.kill(report.task_id, reason="it took too long")
        return True

    task = bench.task()
    end = bench.end(task, kill)

    assert end == Lost(task_id=task.task_id, reason="it took too long")
    assert bench.kinds(task) == [ModelBuilt, Lost]


def test_a_task_that_is_killed_before_it_reported_is_lost_too(bench: Any) -> None:
    task = bench.task()
    bench.executor.submit(task)
    bench.executor.kill(task.task_id, reason="changed my mind")

    assert bench.polled([task.task_id]) == [Lost(task_id=task.task_id, reason="changed my mind")]
    assert bench.kinds(task) == [Lost]


def test_after_a_killed_task_the_next_one_runs(bench: Any) -> None:
    killed = bench.task()
    bench.executor.submit(killed)
    bench.executor.kill(killed.task_id, reason="changed my mind")
    bench.polled([killed.task_id])

    assert len(bench.end(bench.task()).epochs) == 3


def test_unknown_tasks_are_let_be(bench: Any) -> None:
    task = bench.task()
    bench.end(task)

    for task_id in ("nobody", task.task_id):
        bench.executor.stop(task_id)
        bench.executor.kill(task_id, reason="none")
    bench.executor.poll(lambda report: pytest.fail(f"{report}"), seconds=0.1)


def test_a_paused_task_goes_on_as_if_it_had_not_been(bench: Any, full_plan: Any) -> None:
    whole = bench.task(state="whole", plan=full_plan)
    parts = [bench.task(until=until, state="parts", plan=full_plan) for until in (1, 2, 3)]

    uninterrupted = bench.end(whole)
    ends = [bench.end(part) for part in parts]

    assert [len(end.epochs) for end in ends] == [1, 2, 3]
    assert [bench.numbers(part) for part in parts] == [[1], [2], [3]]
    assert not any(end.stopped for end in ends)
    assert losses(ends[-1]) == losses(uninterrupted)
    # At no distance in time, a state is saved after every epoch: the last one's weights, and the optimizer's.
    for expected, found in zip(weights(whole.state), weights(parts[0].state), strict=True):
        assert np.array_equal(expected, found)


def test_a_killed_task_is_retried_from_its_last_epoch(bench: Any) -> None:
    def kill(report: Any) -> bool:
        if isinstance(report, EpochEnded) and report.number == 3:
            bench.executor.kill(report.task_id, reason="it took too long")
        return True

    whole = bench.end(bench.task())
    retried = bench.task(state="retried")
    bench.end(bench.task(state="retried", waits=True), kill)
    end = bench.end(retried)

    assert bench.numbers(retried)[-1] == 3
    assert len(bench.numbers(retried)) < 3
    assert losses(end) == losses(whole)


def test_a_task_that_had_all_its_epochs_before_ends_the_same(bench: Any) -> None:
    first, again = (bench.task(until=2, state="same") for _ in range(2))

    assert losses(bench.end(first)) == losses(bench.end(again))
    assert bench.kinds(again) == [ModelBuilt, TaskEnded]


def test_an_error_is_told_in_one_line_with_what_was_reached(bench: Any) -> None:
    end = bench.end(bench.task(does="raises:1"))

    assert end.failure.startswith("conftest.py line ")
    assert ": RuntimeError: it is broken!!!" in end.failure
    assert end.traceback.rstrip().endswith("!" * 400)
    assert len(end.failure) < 350
    assert (len(end.epochs), end.hyperparameters) == (2, bench.plan.hyperparameters)


def test_a_task_whose_code_leaves_python_fails_alone(bench: Any) -> None:
    assert bench.end(bench.task(does="leaves")).failure.endswith(": SystemExit: 3")
    assert bench.end(bench.task()).failure == ""


def test_a_model_that_can_not_be_built_is_a_failure(bench: Any) -> None:
    end = bench.end(bench.task(plan=replace(bench.plan, hyperparameters={"units": -1})))

    assert end.failure.endswith("it asks for full, for which it did not ask when the configuration was drawn")
    assert (end.hyperparameters, end.epochs, end.parameters) == (None, (), 0)


def test_a_configuration_of_which_less_was_asked_for_is_a_failure(bench: Any) -> None:
    more = {**bench.plan.hyperparameters, "depth": 3}

    end = bench.end(bench.task(plan=replace(bench.plan, hyperparameters=more)))

    assert end.failure == "it did not ask for depth, for which it asked when the configuration was drawn"


def test_a_loss_that_is_not_a_number_is_a_failure_with_its_epochs(bench: Any) -> None:
    end = bench.end(bench.task(does="nan:0"))

    assert end.failure == "the loss became NaN or infinite in epoch 2"
    assert len(end.epochs) == 2


def test_a_task_that_runs_out_of_memory_is_lost(bench: Any) -> None:
    task = bench.task(does="memory")

    assert bench.end(task) == Lost(task_id=task.task_id, reason="it ran out of memory")
    assert len(bench.end(bench.task()).epochs) == 3


def test_callbacks_are_made_where_the_task_runs(bench: Any) -> None:
    task = bench.task()

    bench.end(task)

    assert (bench.folder / f"{task.task_id}.txt").is_file()


def test_there_are_as_many_tasks_at_once_as_workers(bench: Any) -> None:
    for _ in range(bench.executor.workers):
        bench.executor.submit(bench.task())

    with pytest.raises(ValueError, match="must wait: "):
        bench.executor.submit(bench.task())


def test_an_error_of_who_is_told_comes_through_and_it_can_be_closed(bench: Any) -> None:
    def interrupted(report: Any) -> bool:
        raise KeyboardInterrupt

    bench.executor.submit(bench.task())
    with pytest.raises(KeyboardInterrupt):
        bench.polled(["-"], interrupted)


def test_with_nothing_to_do_it_waits_as_long_as_asked(bench: Any) -> None:
    started = time.monotonic()

    bench.executor.poll(lambda report: True, seconds=0.2)

    assert 0.15 < time.monotonic() - started < 5


@pytest.mark.parametrize("does", ["hang", "frozen"])
def test_a_task_that_hangs_can_be_killed(apart: Any, does: str) -> None:
    hung, other = apart.task(does=f"{does}:1"), apart.task()
    apart.executor.submit(hung)
    apart.end(other)
    while len(apart.numbers(hung)) < 2:
        apart.executor.poll(lambda report: bool(apart.reports.append(report)) or True, seconds=1)
    apart.executor.kill(hung.task_id, reason="it took too long")

    assert apart.polled([hung.task_id])[0].reason == "it took too long"


@pytest.mark.parametrize(
    ("does", "reason"),
    [("killed:1", "its worker was ended by SIGKILL"), ("exits:1", "its worker ended with exit code 3")],
)
def test_a_worker_that_dies_costs_its_task_alone(apart: Any, does: str, reason: str) -> None:
    dying, other = apart.task(does=does), apart.task()

    ends = apart.ends(dying, other)

    assert ends[0] == Lost(task_id=dying.task_id, reason=reason)
    assert len(ends[1].epochs) == 3


def test_tasks_run_apart_from_this_process(apart: Any) -> None:
    tasks = [apart.task() for _ in range(apart.executor.workers)]

    apart.ends(*tasks)

    pids = {(apart.folder / f"{task.task_id}.txt").read_text() for task in tasks}
    assert len(pids) == apart.executor.workers
    assert str(os.getpid()) not in pids
