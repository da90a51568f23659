"""Inputs that break the contract get an error from our runtimes, never an answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from export.artifact import TensorSpec
from export.comparison.ring_result import RingFinding
from export.rings import Candidate, Ring

_BATCH = 2


def check(candidate: Candidate) -> RingFinding:
    """Wrong shapes, dtypes, layouts, names, and no examples at all."""
    specs = candidate.artifact.inputs
    right = {spec.name: np.zeros((_BATCH, *_sizes(spec)), spec.dtype) for spec in specs}
    attacks = [
        (f"{what} of {spec.name}", {**right, spec.name: array}) for spec in specs for what, array in _attacks(spec)
    ]
    attacks += [("a missing input", {name: right[name] for name in list(right)[1:]}), ("another", {**right, "x": 0})]
    answered = []
    for what, inputs in attacks:
        try:
            candidate.model.answer(inputs)
        except ValueError:
            continue
        answered.append(f"{what} was answered")
    return RingFinding(failures=tuple(answered), facts={"attacks": len(attacks)})


def _attacks(spec: TensorSpec) -> Iterator[tuple[str, Any]]:
    sizes = _sizes(spec)
    other = "int16" if spec.dtype != "int16" else "int8"
    yield "a batch of 0", np.zeros((0, *sizes), spec.dtype)
    # An input of one number for each example has no other sizes.
    if sizes:
        yield "one size too large", np.zeros((_BATCH, sizes[0] + 1, *sizes[1:]), spec.dtype)
    yield "a missing batch", np.zeros(sizes, spec.dtype)
    yield "another dimension", np.zeros((_BATCH, *sizes, 1), spec.dtype)
    yield "dtype float64", np.zeros((_BATCH, *sizes), np.float64)
    yield f"dtype {other}", np.zeros((_BATCH, *sizes), other)
    yield "a list", [0]
    # (channels, height, width) instead of (height, width, channels).
    if len(sizes) == 3 and (sizes[2], *sizes[:2]) != sizes:
        yield "channels first", np.zeros((_BATCH, sizes[2], *sizes[:2]), spec.dtype)


def _sizes(spec: TensorSpec) -> tuple[int, ...]:
    return tuple(size for size in spec.shape if size is not None)


RING = Ring(order=3, check=check)
