"""Any predict function and labelled images → Evaluation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from tuning.data.dataset import Pixels, Split
from tuning.runs.evaluation_record import ClassScores, Evaluation

Predict = Callable[[Pixels], NDArray[np.float32]]
"""uint8 (batch, height, width, channels) → float32 probabilities (batch, classes)."""


def evaluate(predict: Predict, split: Split, *, class_names: tuple[str, ...]) -> Evaluation:
    """Compare the predictions with the labels. A class without images is left out of the means over the classes.

    Raises ValueError for probabilities of a wrong shape or with a NaN: `argmax` would call a NaN row class 0.
    """
    probabilities = np.asarray(predict(split.read()))
    if probabilities.shape != (len(split), len(class_names)):
        raise ValueError(f"predictions have shape {probabilities.shape} but must have {(len(split), len(class_names))}")
    if not np.isfinite(probabilities).all():
        raise ValueError(f"{int((~np.isfinite(probabilities)).any(axis=1).sum())} predictions are not finite")
    predicted = probabilities.argmax(axis=1)
    labels = list(range(len(class_names)))
    per_class = precision_recall_fscore_support(split.labels, predicted, labels=labels, zero_division=0.0)
    macro = precision_recall_fscore_support(
        split.labels, predicted, labels=np.unique(split.labels), average="macro", zero_division=0.0
    )
    correct = int((predicted == split.labels).sum())
    # Wilson's interval (1927) holds near 0 and 1 too.
    interval = binomtest(correct, len(split)).proportion_ci(0.95, method="wilson")
    return Evaluation(
        examples=len(split),
        correct=correct,
        ci95=(float(interval.low), float(interval.high)),
        precision=float(macro[0]),
        recall=float(macro[1]),
        f1=float(macro[2]),
        classes=tuple(
            ClassScores(name=name, precision=float(p), recall=float(r), f1=float(f), examples=int(n))
            for name, p, r, f, n in zip(class_names, *per_class, strict=True)
        ),
        confusion=tuple(
            tuple(int(count) for count in row) for row in confusion_matrix(split.labels, predicted, labels=labels)
        ),
        misclassified=tuple(int(index) for index in np.flatnonzero(predicted != split.labels)),
    )
