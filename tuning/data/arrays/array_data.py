"""Arrays of examples in the forms that people have them → a data set."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuning.data.array_checks import Arrays, check_class_names
from tuning.data.array_options import AUTO, ArrayOptions
from tuning.data.arrays.label_forms import as_array, number_names, read_labels
from tuning.data.arrays.tables import dataset_of
from tuning.data.dataset import Dataset
from tuning.data.drawn_test import with_test
from tuning.data.example_weights import ARRAY as WEIGHTS
from tuning.data.example_weights import weigh_examples

LABELS = ("y_train", "y_test", "y_validation")
NAMED = re.compile(r"y_(train|test|validation)_")
"""What the arrays of an output with a name begin with."""


def dataset_from(
    arrays: Arrays, *, name: str, class_names: tuple[str, ...] | None = None, options: ArrayOptions
) -> Dataset:
    """The data set that the arrays make, read as `options` say.

    `arrays`: `x_train, y_train` and what there is of `x_test, y_test, x_validation, y_validation, class_names`; inputs
    may have names, as in `x_train_NAME`. Labels of any form that `read_labels` knows; without test examples, a sixth
    of those to train on is set apart by the seed. `sample_weight`: of the training examples, if they have weights.
    Raises InputError as `dataset_of` and `weigh_examples` do.
    """
    if options.is_strict:
        return dataclasses.replace(dataset_of(arrays, name=name, class_names=class_names), arrays=options)
    if class_names is None and "class_names" in arrays:
        class_names = check_class_names(as_array("class_names", arrays["class_names"]))
    labels = {key: arrays[key] for key in LABELS if key in arrays}
    numbered, notes = number_names({key: array for key, array in arrays.items() if NAMED.match(key)})
    if labels and ("x_train" in arrays or options.labels != AUTO):
        read = read_labels(
            labels, kind=options.labels, class_names=class_names, show_images=_show_images(arrays.get("x_train"))
        )
        labels, class_names, notes = dict(read.labels), read.class_names, (*notes, *read.notes)
    made = {**arrays, **labels, **numbered}
    if not any(key.startswith(("x_test", "y_test")) for key in arrays):
        made = with_test(made, seed=options.seed)
    dataset = dataset_of(made, name=name, class_names=class_names)
    if WEIGHTS in made:
        dataset = weigh_examples(dataset, made[WEIGHTS])
    return dataclasses.replace(dataset, warnings=(*notes, *dataset.warnings), arrays=options)


def _show_images(inputs: NDArray[Any] | None) -> bool:
    return inputs is not None and inputs.dtype == np.uint8 and inputs.ndim in (3, 4)
