"""The file by itself: standard operators, no chance, nothing outside, the tensors and the words of the manifest."""

from __future__ import annotations

from export.comparison.ring_result import RingFinding
from export.errors import InputError, VerificationError
from export.formats.metadata import check_metadata
from export.formats.structure import find_invalid, read_structure
from export.rings import Candidate, Ring


def check(candidate: Candidate) -> RingFinding:
    """Names, dtypes and shapes were compared when the file was opened: what it holds, and what it says, are left."""
    target = candidate.artifact.target
    try:
        structure = read_structure(target.format, candidate.path)
        failures = [*structure.flaws, *find_invalid(target.format, candidate.path)]
        check_metadata(target.format, candidate.path, candidate.description.with_note(candidate.artifact.note))
    except InputError as error:
        return RingFinding(failures=(str(error),))
    except VerificationError as error:
        failures.append(str(error))
    opset = candidate.artifact.opset
    if opset is not None and structure.versions["opset"] != opset:
        failures.append(f"it is stamped with opset {structure.versions['opset']} but must have {opset}")
    return RingFinding(
        failures=tuple(failures),
        facts={"operators": dict(sorted(structure.operators.items())), "versions": dict(structure.versions)},
    )


RING = Ring(order=1, check=check)
