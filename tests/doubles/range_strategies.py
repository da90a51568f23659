"""Strategies for ranges of hyperparameters: whatever Keras Tuner can declare."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras_tuner as kt
from hypothesis import strategies as st

from tuning.space.ranges import Range
from tuning.space.recording import range_of

SAMPLINGS = ("linear", "log", "reverse_log")


def from_keras_tuner(declare: Callable[[kt.HyperParameters], Any]) -> Range:
    """The range of the one hyperparameter that `declare` declares."""
    hp = kt.HyperParameters()
    declare(hp)
    return range_of(hp.space[0])


@st.composite
def ranges(draw):
    """Any range that Keras Tuner can declare."""
    kind = draw(st.sampled_from(["choice", "boolean", "fixed", "int", "log int", "steps", "float steps", "float"]))
    low = draw(st.integers(1, 5))
    high = low + draw(st.integers(0, 9))
    step, sampling = draw(st.integers(2, 3)), draw(st.sampled_from(SAMPLINGS))
    values = draw(st.lists(st.sampled_from("abcd"), min_size=1, max_size=4))
    return from_keras_tuner(
        {
            "choice": lambda hp: hp.Choice("x", values),
            "boolean": lambda hp: hp.Boolean("x"),
            "fixed": lambda hp: hp.Fixed("x", low),
            "int": lambda hp: hp.Int("x", low, high),
            "log int": lambda hp: hp.Int("x", low, high, sampling="log"),
            "steps": lambda hp: hp.Int("x", low, high, step=step, sampling=sampling),
            "float steps": lambda hp: hp.Float("x", low, high, step=step, sampling=sampling),
            "float": lambda hp: hp.Float("x", low, high, sampling=sampling),
        }[kind]
    )
