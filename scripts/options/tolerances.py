"""The limits that exported files have to keep, as options; and the examples that integer arithmetic is fitted to."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from export.artifact import Variant
from export.comparison.tolerance import FEWEST_IMAGES, SPARED_IMAGES, TOLERANCES, Tolerance
from export.errors import InputError

if TYPE_CHECKING:
    from tuning.data.dataset import Dataset


def add_tolerance_arguments(parser: argparse.ArgumentParser) -> None:
    """`--tolerance`, `--logit-tolerance`, `--accuracy-loss`, `--agreement`."""
    limits = ", ".join(f"{variant}={tolerance.probability:g}" for variant, tolerance in TOLERANCES.items())
    parser.add_argument(
        "--tolerance",
        action="append",
        default=[],
        metavar="VARIANT=LIMIT",
        help=f"largest difference of a probability; may be repeated (default: {limits})",
    )
    parser.add_argument(
        "--logit-tolerance",
        type=float,
        metavar="SHARE",
        help=f"largest difference of a float32 file's logits, of the largest logit (default: {Tolerance().logit:g})",
    )
    coarse = TOLERANCES[Variant.INT8]
    parser.add_argument(
        "--accuracy-loss",
        type=float,
        metavar="POINTS",
        help="largest loss of accuracy in percentage points, of all but float32 files "
        f"(default: {100 * (coarse.accuracy_loss or 0):g}, or {SPARED_IMAGES} of {FEWEST_IMAGES} images and more)",
    )
    parser.add_argument(
        "--agreement",
        type=float,
        metavar="PERCENT",
        help="least share of equal labels, of all but float32 files "
        f"(default: {100 * (coarse.agreement or 0):g}, or all but {SPARED_IMAGES} of {FEWEST_IMAGES} images and more)",
    )


def read_tolerances(arguments: argparse.Namespace) -> Mapping[Variant, Tolerance]:
    """The tolerances by number type, with what the options say. Raises InputError for what is no limit."""
    tolerances = dict(TOLERANCES)
    for text in arguments.tolerance:
        name, _, limit = text.partition("=")
        if name not in list(Variant):
            raise InputError(f"--tolerance must be VARIANT=LIMIT with one of {', '.join(Variant)}, got {text}")
        largest = _number(limit, "--tolerance", largest=1.0)
        tolerances[Variant(name)] = dataclasses.replace(tolerances[Variant(name)], probability=largest)
    if arguments.logit_tolerance is not None:
        share = _number(arguments.logit_tolerance, "--logit-tolerance", largest=1.0)
        tolerances[Variant.FLOAT32] = dataclasses.replace(tolerances[Variant.FLOAT32], logit=share)
    shares: dict[str, Any] = {}
    if arguments.accuracy_loss is not None:
        loss = _number(arguments.accuracy_loss, "--accuracy-loss", largest=100.0) / 100
        shares |= {"accuracy_loss": loss, "loss_images": 0}
    if arguments.agreement is not None:
        agreement = _number(arguments.agreement, "--agreement", largest=100.0) / 100
        shares |= {"agreement": agreement, "agreement_images": 0}
    return {
        variant: tolerance if variant is Variant.FLOAT32 else dataclasses.replace(tolerance, **shares)
        for variant, tolerance in tolerances.items()
    }


def calibration_examples(dataset: Dataset) -> Any:
    """A few hundred training examples, as many of each class, as `publish` takes them."""
    from export.publishing.calibration import choose_calibration

    split = dataset.training
    labels = split.labels if dataset.is_classification else None
    return split.read(choose_calibration(labels, len(split)))


def _number(text: object, option: str, *, largest: float) -> float:
    try:
        number = float(str(text))
    except ValueError:
        number = float("nan")
    # NaN is no limit either.
    if not 0 <= number <= largest:
        raise InputError(f"{option} must be a number from 0 to {largest:g}, got {text}")
    return number
