"""What a run of a builder asks for, whatever way Keras Tuner has of asking."""

from __future__ import annotations

import keras_tuner as kt
import pytest

from tuning.errors import InputError
from tuning.space.ranges import Choices, FloatRange, IntRange
from tuning.space.recording import RecordingHyperParameters, answering, ask_all, range_of


def asked(ask, choose=lambda name, domain, default: default, **options):
    hp = RecordingHyperParameters(choose, **options)
    ask(hp)
    return hp.point


@pytest.mark.parametrize(
    ("ask", "domain", "default"),
    [
        (lambda hp: hp.Choice("x", ["a", "b"]), Choices(values=("a", "b")), "a"),
        (lambda hp: hp.Choice("x", [16, 32], default=32), Choices(values=(16, 32), is_ordered=True), 32),
        (lambda hp: hp.Boolean("x"), Choices(values=(True, False)), False),
        (lambda hp: hp.Fixed("x", 5), Choices(values=(5,)), 5),
        (lambda hp: hp.Int("x", 8, 64, step=8), IntRange(low=8, high=64, step=8), 8),
        (lambda hp: hp.Int("x", 8, 64, sampling="log"), IntRange(low=8, high=64, log=True), 8),
        (
            lambda hp: hp.Int("x", 8, 64, step=2, sampling="reverse_log"),
            IntRange(low=8, high=64, step=2, log=True, reverse=True),
            8,
        ),
        (lambda hp: hp.Float("x", 0, 1, default=0), FloatRange(low=0.0, high=1.0), 0.0),
        (lambda hp: hp.Float("x", 0.0, 1.0, step=0.25), FloatRange(low=0.0, high=1.0, step=0.25), 0.0),
        (lambda hp: hp.Float("x", 0.5, 0.5), Choices(values=(0.5,)), 0.5),
    ],
)
def test_a_hyperparameter_is_asked_for_with_its_range_and_default(ask, domain, default):
    point = asked(ask)

    assert (point.values, point.ranges) == ({"x": default}, {"x": domain})
    assert type(point.values["x"]) is type(default)


def test_the_answer_reaches_the_builder_and_what_it_gets_by_name():
    def build(hp):
        seen.append((hp.Int("units", 1, 9), hp.get("units"), hp["units"], hp.values["units"]))

    seen: list = []
    asked(build, lambda name, domain, default: 7)

    assert seen == [(7, 7, 7, 7)]


def test_a_name_is_asked_for_once_and_the_first_range_counts():
    questions = []

    def choose(name, domain, default):
        questions.append(domain)
        return 5

    asked(lambda hp: (hp.Int("units", 1, 9), hp.Int("units", 2, 4)), choose)

    assert questions == [IntRange(low=1, high=9)]


def test_a_scope_is_part_of_the_name():
    def build(hp):
        with hp.name_scope("opt"):
            hp.Boolean("ema")

    assert asked(build).values == {"opt/ema": False}


def test_under_a_condition_that_does_not_hold_nothing_is_asked_for():
    def build(hp):
        hp.Choice("kind", ["dense", "convolution"])
        with hp.conditional_scope("kind", ["convolution"]):
            seen.append(hp.Int("size", 3, 5))

    seen: list = []

    assert asked(build).values == {"kind": "dense"}
    assert asked(build, lambda name, domain, default: domain.list_values()[-1]).values == {
        "kind": "convolution",
        "size": 5,
    }
    assert seen == [None, 5]


def test_one_name_under_two_conditions_has_the_range_of_the_one_that_holds():
    def build(hp):
        hp.Choice("kind", ["dense", "convolution"])
        with hp.conditional_scope("kind", ["dense"]):
            hp.Choice("units", [64, 128])
        with hp.conditional_scope("kind", ["convolution"]):
            hp.Choice("units", [4, 8])

    last = asked(build, lambda name, domain, default: domain.list_values()[-1])

    assert asked(build).values == {"kind": "dense", "units": 64}
    assert last.values == {"kind": "convolution", "units": 8}


def test_a_fixed_range_takes_the_place_of_the_builder_s_and_of_its_default():
    wished = IntRange(low=20, high=30)

    point = asked(lambda hp: hp.Int("units", 1, 9, default=5), fixed={"units": wished})

    assert (point.values, point.ranges) == ({"units": 20}, {"units": wished})


def test_a_declared_space_asks_for_all_of_itself():
    hp = kt.HyperParameters()
    hp.Boolean("pool")
    hp.Int("size", 2, 9, parent_name="pool", parent_values=[True])

    assert asked(ask_all(hp)).values == {"pool": False}
    assert asked(ask_all(hp), lambda name, domain, default: domain.list_values()[0]).values == {"pool": True, "size": 2}


def test_a_configuration_answers_with_its_values():
    assert asked(lambda hp: hp.Int("units", 1, 9), answering({"units": 4, "other": 1})).values == {"units": 4}


def test_a_name_that_a_configuration_lacks_is_refused():
    with pytest.raises(
        InputError, match="it asks for depth, for which it did not ask when the configuration was drawn"
    ):
        asked(lambda hp: hp.Int("depth", 1, 9), answering({"units": 4}))


def test_text_that_keras_tuner_orders_nothing_of_has_no_order():
    hp = kt.HyperParameters()
    hp.Choice("kind", ["a", "b"])
    hp.Choice("size", [1, 2])
    hp.Choice("code", [1, 2], ordered=False)

    assert [range_of(entry).is_ordered for entry in hp.space] == [False, True, False]
