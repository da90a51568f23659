"""Asynchronous successive halving: who stops at which rung."""

from __future__ import annotations

import math

import keras_tuner as kt
import pytest
from driven_oracle import DrivenOracle

from tuning.oracles.algorithms.halving import HalvingOracle, StoppingRule
from tuning.records import TrialStatus
from tuning.settings import VALIDATION_LOSS, Objective


@pytest.fixture
def start():
    """A driver of halving over one real hyperparameter."""
    drivers = []

    def call(objective=VALIDATION_LOSS, **rule):
        hp = kt.HyperParameters()
        hp.Float("learning_rate", 1e-4, 0.1, sampling="log")
        drivers.append(DrivenOracle(HalvingOracle(objective, seed=0, rule=StoppingRule(**rule)), hp))
        return drivers[-1]

    yield call
    for driver in drivers:
        driver.close()


def test_rungs_are_factors_of_three_below_the_last_epoch():
    assert StoppingRule(epochs=27).rungs == (1, 3, 9)
    assert StoppingRule(epochs=28, min_epochs=2).rungs == (2, 6, 18)


@pytest.mark.parametrize("epochs", [1, 4, 5])
def test_nothing_stops_where_the_least_epochs_are_all(start, epochs):
    driver = start(epochs=epochs, min_epochs=5)
    ids = [driver.propose().oracle_id for _ in range(9)]
    answers = [driver.report(name, epoch, loss) for loss, name in enumerate(ids) for epoch in range(1, epochs + 1)]
    assert all(answers)


def test_a_trial_stops_at_a_rung_unless_it_is_among_the_best_third(start):
    driver = start(epochs=9, never_stopped=1)
    losses = [0.5, 0.4, 0.6, 0.3, 0.35, 0.34, 0.36]
    ids = [driver.propose().oracle_id for _ in losses]

    goes_on = [driver.report(name, 1, loss) for name, loss in zip(ids, losses, strict=True)]

    # Of one, two and three values the best goes on, of six and seven the best two.
    assert goes_on == [True, True, False, True, False, True, False]


def test_the_best_few_are_never_stopped(start):
    driver = start(epochs=9, never_stopped=3)
    ids = [driver.propose().oracle_id for _ in range(5)]
    assert [driver.report(name, 1, loss) for loss, name in enumerate(ids)] == [True, True, True, False, False]


def test_nothing_stops_between_two_rungs(start):
    driver = start(epochs=9, never_stopped=1)
    ids = [driver.propose().oracle_id for _ in range(3)]
    assert all(driver.report(name, 2, loss) for loss, name in enumerate(ids))


def test_more_is_better_where_the_objective_says_so(start):
    driver = start(Objective(name="val_accuracy", maximize=True), epochs=9, never_stopped=1)
    first, second = (driver.propose().oracle_id for _ in range(2))
    assert driver.report(first, 1, 0.9)
    assert not driver.report(second, 1, 0.8)


@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_a_trial_without_a_value_at_a_rung_stops(start, value):
    driver = start(epochs=9)
    assert not driver.report(driver.propose().oracle_id, 1, value)


def test_a_trial_without_a_value_between_rungs_goes_on(start):
    driver = start(epochs=9)
    assert driver.report(driver.propose().oracle_id, 2, None)


def test_a_failed_trial_does_not_count(start, make_trial):
    driver = start(epochs=9, never_stopped=1)
    failing, first, second, third = (driver.propose().oracle_id for _ in range(4))
    driver.report(failing, 1, 0.1)
    driver.tell(failing, make_trial(math.nan, status=TrialStatus.FAILED))
    assert driver.report(first, 1, 0.5)
    assert driver.report(second, 1, 0.4)
    assert not driver.report(third, 1, 0.45)


def test_a_trial_that_was_let_go_on_all_the_same_is_judged_again_at_the_next_rung(start):
    driver = start(epochs=9, never_stopped=1)
    first, second = (driver.propose().oracle_id for _ in range(2))
    for number in (1, 2, 3):
        driver.report(first, number, 0.1)
    assert not driver.report(second, 1, 0.2)
    assert driver.report(second, 2, 0.2)
    assert not driver.report(second, 3, 0.2)


def test_the_answers_depend_on_the_order_of_the_reports_alone(start):
    reports = [(number % 4, 1 if number < 4 else 3, 0.1 * ((7 * number) % 5)) for number in range(8)]
    answers = []
    for _ in range(2):
        driver = start(epochs=9, never_stopped=1)
        ids = [driver.propose().oracle_id for _ in range(4)]
        answers.append([driver.report(ids[trial], epoch, loss) for trial, epoch, loss in reports])
    assert answers[0] == answers[1]
    assert set(answers[0]) == {True, False}
