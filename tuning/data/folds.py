"""Cross-validation: the training examples in as many folds, each of which validates what the others trained."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tuning.data.dataset import Dataset
from tuning.data.split import Split
from tuning.errors import InputError


@dataclass(frozen=True, kw_only=True, eq=False)
class Folds:
    """`everything` and its `parts`: int64 numbers of examples, each in one part. Each class is spread evenly."""

    everything: Split
    parts: tuple[NDArray[np.int64], ...]

    @classmethod
    def of(cls, dataset: Dataset, *, count: int, seed: int) -> Folds:
        """`count` folds of the training examples, 2 or more.

        Raises InputError for data with validation images of its own, and if a class has fewer images than that.
        """
        if count < 2:
            raise InputError(f"`folds` must be 2 or more, got {count}")
        if dataset.validation is not None:
            raise InputError(f"{dataset.name} has validation images of its own: leave out `folds`")
        labels = dataset.training.labels
        groups = {f"class {name}": np.flatnonzero(labels == label) for label, name in enumerate(dataset.class_names)}
        groups = groups if groups else {dataset.name: np.arange(len(dataset.training))}
        rng = np.random.default_rng([seed, 0xF01D])
        found: list[list[NDArray[np.int64]]] = [[] for _ in range(count)]
        for number, (what, members) in enumerate(groups.items()):
            if len(members) < count:
                raise InputError(f"{what} has {len(members)} training images, too few for {count} folds: ask for fewer")
            for place, part in enumerate(np.array_split(rng.permutation(members), count)):
                # What does not divide evenly falls to another fold with each class.
                found[(place + number) % count].append(part)
        return cls(everything=dataset.training, parts=tuple(np.sort(np.concatenate(parts)) for parts in found))

    def split(self, number: int) -> tuple[Split, Split]:
        """(training, validation), where the fold of that number, from 0 on, validates."""
        others = np.sort(np.concatenate([part for place, part in enumerate(self.parts) if place != number]))
        return self.everything.take(others), self.everything.take(self.parts[number])
