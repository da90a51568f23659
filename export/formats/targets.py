"""Which files are asked for: names of formats and variants → targets.

Standard library only.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from export.artifact import Format, Target, Variant
from export.errors import InputError
from export.formats.format import facts, offered_formats, usual_formats

OLDEST_OPSET, NEWEST_OPSET = 13, 18
AUTO = "auto"

_Kind = TypeVar("_Kind", bound=StrEnum)


def choose_targets(
    formats: Iterable[str], variants: Iterable[str], *, everything: Collection[Format] | None = None
) -> tuple[Target, ...]:
    """The targets that the names ask for; `all` means every one, no format for all that have the variant, and
    the variant `auto` for every one of the formats.

    `everything`: the formats that `all` means, by default those that every installation has. Raises InputError for an
    unknown name and for a named pair that does not exist.
    """
    format_names, variant_names = list(formats), list(variants)
    if AUTO in variant_names:
        if len(variant_names) > 1:
            raise InputError(f"--variant {AUTO} chooses by itself: leave the others out")
        variant_names = ["all"]
    offered = usual_formats() if everything is None else everything
    named = _chosen(format_names or ["all"], Format, "format")
    chosen_formats = [kind for kind in named if kind in offered or kind in format_names]
    chosen_variants = _chosen(variant_names or [Variant.FLOAT32], Variant, "variant")
    targets = []
    for kind in chosen_formats:
        for variant in chosen_variants:
            if variant in facts(kind).variants:
                targets.append(Target(format=kind, variant=variant))
            elif kind in format_names and variant in variant_names:
                raise InputError(f"there is no {variant} {kind}: {kind} comes as {', '.join(facts(kind).variants)}")
    return tuple(targets)


@dataclass(frozen=True, kw_only=True)
class TargetOptions:
    """`words` for the command line, and the targets that they ask for."""

    words: tuple[str, ...] = ()
    targets: frozenset[Target] = frozenset()


def options_for(wanted: Collection[Target]) -> TargetOptions:
    """Words for `--format` and `--variant` that ask for as many of the targets as possible, and for nothing else; of
    several ways the shortest."""
    found = [
        TargetOptions(words=(*_words("--format", formats), *_words("--variant", variants)), targets=targets)
        for formats in _subsets(list(offered_formats()))
        for variants in [*_subsets(list(Variant)), ("all",)]
        for targets in [_chosen_or_none(formats, variants)]
        if targets and targets <= set(wanted)
    ]
    return max(found, key=lambda one: (len(one.targets), -len(one.words)), default=TargetOptions())


def check_opset(opset: int) -> int:
    """The opset itself. Raises InputError where tf2onnx can't write it."""
    if not OLDEST_OPSET <= opset <= NEWEST_OPSET:
        raise InputError(
            f"--opset must be {OLDEST_OPSET} to {NEWEST_OPSET}, got {opset}: tf2onnx writes no newer one, and 8-bit "
            "weights with a scale for each channel need the oldest"
        )
    return opset


def _words(option: str, names: Iterable[str]) -> list[str]:
    return [word for name in names for word in (option, str(name))]


def _subsets(kinds: list[_Kind]) -> list[tuple[_Kind, ...]]:
    return [chosen for count in range(len(kinds) + 1) for chosen in itertools.combinations(kinds, count)]


def _chosen_or_none(formats: Iterable[str], variants: Iterable[str]) -> frozenset[Target]:
    """What the names ask for; nothing if a pair of them does not exist."""
    try:
        return frozenset(choose_targets(formats, variants))
    except InputError:
        return frozenset()


def _chosen(names: list[str], kinds: type[_Kind], what: str) -> list[_Kind]:
    known = list(kinds)
    for name in names:
        if name != "all" and name not in known:
            raise InputError(f"unknown {what} {name}: choose among {', '.join(known)} and all")
    return known if "all" in names else [kind for kind in known if kind in names]
