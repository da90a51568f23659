"""The file where its user will have it: in a process in which only numpy and the runtime can be imported."""

from __future__ import annotations

import functools
import re
import tempfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import numpy as np

from export.artifact import Format
from export.comparison.ring_result import RingFinding
from export.formats.format import facts
from export.rings import Candidate, Ring
from export.rings.isolated_process import isolated_process

EXAMPLES = 256
# TensorFlow requires Keras to be there, and loads a SavedModel without importing it.
_NOT_THE_RUNTIME = {"keras"}


def check(candidate: Candidate) -> RingFinding:
    """Within the variant's limit, with one thread; a SavedModel without TensorFlow's graph optimizer."""
    part = candidate.reference.first(EXAMPLES)
    kind = candidate.artifact.target.format
    packages = _importable(kind)
    facts: dict[str, Any] = {"examples": part.examples, "packages": packages}
    with tempfile.TemporaryDirectory() as folder:
        inputs, answers = Path(folder) / "inputs.npz", Path(folder) / "answers.npz"
        np.savez(inputs, allow_pickle=False, **part.inputs)
        try:
            isolated_process(kind, packages).ask(candidate.path, inputs, answers)
            with np.load(answers, allow_pickle=False) as archive:
                found = {name: archive[name] for name in archive.files}
            judged = candidate.judge(part.outputs, found)
        except ValueError as error:
            return RingFinding(failures=(str(error),), facts=facts)
    facts["max_abs_error"] = judged.max_abs_error
    return RingFinding(failures=judged.failures, facts=facts)


def get_ready(kind: Format) -> None:
    """Start the process for files of the format, which loads its runtime while this one continues."""
    isolated_process(kind, _importable(kind))


def _importable(kind: Format) -> list[str]:
    """What may be imported: the runtime, and what it needs."""
    return sorted(_packages(facts(kind).package) - _NOT_THE_RUNTIME)


@functools.cache
def _packages(name: str) -> frozenset[str]:
    """Top-level names of everything that installing the distribution brings."""
    found: set[str] = set()
    seen, waiting = set(), [name]
    while waiting:
        distribution_name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if distribution_name in seen:
            continue
        seen.add(distribution_name)
        try:
            installed = distribution(distribution_name)
        except PackageNotFoundError:
            continue
        found |= {path.parts[0].partition(".")[0] for path in installed.files or [] if ".." not in path.parts}
        requirements = [line for line in installed.requires or [] if "extra ==" not in line]
        waiting += [match[0] for line in requirements if (match := re.match(r"[\w.-]+", line))]
    return frozenset(found - {"__pycache__"})


RING = Ring(order=5, check=check, get_ready=get_ready)
