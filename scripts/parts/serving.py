"""How a model is to be served: what its run says about it, and what the command line says."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from export.artifact import Kind
from export.errors import InputError

if TYPE_CHECKING:
    from export.wrapping import ServingOptions


@dataclass(frozen=True, kw_only=True)
class How:
    """How a model is served. `source`: the `FILE.py:NAME` that holds its own classes, if any."""

    pixel_scale: tuple[float, float] | None
    wrap: bool
    is_classifier: bool
    source: str | None


def read_how(arguments: argparse.Namespace, recorded: Mapping[str, Any] | None, *, path: Path) -> How:
    """What the options say, completed by the `model` part of the run's `run.json`, if it has one.

    Raises InputError for an option that the run contradicts, and for one that can't be read.
    """
    from tuning.pixels import parse_pixel_scale

    asked = parse_pixel_scale(arguments.pixel_scale) if arguments.pixel_scale is not None else None
    if recorded is None:
        return How(pixel_scale=asked, wrap=not arguments.no_wrap, is_classifier=not arguments.outputs_only, source=None)
    try:
        kind, source = Kind(recorded["kind"]), recorded["source"]
        trained = tuple(float(number) for number in recorded["pixel_scale"]) if recorded["pixel_scale"] else None
        known = None if trained is None else (trained[0], trained[1])
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise InputError(f"{path} has a run.json whose model part can't be read ({error!r}): train it again") from error
    if asked is not None and asked != known:
        trained_on = "uint8 pixels as they are" if known is None else f"pixel × {known[0]:g} + {known[1]:g}"
        raise InputError(
            f"{path} was trained on {trained_on}, which --pixel-scale {arguments.pixel_scale} contradicts: leave it out"
        )
    if arguments.outputs_only and kind is Kind.CLASSIFIER:
        raise InputError(f"{path} was trained as a classifier, which --outputs-only contradicts: leave it out")
    return How(pixel_scale=known, wrap=not arguments.no_wrap, is_classifier=kind is Kind.CLASSIFIER, source=source)


def serving_options(how: How) -> ServingOptions:
    """The same for the export, with the model's own classes loaded."""
    from export.wrapping import ServingOptions

    custom_objects: dict[str, Any] = {}
    if how.source is not None:
        from tuning.user_code import load_custom_objects

        custom_objects = load_custom_objects(how.source)
    return ServingOptions(
        pixel_scale=how.pixel_scale,
        wrap=how.wrap,
        is_classifier=how.is_classifier,
        custom_objects=custom_objects,
        # Whoever has the user's own file run can have run what that file put into the model.
        trusted=how.source is not None,
    )
