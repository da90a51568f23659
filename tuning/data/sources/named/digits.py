"""The 1,797 handwritten digits that scikit-learn carries."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuning.data.dataset import Dataset, make_dataset
from tuning.data.sources.source import NamedSource

CLASS_NAMES = tuple(str(digit) for digit in range(10))


def load_digits(*, fallback_reason: str = "") -> Dataset:
    """They are 8×8 with 16 grey levels, scaled to 28×28 uint8; every fifth is test."""
    from PIL import Image
    from sklearn import datasets

    digits = datasets.load_digits()
    small = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    images = np.stack(
        [np.asarray(Image.fromarray(image).resize((28, 28), Image.Resampling.BILINEAR)) for image in small]
    )
    test = _every_fifth_of_each_class(digits.target)
    arrays = {
        "x_train": images[~test],
        "y_train": digits.target[~test],
        "x_test": images[test],
        "y_test": digits.target[test],
    }
    return make_dataset(arrays, name="digits", class_names=CLASS_NAMES, fallback_reason=fallback_reason)


def _every_fifth_of_each_class(labels: NDArray[Any]) -> NDArray[np.bool_]:
    rank = np.zeros(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        rank[members] = np.arange(len(members))
    fifth: NDArray[np.bool_] = rank % 5 == 4
    return fifth


SOURCE = NamedSource(load=load_digits)
