"""What an export is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from export.apart.limits import USUAL, Limits
from export.arrays import Arrays
from export.artifact import (
    DEFAULT_OPSET,
    Subject,
    Target,
    Variant,
)
from export.comparison.tolerance import TOLERANCES, Tolerance
from export.formats.targets import choose_targets
from export.model.preprocessing import ServingOptions


@dataclass(frozen=True, kw_only=True, eq=False)
class ExportRequest:
    """What to export, how it is served, and where to; without `targets`, every format in float32.

    `smallest`: of each format's targets only the smallest file within its tolerance is published. `calibration`:
    training examples as `publish` takes images, for int8. `tolerances`: the limits, where they are not the default.
    `accuracy`, 0 to 1: what was measured on the same images when the model was made; None if nothing was. `signer`:
    the bytes of the manifest → those of a signature to be published with it; None for none. `limits`: of the processes
    in which the files are verified.
    """

    model: Path
    folder: Path
    subject: Subject
    targets: Sequence[Target] = choose_targets([], [])
    smallest: bool = False
    serving: ServingOptions = field(default_factory=ServingOptions)
    opset: int = DEFAULT_OPSET
    tolerances: Mapping[Variant, Tolerance] = field(default_factory=lambda: TOLERANCES)
    calibration: np.ndarray | Arrays | None = None
    accuracy: float | None = None
    limits: Limits = USUAL
    signer: Callable[[bytes], bytes] | None = None
