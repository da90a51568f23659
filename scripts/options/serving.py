"""How a model is to be served: what its run says about it, and what the command line says."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from export.artifact import ModelKind
from export.errors import InputError
from export.folder.manifest import Manifest
from scripts.options.code import Code

if TYPE_CHECKING:
    from export.model.preprocessing import ServingOptions
    from tuning.runs.run_folder import RunFolder
    from tuning.runs.run_record import RecordedModel


@dataclass(frozen=True, kw_only=True)
class How:
    """How a model is served."""

    pixel_scale: tuple[float, float] | None
    wrap: bool
    is_classifier: bool


def read_how(arguments: argparse.Namespace, recorded: RecordedModel | None, *, path: Path) -> How:
    """What the options say, completed by the `model` part of the run's `run.json`, if it has one.

    Raises InputError for an option that the run contradicts, and for one that can't be read.
    """
    from tuning.models.pixels import parse_pixel_scale

    asked = parse_pixel_scale(arguments.pixel_scale) if arguments.pixel_scale is not None else None
    if recorded is None:
        return How(pixel_scale=asked, wrap=not arguments.no_wrap, is_classifier=not arguments.outputs_only)
    kind, known = ModelKind(recorded.kind), recorded.pixel_scale
    if asked is not None and asked != known:
        trained_on = "uint8 pixels as they are" if known is None else f"pixel × {known[0]:g} + {known[1]:g}"
        raise InputError(
            f"{path} was trained on {trained_on}, which --pixel-scale {arguments.pixel_scale} contradicts: leave it out"
        )
    if arguments.outputs_only and kind is ModelKind.CLASSIFIER:
        raise InputError(f"{path} was trained as a classifier, which --outputs-only contradicts: leave it out")
    return How(pixel_scale=known, wrap=not arguments.no_wrap, is_classifier=kind is ModelKind.CLASSIFIER)


def how_published(folder: Path, manifest: Manifest, *, trusted: bool) -> How:
    """How the model of published files was served, as they and the run that they belong to, if any, say; the run only
    if it is trusted.

    To be given the inputs of their `reference.npz`: those of a model that was exported as it is are scaled already.
    """
    described = manifest.description
    run = _run_beside(folder) if trusted else None
    if run is not None:
        as_exported = argparse.Namespace(pixel_scale=None, no_wrap=False, outputs_only=False)
        how = read_how(as_exported, run.read().model, path=run.path)
    else:
        how = How(pixel_scale=described.pixel_scale, wrap=True, is_classifier=described.kind is ModelKind.CLASSIFIER)
    if how.is_classifier and described.kind is not ModelKind.CLASSIFIER:
        return replace(how, wrap=False, pixel_scale=None)
    return how


def code_published(folder: Path, code: Code, *, trusted: bool) -> Code:
    """The code given, with what built the model of published files, if a run of a user's own code did."""
    from tuning.runs.run_folder import RunFolder

    run = _run_beside(folder)
    return code if run is None else code.of_run(run, RunFolder(path=folder.absolute().parent), trusted=trusted)


def _run_beside(folder: Path) -> RunFolder | None:
    from tuning.runs.run_folder import RunFolder, run_of

    return run_of(RunFolder(path=folder.absolute().parent))


def serving_options(how: How, code: Code) -> ServingOptions:
    """The same for the export, with the model's own code loaded."""
    from export.model.preprocessing import ServingOptions

    return ServingOptions(pixel_scale=how.pixel_scale, wrap=how.wrap, is_classifier=how.is_classifier, code=code.load())
