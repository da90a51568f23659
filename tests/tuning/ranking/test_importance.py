"""What mattered is found, what did not is not, and too little says nothing."""

from __future__ import annotations

import json
import math
import random
import time

import pytest

from tuning.ranking.importance import FEWEST_TRIALS, importance

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def searched(make_trial):
    """Trials of random configurations with the given loss for each."""

    def make(count, loss, seed=0):
        draw = random.Random(seed)
        configurations = []
        for _ in range(count):
            configuration = {
                "rate": 10 ** draw.uniform(-4, -1),
                "pool": draw.choice(["max", "average", "none"]),
                "bias": draw.choice([True, False]),
                "units": draw.choice([0, 32, 64]),
                "fixed": 7,
            }
            if configuration["units"]:
                configuration["dropout"] = draw.uniform(0, 0.5)
            configurations.append(configuration)
        return [
            make_trial(loss(each, draw), trial_id=f"{index:04}", hyperparameters=each)
            for index, each in enumerate(configurations)
        ]

    return make


def by_rate(configuration, draw):
    return abs(math.log10(configuration["rate"]) + 2) + draw.gauss(0, 0.05)


@pytest.mark.parametrize(
    ("loss", "name"),
    [
        (by_rate, "rate"),
        (lambda configuration, draw: float(configuration["pool"] == "max") + draw.gauss(0, 0.05), "pool"),
        (lambda configuration, draw: float(configuration["bias"]) + draw.gauss(0, 0.05), "bias"),
        (lambda configuration, draw: configuration.get("dropout", 1.0) + draw.gauss(0, 0.05), "dropout"),
    ],
)
def test_what_the_objective_depends_on_is_the_most_important(searched, loss, name):
    found = importance(searched(40, loss))
    assert next(iter(found.shares)) == name
    assert found.shares[name] > 0.5
    assert found.explained > 0.3
    assert found.reason == ""


def test_shares_sum_to_1_descend_and_leave_out_what_is_fixed(searched):
    shares = importance(searched(30, by_rate)).shares
    assert sum(shares.values()) == pytest.approx(1)
    assert list(shares.values()) == sorted(shares.values(), reverse=True)
    assert set(shares) == {"rate", "pool", "bias", "units", "dropout"}


def test_the_same_trials_give_the_same_shares(searched):
    trials = searched(20, by_rate)
    assert importance(trials) == importance(trials)


def test_a_forest_that_explains_nothing_says_nothing(searched):
    found = importance(searched(40, lambda configuration, draw: draw.gauss(0, 1), seed=1))
    assert found.shares == {}
    assert found.explained <= 0
    assert found.reason == "the hyperparameters do not explain which trials are better"


def test_few_results_say_nothing(searched, make_trial):
    trials = searched(FEWEST_TRIALS - 1, by_rate)
    unusable = [make_trial(math.nan), make_trial(0.1, repeat_of="0000")]
    found = importance([*trials, *unusable])
    assert (found.shares, found.reason) == ({}, "it takes 10 trials with a result, there are 9")


def test_hyperparameters_that_never_change_say_nothing(make_trial):
    found = importance([make_trial(loss / 10) for loss in range(12)])
    assert (found.shares, found.reason) == ({}, "all trials have the same hyperparameters")


def test_a_result_that_never_changes_says_nothing(searched):
    found = importance(searched(12, lambda configuration, draw: 0.5))
    assert (found.shares, found.reason) == ({}, "all trials have the same result")


def test_importance_is_written_as_json(searched):
    found = importance(searched(20, by_rate))
    assert json.loads(json.dumps(found.as_json(), allow_nan=False))["shares"] == found.shares


def test_two_hundred_trials_take_less_than_three_seconds(searched):
    trials = searched(200, by_rate)
    started = time.process_time()
    importance(trials)
    assert time.process_time() - started < 3
