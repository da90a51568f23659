"""Repeats with other seeds decide, not the luckiest first value."""

from __future__ import annotations

import json
import math
import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuning.ranking.selection import Selection, epochs_to_best, finalists, select, still_falling
from tuning.records import TrialStatus
from tuning.settings import Objective, TrainingSettings

ACCURACY = Objective(name="val_accuracy", maximize=True)


@pytest.fixture(scope="session")
def repeated(make_trial):
    """Finalists with the given first values, and repeats of each with the given values; None: a failed one."""

    def make(*values):
        trials = [make_trial(first, trial_id=f"{index:04}") for index, (first, _) in enumerate(values)]
        repeats = [
            make_trial(
                value if value is not None else math.nan,
                trial_id=f"{index:04}.{number}",
                repeat_of=f"{index:04}",
                status=TrialStatus.FAILED if value is None else TrialStatus.COMPLETED,
            )
            for index, (_, others) in enumerate(values)
            for number, value in enumerate(others)
        ]
        return trials, repeats

    return make


def test_finalists_are_the_best_with_a_result_the_earlier_on_a_tie(make_trial):
    losses = [0.3, 0.1, math.nan, 0.1, 0.2]
    trials = [make_trial(loss, trial_id=str(index)) for index, loss in enumerate(losses)]
    assert [trial.trial_id for trial in finalists(trials, 3)] == ["1", "3", "4"]


def test_a_repeat_is_no_finalist(make_trial):
    trials = [make_trial(0.3), make_trial(0.1, trial_id="0001", repeat_of="0000")]
    assert finalists(trials, 5) == (trials[0],)


def test_the_best_mean_over_the_repeats_wins_whatever_the_first_values(repeated):
    selection = select(*repeated((0.10, [0.20, 0.22]), (0.15, [0.15, 0.17])))
    assert selection.winner == "0001"
    assert [each.mean for each in selection.finalists] == [pytest.approx(0.21), pytest.approx(0.16)]
    assert selection.optimism == pytest.approx(0.11)


def test_more_wins_where_more_is_better(make_trial, make_epoch):
    settings = TrainingSettings(epochs=1, objective=ACCURACY)

    def made(accuracy, **values):
        return make_trial(settings=settings, epochs=(make_epoch(val_accuracy=accuracy),), **values)

    trials = [made(0.9, trial_id="a"), made(0.8, trial_id="b")]
    selection = select(trials, [made(0.7, repeat_of="a"), made(0.75, repeat_of="b")])
    assert (selection.winner, selection.optimism) == ("b", pytest.approx(0.2))
    assert selection.means == {"a": 0.7, "b": 0.75}


def test_without_repeats_the_first_ranking_decides(repeated):
    selection = select(*repeated((0.2, []), (0.1, [])))
    assert (selection.winner, selection.optimism, selection.noise, selection.standard_error) == (
        "0001",
        None,
        None,
        None,
    )
    assert [each.trial_id for each in selection.finalists] == ["0001", "0000"]


def test_a_finalist_whose_repeats_all_failed_is_out(repeated):
    selection = select(*repeated((0.1, [None, None]), (0.2, [0.3, None])))
    assert (selection.winner, selection.optimism) == ("0001", None)
    assert [each.failed for each in selection.finalists] == [2, 1]


def test_a_repeat_that_the_time_cut_short_does_not_count(repeated, make_trial):
    trials, repeats = repeated((0.1, [0.15]), (0.2, [0.25]))
    cut = make_trial(9.0, trial_id="0000.2", repeat_of="0000", status=TrialStatus.STOPPED)
    assert select(trials, [*repeats, cut]) == select(trials, repeats)


def test_where_every_repeat_failed_the_first_ranking_decides(repeated):
    selection = select(*repeated((0.1, [None]), (0.2, [None])))
    assert (selection.winner, selection.optimism, selection.standard_error) == ("0000", None, None)


def test_the_higher_ranked_wins_a_tie(repeated):
    assert select(*repeated((0.2, [0.3]), (0.1, [0.3]))).winner == "0001"


def test_noise_is_the_spread_around_each_trials_own_mean(repeated):
    selection = select(*repeated((0.1, [1.0, 3.0]), (0.2, [10.0, 11.0, 12.0]), (0.3, [99.0])))
    assert selection.noise == pytest.approx(math.sqrt((2 + 2) / (1 + 2)))
    assert selection.standard_error == pytest.approx(selection.noise / math.sqrt(2))


def test_with_single_repeats_noise_is_how_differently_the_finalists_fell_back(repeated):
    selection = select(*repeated((0.1, [0.15]), (0.2, [0.27])))
    assert selection.noise == pytest.approx(statistics.stdev([0.05, 0.07]) / math.sqrt(2))


def test_one_finalist_with_one_repeat_tells_no_noise(repeated):
    selection = select(*repeated((0.1, [0.2])))
    assert (selection.noise, selection.standard_error, selection.optimism) == (None, None, pytest.approx(0.1))


@pytest.mark.parametrize(("repeats", "low", "high"), [(3, 0.9, 1.1), (1, 0.6, 1.05)])
def test_noise_that_is_known_is_found(repeated, repeats, low, high):
    found = []
    for seed in range(100):
        draw = random.Random(seed)
        drawn = [(draw.gauss(5, 1), [draw.gauss(5, 1) for _ in range(repeats)]) for _ in range(20)]
        trials, others = repeated(*drawn)
        best = finalists(trials, 5)
        found.append(select(best, others).noise)
    assert low < statistics.fmean(found) < high


def test_selecting_needs_a_result(make_trial):
    with pytest.raises(ValueError, match="select needs at least one trial with a result, got none"):
        select([make_trial(math.nan)], [])


@given(values=st.lists(st.tuples(st.floats(0, 1), st.lists(st.none() | st.floats(0, 1), max_size=3)), min_size=1))
def test_a_selection_read_from_json_equals_the_one_written(repeated, values):
    selection = select(*repeated(*values))
    assert Selection.from_json(json.loads(json.dumps(selection.as_json(), allow_nan=False))) == selection


@pytest.fixture
def curve(make_trial, make_epoch):
    """A trial with these validation losses; it ends with the best epoch's weights where it keeps them."""

    def make(losses, *, keep_best=False, **values):
        return make_trial(
            settings=TrainingSettings(epochs=max(len(losses), 1), keep_best=keep_best),
            epochs=tuple(make_epoch(val_loss=loss) for loss in losses),
            **{"result_epoch": len(losses) - 1, **values},
        )

    return make


def test_the_epochs_to_the_best_are_the_median_over_the_repeats(curve):
    records = [curve([0.3, 0.2, 0.4]), curve([0.1, 0.2]), curve([0.5, 0.4, 0.3, 0.2])]
    assert epochs_to_best(records) == 2
    assert epochs_to_best(records[:2]) == 2


def test_a_kept_epoch_is_the_best_one(curve):
    assert epochs_to_best([curve([0.3, 0.2, 0.4], keep_best=True, result_epoch=1)]) == 2


def test_epochs_without_a_number_are_no_best(curve):
    assert epochs_to_best([curve([math.nan, 0.2, 0.4])]) == 2
    assert epochs_to_best([curve([None, 0.2]), curve([math.nan])]) == 2


def test_epochs_to_the_best_need_a_result(curve):
    with pytest.raises(ValueError, match="epochs_to_best needs at least one record with a result, got none"):
        epochs_to_best([curve([math.nan])])


@pytest.mark.parametrize(
    ("losses", "noise", "expected"),
    [
        ([0.5, 0.4, 0.3], None, True),
        ([0.5, 0.4, 0.3], 0.05, True),
        ([0.5, 0.4, 0.3], 0.15, False),
        ([0.5, 0.4, 0.395], None, False),
        ([0.5, 0.3, 0.4], None, False),
        ([0.5, 0.4, math.nan], None, False),
        ([0.5, 0.4, None], None, False),
        ([0.5], None, False),
        ([], None, False),
    ],
)
def test_a_curve_falls_while_its_last_epoch_is_clearly_the_best(curve, losses, noise, expected):
    assert still_falling(curve(losses), noise=noise) is expected
