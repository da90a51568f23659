"""Replayed searches: the table's numbers reach the search as they are, and its clock is theirs alone."""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path
from typing import Any

import pytest

from scripts.benches.judging import curves
from scripts.benches.judging.replay import with_keras_tuner, with_optuna
from scripts.benches.judging.replay.asking import LibraryOracle
from scripts.benches.judging.replay.search import Replay
from scripts.benches.judging.replay.simulation import Clock
from scripts.benches.judging.replay.table import CurveTable
from tuning.loop.journal import Journal
from tuning.oracles.by_name import algorithm_names

EPOCHS = 6


def make_lines(count: int = 12) -> list[dict[str, Any]]:
    """Curves of two seeds over a real hyperparameter and a word; the best one is rate 0.006, kind b."""
    lines = []
    for number in range(count):
        rate, kind = 0.001 * (number // 2 + 1), "ab"[number % 2]
        error = 1 + 100 * abs(rate - 0.006) + (kind == "a")
        for seed in (0, 1):
            losses = [error / 10 + 1 / epoch + 0.01 * seed for epoch in range(1, EPOCHS + 1)]
            lines.append(
                {
                    "hyperparameters": {"rate": rate, "kind": kind, **({"extra": number} if kind == "b" else {})},
                    "seed": seed,
                    "parameters": 100 * number,
                    "seconds": [2.0] * EPOCHS,
                    "val_loss": losses,
                    "test_error": error + 0.2 * seed,
                }
            )
    return lines


@pytest.fixture
def table() -> CurveTable:
    return CurveTable.of(make_lines(), name="made")


def replay(table: CurveTable, **options: Any) -> Replay:
    usual = {
        "algorithm": "random",
        "factory": None,
        "seconds": 120.0,
        "seed": 0,
        "workers": 1,
        "starting_seconds": 0.0,
        "with_default": True,
    }
    return Replay(table=table, **{**usual, **options})


def test_a_table_is_read_as_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "made.jsonl.gz"
    for line in make_lines():
        with path.open("ab") as file:
            file.write(gzip.compress((json.dumps(line) + "\n").encode()))

    table = CurveTable.read(path)

    assert (len(table.entries), table.epochs, table.training_seconds) == (12, EPOCHS, 12.0)
    assert table.lowest_error == pytest.approx(1.1)
    assert [len(entry.curves) for entry in table.entries] == [2] * 12


def test_a_table_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="made holds no trainings"):
        CurveTable.of([], name="made")


def test_a_training_that_diverged_keeps_its_last_value() -> None:
    lines = make_lines()
    lines[0]["val_loss"], lines[0]["seconds"] = [1.0, math.nan], [2.0, 2.0]

    curve = CurveTable.of(lines, name="made").entries[0].curves[0]

    assert len(curve.val_loss) == EPOCHS
    assert math.isnan(curve.val_loss[-1])


def test_the_nearest_configuration_differs_least(table: CurveTable) -> None:
    assert table.nearest({"rate": 0.0032, "kind": "a"}).hyperparameters == {"rate": 0.003, "kind": "a"}
    assert table.nearest(table.entries[5].hyperparameters).number == 5
    assert table.nearest(table.entries[5].hyperparameters, but={5}).number != 5


@pytest.mark.parametrize("algorithm", algorithm_names())
def test_every_algorithm_finds_the_best_in_time_for_all(algorithm: str, table: CurveTable, tmp_path: Path) -> None:
    found = replay(table, algorithm=algorithm, seconds=600.0).run(tmp_path)

    assert found.regret == pytest.approx(0.0)


@pytest.mark.parametrize("algorithm", ["random", "freeze-thaw"])
@pytest.mark.parametrize("workers", [1, 3])
def test_a_search_ends_with_its_time_and_epochs_are_those_of_the_table(
    algorithm: str, workers: int, table: CurveTable, tmp_path: Path
) -> None:
    found = replay(table, algorithm=algorithm, workers=workers, seconds=60.0).run(tmp_path)

    trials = Journal(tmp_path / "trials.jsonl").trials()
    assert found.seconds <= 60.0 + 2.0 * workers
    assert found.configurations == len(trials) > workers
    for trial in trials:
        recorded = table.nearest(trial.hyperparameters).curves
        assert [epoch.val_loss for epoch in trial.epochs] == list(recorded[0].val_loss[: len(trial.epochs)])


def test_a_repeat_is_the_training_with_the_other_seed(table: CurveTable, tmp_path: Path) -> None:
    replay(table, seconds=400.0).run(tmp_path)

    repeats = Journal(tmp_path / "trials.jsonl").repeats()
    first = next(each for each in repeats if each.trial_id.endswith(".1"))
    curve = table.nearest(first.hyperparameters).curves[1]
    assert [epoch.val_loss for epoch in first.epochs] == list(curve.val_loss[: len(first.epochs)])


class Stubborn:
    """Ends every trial after its second epoch, and remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[int, int, float]] = []
        self.ended: list[int] = []

    def ask(self, number: int, space: Any) -> dict[str, Any]:
        return {choice.name: choice.values[number % len(choice.values)] for choice in space}

    def tell(self, number: int, epoch: int, value: float) -> bool:
        self.told.append((number, epoch, value))
        return epoch < 2

    def end(self, number: int) -> None:
        self.ended.append(number)


def test_a_library_is_told_of_every_epoch_and_ends_trials(table: CurveTable, tmp_path: Path) -> None:
    library = Stubborn()

    replay(table, factory=lambda objective, seed, epochs: LibraryOracle(library, objective), seconds=20.0).run(tmp_path)

    assert [told[:2] for told in library.told] == [(number, epoch) for number in range(4) for epoch in (1, 2)]
    assert library.told[0][2] == table.entries[0].curves[0].val_loss[0]
    assert library.ended[:4] == [0, 1, 2, 3]


LIBRARIES = (
    with_keras_tuner.random,
    with_keras_tuner.bayesian,
    with_keras_tuner.hyperband,
    with_optuna.tpe,
    with_optuna.tpe_median,
    with_optuna.halving,
)


@pytest.mark.parametrize("factory", LIBRARIES)
def test_an_oracle_of_another_library_is_asked_for_values_that_occur(
    factory: Any, table: CurveTable, tmp_path: Path
) -> None:
    found = replay(table, factory=factory, seconds=240.0).run(tmp_path)

    assert found.configurations > 3
    assert found.regret < 5


def test_ranks_are_means_over_the_seeds_and_shared_by_equals() -> None:
    found = curves.mean_ranks({"a": [0.1, 0.5, 0.3], "b": [0.2, 0.5, 0.1]})

    assert found == {"a": pytest.approx((1 + 1.5 + 2) / 3), "b": pytest.approx((2 + 1.5 + 1) / 3)}


def test_a_simulated_clock_stands_still_by_itself() -> None:
    clock = Clock()

    assert (clock(), clock()) == (0.0, 0.0)
