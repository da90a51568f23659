"""Every layer beside every tensor of a file that holds as many values: how far the two are apart.

Needs numpy only. Which tensor is which layer's is decided by the values alone: names do not survive a conversion.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from export.arrays import Arrays
from export.errors import InputError
from export.layers.trace import LayerTrace, TracedLayer
from tuning.files.json_record import JsonRecord

SAME_VALUE = 5e-4
"""Another order of summing moved float32 numbers by 4e-4 of their channel at most, in six networks of up to 770 layers
and there only in channels of next to nothing; elsewhere by 2e-5."""


@dataclass(frozen=True, kw_only=True)
class Difference(JsonRecord):
    """How far a tensor is from a layer, over all sampled positions and examples; infinite where it holds a NaN.

    `largest`: the largest absolute difference. `relative`: the largest as a share of the largest value in its channel.
    `share`: the root of the mean squared difference as a share of the layer's standard deviation; two things that have
    nothing to do with each other have about 1.4. `agreement`: how many of the values, 0 to 1, are the same up to
    `SAME_VALUE` of the largest in their channel.
    """

    largest: float
    relative: float
    share: float
    agreement: float


@dataclass(frozen=True, kw_only=True)
class TensorCandidate:
    """A tensor of the file that may be a layer's answer. `order`: its number in the order of computation.

    `has_shape`: whether it also has the layer's shape, be it with the channels first.
    """

    tensor: str
    order: int
    has_shape: bool
    difference: Difference


@dataclass(frozen=True, kw_only=True, eq=False)
class _Group:
    """All layers of one size, side by side: `layers` are their numbers, `starts` where each begins."""

    layers: NDArray[np.int64]
    starts: NDArray[np.int64]
    positions: NDArray[np.int32]
    values: NDArray[np.float32]
    scales: NDArray[np.float64]


def compare_layers(trace: LayerTrace, runs: Iterable[Arrays]) -> tuple[tuple[TensorCandidate, ...], ...]:
    """For each layer its candidates among the tensors of a file, the likeliest first.

    `runs`: for each of the trace's examples what the file computes, (1, …) by name in the order of computation. Layers
    that answer with one and the same number everywhere have no candidates. Raises InputError unless there is a run for
    each example.
    """
    groups = _by_size(trace)
    sums: dict[tuple[int, str, bool], list[np.ndarray]] = {}
    names: dict[str, int] = {}
    shapes: dict[str, tuple[int, ...]] = {}
    examples = 0
    for example, tensors in enumerate(runs):
        examples += 1
        if examples > trace.examples:
            break
        for name, tensor in tensors.items():
            group = groups.get(tensor.size)
            if group is None:
                continue
            names.setdefault(name, len(names))
            shapes[name] = tensor.shape
            for is_moved, flat in _orders(tensor):
                found = _apart(group, flat, example)
                key = (tensor.size, name, is_moved)
                sums[key] = found if key not in sums else _add(sums[key], found)
    if examples != trace.examples:
        raise InputError(
            f"the layers were recorded for {trace.examples} examples but the file was asked {examples}: ask it the same"
        )
    spreads = [float(layer.values.astype(np.float64).std()) * layer.values.size**0.5 for layer in trace.layers]
    found_by_layer: list[dict[str, TensorCandidate]] = [{} for _ in trace.layers]
    for (size, name, _), (largest, relative, squares, agreeing) in sums.items():
        for at, number in enumerate(groups[size].layers):
            candidate = TensorCandidate(
                tensor=name,
                order=names[name],
                has_shape=_has_shape(shapes[name], trace.layers[number]),
                difference=Difference(
                    largest=float(largest[at]),
                    relative=float(relative[at]),
                    share=float(squares[at] ** 0.5 / spreads[number]),
                    agreement=float(agreeing[at]) / trace.layers[number].values.size,
                ),
            )
            other = found_by_layer[number].get(name)
            if other is None or candidate.difference.share < other.difference.share:
                found_by_layer[number][name] = candidate
    return tuple(tuple(sorted(found.values(), key=_likelihood)) for found in found_by_layer)


def _likelihood(candidate: TensorCandidate) -> tuple[float, bool, int]:
    """Among equal ones, as copies and other arrangements of a tensor are, the first of the layer's own shape."""
    return candidate.difference.share, not candidate.has_shape, candidate.order


def _by_size(trace: LayerTrace) -> dict[int, _Group]:
    numbers: dict[int, list[int]] = {}
    for number, layer in enumerate(trace.layers):
        if not layer.is_constant:
            numbers.setdefault(layer.size, []).append(number)
    groups = {}
    for size, members in numbers.items():
        layers = [trace.layers[number] for number in members]
        groups[size] = _Group(
            layers=np.array(members),
            starts=np.cumsum([0, *(len(layer.positions) for layer in layers)])[:-1],
            positions=np.concatenate([layer.positions for layer in layers]),
            values=np.concatenate([layer.values for layer in layers], axis=1),
            scales=np.concatenate([layer.channel_scales() for layer in layers]),
        )
    return groups


def _orders(tensor: np.ndarray) -> list[tuple[bool, np.ndarray]]:
    """The tensor's values in a row, and in the order that they have with the channels last, if they may be first."""
    plain = (False, tensor.reshape(-1))
    if tensor.ndim < 3:
        return [plain]
    return [plain, (True, np.moveaxis(tensor, 1, -1).reshape(-1))]


def _has_shape(shape: tuple[int, ...], layer: TracedLayer) -> bool:
    own = shape[1:]
    return own == layer.shape or (len(own) > 1 and (*own[1:], own[0]) == layer.shape)


def _apart(group: _Group, flat: np.ndarray, example: int) -> list[np.ndarray]:
    """Of each layer in the group: largest difference, largest relative one, sum of squares, number of same values."""
    apart = np.abs(flat[group.positions].astype(np.float64) - group.values[example])
    apart[np.isnan(apart)] = np.inf
    relative = apart / group.scales
    return [
        np.maximum.reduceat(apart, group.starts),
        np.maximum.reduceat(relative, group.starts),
        np.add.reduceat(apart**2, group.starts),
        np.add.reduceat(relative <= SAME_VALUE, group.starts, dtype=np.int64),
    ]


def _add(one: list[np.ndarray], other: list[np.ndarray]) -> list[np.ndarray]:
    return [np.maximum(one[0], other[0]), np.maximum(one[1], other[1]), one[2] + other[2], one[3] + other[3]]
