"""The file on synthetic inputs, against what the Keras model answered to them."""

from __future__ import annotations

from export.comparison.ring_result import RingFinding
from export.formats.runtime import answer_all
from export.rings import Candidate, Ring


def check(candidate: Candidate) -> RingFinding:
    """Within the variant's limit, and every changed label explained by it."""
    reference = candidate.reference
    if not reference.stress_inputs:
        return RingFinding(failures=("there are no stress inputs: export the model again",))
    try:
        found = candidate.judge(reference.stress_outputs, answer_all(candidate.model, reference.stress_inputs))
    except ValueError as error:
        return RingFinding(failures=(str(error),))
    examples = len(next(iter(reference.stress_inputs.values())))
    return RingFinding(
        failures=found.failures,
        facts={"examples": examples, "max_abs_error": found.max_abs_error},
    )


RING = Ring(order=2, check=check)
