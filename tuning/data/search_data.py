"""The images that a search may see, and those that its winner is retrained on: never the test set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tuning.data.dataset import Dataset, Split
from tuning.data.folds import Folds

VALIDATION_FRACTION = 1 / 12
MOST_BYTES = 1 << 28


@dataclass(frozen=True, kw_only=True, eq=False)
class SearchData:
    """Trials train on `training` and are ranked on `validation`; `everything` is what a winner is retrained on.

    `num_classes`: 0 for data that is not labelled images. `name` is how messages call the data. `folds`: for the best
    trials; the first one is `validation`. None: there is one split.
    """

    training: Split
    validation: Split
    everything: Split
    num_classes: int
    name: str = "the data"
    folds: Folds | None = None

    @classmethod
    def of(cls, dataset: Dataset, *, seed: int = 0, folds: int | None = None) -> SearchData:
        """A stratified twelfth set apart by `seed`, or one of so many `folds`; or the data set's own validation images.

        Raises InputError if a class has a single training image, and as `Folds.of` does.
        """
        split_up = None if folds is None else Folds.of(dataset, count=folds, seed=seed)
        if split_up is None:
            training, validation = dataset.training_and_validation(fraction=VALIDATION_FRACTION, seed=seed)
        else:
            training, validation = split_up.split(0)
        return cls(
            training=training,
            validation=validation,
            everything=dataset.training,
            num_classes=len(dataset.class_names),
            name=dataset.name,
            folds=split_up,
        )

    def for_retraining(self, *, keeps_validation: bool) -> tuple[Split, Split | None]:
        """(training, validation): all images and nothing, or the two as they are."""
        return (self.training, self.validation) if keeps_validation else (self.everything, None)

    def retraining_ratio(self, *, keeps_validation: bool) -> float:
        """How many times more images retraining has than a trial."""
        return len(self.for_retraining(keeps_validation=keeps_validation)[0]) / len(self.training)


def sample_of_classes(split: Split, count: int) -> Split:
    """At most `count` of the examples of each class, evenly spread; fewer where their pixels would take much memory."""
    labels = split.labels
    groups = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    affordable = MOST_BYTES // max(split.images[:1].nbytes * len(groups), 1)
    each = max(min(count, affordable), 1)
    chosen = [group[np.linspace(0, len(group) - 1, min(each, len(group))).astype(np.int64)] for group in groups]
    return split.take(np.sort(np.concatenate(chosen)))


def sample(split: Split, count: int) -> Split:
    """At most `count` of the examples, evenly spread over the split."""
    positions = np.linspace(0, len(split) - 1, min(count, len(split)))
    return split.take(positions.astype(np.int64))
