"""Ranges for names that the builder does not ask for at once: behind a condition, or misspelt?"""

from __future__ import annotations

import pytest

from tuning.errors import InputError
from tuning.space.drawing import first_point
from tuning.space.wished_names import never_asked_for, require_likely


class Builder:
    """What a function asks for, and how often it ran."""

    name = "my.py:build"
    fixed = {}  # noqa: RUF012

    def __init__(self, ask):
        self._ask, self.runs = ask, 0

    def ask(self, hp):
        self.runs += 1
        self._ask(hp)


def optimizers(hp):
    hp.Float("learning_rate", 0.0, 1.0)
    for number in range(hp.Int("blocks", 1, 2)):
        hp.Int(f"units_{number}", 1, 1000)
    if hp.Choice("optimizer", ["adam", "sgd"]) == "sgd":
        hp.Float("momentum", 0.0, 1.0)


def require(ask, *names):
    builder = Builder(ask)
    require_likely(builder, first_point(builder), names)
    return builder.runs


def test_names_of_the_first_configuration_cost_no_further_run():
    assert require(optimizers, "learning_rate", "units_0") == 1


@pytest.mark.parametrize("name", ["momentum", "units_1"])
def test_a_name_behind_a_condition_is_found(name):
    assert require(optimizers, name) > 1


@pytest.mark.parametrize("name", ["units_7", "warmup"])
def test_a_name_that_is_like_no_other_may_yet_turn_up(name):
    assert require(optimizers, name) == 30


@pytest.mark.parametrize(("name", "meant"), [("learning_rates", "learning_rate"), ("momentums", "momentum")])
def test_what_is_likely_a_misspelling_is_refused_at_once(name, meant):
    with pytest.raises(InputError, match=rf"unknown hyperparameter {name}: did you mean {meant}\?"):
        require(optimizers, name)


def test_a_name_that_a_small_space_does_not_have_is_refused():
    with pytest.raises(InputError, match="unknown hyperparameter warmup: known are pool, size"):
        require(lambda hp: hp.Boolean("pool") and hp.Int("size", 2, 3), "warmup")


def test_names_that_no_configuration_has_are_told():
    configurations = [{"pool": True, "size": 2}, {"pool": False}]

    assert never_asked_for(["size", "warmup", "pool"], configurations) == ("warmup",)
