"""What only the export adds to a verification: that it would have seen faults, and where each layer is in the files.

Both need the packages that write files, or what the Keras model computes inside.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from export.arrays import Arrays
from export.artifact import Artifact, Variant
from export.comparison.output_parity import OutputParity
from export.comparison.parity import Parity
from export.comparison.reference import Reference
from export.comparison.ring_result import SENSITIVITY, RingResult
from export.errors import InputError
from export.formats.format import has_part
from export.layers.bisect import match_file
from export.layers.matching import LayerMatch
from export.layers.recording import trace_layers
from export.layers.trace import LayerTrace
from export.model.serving import ServingModel
from export.sensitivity.sensitivity import measure_sensitivity
from export.verification import Standard, Verification, ask, open_candidate


def trace_of(serving: ServingModel, inputs: Arrays) -> LayerTrace | None:
    """What each layer answers to the first of the inputs; None if no layer answers with numbers."""
    try:
        return trace_layers(serving, inputs)
    except InputError:
        return None


def with_evidence(
    folder: Path, verification: Verification, standard: Standard, *, on_step: Callable[[str], None]
) -> Verification:
    """The verification with the ring `sensitivity` for each float32 file and the layers of all files that can be looked
    into; nothing is added to files that have not passed."""
    rings = []
    layers: dict[str, tuple[LayerMatch, ...]] = {}
    trace = standard.reference.trace
    for artifact, results in zip(verification.artifacts, verification.rings, strict=True):
        file = artifact.target.file
        rings.append(results)
        if verification.failures_of(artifact):
            continue
        if artifact.target.variant is Variant.FLOAT32:
            on_step(f"planting faults in {file}")
            rings[-1] = (*results, _sensitivity(folder, artifact, standard))
        if trace is not None and has_part(artifact.target.format, "tensors"):
            layers[file] = match_file(artifact.target, folder / file, trace, standard.reference.inputs)
    return dataclasses.replace(verification, rings=tuple(rings), layers=layers)


def _sensitivity(folder: Path, artifact: Artifact, standard: Standard) -> RingResult:
    def judge(where: Path, planted: Artifact, reference: Reference) -> Parity | OutputParity:
        changed = dataclasses.replace(standard, reference=reference)
        return ask(open_candidate(where, planted, changed), changed)[1]

    found = measure_sensitivity(folder, artifact, standard.reference, judge=judge)
    return RingResult(ring=SENSITIVITY, failures=() if found.passed else (found.sentence,), facts=found.as_json())
