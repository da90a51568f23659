"""What a trial may take of the time, and what is kept back of it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tuning.loop.budget import FINISHING_SECONDS, Budget
from tuning.loop.resources import Resources
from tuning.loop.time_limits import TimeLimits
from tuning.settings import TrainingSettings


@pytest.fixture
def limits(make_trial):
    """Of 1,000 s, at its beginning; who of the trials is repeated how often is given."""

    def make(repeats=(), curve=(), others=(), trials=()):
        config = SimpleNamespace(parts=5)
        builder = SimpleNamespace(retraining_settings=lambda *args, **options: SimpleNamespace(epochs=60))
        best = others[0] if others else None
        state = SimpleNamespace(trials=trials, best=best, curves={"0000": list(curve)}, config=config, builder=builder)
        race = SimpleNamespace(
            repeats_left=lambda: list(repeats),
            finalists_like=lambda trial: [trial, *others],
            suggest_repeat=lambda trial, epochs: SimpleNamespace(epochs=epochs),
        )
        resources = Resources(budget=Budget(1000.0, clock=lambda: 0.0))
        return TimeLimits(state=state, race=race, resources=resources, workers=2, examples=100, ratio=1.0)

    return make


PLAN = SimpleNamespace(settings=SimpleNamespace(parts=1))
LONGEST = (550 - FINISHING_SECONDS) / 1.25
"""Seconds: what of the search's epochs a retraining has time for, at the most."""


@pytest.mark.parametrize(
    ("epochs", "is_too_slow"), [([LONGEST / 2], False), ([LONGEST / 2] * 2, False), ([LONGEST / 2] * 3, True)]
)
def test_a_trial_is_not_trained_longer_than_its_retraining_could_be(limits, make_epoch, epochs, is_too_slow):
    attempt = SimpleNamespace(trial_id="0000", seconds_taken=lambda at: 1e9, plan=PLAN)
    curve = [make_epoch(seconds=seconds) for seconds in epochs]
    assert limits(curve=curve).is_too_slow(attempt, at=0.0) == is_too_slow


def test_a_part_of_an_epoch_may_take_its_share_of_that(limits):
    plan = SimpleNamespace(settings=SimpleNamespace(parts=5))
    attempt = SimpleNamespace(trial_id="0000", seconds_taken=lambda at: 1.01 * LONGEST / 5, plan=plan)
    assert limits().is_too_slow(attempt, at=0.0)


@pytest.mark.parametrize(("share", "is_too_slow"), [(0.99, False), (1.01, True)])
def test_a_first_epoch_that_would_not_fit_once_is_given_up(limits, share, is_too_slow):
    attempt = SimpleNamespace(trial_id="0000", seconds_taken=lambda at: share * LONGEST, plan=PLAN)
    assert limits().is_too_slow(attempt, at=0.0) == is_too_slow


def test_what_a_start_takes_is_no_part_of_a_first_epoch(limits, make_trial, make_epoch):
    done = make_trial(epochs=[make_epoch(seconds=2.0)] * 5, seconds=10.0 + 30.0)
    attempt = SimpleNamespace(trial_id="0000", seconds_taken=lambda at: 0.99 * LONGEST + 30.0, plan=PLAN)
    assert limits().is_too_slow(attempt, at=0.0)
    assert not limits(trials=[done]).is_too_slow(attempt, at=0.0)


def test_only_repeats_that_are_wanted_have_time_kept_back_and_a_fifth_at_most(limits, make_trial, make_epoch):
    # A repeat has 15 epochs of 2 seconds, and takes no time to start.
    trial = make_trial(epochs=[make_epoch(seconds=2.0)] * 15, settings=TrainingSettings(epochs=20), seconds=30.0)
    assert limits().seconds_for_trials() == pytest.approx(450)
    assert limits(repeats=[(trial, 2)]).seconds_for_trials() == pytest.approx(450 - 30)
    assert limits(repeats=[(trial, 20)] * 3).seconds_for_trials() == pytest.approx(450 - 200)


def test_repeats_get_the_same_share_of_what_their_retraining_has_time_for(limits, make_trial, make_epoch):
    def one(epochs, seconds):
        settings = TrainingSettings(epochs=100)
        return make_trial(
            epochs=[make_epoch(seconds=seconds)] * epochs, settings=settings, hyperparameters={"a": seconds}
        )

    quick, slow = one(10, 100.0), one(4, 200.0)
    asked = [limits(others=[quick, slow]).suggest_repeat(each) for each in (quick, slow)]
    assert [suggestion.epochs for suggestion in asked] == [10, 5]


def test_an_oracle_is_told_both_times(limits):
    left = limits().time_left()
    assert (left.search, left.retraining) == (pytest.approx(450), pytest.approx(LONGEST))
    assert left.epochs == 5, "of which five show all images once"
