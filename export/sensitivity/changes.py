"""Kinds of change to a weight, as pure functions, and changes drawn at random. Needs numpy only.

A change says what it is and can be made again from that alone: `draw_change` from a seed, `change.apply` to a weight.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from export.formats.weights import Values, Weight
from tuning.files.json_record import JsonRecord

SMALLEST_SIZE, LARGEST_SIZE = 1e-7, 1.0
"""Between which sizes are drawn, all orders of magnitude alike."""


class ChangeKind(StrEnum):
    """What can go wrong with the numbers of a weight."""

    CHANNEL_SCALED = "channel scaled"
    ALL_SCALED = "all scaled"
    SIGN_FLIPPED = "sign flipped"
    VALUE_REPLACED = "value replaced"
    CHANNEL_ZEROED = "channel zeroed"
    CHANNELS_SWAPPED = "channels swapped"
    BIAS_DROPPED = "bias dropped"
    ROUNDED = "rounded to float16"
    NOISE = "noise"
    BIT_FLIPPED = "bit flipped"


@dataclass(frozen=True, kw_only=True)
class Change(JsonRecord):
    """One change to one weight of a file.

    `place`: the channel, or the value's number in the order of the file, that is changed; `other`: the channel that it
    is swapped with, or the bit that is flipped, 0 the lowest of 32. `size` is relative: to the value, or for what is
    added to the weight's root mean square. `seed`: of the noise.
    """

    kind: ChangeKind
    weight: str
    place: int = 0
    other: int = 0
    size: float = 0.0
    seed: int = 0

    def apply(self, weight: Weight) -> Values:
        """The weight's values with the change made, float32 of the same shape."""
        values, size = weight.values, self.size
        if self.kind is ChangeKind.CHANNEL_SCALED:
            return scale_channel(weight, self.place, 1 + size)
        if self.kind is ChangeKind.ALL_SCALED:
            return (values * np.float64(1 + size)).astype(np.float32)
        if self.kind is ChangeKind.SIGN_FLIPPED:
            return flip_sign(weight, self.place)
        if self.kind is ChangeKind.VALUE_REPLACED:
            return replace_value(weight, self.place, float(values.flat[self.place]) + size * root_mean_square(weight))
        if self.kind is ChangeKind.CHANNEL_ZEROED:
            return scale_channel(weight, self.place, 0.0)
        if self.kind is ChangeKind.CHANNELS_SWAPPED:
            return swap_channels(weight, self.place, self.other)
        if self.kind is ChangeKind.BIAS_DROPPED:
            return np.zeros_like(values)
        if self.kind is ChangeKind.ROUNDED:
            return round_to_float16(weight)
        if self.kind is ChangeKind.NOISE:
            return add_noise(weight, size, self.seed)
        return flip_bit(weight, self.place, self.other)


def scale_channel(weight: Weight, channel: int, factor: float) -> Values:
    """One channel × factor; multiplied in float64 and rounded once."""
    rows = weight.by_channel
    rows[channel] = (rows[channel] * np.float64(factor)).astype(np.float32)
    return weight.from_channels(rows)


def swap_channels(weight: Weight, one: int, other: int) -> Values:
    """Two channels in each other's place."""
    rows = weight.by_channel
    rows[[one, other]] = rows[[other, one]]
    return weight.from_channels(rows)


def flip_sign(weight: Weight, number: int) -> Values:
    """The value of that number × −1."""
    return replace_value(weight, number, -float(weight.values.flat[number]))


def replace_value(weight: Weight, number: int, value: float) -> Values:
    """Another value in the place of that number."""
    values = weight.values.copy()
    values.flat[number] = np.float32(value)
    return values


def round_to_float16(weight: Weight) -> Values:
    """Every value rounded to the 11 bits that half precision has; beyond 65,504 it becomes infinite, as there."""
    with np.errstate(over="ignore"):
        return weight.values.astype(np.float16).astype(np.float32)


def add_noise(weight: Weight, size: float, seed: int) -> Values:
    """Normal noise of `size` × the weight's root mean square added."""
    noise = np.random.default_rng(seed).normal(0, size * root_mean_square(weight), weight.values.shape)
    return (weight.values + noise).astype(np.float32)


def flip_bit(weight: Weight, number: int, bit: int) -> Values:
    """One of the 32 bits of the value of that number flipped, 0 the lowest; the value may become NaN or infinite."""
    values = weight.values.copy()
    values.reshape(-1).view(np.uint32)[number] ^= np.uint32(1 << bit)
    return values


def root_mean_square(weight: Weight) -> float:
    """The square root of the mean of its values' squares."""
    return float(np.sqrt(np.mean(np.square(weight.values, dtype=np.float64))))


def strongest_channel(weight: Weight) -> int:
    """The channel whose squares sum to most."""
    return int(np.square(weight.by_channel, dtype=np.float64).sum(axis=1).argmax())


def strongest_values(weight: Weight, channel: int, count: int) -> list[int]:
    """The numbers, in the order of the file, of the channel's values that are largest without their signs, `count` at
    most, the largest first."""
    values = np.abs(weight.values)
    if weight.channel_axis is not None:
        elsewhere = np.ones(values.shape, bool)
        np.moveaxis(elsewhere, weight.channel_axis, 0)[channel] = False
        values[elsewhere] = -1
    ranked = np.argsort(-values, axis=None, kind="stable")[:count]
    return [int(number) for number in ranked if values.flat[number] >= 0]


def draw_change(weights: Mapping[str, Weight], seed: int) -> Change:
    """A change of random kind, place and size, the same for the same seed and weights.

    Raises ValueError for no weights.
    """
    if not weights:
        raise ValueError("there must be at least one weight to change, got none")
    random = np.random.default_rng(seed)
    kinds = [kind for kind in ChangeKind if any(_fits(kind, weight) for weight in weights.values())]
    kind = kinds[random.integers(len(kinds))]
    names = [name for name, weight in weights.items() if _fits(kind, weight)]
    name = names[random.integers(len(names))]
    weight = weights[name]
    by_channel = kind in (ChangeKind.CHANNEL_SCALED, ChangeKind.CHANNEL_ZEROED, ChangeKind.CHANNELS_SWAPPED)
    place = int(random.integers(weight.channels if by_channel else weight.values.size))
    other = (place + int(random.integers(1, max(weight.channels, 2)))) % weight.channels
    size = float(np.exp(random.uniform(np.log(SMALLEST_SIZE), np.log(LARGEST_SIZE))) * random.choice([-1, 1]))
    return Change(
        kind=kind,
        weight=name,
        place=place,
        other=int(random.integers(32)) if kind is ChangeKind.BIT_FLIPPED else other,
        size=abs(size) if kind is ChangeKind.NOISE else size,
        seed=seed,
    )


def _fits(kind: ChangeKind, weight: Weight) -> bool:
    if kind is ChangeKind.CHANNELS_SWAPPED:
        return weight.channels > 1
    return kind is not ChangeKind.BIAS_DROPPED or weight.values.size == weight.channels
