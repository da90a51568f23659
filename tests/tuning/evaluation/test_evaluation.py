"""Predictions against labels: counts, an interval that holds at the ends, and no mercy for NaN."""

from __future__ import annotations

import numpy as np
import pytest

from tuning.data.dataset import Split
from tuning.evaluation.evaluation import evaluate

NAMES = ("cat", "dog", "owl")


@pytest.fixture
def split():
    """Six images of three classes; of the last class there is one."""
    return Split(images=np.zeros((6, 4, 4, 1), np.uint8), labels=np.array([0, 0, 0, 1, 1, 2]))


def answering(*classes):
    """A predict function that is sure of these classes."""
    return lambda images: np.eye(3, dtype=np.float32)[list(classes)]


@pytest.mark.parametrize(
    ("correct", "examples", "low", "high"),
    [
        (0, 10, 0.0, 0.277533),
        (10, 10, 0.722467, 1.0),
        (5, 10, 0.236593, 0.763407),
        (9959, 10000, 0.994443, 0.996977),
        (1, 1, 0.206549, 1.0),
    ],
)
def test_the_interval_of_the_accuracy_has_its_known_values(correct, examples, low, high):
    answers = np.eye(2, dtype=np.float32)[[0] * correct + [1] * (examples - correct)]
    split = Split(images=np.zeros((examples, 1, 1, 1), np.uint8), labels=np.zeros(examples, np.int64))
    evaluation = evaluate(lambda images: answers, split, class_names=NAMES[:2])
    # The known values are rounded to 6 digits.
    assert evaluation.ci95 == pytest.approx((low, high), abs=1e-6)
    assert [type(end) for end in evaluation.ci95] == [float, float]


def test_a_perfect_answer_has_perfect_scores(split):
    evaluation = evaluate(answering(0, 0, 0, 1, 1, 2), split, class_names=NAMES)
    assert (evaluation.accuracy, evaluation.precision, evaluation.recall, evaluation.f1) == (1, 1, 1, 1)
    assert evaluation.confusion == ((3, 0, 0), (0, 2, 0), (0, 0, 1))
    assert evaluation.misclassified == ()


def test_mistakes_are_counted_where_they_belong(split):
    evaluation = evaluate(answering(0, 1, 1, 1, 2, 2), split, class_names=NAMES)
    cat, dog, owl = evaluation.classes
    assert (evaluation.examples, evaluation.correct) == (6, 3)
    # Wilson (1927).
    assert evaluation.ci95 == pytest.approx((0.187616, 0.812384), abs=1e-6)
    assert evaluation.confusion == ((1, 2, 0), (0, 1, 1), (0, 0, 1))
    assert evaluation.misclassified == (1, 2, 4)
    assert (cat.name, cat.examples, cat.precision, cat.recall) == ("cat", 3, 1, pytest.approx(1 / 3))
    assert (dog.name, dog.examples, dog.precision, dog.recall) == ("dog", 2, pytest.approx(1 / 3), 0.5)
    assert (owl.name, owl.examples, owl.precision, owl.recall, owl.f1) == ("owl", 1, 0.5, 1, pytest.approx(2 / 3))


def test_the_scores_are_the_means_of_the_classes(split):
    evaluation = evaluate(answering(0, 1, 1, 1, 2, 2), split, class_names=NAMES)
    for name in ("precision", "recall", "f1"):
        mean = sum(getattr(scores, name) for scores in evaluation.classes) / 3
        assert getattr(evaluation, name) == pytest.approx(mean)


def test_a_class_that_is_never_answered_scores_0_without_a_warning(split):
    evaluation = evaluate(answering(0, 0, 0, 0, 0, 0), split, class_names=NAMES)
    assert [scores.f1 for scores in evaluation.classes[1:]] == [0, 0]


def test_a_class_without_test_images_keeps_its_place():
    split = Split(images=np.zeros((2, 4, 4, 1), np.uint8), labels=np.array([0, 2]))
    evaluation = evaluate(answering(0, 2), split, class_names=NAMES)
    assert [scores.examples for scores in evaluation.classes] == [1, 0, 1]
    assert evaluation.confusion[1] == (0, 0, 0)


def test_a_class_without_test_images_does_not_lower_the_means():
    split = Split(images=np.zeros((2, 4, 4, 1), np.uint8), labels=np.array([0, 2]))
    perfect = evaluate(answering(0, 2), split, class_names=NAMES)
    assert (perfect.precision, perfect.recall, perfect.f1) == (1, 1, 1)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_is_refused_and_not_taken_for_the_first_class(split, value):
    def predict(images):
        probabilities = np.eye(3, dtype=np.float32)[split.labels]
        probabilities[[1, 4], 2] = value
        return probabilities

    with pytest.raises(ValueError, match="2 predictions are not finite"):
        evaluate(predict, split, class_names=NAMES)


@pytest.mark.parametrize("shape", [(6, 2), (5, 3), (6,)], ids=str)
def test_predictions_of_another_shape_are_refused(split, shape):
    with pytest.raises(ValueError, match=r"predictions have shape \(.*\) but must have \(6, 3\)"):
        evaluate(lambda images: np.zeros(shape, np.float32), split, class_names=NAMES)
