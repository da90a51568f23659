"""What is said of a finished search, and when nothing is."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from tuning.ranking.insight import warnings
from tuning.ranking.selection import select
from tuning.records import TrialStatus
from tuning.settings import TrainingSettings
from tuning.space.ranges import Choices, FloatRange, IntRange

RATE = FloatRange(low=1e-4, high=1e-1, log=True)


@pytest.fixture(scope="session")
def searched(make_trial):
    """Trials with these losses; the hyperparameter `value` holds the ones given."""

    def make(losses, values=None, **others):
        values = values if values is not None else [0] * len(losses)
        return [
            make_trial(loss, trial_id=f"{index:04}", hyperparameters={"value": value}, **others)
            for index, (loss, value) in enumerate(zip(losses, values, strict=True))
        ]

    return make


@pytest.fixture(scope="session")
def repeated(make_trial):
    """A selection among trials by the values of their repeats, by trial."""

    def make(trials, **values):
        return select(
            trials,
            [
                make_trial(value, trial_id="r", repeat_of=trial_id.removeprefix("t"))
                for trial_id, given in values.items()
                for value in given
            ],
        )

    return make


def test_an_unremarkable_search_is_not_remarked_on(searched):
    trials = searched([0.3, 0.2, 0.4, 0.5], [2e-3, 3e-3, 4e-3, 5e-3])
    assert warnings(trials, ranges={"value": RATE}, known=["0000"]) == ()


@pytest.mark.parametrize(
    ("domain", "value", "said"),
    [
        (RATE, 0.0995, "value is best at 0.0995, the upper end of its range (0.0001 to 0.1 (log scale)), and may be "),
        (RATE, 1.01e-4, "value is best at 0.000101, the lower end of its range"),
        (FloatRange(low=0.1, high=0.5), 0.1, "value is best at 0.1, the lower end of its range (0.1 to 0.5)"),
        (
            IntRange(low=8, high=64, step=4),
            64,
            "value is best at 64, the upper end of its range (8 to 64 in steps of 4)",
        ),
        (Choices(values=(256, 32, 64)), 256, "value is best at 256, the upper end of its range (one of 256, 32, 64)"),
    ],
)
def test_the_best_value_at_an_end_of_its_range_is_told(searched, domain, value, said):
    (warning,) = warnings(searched([0.1, 0.2, 0.3], [value] * 3), ranges={"value": domain})
    assert warning.startswith(said)
    assert warning.endswith(("search again with higher values", "search again with lower values"))


@pytest.mark.parametrize(
    ("domain", "value"),
    [
        (RATE, 0.01),
        (FloatRange(low=0.0, high=0.5), 0.0),
        (IntRange(low=1, high=3), 1),
        (IntRange(low=8, high=8), 8),
        (IntRange(low=8, high=64), 9),
        (Choices(values=(0, 32, 64)), 0),
        (Choices(values=(32, 64)), 64),
        (Choices(values=(64,)), 64),
        (Choices(values=(32, 64, 128)), 64),
        (Choices(values=("a", "b", "c")), "c"),
        (Choices(values=(False, True)), True),
    ],
    ids=str,
)
def test_what_is_no_end_or_can_not_go_on_is_not_told(searched, domain, value):
    assert warnings(searched([0.1, 0.2, 0.3], [value] * 3), ranges={"value": domain}) == ()


def test_an_end_that_only_the_winner_is_at_may_be_chance(searched):
    trials = searched([0.1, 0.2, 0.3, 0.4], [0.1, 1e-3, 1e-4, 0.1])
    assert warnings(trials, ranges={"value": RATE}) == ()


def test_no_gain_over_the_configurations_that_the_search_began_with_is_told(searched):
    (warning,) = warnings(searched([0.2, 0.3, 0.4]), known=["0000"])
    assert warning == (
        "nothing that the search proposed (2 tried) is clearly better than what it began with (the best of that is "
        "trial 0000): give it more trials or other ranges"
    )


def test_a_gain_within_the_noise_is_none(searched, repeated):
    trials = searched([0.30, 0.29, 0.9])
    selection = repeated(trials, t0000=[0.30, 0.34], t0001=[0.29, 0.33])
    assert any("is clearly better" in warning for warning in warnings(trials, selection=selection, known=["0000"]))


def test_a_gain_is_judged_by_repeats_where_both_sides_have_some(searched, repeated):
    trials = searched([0.30, 0.10, 0.9])
    selection = repeated(trials, t0000=[0.20, 0.21], t0001=[0.40, 0.41])
    assert any("is clearly better" in warning for warning in warnings(trials, selection=selection, known=["0000"]))


def test_a_winner_that_was_not_repeated_beside_the_known_is_judged_by_first_values(searched, repeated):
    trials = searched([0.30, 0.10, 0.9])
    assert warnings(trials, selection=repeated(trials, t0001=[0.12, 0.11]), known=["0000"]) == ()


@pytest.mark.parametrize("known", [["0000", "0001"], []])
def test_without_two_sides_there_is_no_gain_to_judge(searched, known):
    assert warnings(searched([0.2, 0.3]), known=known) == ()


def test_a_curve_that_still_falls_is_told(make_trial, make_epoch):
    epochs = tuple(make_epoch(val_loss=loss) for loss in (0.5, 0.4, 0.3))
    trial = make_trial(epochs=epochs, result_epoch=2, settings=TrainingSettings(epochs=3))
    assert warnings([trial]) == (
        "val_loss of the winner, trial 0000, was still getting better in its last epoch: search again with more than "
        "3 epochs",
    )


def test_the_winner_of_the_selection_counts(make_trial, make_epoch, repeated):
    falling = tuple(make_epoch(val_loss=loss) for loss in (0.5, 0.4, 0.3))
    trials = [make_trial(0.1, trial_id="0000"), make_trial(trial_id="0001", epochs=falling, result_epoch=2)]
    (warning,) = warnings(trials, selection=repeated(trials, t0000=[0.9, 0.9], t0001=[0.3, 0.3]))
    assert warning.startswith("val_loss of the winner, trial 0001, was still")


def test_finalists_that_differ_less_than_seeds_do_are_told(searched, repeated, make_trial):
    trials = [make_trial(loss, trial_id=f"{i:04}", parameters=900 - i) for i, loss in enumerate([0.2, 0.21, 0.5, 0.9])]
    selection = repeated(trials, t0000=[0.20, 0.24], t0001=[0.21, 0.25], t0002=[0.5, 0.5])
    assert warnings(trials, selection=selection) == (
        "trials 0000 and 0001 differ in val_loss by 0.01, less than seeds do (0.023), so any of them would do: "
        "take the smallest, trial 0001",
    )


def test_a_winner_that_is_the_smallest_of_them_is_kept(searched, repeated):
    trials = searched([0.2, 0.21, 0.5])
    (warning,) = warnings(trials, selection=repeated(trials, t0000=[0.20, 0.24], t0001=[0.21, 0.25]))
    assert warning.endswith("so any of them would do: keep the smallest, trial 0000")


def test_finalists_that_differ_more_than_seeds_do_are_not_told(searched, repeated):
    trials = searched([0.2, 0.4, 0.6])
    assert warnings(trials, selection=repeated(trials, t0000=[0.20, 0.21], t0001=[0.40, 0.41])) == ()


def test_many_failed_trials_are_told_with_the_most_common_reason(searched):
    failed = [
        *searched([0.1] * 2, status=TrialStatus.FAILED, reason="no memory.\nTraceback"),
        *searched([math.nan]),
    ]
    assert warnings([*searched([0.3, 0.4]), *failed]) == (
        "3 of 5 trials failed, 2 of them because of no memory: fix that or narrow the ranges that lead to it",
    )


def test_where_all_failed_only_that_is_told(searched):
    (warning,) = warnings(searched([math.nan] * 3), known=["0000"])
    assert warning.startswith("3 of 3 trials failed, all because of a val_loss that is no number: fix that")


def test_skipped_trials_are_neither_failures_nor_trials_that_could_have_failed(searched):
    skipped = [replace(trial, status=TrialStatus.SKIPPED, epochs=()) for trial in searched([0.1] * 8)]
    assert warnings([*searched([0.3, 0.4]), *skipped]) == ()
    [warning] = warnings([*searched([math.nan] * 2), *skipped])
    assert warning.startswith("2 of 2 trials failed")


@pytest.mark.parametrize(("good", "failed"), [(9, 1), (3, 1), (20, 4)])
def test_few_failed_trials_are_not_told(searched, good, failed):
    assert warnings([*searched([0.1 * index for index in range(good)]), *searched([math.nan] * failed)]) == ()


def test_trials_that_all_differ_less_than_seeds_do_are_told(searched, repeated):
    trials = searched([0.20, 0.21, 0.20, 0.22, 0.21])
    assert warnings(trials, selection=repeated(trials, t0000=[0.20, 0.24], t0001=[0.21, 0.25])) == (
        "val_loss differs between the 5 trials by 0.0084, no more than between seeds (0.028), so these hyperparameters "
        "hardly matter: take the smallest, trial 0000, or search others",
    )


def test_nothing_is_said_of_no_trials():
    assert warnings([]) == ()
