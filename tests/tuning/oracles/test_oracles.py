"""One conformance suite for every oracle, and what the driver promises for oracles of the caller's own."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import sys

import keras_tuner as kt
import pytest
from driven_oracle import Declared, DrivenOracle

from tuning.errors import InputError
from tuning.oracles.algorithms.bayesian import INITIAL_POINTS
from tuning.oracles.algorithms.random import RandomOracle
from tuning.oracles.base import WAITING
from tuning.oracles.by_name import algorithm_class, algorithm_names, make_oracle
from tuning.oracles.driver import OracleDriver, Proposal
from tuning.records import SearchConfig, TrialStatus
from tuning.seeds import derive_seed
from tuning.settings import VALIDATION_LOSS
from tuning.space.drawing import complete
from tuning.space.points import Point
from tuning.space.ranges import ranges_as_json, ranges_from_json

SLOW = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:lbfgs failed to converge")]
ALGORITHMS = algorithm_names()
QUICK = [name for name in ALGORITHMS if not algorithm_class(name).is_slow]
LATER = [name for name in ALGORITHMS if name not in QUICK]
EVERY = [*QUICK, *(pytest.param(name, marks=SLOW) for name in LATER)]
"""All algorithms; slow ones only where there is time, for where they model what they saw they take seconds."""
EXHAUSTIVE = [*QUICK, *(pytest.param(name, marks=[*SLOW, pytest.mark.exhaustive]) for name in LATER)]
"""The same for what each proposal is checked for, which does not depend on what was seen."""

SEEDED = [each for each in EXHAUSTIVE if algorithm_class(each if isinstance(each, str) else each.values[0]).is_random]
"""The algorithms that draw at random; a grid is the same for every seed."""


def with_each(first, *others):
    """Every algorithm with every value, a slow one always with the first one alone."""
    quick = [(algorithm, value) for algorithm in QUICK for value in (first, *others)]
    later = [pytest.param(name, first, marks=SLOW) for name in LATER]
    more = [pytest.param(name, value, marks=[*SLOW, pytest.mark.exhaustive]) for name in LATER for value in others]
    return [*quick, *later, *more]


EPOCHS = 9


def conditional_space():
    """Every kind of hyperparameter, two of them of one name under different conditions."""
    hp = kt.HyperParameters()
    hp.Choice("kind", ["dense", "convolution"])
    hp.Float("learning_rate", 1e-4, 1e-1, sampling="log")
    with hp.conditional_scope("kind", ["dense"]):
        hp.Int("units", 32, 512, sampling="log")
    with hp.conditional_scope("kind", ["convolution"]):
        hp.Int("units", 8, 64, step=8)
        hp.Boolean("pool")
    hp.Fixed("batch_size", 32)
    return hp


def choices(*sizes):
    hp = kt.HyperParameters()
    hp.Choice("learning_rate", [0.001 * (number + 1) for number in range(sizes[0])])
    for number, size in enumerate(sizes[1:]):
        hp.Choice(f"choice_{number}", list(range(size)))
    return hp


def as_read(proposal):
    """What a journal gives back of it."""
    point = proposal.point
    text = json.dumps({"values": point.values, "ranges": ranges_as_json(point.ranges)})
    values, ranges = json.loads(text).values()
    return dataclasses.replace(proposal, point=Point(values=values, ranges=ranges_from_json(ranges)))


def loss(proposal):
    return abs(math.log(proposal.point.values["learning_rate"] / 0.003))


@pytest.fixture
def start():
    """A fresh driver, removed after the test."""
    drivers = []

    def call(algorithm, seed=0, *, space=None):
        config = SearchConfig(algorithm=algorithm, seed=seed, epochs=EPOCHS)
        drivers.append(DrivenOracle(make_oracle(config), space if space is not None else conditional_space()))
        return drivers[-1]

    yield call
    for driver in drivers:
        driver.close()


@pytest.fixture
def answer(make_trial):
    """How a proposal's trial ends: with a loss that its learning rate decides."""
    return lambda proposal: make_trial(loss(proposal))


@pytest.fixture
def ask(make_trial):
    """Ask a driver `count` times, telling it the result of each proposal at once."""

    def call(driver, count, *, status=TrialStatus.COMPLETED):
        proposals = []
        for _ in range(count):
            proposals.append(driver.propose())
            driver.tell(proposals[-1].oracle_id, make_trial(loss(proposals[-1]), status=status))
        return proposals

    return call


def configurations(proposals):
    """Those that were tried for the first time."""
    return [proposal.point.values for proposal in proposals if not proposal.continues]


def distinct(values):
    return len({json.dumps(entry, sort_keys=True) for entry in values})


@pytest.mark.parametrize(("algorithm", "seed"), with_each(0, 1))
def test_the_same_seed_and_results_give_the_same_proposals(start, ask, algorithm, seed):
    assert ask(start(algorithm, seed), 8) == ask(start(algorithm, seed), 8)


@pytest.mark.parametrize("algorithm", SEEDED)
def test_no_seed_gives_the_proposals_of_another_one_shifted(start, ask, algorithm):
    proposed = [entry for seed in range(8) for entry in configurations(ask(start(algorithm, seed), 6))]
    assert len(proposed) >= 48
    assert distinct(proposed) == len(proposed)


@pytest.mark.parametrize("algorithm", EVERY)
def test_thirty_proposals_are_thirty_configurations_in_their_ranges(start, ask, algorithm):
    proposed: list = []
    driver = start(algorithm)
    while len(proposed) < 30:
        proposed += configurations(ask(driver, 1))
    assert distinct(proposed) == 30
    assert [complete(Declared(conditional_space()), values).values for values in proposed] == proposed


@pytest.mark.parametrize("algorithm", EXHAUSTIVE)
def test_proposals_are_complete_configurations_of_the_built_in_model(start, ask, hypermodel, algorithm):
    proposed = configurations(ask(start(algorithm, space=hypermodel.hyperparameters()), 8))
    assert [hypermodel.check(values) for values in proposed] == proposed


@pytest.mark.parametrize("algorithm", EVERY)
def test_a_known_configuration_is_never_proposed(start, answer, algorithm):
    known = [{"learning_rate": 0.001, "choice_0": number} for number in (0, 2)]
    driver = start(algorithm, space=choices(4, 3))
    for values in known:
        driver.take(complete(Declared(choices(4, 3)), values))
    proposed = []
    while (proposal := driver.propose()) is not None:
        proposed.append(proposal)
        driver.tell(proposal.oracle_id, answer(proposal))
    assert distinct(configurations(proposed)) == len(configurations(proposed)) == 10
    assert not [values for values in configurations(proposed) if values in known]


@pytest.mark.parametrize("algorithm", EXHAUSTIVE)
def test_proposals_hold_values_that_json_has_words_for(start, ask, algorithm):
    kinds = {type(value) for values in configurations(ask(start(algorithm), 8)) for value in values.values()}
    assert kinds <= {bool, int, float, str}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("status", [TrialStatus.FAILED, TrialStatus.STOPPED])
def test_no_number_of_bad_trials_in_a_row_ends_the_search(start, ask, algorithm, status):
    proposals = ask(start(algorithm), 4, status=status)
    assert len({proposal.oracle_id for proposal in proposals}) == 4


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_twenty_failures_in_a_row_are_survived(start, ask, algorithm):
    assert distinct(configurations(ask(start(algorithm), 20, status=TrialStatus.FAILED))) == 20


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_nan_result_is_survived(start, make_trial, algorithm):
    driver = start(algorithm)
    driver.tell(driver.propose().oracle_id, make_trial(math.nan))
    assert driver.propose() is not None


@pytest.mark.parametrize("algorithm", EVERY)
def test_failures_among_results_are_survived(start, make_trial, algorithm):
    driver = start(algorithm)
    proposals = []
    for number in range(12):
        proposals.append(driver.propose())
        status = TrialStatus.FAILED if number % 3 == 0 else TrialStatus.COMPLETED
        driver.tell(proposals[-1].oracle_id, make_trial(loss(proposals[-1]), status=status))
    assert distinct(configurations(proposals)) == len(configurations(proposals))


@pytest.mark.parametrize("algorithm", EVERY)
def test_proposals_overlap(start, answer, algorithm):
    """As many trials run at once as a search has workers, and end in any order."""
    driver = start(algorithm)
    running, proposals = [driver.propose() for _ in range(4)], []
    for number in range(16):
        ended = running.pop(number % 4)
        driver.tell(ended.oracle_id, answer(ended))
        proposals.append(ended)
        running.append(driver.propose())
    started = configurations(proposals + running)
    assert len({proposal.oracle_id for proposal in proposals + running}) == 20
    assert distinct(started) == len(started)


@pytest.mark.parametrize(("algorithm", "finished"), with_each(13, 3, 16))
def test_a_driver_that_adopted_a_journal_goes_on_as_the_one_that_wrote_it(start, answer, algorithm, finished):
    original, resumed = start(algorithm, 3), start(algorithm, 3)
    running = []
    for _ in range(finished):
        # Two at once, the younger one ends first.
        while len(running) < 2:
            running.append(original.propose())
            made = running[-1]
            resumed.adopt(as_read(made))
        ended = running.pop()
        for driver in (original, resumed):
            driver.report(ended.oracle_id, 1, loss(ended))
            driver.tell(ended.oracle_id, answer(ended))
    assert [original.propose() for _ in range(3)] == [resumed.propose() for _ in range(3)]


@pytest.mark.parametrize("algorithm", EVERY)
def test_a_small_space_is_finished(start, answer, algorithm):
    driver = start(algorithm, space=choices(2))
    proposals = []
    while (proposal := driver.propose()) is not None:
        proposals.append(proposal)
        driver.tell(proposal.oracle_id, answer(proposal))
    assert sorted(values["learning_rate"] for values in configurations(proposals)) == [0.001, 0.002]
    assert driver.propose() is None


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_space_of_a_single_point_is_finished(start, ask, algorithm):
    driver = start(algorithm, space=choices(1))
    assert configurations(ask(driver, 1)) == [{"learning_rate": 0.001}]


@pytest.mark.parametrize("algorithm", ["random", "grid"])
@pytest.mark.parametrize("seed", [*range(4), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(4, 20))])
def test_all_of_a_space_of_96_points_are_tried(start, ask, algorithm, seed):
    driver = start(algorithm, seed, space=choices(4, 4, 3, 2))
    assert distinct(configurations(ask(driver, 96))) == 96
    assert driver.propose() is None


@pytest.mark.parametrize("algorithm", ["tpe", "halving"])
def test_the_other_oracles_try_all_of_them_too(start, ask, algorithm):
    driver = start(algorithm, space=choices(4, 4, 3, 2))
    assert distinct(configurations(ask(driver, 96))) == 96
    assert driver.propose() is None


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_nothing_is_printed(start, ask, capfd, algorithm):
    ask(start(algorithm), 7 if algorithm == "tpe" else 3)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_tensorboard_is_not_needed(start, ask, monkeypatch, algorithm):
    """Keras Tuner's own tuners import it, and TensorFlow does not install it any more."""
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    assert len(ask(start(algorithm), 2)) == 2


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_no_file_is_written_and_closing_leaves_no_folder(ask, tmp_path, monkeypatch, algorithm):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    driver = DrivenOracle(make_oracle(SearchConfig(algorithm=algorithm, epochs=EPOCHS)), conditional_space())
    ask(driver, 2)
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    driver.close()
    assert written == list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("trait", "declared"),
    [
        ("stops", {"halving"}),
        ("is_slow", {"bayesian"}),
        ("pauses", {"hyperband"}),
        ("learns", {"bayesian", "halving", "tpe"}),
    ],
)
def test_what_an_algorithm_declares_says_what_the_search_has_to_provide(start, trait, declared):
    ours = {"random", "bayesian", "tpe", "hyperband", "halving", "grid"}
    assert {name for name in ours if getattr(start(name).traits, trait)} == declared


@pytest.mark.parametrize("algorithm", [name for name in ALGORITHMS if not algorithm_class(name).pauses])
def test_only_an_algorithm_that_pauses_decides_on_epochs(start, algorithm):
    proposal = start(algorithm).propose()
    assert (proposal.epochs, proposal.continues) == (None, None)


@pytest.mark.parametrize("algorithm", [name for name in ALGORITHMS if not algorithm_class(name).stops])
def test_only_an_algorithm_that_declares_it_stops_trials(start, algorithm):
    driver = start(algorithm)
    ids = [driver.propose().oracle_id for _ in range(4)]
    assert all(driver.report(name, 1, loss) for loss, name in enumerate(ids))


def test_halving_takes_its_first_rung_from_the_config():
    config = SearchConfig(algorithm="halving", epochs=10, min_epochs=3)
    assert make_oracle(config).rule.rungs == (3, 9)


def test_a_grid_takes_ten_values_of_a_real_range_and_the_last_hyperparameter_fastest(start, ask):
    hp = kt.HyperParameters()
    hp.Boolean("pool")
    hp.Float("learning_rate", 0.001, 1.0, sampling="log")
    proposed = configurations(ask(start("grid", space=hp), 20))
    assert [values["pool"] for values in proposed] == [True] * 10 + [False] * 10
    rates = [values["learning_rate"] for values in proposed[:10]]
    assert rates == pytest.approx([10 ** (-3 + number / 3) for number in range(10)])
    assert (rates[0], rates[-1]) == (0.001, 1.0)


def test_tpe_finds_a_better_region_than_chance_does(start, ask):
    random, tpe = (ask(start(name, 1), 40) for name in ("random", "tpe"))
    assert sum(map(loss, tpe[20:])) < 0.75 * sum(map(loss, random[20:]))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:lbfgs failed to converge")
def test_bayesian_finds_a_better_region_than_chance_does(start, ask):
    random, bayesian = (ask(start(name, 0), 16) for name in ("random", "bayesian"))
    assert bayesian[:INITIAL_POINTS] == random[:INITIAL_POINTS]
    assert sum(map(loss, bayesian[8:])) < 0.75 * sum(map(loss, random[8:]))


def test_the_oracle_s_own_seed_is_derived():
    assert make_oracle(SearchConfig()).seed == derive_seed(0, "oracle")


def test_an_unknown_algorithm_is_refused():
    message = "unknown algorithm genetic: choose one of bayesian, freeze-thaw, grid, halving, hyperband, random, tpe"
    with pytest.raises(InputError, match=message):
        make_oracle(SearchConfig(algorithm="genetic"))


def test_tpe_without_optuna_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    monkeypatch.delitem(sys.modules, "tuning.oracles.algorithms.tpe", raising=False)
    with pytest.raises(InputError, match=r"^tpe needs optuna: install it with pip install optuna, or"):
        make_oracle(SearchConfig(algorithm="tpe"))


def test_an_objective_of_several_metrics_is_refused():
    driver = OracleDriver(kt.oracles.RandomSearchOracle(objective=["loss", "val_loss"]))
    with pytest.raises(InputError, match=r"the oracle's objective must be one metric, like kt\.Objective"):
        assert driver.objective
    driver.close()


def one_rate(rate=0.001):
    return complete(Declared(choices(4)), {"learning_rate": rate})


@pytest.mark.parametrize(("oracle_id", "continues"), [("0001", None), ("0000", "0007")])
def test_a_journal_of_other_trials_is_not_adopted(start, oracle_id, continues):
    driver = start("hyperband", space=choices(4))
    with pytest.raises(InputError, match="is not what this oracle suggests there"):
        driver.adopt(Proposal(oracle_id=oracle_id, point=one_rate(), epochs=1, continues=continues))


def own_oracle(kind=kt.oracles.RandomSearchOracle, **options):
    return kind(objective=kt.Objective("val_loss", "min"), hyperparameters=choices(9, 9), seed=5, **options)


@pytest.fixture
def drive():
    """A driver of a caller's own oracle."""
    drivers = []

    def call(oracle):
        drivers.append(DrivenOracle(make_oracle(SearchConfig(algorithm=oracle)), choices(9, 9)))
        return drivers[-1]

    yield call
    for driver in drivers:
        driver.close()


def test_a_caller_s_oracle_adopts_what_it_would_propose(drive):
    original, resumed = drive(own_oracle()), drive(own_oracle())
    made = original.propose()
    resumed.adopt(dataclasses.replace(made, epochs=12))
    assert resumed.propose() == original.propose()


def test_a_caller_s_oracle_adopts_nothing_else(drive):
    with pytest.raises(InputError, match="is not what this oracle suggests there"):
        drive(own_oracle()).adopt(Proposal(oracle_id="0000", point=one_rate()))


def test_keras_tuner_s_hyperband_continues_trials_too(drive, ask):
    driver = drive(own_oracle(kt.oracles.HyperbandOracle, max_epochs=3))
    first, second, third, promoted = ask(driver, 4)
    best = min((first, second, third), key=loss)
    assert driver.traits.pauses
    assert [proposal.epochs for proposal in (first, promoted)] == [1, 3]
    assert (promoted.continues, promoted.point) == (best.oracle_id, best.point)


class StoppingOracle(kt.oracles.RandomSearchOracle):
    """Stops every trial after two epochs."""

    @kt.synchronized
    def update_trial(self, trial_id, metrics, step=0):
        trial = super().update_trial(trial_id, metrics, step=step)
        trial.status = "STOPPED" if step >= 2 else "RUNNING"
        return trial


def test_a_caller_s_oracle_stops_trials_through_keras_tuner_s_hook(drive, make_trial):
    driver = drive(own_oracle(StoppingOracle))
    name = driver.propose().oracle_id
    assert driver.traits.stops
    assert driver.report(name, 1, 0.5)
    assert not driver.report(name, 2, None)
    driver.tell(name, make_trial(0.5, status=TrialStatus.STOPPED))
    assert driver.propose().oracle_id != name


class WaitingOracle(kt.oracles.RandomSearchOracle):
    """Has nothing to propose while a trial runs."""

    def populate_space(self, trial_id):
        return {"status": "IDLE"} if self.ongoing_trials else super().populate_space(trial_id)


def test_a_caller_s_oracle_can_wait_for_a_result(drive, make_trial):
    driver = drive(own_oracle(WaitingOracle))
    first = driver.propose()
    assert driver.propose() is WAITING
    driver.tell(first.oracle_id, make_trial(0.5))
    assert driver.propose() is not WAITING


def test_a_trial_counts_with_its_result_and_not_with_its_best_epoch(drive, make_trial):
    oracle = own_oracle()
    driver = drive(oracle)
    name = driver.propose().oracle_id
    driver.report(name, 1, 0.1)
    driver.tell(name, make_trial(0.5))
    assert oracle.trials[name].score == 0.5


def test_neighbouring_seeds_of_an_oracle_share_nothing():
    """Also without the seed that `make_oracle` derives."""
    drawn = []
    for seed in range(4):
        with contextlib.closing(DrivenOracle(RandomOracle(VALIDATION_LOSS, seed=seed), conditional_space())) as driver:
            drawn += [driver.propose().point.values for _ in range(6)]
    assert distinct(drawn) == len(drawn) == 24


@pytest.mark.parametrize("algorithm", QUICK)
def test_an_oracle_that_makes_use_of_results_learns_from_known_configurations(start, ask, make_trial, algorithm):
    driver = start(algorithm)
    known = {"kind": "dense", "learning_rate": 0.01, "units": 64, "batch_size": 32}
    named = driver.next_id
    driver.adopt(Proposal(oracle_id=named, point=complete(Declared(conditional_space()), known), epochs=EPOCHS))
    driver.tell(named, make_trial(0.1))
    assert driver.next_id != named
    assert known not in [proposal.point.values for proposal in ask(driver, 5)]


@pytest.mark.parametrize("algorithm", QUICK)
def test_no_new_configuration_is_proposed_where_none_is_wanted(start, algorithm):
    assert start(algorithm).propose(new=False) is None
