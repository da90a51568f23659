"""What `evaluation.json` holds survives being written and read, and anything else is refused in a sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuning.errors import InputError
from tuning.files.atomic import write_json
from tuning.files.json_record import FieldError
from tuning.runs.evaluation_record import ClassScores, Evaluation, OutputEvaluation
from tuning.runs.training_file import read_evaluation

shares = st.floats(0, 1)
counts = st.integers(0, 10**6)
scores = st.builds(ClassScores, name=st.text(), precision=shares, recall=shares, f1=shares, examples=counts)
evaluations = st.builds(
    Evaluation,
    examples=st.integers(10, 10**6),
    correct=st.integers(0, 10),
    ci95=st.tuples(shares, shares),
    precision=shares,
    recall=shares,
    f1=shares,
    classes=st.lists(scores, max_size=3).map(tuple),
    confusion=st.lists(st.lists(counts, max_size=3).map(tuple), max_size=3).map(tuple),
    misclassified=st.lists(counts, max_size=3).map(tuple),
)
of_outputs = st.builds(OutputEvaluation, examples=counts, metrics=st.dictionaries(st.text(), st.floats(0, 1e300)))

SMALL = Evaluation(
    examples=4,
    correct=3,
    ci95=(0.3, 0.95),
    precision=0.5,
    recall=0.5,
    f1=0.5,
    classes=(),
    confusion=((2, 1), (0, 1)),
    misclassified=(1,),
)


@given(evaluations | of_outputs)
def test_an_evaluation_survives_json(evaluation: Evaluation | OutputEvaluation) -> None:
    assert type(evaluation).from_json(json.loads(json.dumps(evaluation.as_json()))) == evaluation


def test_it_writes_its_accuracy() -> None:
    assert SMALL.as_json()["accuracy"] == 0.75


@pytest.mark.parametrize("evaluation", [SMALL, OutputEvaluation(examples=3, metrics={"loss": 0.5})])
def test_that_of_an_older_release_names_no_version(tmp_path: Path, evaluation: Any) -> None:
    older = evaluation.as_json()
    del older["version"]
    write_json(tmp_path / "evaluation.json", older)

    assert read_evaluation(tmp_path / "evaluation.json") == evaluation


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"f1": "all"}, "f1 must be a number, got 'all'"),
        ({"correct": 5}, "correct must be 0 to examples, got 5 of 4"),
        ({"examples": 0, "correct": 0}, "correct must be 0 to examples, got 0 of 0"),
        ({"ci95": [0.1]}, "ci95 must be a list of 2"),
        ({"surprise": 1}, "surprise is unknown"),
        ({"version": 2}, "version 2 is of a later release: update this one"),
    ],
)
def test_what_no_run_writes_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(FieldError, match=message):
        Evaluation.from_json({**SMALL.as_json(), **changes})


@pytest.mark.parametrize("content", [{}, {"metrics": 3, "examples": 1}])
def test_a_file_of_something_else_is_refused(tmp_path: Path, content: dict[str, Any]) -> None:
    write_json(tmp_path / "evaluation.json", content)

    with pytest.raises(InputError, match=r"evaluation\.json (lacks|does not describe an evaluation) .*: restore it or"):
        read_evaluation(tmp_path / "evaluation.json")
