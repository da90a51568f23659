"""Which tensor of a file is which layer's: matched once, when the file has just been verified, and kept.

Needs numpy only.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from export.layers.differences import Difference, TensorCandidate
from export.layers.trace import LayerTrace
from tuning.files.json_record import JsonRecord

Candidates = Sequence[Sequence[TensorCandidate]]

LARGEST_SHARE: Mapping[str, float] = {"float32": 1e-4, "float16": 0.05, "dynamic": 0.35, "int8": 0.35}
"""By variant, how large `Difference.share` may be for a tensor to be the layer's: ten times what deep networks of float
numbers were seen to reach, twice for whole numbers."""
CLEARLY_BETTER, ROUNDING = 2, 1e-5


@dataclass(frozen=True, kw_only=True)
class LayerMatch(JsonRecord):
    """The tensor that holds a layer's answer, and how far it was from it in the verified file."""

    layer: str
    tensor: str
    difference: Difference


def match_layers(trace: LayerTrace, candidates: Candidates, variant: str) -> tuple[LayerMatch, ...]:
    """The layers that the file holds as tensors of their own, in order; the others are computed together with the next.

    `candidates`: from `compare_layers`.
    """
    found = known_layers(candidates, LARGEST_SHARE[variant])
    return tuple(
        LayerMatch(layer=trace.layers[number].name, tensor=candidate.tensor, difference=candidate.difference)
        for number, candidate in sorted(found.items())
    )


def known_layers(
    candidates: Candidates, largest_share: float, *, taken: Collection[str] = ()
) -> dict[int, TensorCandidate]:
    """By number, each layer's likeliest tensor that is within the share and in none of the `taken` ones.

    A layer that was joined with the next is often close to what the two give together; a tensor that another layer
    explains clearly better is not its own.
    """
    best = {number: found[0] for number, found in enumerate(candidates) if found}
    nearest: dict[str, float] = {}
    for candidate in best.values():
        share = min(candidate.difference.share, nearest.get(candidate.tensor, float("inf")))
        nearest[candidate.tensor] = share
    return {
        number: candidate
        for number, candidate in best.items()
        if candidate.tensor not in taken
        and candidate.difference.share <= largest_share
        and candidate.difference.share <= CLEARLY_BETTER * nearest[candidate.tensor] + ROUNDING
    }
