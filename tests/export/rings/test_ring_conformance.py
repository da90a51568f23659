"""What every ring does, whichever it is: they are found by name, in the order that explains most first."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable

import pytest

from export.rings import Candidate
from export.rings.run import check, rings

NEW = """
import numpy as np

from export.comparison.ring_result import RingFinding
from export.formats.runtime import answer_all
from export.rings import Ring


def check(candidate):
    answers = answer_all(candidate.model, candidate.reference.inputs)
    bad = [name for name, values in answers.items() if (values < 0).any()]
    return RingFinding(failures=tuple(f"{name} is negative" for name in bad), facts={"outputs": len(answers)})


RING = Ring(order=9, check=check)
"""


def test_the_rings_are_those_of_the_folder_in_their_order() -> None:
    assert list(rings()) == ["structure", "stress", "hostile", "invariance", "isolation"]
    assert len({ring.order for ring in rings().values()}) == len(rings())


@pytest.mark.parametrize("name", rings())
def test_a_right_file_passes_with_facts_for_the_record(name: str, right: Candidate) -> None:
    found = rings()[name].check(right)

    assert found.passed, found.failures
    assert json.loads(json.dumps(found.facts, allow_nan=False)) == found.facts


@pytest.mark.parametrize("name", rings())
def test_a_ring_gets_ready_as_often_as_it_is_asked_to(name: str, right: Candidate) -> None:
    for _ in range(2):
        rings()[name].get_ready(right.artifact.target.format)


def test_results_have_the_names_of_their_rings(right: Candidate) -> None:
    empty = dataclasses.replace(right.reference, stress_inputs={}, stress_outputs={})

    results = list(check(dataclasses.replace(right, reference=empty)))

    assert [result.ring for result in results] == list(rings())
    assert [result.ring for result in results if not result.passed] == ["stress"]


def test_a_ring_is_one_file(add_file: Callable[[str, str, str], None], right: Candidate) -> None:
    add_file("export/rings/checks", "positive", NEW)
    rings.cache_clear()
    try:
        last = list(check(right))[-1]
    finally:
        rings.cache_clear()

    assert (last.ring, last.passed, last.facts) == ("positive", True, {"outputs": 1})
