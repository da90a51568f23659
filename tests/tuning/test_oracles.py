"""One conformance suite for every oracle, and the defects of Keras Tuner that driving it from outside avoids."""

from __future__ import annotations

import math
import sys

import pytest

from tuning.errors import InputError
from tuning.oracles import INITIAL_POINTS, OracleDriver, make_oracle
from tuning.records import ALGORITHMS, SearchConfig, Status
from tuning.seeds import derive_seed
from tuning.space import Choices

SEEDED = ("random", "bayesian", "hyperband")
"""The algorithms that draw at random; a grid is the same for every seed."""

EPOCHS = 3


@pytest.fixture
def start(hypermodel):
    """A fresh driver, removed after the test."""
    drivers = []

    def call(algorithm, seed, *, space=None):
        space = space if space is not None else hypermodel
        oracle = make_oracle(SearchConfig(algorithm=algorithm, seed=seed, epochs=EPOCHS), space.hyperparameters())
        drivers.append(OracleDriver(oracle))
        return drivers[-1]

    yield call
    for driver in drivers:
        driver.close()


@pytest.fixture
def ask(make_trial):
    """Ask a driver `count` times, telling it for each proposal a loss that its learning rate decides."""

    def call(driver, count, *, status=Status.COMPLETED):
        proposals = []
        for _ in range(count):
            proposals.append(driver.propose())
            loss = abs(math.log(proposals[-1].hyperparameters["learning_rate"] / 0.003))
            driver.tell(proposals[-1].oracle_id, make_trial(loss, status=status))
        return proposals

    return call


def configurations(proposals):
    return [proposal.hyperparameters for proposal in proposals]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("seed", [0, 1])
def test_the_same_seed_and_results_give_the_same_proposals(start, ask, algorithm, seed):
    assert ask(start(algorithm, seed), 6) == ask(start(algorithm, seed), 6)


@pytest.mark.parametrize("algorithm", SEEDED)
def test_seed_0_is_a_seed_like_any_other(start, ask, algorithm):
    """Keras Tuner takes 0 for "choose a seed at random"."""
    assert configurations(ask(start(algorithm, 0), 6)) != configurations(ask(start(algorithm, 1), 6))


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", SEEDED)
def test_no_seed_gives_the_proposals_of_another_one_shifted(start, ask, algorithm):
    """Keras Tuner's seeds s and s + number of hyperparameters give the same trials shifted by one."""
    first = configurations(ask(start(algorithm, 0), 5))[1:]
    others = [entry for seed in range(1, 16) for entry in configurations(ask(start(algorithm, seed), 5))[1:]]
    assert not [entry for entry in first if entry in others]


def test_the_oracle_s_own_seed_is_derived_and_never_0(hypermodel):
    oracle = make_oracle(SearchConfig(epochs=EPOCHS), hypermodel.hyperparameters())
    assert oracle.seed == derive_seed(0, "oracle") != 0


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_proposal_lies_in_the_space_and_is_complete(start, ask, hypermodel, algorithm):
    proposals = ask(start(algorithm, 0), 6)
    assert [hypermodel.check(values) for values in configurations(proposals)] == configurations(proposals)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_proposals_hold_values_that_json_has_words_for(start, ask, algorithm):
    kinds = {type(value) for values in configurations(ask(start(algorithm, 0), 6)) for value in values.values()}
    assert kinds <= {bool, int, float, str}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_proposals_are_told_apart_by_their_ids(start, ask, algorithm):
    assert len({proposal.oracle_id for proposal in ask(start(algorithm, 0), 6)}) == 6


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("status", [Status.FAILED, Status.STOPPED])
def test_no_number_of_bad_trials_in_a_row_ends_the_search(start, ask, algorithm, status):
    """Keras Tuner raises in `end_trial` at the third failure in a row."""
    # With 3 epochs, Hyperband has 5 configurations to start, of which it can promote none that failed.
    proposals = ask(start(algorithm, 0), 5, status=status)
    assert len(proposals) == 5


@pytest.mark.parametrize("algorithm", ["random", "bayesian", "grid"])
def test_twenty_failures_in_a_row_are_survived(start, ask, algorithm):
    assert len(ask(start(algorithm, 0), 20, status=Status.FAILED)) == 20


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_nan_result_is_survived(start, make_trial, algorithm):
    driver = start(algorithm, 0)
    driver.tell(driver.propose().oracle_id, make_trial(math.nan))
    assert driver.propose() is not None


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_fresh_driver_that_replays_the_calls_goes_on_identically(start, ask, algorithm):
    whole = start(algorithm, 3)
    replayed = start(algorithm, 3)
    ask(whole, 4)
    ask(replayed, 4)
    assert ask(whole, 2) == ask(replayed, 2)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_nothing_is_printed(start, ask, capsys, algorithm):
    ask(start(algorithm, 0), 3)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_tensorboard_is_not_needed(start, ask, monkeypatch, algorithm):
    """Keras Tuner's own tuners import it, and TensorFlow does not install it any more."""
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    assert len(ask(start(algorithm, 0), 2)) == 2


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_closing_leaves_no_file_behind(hypermodel, ask, tmp_path, monkeypatch, algorithm):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    driver = OracleDriver(make_oracle(SearchConfig(algorithm=algorithm, epochs=EPOCHS), hypermodel.hyperparameters()))
    ask(driver, 2)
    driver.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_space_that_is_used_up_has_no_more_proposals(start, ask, hypermodel, algorithm):
    fixed = {name: Choices(values=(value,)) for name, value in hypermodel.default_configuration().items()}
    changes = {**fixed, "pooling": Choices(values=("max", "average"))}
    space = type(hypermodel)(hypermodel.task, ranges={**hypermodel.ranges, **changes})
    driver = start(algorithm, 0, space=space)
    poolings = [values["pooling"] for values in configurations(ask(driver, 2))]
    assert sorted(poolings) == ["average", "max"]
    assert driver.propose() is None
    assert driver.propose() is None


def test_a_grid_reaches_every_point_once(start, ask, hypermodel):
    fixed = {name: Choices(values=(value,)) for name, value in hypermodel.default_configuration().items()}
    changes = {
        **fixed,
        "pooling": Choices(values=("max", "average")),
        "padding": Choices(values=("valid", "same")),
        "batch_normalization": Choices(values=("none", "convolution", "pooling")),
        "dropout": Choices(values=(0.0, 0.1)),
    }
    space = type(hypermodel)(hypermodel.task, ranges={**hypermodel.ranges, **changes})
    driver = start("grid", 0, space=space)
    points = {tuple(values.items()) for values in configurations(ask(driver, 24))}
    assert len(points) == 24
    assert driver.propose() is None


def test_bayesian_leaves_the_random_sequence_once_it_has_seen_a_few(start, ask):
    random, bayesian = (configurations(ask(start(name, 0), 8)) for name in ("random", "bayesian"))
    assert bayesian[:INITIAL_POINTS] == random[:INITIAL_POINTS]
    assert bayesian[INITIAL_POINTS] != random[INITIAL_POINTS]


def test_hyperband_promotes_the_best_of_a_round_and_names_its_parent(start, ask):
    first, second, third, promoted = ask(start("hyperband", 0), 4)
    started = [first, second, third]
    best = min(started, key=lambda proposal: abs(math.log(proposal.hyperparameters["learning_rate"] / 0.003)))
    assert [(proposal.epochs, proposal.initial_epoch, proposal.parent) for proposal in started] == [(1, 0, "")] * 3
    assert (promoted.epochs, promoted.initial_epoch) == (EPOCHS, 1)
    assert (promoted.parent, promoted.hyperparameters) == (best.oracle_id, best.hyperparameters)


def test_hyperband_starts_over_when_its_brackets_are_through(start, ask):
    proposals = ask(start("hyperband", 0), 20)
    assert all(proposals)
    assert [proposal.epochs for proposal in proposals[:6]] == [proposal.epochs for proposal in proposals[6:12]]


def test_hyperband_never_promotes_a_failed_trial(start, make_trial):
    driver = start("hyperband", 0)
    statuses = [Status.FAILED, Status.COMPLETED, Status.COMPLETED]
    for status in statuses:
        driver.tell(driver.propose().oracle_id, make_trial(0.1, status=status))
    following = [driver.propose() for _ in range(2)]
    assert [proposal.parent for proposal in following] == ["", ""]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_only_hyperband_continues_trials(start, algorithm):
    assert start(algorithm, 0).can_continue_trials == (algorithm == "hyperband")


@pytest.mark.parametrize("algorithm", ["random", "bayesian", "grid"])
def test_the_other_oracles_leave_the_epochs_to_the_search(start, algorithm):
    proposal = start(algorithm, 0).propose()
    assert (proposal.epochs, proposal.initial_epoch, proposal.parent) == (None, 0, "")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:lbfgs failed to converge")  # the fit of the Gaussian process stays usable
def test_what_the_gaussian_process_proposes_lies_in_the_space_and_can_be_repeated(start, ask, tiny):
    # 9 hyperparameters: the first 27 configurations are random.
    proposals = ask(start("bayesian", 0, space=tiny), 29)
    assert [tiny.check(values) for values in configurations(proposals)] == configurations(proposals)
    assert ask(start("bayesian", 0, space=tiny), 29) == proposals


def test_an_unknown_algorithm_is_refused(hypermodel):
    message = "unknown algorithm genetic: choose one of random, bayesian, hyperband, grid"
    with pytest.raises(InputError, match=message):
        make_oracle(SearchConfig(algorithm="genetic"), hypermodel.hyperparameters())
