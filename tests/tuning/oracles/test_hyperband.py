"""Hyperband: brackets, promotions, and what a bracket does about failures and running trials."""

from __future__ import annotations

import keras_tuner as kt
import pytest
from driven_oracle import DrivenOracle

from tuning.oracles.algorithms.hyperband import HyperbandOracle, plan_brackets
from tuning.oracles.base import WAITING
from tuning.oracles.driver import Proposal
from tuning.records import TrialStatus
from tuning.settings import VALIDATION_LOSS


@pytest.fixture
def start():
    """A driver of hyperband over one hyperparameter: a real one, or a choice of so many values."""
    drivers = []

    def call(epochs, *, values=None):
        hp = kt.HyperParameters()
        if values is None:
            hp.Float("learning_rate", 0.0, 1.0)
        else:
            hp.Choice("learning_rate", [number / values for number in range(values)])
        drivers.append(DrivenOracle(HyperbandOracle(VALIDATION_LOSS, seed=0, epochs=epochs), hp))
        return drivers[-1]

    yield call
    for driver in drivers:
        driver.close()


@pytest.fixture
def run(make_trial):
    """Tell each of `count` proposals at once, with its learning rate as the loss; those at `failing` fail."""

    def call(driver, count, *, failing=()):
        proposals = []
        for number in range(count):
            proposals.append(driver.propose())
            status = TrialStatus.FAILED if number in failing else TrialStatus.COMPLETED
            driver.tell(
                proposals[-1].oracle_id,
                make_trial(proposals[-1].point.values["learning_rate"], status=status),
            )
        return proposals

    return call


@pytest.mark.parametrize(
    ("epochs", "brackets"),
    [
        (1, [(1, (1,))]),
        (2, [(1, (2,))]),
        (3, [(3, (1, 3)), (2, (3,))]),
        (9, [(9, (1, 3, 9)), (5, (3, 9)), (3, (9,))]),
        (20, [(9, (2, 6, 20)), (5, (6, 20)), (3, (20,))]),
        (81, [(81, (1, 3, 9, 27, 81)), (34, (3, 9, 27, 81)), (15, (9, 27, 81)), (8, (27, 81)), (5, (81,))]),
    ],
)
def test_the_brackets_are_those_of_the_paper(epochs, brackets):
    """Table 1 of Li et al. (2018) is the one for 81 epochs."""
    assert [(plan.size, plan.epochs) for plan in plan_brackets(epochs)] == brackets


def test_the_best_third_of_a_rung_continues_the_same_trials(start, run):
    proposals = run(start(9), 13)
    rungs = proposals[:9], proposals[9:12], proposals[12:]
    assert [{proposal.epochs for proposal in rung} for rung in rungs] == [{1}, {3}, {9}]
    best = sorted(rungs[0], key=lambda proposal: proposal.point.values["learning_rate"])[:3]
    assert [proposal.continues for proposal in rungs[1]] == [proposal.oracle_id for proposal in best]
    assert [proposal.point for proposal in rungs[1]] == [proposal.point for proposal in best]
    assert rungs[2][0].continues == rungs[1][0].oracle_id


def test_new_configurations_are_the_only_ones_that_continue_nothing(start, run):
    started = [proposal for proposal in run(start(9), 22 * 2) if not proposal.continues]
    rates = [proposal.point.values["learning_rate"] for proposal in started]
    assert len(set(rates)) == len(rates) == 34


def test_it_starts_over_after_its_last_bracket(start, run):
    epochs = [proposal.epochs for proposal in run(start(9), 44)]
    assert epochs[:22] == epochs[22:]


@pytest.mark.parametrize("failing", [{0}, {0, 1, 2, 3, 4, 5, 6, 7}])
def test_failed_trials_do_not_starve_a_rung(start, run, failing):
    proposals = run(start(9), 13, failing=failing)
    promoted = {proposal.continues for proposal in proposals if proposal.continues}
    assert 9 in [proposal.epochs for proposal in proposals]
    assert not promoted & {proposals[number].oracle_id for number in failing}


def test_a_failed_promotion_makes_room_for_none_but_the_last_rung_is_reached(start, run):
    epochs = [proposal.epochs for proposal in run(start(9), 13, failing={9, 10})]
    assert epochs == [1] * 9 + [3] * 3 + [9]


def test_a_bracket_of_failures_gives_way_to_the_next_one(start, run):
    proposals = run(start(9), 10, failing=set(range(9)))
    assert (proposals[9].epochs, proposals[9].continues) == (3, None)


def test_the_next_bracket_begins_while_a_rung_waits(start, make_trial):
    driver = start(9)
    waiting = [driver.propose() for _ in range(9)]
    following = driver.propose()
    assert (following.epochs, following.continues) == (3, None)
    for proposal in waiting:
        driver.tell(proposal.oracle_id, make_trial(proposal.point.values["learning_rate"]))
    assert driver.propose().continues in {proposal.oracle_id for proposal in waiting}


def test_a_space_that_is_used_up_is_waited_for_and_then_promoted_from(start, make_trial):
    driver = start(9, values=4)
    started = [driver.propose() for _ in range(4)]
    assert driver.propose() is WAITING
    assert driver.propose() is WAITING
    for proposal in started:
        driver.tell(proposal.oracle_id, make_trial(proposal.point.values["learning_rate"]))
    epochs = []
    while isinstance(proposal := driver.propose(), Proposal):
        assert driver.propose() is WAITING
        epochs.append(proposal.epochs)
        driver.tell(proposal.oracle_id, make_trial(0.0))
    assert epochs == [3, 9]
    assert proposal is None


def test_a_trial_may_be_continued_until_its_rung_is_decided_against_it(start, run):
    driver = start(9)
    first = [proposal.oracle_id for proposal in run(driver, 4)]
    assert driver.continuable(first) == set(first)
    rung = run(driver, 5)
    everybody = [*first, *(proposal.oracle_id for proposal in rung)]
    assert len(driver.continuable(everybody)) == 3
    promoted = run(driver, 1)[0]
    assert driver.continuable([promoted.continues, promoted.oracle_id]) == {promoted.oracle_id}


def test_without_new_configurations_it_promotes_what_there_is_and_ends(start, run, make_trial):
    driver = start(9)
    run(driver, 4)
    promotions = []
    while isinstance(proposal := driver.propose(new=False), Proposal):
        promotions.append(proposal)
        driver.tell(proposal.oracle_id, make_trial(0.1))
    assert [proposal.epochs for proposal in promotions] == [3, 9]
    assert all(proposal.continues for proposal in promotions)
    assert driver.propose(new=False) is None
