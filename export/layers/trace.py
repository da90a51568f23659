"""What every layer of a Keras model answered to the first verification inputs: samples small enough to be kept.

Needs numpy only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.errors import VerificationError
from export.files.strict_json import parse_json
from tuning.files.json_record import JsonRecord

FACTS, POSITIONS, VALUES = "layers/facts", "layers/positions", "layers/values"
SMALLEST_CHANNEL = 0.01
"""A channel counts as no smaller than this share of its layer: what is left of larger numbers that cancel each other
is as inexact as they are."""


class Place(StrEnum):
    """Where in a served model an answer is computed."""

    INPUT = "input"
    LAYER = "layer"
    OUTPUT = "output"


@dataclass(frozen=True, kw_only=True, eq=False)
class TracedLayer:
    """A sample of what one layer answered in one of its calls; a served model's inputs and outputs are such layers too.

    `shape` is that of the answer to one example; `positions`, int32 (positions,), are indices into it, flattened in row
    order; `values`, float32 (examples, positions), the values there. `low` and `high` bound the whole answer. `sources`
    are the numbers of the traced layers whose answers it was given, None where something else than a layer computed
    them.
    """

    name: str
    place: Place
    shape: tuple[int, ...]
    sources: tuple[int, ...] | None
    low: float
    high: float
    positions: NDArray[np.int32]
    values: NDArray[np.float32]

    @property
    def size(self) -> int:
        """Values for one example."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def range(self) -> float:
        """The largest absolute value."""
        return max(abs(self.low), abs(self.high))

    @property
    def is_constant(self) -> bool:
        """Whether the sample is one and the same number, by which no tensor can be known again."""
        return bool((self.values == self.values.flat[0]).all())

    def channel_scales(self) -> NDArray[np.float64]:
        """For each position the largest absolute value of its channel, at least `SMALLEST_CHANNEL` of the layer's;
        float64 (positions,), 1 in a layer of zeros."""
        channels = self.positions % self.shape[-1] if self.shape else np.zeros_like(self.positions)
        largest = np.zeros(int(channels.max()) + 1)
        np.maximum.at(largest, channels, np.abs(self.values.astype(np.float64)).max(axis=0))
        floor = SMALLEST_CHANNEL * self.range
        return np.maximum(largest[channels], floor if floor > 0 else 1.0)


@dataclass(frozen=True, kw_only=True, eq=False)
class LayerTrace:
    """All layers in the order in which they answered."""

    layers: tuple[TracedLayer, ...]

    @property
    def examples(self) -> int:
        """To how many of the verification inputs, the first ones, the layers answered."""
        return len(self.layers[0].values)

    def as_arrays(self) -> dict[str, np.ndarray]:
        """The trace as three arrays whose names begin with `layers/`, to be stored in an npz file."""
        facts = [
            _Fact(
                name=layer.name,
                place=layer.place,
                shape=layer.shape,
                sources=layer.sources,
                low=layer.low,
                high=layer.high,
                positions=len(layer.positions),
            ).as_json()
            for layer in self.layers
        ]
        return {
            FACTS: np.frombuffer(json.dumps({"examples": self.examples, "layers": facts}).encode(), dtype=np.uint8),
            POSITIONS: np.concatenate([layer.positions for layer in self.layers]),
            VALUES: np.concatenate([layer.values for layer in self.layers], axis=1),
        }


def from_arrays(arrays: Mapping[str, np.ndarray]) -> LayerTrace | None:
    """What `as_arrays` wrote, None if there is nothing of it. Raises VerificationError if it is damaged."""
    if not {FACTS, POSITIONS, VALUES} & set(arrays):
        return None
    try:
        facts = parse_json(arrays[FACTS].tobytes())
        layers = _layers(facts, arrays[POSITIONS], arrays[VALUES])
    except (KeyError, TypeError, ValueError) as error:
        raise VerificationError(
            f"the record of the layers can't be read ({type(error).__name__}: {error}): export the model again"
        ) from error
    return LayerTrace(layers=layers)


@dataclass(frozen=True, kw_only=True)
class _Fact(JsonRecord):
    """A layer as it is recorded, without its numbers: how many `positions` it has."""

    name: str
    place: Place
    shape: tuple[int, ...]
    sources: tuple[int, ...] | None
    low: float
    high: float
    positions: int


def _layers(facts: Mapping[str, Any], positions: np.ndarray, values: np.ndarray) -> tuple[TracedLayer, ...]:
    found = [_Fact.from_json(fact, place=f"layers[{number}]") for number, fact in enumerate(facts["layers"])]
    counts = [fact.positions for fact in found]
    if not counts or positions.shape != (sum(counts),) or values.shape != (facts["examples"], sum(counts)):
        raise ValueError(f"{sum(counts)} positions are named, {positions.shape} and {values.shape} are there")
    if min(counts) < 1 or not len(values) or positions.dtype != np.int32 or values.dtype != np.float32:
        raise ValueError(f"positions of {positions.dtype} and values of {values.dtype} can't be")
    ends = np.cumsum(counts)
    layers = tuple(
        TracedLayer(
            name=fact.name,
            place=fact.place,
            shape=fact.shape,
            sources=fact.sources,
            low=fact.low,
            high=fact.high,
            positions=positions[end - count : end],
            values=values[:, end - count : end],
        )
        for fact, count, end in zip(found, counts, ends, strict=True)
    )
    for number, layer in enumerate(layers):
        if layer.positions.min() < 0 or int(layer.positions.max()) >= layer.size:
            raise ValueError(f"layer {number} of shape {layer.shape} has no position {layer.positions.max()}")
        if any(not 0 <= source < number for source in layer.sources or ()):
            raise ValueError(f"layer {number} can't have the sources {layer.sources}")
    return layers
