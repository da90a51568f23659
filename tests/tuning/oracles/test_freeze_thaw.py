"""Freeze-thaw: who is trained on, who pauses for good, and what it makes of failures, time and running trials."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import Any

import keras_tuner as kt
import numpy as np
import pytest
from driven_oracle import DrivenOracle
from hypothesis import given
from hypothesis import strategies as st

from tuning.oracles.algorithms.freeze_thaw import GROWTH, INITIAL_CONFIGURATIONS, FreezeThawOracle
from tuning.oracles.base import WAITING, TimeLeft
from tuning.oracles.driver import Proposal
from tuning.oracles.surrogate.partial_curve import Stretched, thin_out
from tuning.records import TrialStatus
from tuning.settings import VALIDATION_LOSS, Objective, TrainingSettings

HORIZON = 8


def make_space() -> kt.HyperParameters:
    hp = kt.HyperParameters()
    hp.Float("x", 0.0, 1.0)
    hp.Float("y", 0.0, 1.0)
    return hp


def loss_after(epochs: int, values: Any) -> float:
    """Lowest at x = 0.3; every curve falls as the inverse of the epochs."""
    return 0.1 + (float(values["x"]) - 0.3) ** 2 + 0.3 / epochs


class Search:
    """Runs proposals of the oracle, one at a time. `seconds`: of an epoch of a configuration; `start_seconds`: of a
    start."""

    def __init__(
        self,
        make_trial: Any,
        make_epoch: Any,
        *,
        seed: int = 0,
        seconds: Any = lambda values: 1.0,
        start_seconds: float = 0.0,
        loss: Any = loss_after,
    ) -> None:
        self.start_seconds, self.loss = start_seconds, loss
        self.oracle = FreezeThawOracle(VALIDATION_LOSS, seed=seed, horizon=HORIZON)
        self.driver = DrivenOracle(self.oracle, make_space())
        self.make_trial, self.make_epoch, self.seconds = make_trial, make_epoch, seconds
        self.done: dict[str, int] = {}
        self.roots: dict[str, str] = {}

    def propose(self) -> Proposal:
        proposal = self.driver.propose()
        assert isinstance(proposal, Proposal)
        continued = proposal.continues
        self.roots[proposal.oracle_id] = proposal.oracle_id if continued is None else self.roots[continued]
        return proposal

    def finish(self, proposal: Proposal, *, status: TrialStatus | None = None) -> None:
        root, until = self.roots[proposal.oracle_id], proposal.epochs
        assert until is not None
        values, before = proposal.point.values, self.done.get(root, 0)
        losses = [self.loss(epoch, values) for epoch in range(1, until + 1)]
        for epoch in range(before + 1, until + 1):
            self.driver.report(proposal.oracle_id, epoch, losses[epoch - 1])
        self.done[root] = until
        usual = TrialStatus.PAUSED if until < HORIZON else TrialStatus.COMPLETED
        record = self.make_trial(
            status=status if status is not None else usual,
            settings=TrainingSettings(epochs=HORIZON),
            epochs=tuple(self.make_epoch(val_loss=loss, seconds=self.seconds(values)) for loss in losses),
            result_epoch=until - 1,
            seconds=until * self.seconds(values) + self.start_seconds,
        )
        self.driver.tell(proposal.oracle_id, record)


@pytest.fixture
def start(make_trial: Any, make_epoch: Any) -> Iterator[Any]:
    """A search with these options."""
    started = []

    def call(**options: Any) -> Search:
        started.append(Search(make_trial, make_epoch, **options))
        return started[-1]

    yield call
    for search in started:
        search.driver.close()


@pytest.fixture
def search(start: Any) -> Search:
    return start()


def test_a_configuration_starts_with_one_epoch_and_continues_from_where_it_paused(search: Search) -> None:
    for _ in range(40):
        proposal = search.propose()
        before = search.done.get(search.roots[proposal.oracle_id], 0)
        assert proposal.epochs == (1 if before == 0 else min(max(before + 1, round(before * GROWTH)), HORIZON))
        assert (proposal.continues is None) == (before == 0)
        search.finish(proposal)


@pytest.mark.parametrize("seed", range(3))
def test_six_trainings_find_what_is_best_and_train_it_to_the_horizon(seed: int, start: Any) -> None:
    search = start(seed=seed)
    apart: dict[str, float] = {}
    while sum(search.done.values()) < 6 * HORIZON:
        proposal = search.propose()
        search.finish(proposal)
        apart[search.roots[proposal.oracle_id]] = abs(float(proposal.point.values["x"]) - 0.3)

    whole = [apart[name] for name, epochs in search.done.items() if epochs == HORIZON]
    later = list(apart.values())[INITIAL_CONFIGURATIONS:]
    assert min(whole) < 0.05
    assert np.median(later) < 0.15, "at random it would be 0.3"


def test_proposals_under_way_at_once_differ(search: Search) -> None:
    for _ in range(INITIAL_CONFIGURATIONS):
        search.finish(search.propose())

    under_way = [search.propose() for _ in range(6)]

    assert len({search.roots[each.oracle_id] for each in under_way}) == 6


def test_a_failed_configuration_counts_as_bad_and_is_never_continued(search: Search) -> None:
    failed = set()
    for _ in range(30):
        proposal = search.propose()
        fails = float(proposal.point.values["x"]) < 0.5
        assert search.roots[proposal.oracle_id] not in failed
        search.finish(proposal, status=TrialStatus.FAILED if fails else None)
        failed |= {search.roots[proposal.oracle_id]} if fails else set()

    later = [search.propose() for _ in range(1)]
    assert float(later[0].point.values["x"]) > 0.3


def test_what_can_not_be_continued_needs_no_state(search: Search) -> None:
    first, second = search.propose(), search.propose()
    search.finish(first)
    search.finish(second, status=TrialStatus.STOPPED)

    assert search.driver.continuable([first.oracle_id, second.oracle_id]) == {first.oracle_id}


def test_an_epoch_within_which_a_trial_was_stopped_says_nothing(search: Search) -> None:
    search.finish(search.propose(), status=TrialStatus.STOPPED)
    assert search.driver.propose(new=False) is None
    assert search.driver.expected() == {}


def test_without_new_configurations_it_continues_or_waits_or_ends(search: Search) -> None:
    assert search.driver.propose(new=False) is None
    running = search.propose()
    assert search.driver.propose(new=False) is WAITING
    search.finish(running)
    for _ in range(INITIAL_CONFIGURATIONS):
        search.finish(search.propose())
    while (proposal := search.driver.propose(new=False)) is not None:
        assert isinstance(proposal, Proposal)
        search.roots[proposal.oracle_id] = search.roots[proposal.continues or ""]
        search.finish(proposal)

    assert max(search.done.values()) == HORIZON
    assert min(search.done.values()) < HORIZON, "what promises nothing is left where it paused"


def test_without_a_time_limit_seconds_change_nothing(start: Any) -> None:
    def run(seconds: Any) -> list[Any]:
        search = start(seconds=seconds)
        proposals = []
        for _ in range(25):
            search.driver.note_time(TimeLeft(search=math.inf, retraining=math.inf))
            proposals.append(search.propose())
            search.finish(proposals[-1])
        return [(each.continues, dict(each.point.values), each.epochs) for each in proposals]

    assert run(lambda values: 30.0 if float(values["y"]) > 0.5 else 1.0) == run(lambda values: 1.0)


def test_nothing_begins_that_the_time_left_is_too_short_for(start: Any) -> None:
    def length_of_part(*, steps: int, left: float) -> int:
        """Of the part that is proposed after so many steps without new configurations."""
        search = start()
        for _ in range(12):
            search.finish(search.propose())
        for step in range(steps + 1):
            search.driver.note_time(TimeLeft(search=left if step == steps else 600.0, retraining=math.inf))
            proposal = search.driver.propose(new=False)
            search.roots[proposal.oracle_id] = search.roots[proposal.continues]
            length = proposal.epochs - search.done[search.roots[proposal.oracle_id]]
            search.finish(proposal)
        return int(length)

    steps = next(steps for steps in range(20) if length_of_part(steps=steps, left=600.0) > 1)

    assert length_of_part(steps=steps, left=1.5) == 1


def test_where_first_epochs_say_nothing_a_curve_is_seen_to_its_end(start: Any) -> None:
    search = start(loss=lambda epochs, values: 2.3)
    for _ in range(80):
        search.finish(search.propose())

    assert max(search.done.values()) == HORIZON


def test_a_part_is_no_shorter_than_its_start(start: Any) -> None:
    search = start(start_seconds=3.0)
    for _ in range(INITIAL_CONFIGURATIONS):
        search.finish(search.propose())
    search.driver.note_time(TimeLeft(search=600.0, retraining=math.inf))

    proposal = search.propose()

    assert proposal.epochs == search.done.get(search.roots[proposal.oracle_id], 0) + 3


def test_a_retraining_that_has_time_for_more_epochs_is_expected_to_reach_more(start: Any) -> None:
    search = start(seconds=lambda values: 1.0 if float(values["y"]) < 0.5 else 4.0)
    for _ in range(30):
        search.finish(search.propose())

    def quick_over_slow(retraining: float) -> float:
        search.driver.note_time(TimeLeft(search=600.0, retraining=retraining, epochs=100))
        expected = search.driver.expected()
        is_quick = {name: float(search.oracle.points[name].values["y"]) < 0.5 for name in expected}
        means = [
            np.mean([np.log(expected[name]) for name in expected if is_quick[name] is quick]) for quick in (True, False)
        ]
        return float(means[0] - means[1])

    assert quick_over_slow(8.0) < quick_over_slow(math.inf) - 0.1


def test_nothing_is_trained_longer_than_its_retraining_could_be(start: Any) -> None:
    search = start()
    for _ in range(10):
        search.driver.note_time(TimeLeft(search=600.0, retraining=4.5))
        search.finish(search.propose())
    while isinstance(proposal := search.driver.propose(new=False), Proposal):
        search.roots[proposal.oracle_id] = search.roots[proposal.continues or ""]
        search.finish(proposal)

    assert max(search.done.values()) == 4


def test_a_trial_whose_state_was_dropped_costs_more_to_continue(start: Any) -> None:
    def continued(seed: int, *, dropped: Any = None) -> Any:
        search = start(seed=seed)
        for _ in range(8):
            search.finish(search.propose())
        search.driver.note_time(TimeLeft(search=600.0, retraining=math.inf))
        search.driver.note_dropped([] if dropped is None else [dropped])
        proposal = search.driver.propose(new=False)
        assert isinstance(proposal, Proposal)
        return proposal.continues

    likely = {seed: continued(seed) for seed in range(8)}
    assert any(continued(seed, dropped=likely[seed]) != likely[seed] for seed in range(8))


def test_where_no_trial_can_pause_each_is_trained_to_the_horizon(start: Any) -> None:
    search = start()
    assert search.driver.train_whole()

    proposals = []
    for _ in range(12):
        proposals.append(search.propose())
        search.finish(proposals[-1])

    assert {(each.epochs, each.continues) for each in proposals} == {(HORIZON, None)}
    assert abs(float(proposals[-1].point.values["x"]) - 0.3) < 0.2


def test_more_of_the_objective_may_be_better() -> None:
    oracle = FreezeThawOracle(Objective(name="val_accuracy", maximize=True), seed=0, horizon=HORIZON)
    with contextlib.closing(DrivenOracle(oracle, make_space())) as driver:
        proposal = driver.propose()
        assert isinstance(proposal, Proposal)

        driver.report(proposal.oracle_id, 1, 0.9)

        assert next(iter(oracle._curves.values())).ranks == {1: -0.9}


@given(epochs=st.lists(st.integers(1, 500), min_size=1, unique=True).map(sorted))
def test_a_thinned_curve_keeps_its_ends_and_tells_the_rest(epochs: list[int]) -> None:
    kept = thin_out(epochs)

    assert (kept[0], kept[-1]) == (epochs[0], epochs[-1])
    assert len(kept) <= 5 + 5 * math.log(epochs[-1])
    assert kept == sorted(set(kept))


def test_bad_losses_are_all_alike_and_good_ones_are_told_apart() -> None:
    stretched = Stretched.of(np.array([0.01, 0.02, 0.04, 0.08, 50.0, math.nan, math.inf])).values

    assert np.diff(stretched[:4]) == pytest.approx([math.log(2)] * 3)
    assert stretched[4] == stretched[5] == stretched[6]
    assert np.isfinite(stretched).all()
    assert (Stretched.of(np.array([math.inf, math.nan])).values == 0).all()
