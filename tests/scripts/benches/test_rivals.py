"""The bookkeeping of the throughput measurements: who counts as having done the same work, and how rates compare."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from scripts.benches.rivals import race
from scripts.benches.rivals.job import MarksFile, RivalJob, write_configurations
from scripts.benches.rivals.packages import provide
from scripts.benches.rivals.race import Contestant, Run, median_ratio

JOB = RivalJob(dataset="digits", space="small", trials=2, epochs=3, seed=1, configurations=({"batch_size": 64},))
CONTESTANT = Contestant(name="somebody", module="ours", workers=2)


def run(contestant: str, repeat: int, seconds: float) -> Run:
    return Run(
        contestant=contestant,
        repeat=repeat,
        trials=8,
        whole_seconds=2 * seconds,
        trials_seconds=seconds,
        val_accuracies=(),
    )


def train_epochs(monkeypatch: pytest.MonkeyPatch, *epochs: int, batch_size: int = 64) -> None:
    """Let every contestant train so many epochs in each of its trials."""

    def run_module(module: str, job: RivalJob, folder: Path, environment: Mapping[str, str]) -> float:
        for count in epochs:
            MarksFile.of(folder).append(0)
            MarksFile.of(folder).append(count, 0.5)
        write_configurations(folder, [{"batch_size": batch_size}])
        return 1.0

    monkeypatch.setattr(race, "_run_module", run_module)


def test_a_ratio_compares_runs_of_the_same_repeat() -> None:
    runs = [run("ours", 0, 10), run("other", 0, 15), run("other", 1, 60), run("ours", 1, 20), run("ours", 2, 10)]

    assert median_ratio([*runs, run("other", 2, 20)], "ours", "other", span="trials_seconds") == 2.0


def test_trials_per_hour_follow_the_chosen_span() -> None:
    assert run("ours", 0, 3600).trials_per_hour("trials_seconds") == 8.0
    assert run("ours", 0, 3600).trials_per_hour("whole_seconds") == 4.0


def test_each_repeat_begins_with_another_contestant(monkeypatch: pytest.MonkeyPatch) -> None:
    train_epochs(monkeypatch, 3, 3)
    contestants = [Contestant(name=name, module="ours", workers=1) for name in "abc"]

    runs = race.race(contestants, JOB, repeats=2, packages=None, tell=lambda run: None)

    assert "".join(run.contestant for run in runs) == "abcbca"


@pytest.mark.parametrize("epochs", [(3,), (3, 2), (3, 3, 3), ()])
def test_a_contestant_that_trained_something_else_is_no_comparison(
    monkeypatch: pytest.MonkeyPatch, epochs: tuple[int, ...]
) -> None:
    train_epochs(monkeypatch, *epochs)

    with pytest.raises(RuntimeError, match=r"somebody must train 2 trials of 3 epochs, got \["):
        race.race([CONTESTANT], JOB, repeats=1, packages=None, tell=lambda run: None)


def test_other_configurations_than_the_drawn_ones_are_no_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    train_epochs(monkeypatch, 3, 3, batch_size=32)
    drawer = Contestant(name="drawer", module="plain_keras_tuner", workers=1, draws=True)

    with pytest.raises(RuntimeError, match="drawer trained other configurations than it had drawn before"):
        race.race([drawer], JOB, repeats=1, packages=None, tell=lambda run: None)


def test_a_process_that_fails_says_why() -> None:
    missing = Contestant(name="missing", module="missing", workers=1)

    with pytest.raises(RuntimeError, match=r"(?s)scripts\.benches\.rivals\.missing ended with 1:.*No module named"):
        race.race([missing], JOB, repeats=1, packages=None, tell=lambda run: None)


def test_nothing_is_installed_where_nothing_is_needed(tmp_path: Path) -> None:
    provide([], tmp_path / "packages")

    assert not (tmp_path / "packages").exists()
