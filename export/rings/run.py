"""Open a file and go through all rings: what is done in a process apart from the one that asks for it."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from export.apart.arrays import map_reference, store_arrays
from export.arrays import Arrays
from export.artifact import Artifact, Description, Format
from export.comparison.reference import Reference
from export.comparison.ring_result import RingResult
from export.comparison.tolerance import Tolerance
from export.errors import VerificationError
from export.formats.format import is_installed, load_part
from export.formats.runtime import answer_all, check_contract, load
from export.formats.structure import require_safe
from export.rings import Candidate, Ring
from tuning.found import load_from, names_in

_CHECKS = "export.rings.checks"


@functools.cache
def rings() -> dict[str, Ring]:
    """By name and in order, all but the test set, whose answers are judged by whoever asked for them."""
    found = {name: load_from(_CHECKS, name, "RING", what="ring") for name in names_in(_CHECKS)}
    return dict(sorted(found.items(), key=lambda named: (named[1].order, named[0])))


@dataclass(frozen=True, kw_only=True)
class CheckRequest:
    """What to check. `reference`: where it was stored by `export.apart.arrays`; `answers`: where the file's go."""

    folder: Path
    artifact: Artifact
    description: Description
    tolerance: Tolerance
    reference: Path = Path()
    answers: Path = Path()


def get_ready(kind: Format) -> None:
    """Load what files of the format are judged and run with, here and wherever a ring runs them.

    Does nothing where the runtime is not installed: `open_judged` refuses files for that.
    """
    if is_installed(kind):
        for ring in rings().values():
            ring.get_ready(kind)
        for part in ("structure", "runtime"):
            load_part(kind, part)


def answer_and_check(request: CheckRequest) -> list[dict[str, Any]]:
    """Store what the file answers to the reference's inputs, and answer with what each ring found.

    Raises as `open_judged` and `answer` do.
    """
    candidate = open_judged(request, map_reference(request.reference))
    store_arrays(answer(candidate), request.answers)
    return [result.as_json() for result in check(candidate)]


def check(candidate: Candidate) -> Iterator[RingResult]:
    """What each ring finds, one after the other."""
    for name, ring in rings().items():
        found = ring.check(candidate)
        yield RingResult(ring=name, failures=found.failures, facts=found.facts)


def open_judged(request: CheckRequest, reference: Reference) -> Candidate:
    """The file in its runtime, after its bytes were judged, with the inputs and outputs of the contract.

    Raises VerificationError for a file that is not safe to be opened or has others, InputError as its runtime does.
    """
    artifact, path = request.artifact, request.folder / request.artifact.target.file
    require_safe(artifact.target.format, path)
    try:
        model = load(artifact.target, path)
        check_contract(model, artifact.inputs, artifact.outputs)
    except ValueError as error:
        raise VerificationError(f"{artifact.target.file} can't be compared with the Keras model: {error}") from error
    return Candidate(
        artifact=artifact,
        folder=request.folder,
        description=request.description,
        reference=reference,
        tolerance=request.tolerance,
        model=model,
    )


def answer(candidate: Candidate) -> Arrays:
    """What the file answers to the reference's inputs. Raises VerificationError if it does not."""
    try:
        return answer_all(candidate.model, candidate.reference.inputs)
    except ValueError as error:
        raise VerificationError(
            f"{candidate.artifact.target.file} can't be compared with the Keras model: {error}"
        ) from error
