"""A model, its data and what is known about it fit together, or one sentence says what does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export.artifact import Description
from export.comparison.reference import Reference
from export.errors import InputError, VerificationError
from export.publishing.request_checks import check_accuracy, check_answers, check_classes, check_labels

MODEL = Path("model.keras")


def described(accuracy: float | None) -> Description:
    return Description(class_names=("a", "b"), dataset="d", dataset_digest="d", accuracy=accuracy, source_digest="s")


@pytest.mark.parametrize(("found", "measured"), [(0.95, 0.95), (0.95, 0.945), (None, 0.5), (0.5, None)])
def test_the_accuracy_that_was_measured_before_is_accepted(found: float | None, measured: float | None) -> None:
    check_accuracy(described(found), measured, MODEL)


@pytest.mark.parametrize("measured", [0.9, 0.99])
def test_another_accuracy_is_refused(measured: float) -> None:
    message = rf"model\.keras gets 95\.00% of the images right but {measured:.2%} when it was evaluated: it is not the"

    with pytest.raises(VerificationError, match=message):
        check_accuracy(described(0.95), measured, MODEL)


def reference(answers: Any, *, labels: np.ndarray | None) -> Reference:
    rows = np.array(answers, np.float32)
    return Reference(inputs={"image": np.zeros((len(rows), 1))}, outputs={"probabilities": rows}, labels=labels)


@pytest.mark.parametrize("rows", [[[0.5, 0.6]], [[1.1, -0.1]], [[0.5, 0.4]]])
def test_answers_of_a_classifier_that_are_no_probabilities_are_refused(rows: list[list[float]]) -> None:
    message = (
        r"model\.keras gives answers that are no probabilities: they must be 0 or more and sum to 1; end the model"
    )

    with pytest.raises(InputError, match=message):
        check_answers(reference(rows, labels=np.zeros(1, np.int64)), MODEL)


@pytest.mark.parametrize("rows", [[[0.5, 0.5]], [[1.0, 0.0]]])
def test_probabilities_pass(rows: list[list[float]]) -> None:
    check_answers(reference(rows, labels=np.zeros(1, np.int64)), MODEL)


def test_outputs_that_hardly_move_are_refused() -> None:
    message = r"model\.keras answers all inputs with nearly the same numbers \(probabilities\), so that a comparison"

    with pytest.raises(InputError, match=message):
        check_answers(reference([[3.0, 4.0], [3.0, 4.0001]], labels=None), MODEL)


def test_outputs_that_move_pass() -> None:
    check_answers(reference([[3.0], [4.0]], labels=None), MODEL)


@pytest.mark.parametrize("labels", [None, np.zeros(2, np.int64)], ids=["outputs", "classifier"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_answers_that_are_not_finite_are_refused(value: float, labels: Any) -> None:
    message = r"model\.keras answers 1 of 2 inputs with NaN or infinity \(probabilities\): train it again"

    with pytest.raises(InputError, match=message):
        check_answers(reference([[value, 0.0], [1.0, 0.0]], labels=labels), MODEL)


def test_no_labels_are_refused() -> None:
    with pytest.raises(InputError, match="a classifier is verified with labels: give them or export the model with"):
        check_labels(None, 3)


@pytest.mark.parametrize(
    "labels", [np.zeros(2, np.int64), np.zeros((3, 1), np.int64), np.zeros(3), np.array([0, -1, 2])]
)
def test_labels_of_another_kind_are_refused(labels: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"the labels must be whole numbers from 0 of shape \(3,\), got "):
        check_labels(labels, 3)


def test_right_labels_are_themselves() -> None:
    labels = np.array([0, 5, 2])

    assert check_labels(labels, 3) is labels


@pytest.mark.parametrize(("names", "labels"), [("012345678", [0]), ("01234567890", [0]), ("0123456789", [10])])
def test_other_classes_than_the_models_are_refused(serving: Any, names: str, labels: list[int]) -> None:
    message = f"model.keras has 10 classes but the data has {len(names)}: give the data that the model was made"

    with pytest.raises(InputError, match=message):
        check_classes(serving, tuple(names), np.array(labels), MODEL)


def test_as_many_classes_are_accepted(serving: Any) -> None:
    check_classes(serving, tuple("0123456789"), np.array([0, 9]), MODEL)
