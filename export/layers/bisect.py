"""The first layer at which a file leaves the Keras model: from the record of both, the file and its runtime alone.

Needs numpy only, beside the file's runtime.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np

from export.arrays import Arrays
from export.artifact import Target
from export.errors import InputError
from export.formats.tensors import open_tensors
from export.layers.differences import SAME_VALUE, Difference, TensorCandidate, compare_layers
from export.layers.matching import LARGEST_SHARE, Candidates, LayerMatch, known_layers, match_layers
from export.layers.trace import LayerTrace, Place, TracedLayer

RANGE_SLACK, CHANNEL_SLACK, SHARE_SLACK = 1e-5, 1e-4, 1e-5
"""What other processors' kernels may add: a share of the layer's range, of its channel's, of its deviation. A hundredth
of what one channel × 1.01 does to its channel."""
MORE_THAN_RECORDED = 4
ALIKE, IN_PART = 0.5, 0.5
"""`Difference.share` up to which a tensor is taken for a layer's that has a fault, and `Difference.agreement` from
which it is, even though what comes behind it is right again."""


class Certainty(StrEnum):
    """By what the layer was found."""

    RECORDED = "its tensor was recorded when the file was verified"
    ALIKE = "its tensor was found by its values, which are nearly the layer's"
    MISSING = "no tensor of the file holds what it or any layer behind it answers"


@dataclass(frozen=True, kw_only=True)
class Divergence:
    """Where a file leaves the reference.

    `layer` is the first with another answer; `joined` are layers before it that the file computes together with it, so
    that the fault may as well lie in one of them. `tensor`: the file's name for the answer, None if it was not found;
    `largest`: the largest difference there, in the layer's own unit, and `expected` that of the verified file, None
    where nothing was recorded. `range`: the layer's largest absolute value. `last_equal`: the last layer before these
    that answers as recorded, None if there is none.
    """

    layer: str
    place: Place
    joined: tuple[str, ...]
    tensor: str | None
    largest: float | None
    expected: float | None
    range: float
    last_equal: str | None
    certainty: Certainty

    @property
    def sentence(self) -> str:
        """The same for people."""
        what = {Place.INPUT: "the prepared input", Place.LAYER: "the layer", Place.OUTPUT: "the output"}[self.place]
        joined = f" (computed together with {', '.join(self.joined)})" if self.joined else ""
        amount = ""
        if self.largest is not None:
            expected = "" if self.expected is None else f" instead of {self.expected:.2g}"
            amount = f": {self.tensor} is off by {self.largest:.3g}{expected}, with values up to {self.range:.3g}"
        before = f"; {self.last_equal} is still equal" if self.last_equal is not None else ""
        return f"{what} {self.layer}{joined} is the first to differ{amount}{before} ({self.certainty})"


def match_file(target: Target, path: Path, trace: LayerTrace, inputs: Arrays) -> tuple[LayerMatch, ...]:
    """The record to keep of a file that was just verified: which tensor is which layer's, and how far they are apart.

    `inputs`: the verification inputs, (examples, …) by name, of which the first are used. Raises InputError if the
    format can't be looked into or the file can't be run.
    """
    return match_layers(trace, compare_layers(trace, _runs(target, path, trace, inputs)), target.variant)


def bisect_file(
    target: Target, path: Path, trace: LayerTrace, inputs: Arrays, recorded: Sequence[LayerMatch]
) -> Divergence | None:
    """The first layer at which the file leaves the reference; None if it does not on the trace's examples.

    `recorded`: of `match_file`, empty for a file that was never verified. Raises InputError as `match_file` does.
    """
    candidates = compare_layers(trace, _runs(target, path, trace, inputs))
    return first_divergence(trace, candidates, recorded, target.variant)


def first_divergence(
    trace: LayerTrace, candidates: Candidates, recorded: Sequence[LayerMatch], variant: str
) -> Divergence | None:
    """The same for a file's tensors, as `compare_layers` found them.

    Without a record, or if the file's tensors have other names than the recorded ones, the layers are looked for by
    their values alone: the first that has nearly a tensor's values, or else the first such that neither it nor any
    layer that depends on it is found.
    """
    now = _recorded_candidates(trace, candidates, recorded)
    if now is None:
        return _by_values(trace, candidates, variant)
    before = {match.layer: match.difference for match in recorded}
    for number, candidate in sorted(now.items()):
        expected = before[trace.layers[number].name]
        if _is_worse(candidate.difference, expected, trace.layers[number]):
            return _divergence(trace, number, now, candidate, expected.largest, Certainty.RECORDED)
    return None


def _runs(target: Target, path: Path, trace: LayerTrace, inputs: Arrays) -> Iterator[dict[str, np.ndarray]]:
    """What the file computes for each of the trace's examples, one at a time, so that little has to be held."""
    reader = open_tensors(target.format, path)
    count = min(len(array) for array in inputs.values())
    if count < trace.examples:
        raise InputError(f"the layers were recorded for {trace.examples} examples but {count} are there: give them all")
    for at in range(trace.examples):
        yield reader.read({name: array[at : at + 1] for name, array in inputs.items()})


def _recorded_candidates(
    trace: LayerTrace, candidates: Candidates, recorded: Sequence[LayerMatch]
) -> dict[int, TensorCandidate] | None:
    """By number, each recorded layer's tensor as it is now; None if nothing is recorded or one of them is not there."""
    numbers = {layer.name: number for number, layer in enumerate(trace.layers)}
    found: dict[int, TensorCandidate] = {}
    for match in recorded:
        number = numbers.get(match.layer)
        there = {candidate.tensor: candidate for candidate in candidates[number]} if number is not None else {}
        if number is None or match.tensor not in there:
            return None
        found[number] = there[match.tensor]
    return found if found else None


def _is_worse(now: Difference, before: Difference, layer: TracedLayer) -> bool:
    """Whether any measure exceeds both what another processor may add and a few times what it was."""
    measures = (
        (now.largest, before.largest, RANGE_SLACK * layer.range),
        (now.relative, before.relative, CHANNEL_SLACK),
        (now.share, before.share, SHARE_SLACK),
    )
    return any(not found <= max(slack, MORE_THAN_RECORDED * expected) for found, expected, slack in measures)


def _by_values(trace: LayerTrace, candidates: Candidates, variant: str) -> Divergence | None:
    same = {
        number: candidate
        for number, candidate in known_layers(candidates, LARGEST_SHARE[variant]).items()
        if variant != "float32" or candidate.difference.relative <= SAME_VALUE
    }
    outputs = {number for number, layer in enumerate(trace.layers) if layer.place is Place.OUTPUT}
    open_ones = [n for n in sorted(_with_sources(trace, outputs) - set(same)) if not trace.layers[n].is_constant]
    # What leads to a layer that is right was joined with it, or has a fault that is too small to show there.
    missing = [number for number in open_ones if number not in _with_sources(trace, same)]
    alike = known_layers(candidates, ALIKE, taken={candidate.tensor for candidate in same.values()})
    for number in open_ones:
        if number in alike and (number in missing or alike[number].difference.agreement >= IN_PART):
            return _divergence(trace, number, same, alike[number], None, Certainty.ALIKE)
    return _divergence(trace, missing[0], same, None, None, Certainty.MISSING) if missing else None


def _divergence(
    trace: LayerTrace,
    number: int,
    known: Mapping[int, TensorCandidate],
    candidate: TensorCandidate | None,
    expected: float | None,
    certainty: Certainty,
) -> Divergence:
    """`known`: the layers that have a tensor of their own, of which those before `number` are equal."""
    joined: set[int] = set()
    equal: set[int] = set()
    waiting = [*_sources(trace, number)]
    while waiting:
        source = waiting.pop()
        if source in known:
            equal.add(source)
        elif source not in joined:
            joined.add(source)
            waiting += _sources(trace, source)
    layer = trace.layers[number]
    return Divergence(
        layer=layer.name,
        place=layer.place,
        joined=tuple(trace.layers[other].name for other in sorted(joined)),
        tensor=None if candidate is None else candidate.tensor,
        largest=None if candidate is None else candidate.difference.largest,
        expected=expected,
        range=layer.range,
        last_equal=trace.layers[max(equal)].name if equal else None,
        certainty=certainty,
    )


def _sources(trace: LayerTrace, number: int) -> tuple[int, ...]:
    """Where it is unknown what a layer was given, it may be anything that was there, most likely the last of it."""
    sources = trace.layers[number].sources
    return sources if sources is not None else tuple(range(number))[-1:]


def _with_sources(trace: LayerTrace, numbers: Collection[int]) -> set[int]:
    """These layers and all that they depend on."""
    found: set[int] = set()
    waiting = [*numbers]
    while waiting:
        number = waiting.pop()
        if number not in found:
            found.add(number)
            sources = trace.layers[number].sources
            waiting += range(number) if sources is None else sources
    return found
