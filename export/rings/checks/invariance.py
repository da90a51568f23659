"""The same answers however the file is opened and asked: batch sizes, threads, optimizations, a second time."""

from __future__ import annotations

from collections.abc import Iterator

from export.arrays import Arrays
from export.comparison.ring_result import RingFinding
from export.formats.format import facts
from export.formats.runtime import RuntimeModel, answer_all
from export.rings import Candidate, Ring, same_bits

EXAMPLES = 256
BATCHES = (1, 7, 256)
THREADS = (1, 2)
ONCE, TWICE = f"batch {EXAMPLES}", "loaded twice"


def check(candidate: Candidate) -> RingFinding:
    """Within the variant's limit in every way; equal bits where nothing was changed.

    TensorFlow's threads and graph optimizer belong to the process: a SavedModel is opened with others by the ring
    `isolation`.
    """
    part = candidate.reference.first(EXAMPLES)
    failures = []
    differences: dict[str, float] = {}
    answered: dict[str, Arrays] = {}
    for way, model, batch in _ways(candidate):
        try:
            answers = answer_all(model, part.inputs, batch=batch)
            found = candidate.judge(part.outputs, answers)
            again = answer_all(model, part.inputs, batch=batch)
        except ValueError as error:
            failures.append(f"{way}: {error}")
            continue
        answered[way], differences[way] = answers, found.max_abs_error
        failures += [f"{way}: {failure}" for failure in found.failures]
        if not same_bits(answers, again):
            failures.append(f"{way}: asked twice, it answers differently")
    if {ONCE, TWICE} <= set(answered) and not same_bits(answered[ONCE], answered[TWICE]):
        failures.append("loaded twice, it answers differently")
    return RingFinding(failures=tuple(failures), facts={"examples": part.examples, "differences": differences})


def _ways(candidate: Candidate) -> Iterator[tuple[str, RuntimeModel, int]]:
    """(what is different, the file opened so, batch size)."""
    for batch in BATCHES:
        yield f"batch {batch}", candidate.model, batch
    yield TWICE, candidate.reload(), EXAMPLES
    unoptimized = facts(candidate.artifact.target.format).unoptimized
    if unoptimized is None:
        return
    for threads in THREADS:
        yield f"{threads} threads", candidate.reload(threads=threads), EXAMPLES
    yield unoptimized, candidate.reload(optimized=False), EXAMPLES


RING = Ring(order=4, check=check)
