"""Labelled examples: checked at the door, split by seed, identified by a digest.

Needs numpy only. Images are uint8 arrays of shape (examples, height, width, channels), in memory or in a file that is
mapped into it; labels are int64 of shape (examples,); classes are numbered 0 to classes − 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tuning.data.array_checks import (
    Classes,
    Pixels,
    check_class_names,
    check_classes,
    check_images,
    check_labels,
    check_same_length,
)
from tuning.data.array_options import ArrayOptions
from tuning.data.folder_options import FolderOptions
from tuning.data.split import SealedSplit, Split, digest_of, draw_share, example_digests
from tuning.errors import InputError

__all__ = ["ARRAY_NAMES", "Classes", "Dataset", "Pixels", "SealedSplit", "Split", "make_dataset"]

ARRAY_NAMES = ("x_train", "y_train", "x_test", "y_test")
VALIDATION_NAMES = ("x_validation", "y_validation")


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """Everything a search needs to know about the data.

    `digest` is the sha256 of all that the examples were made from. `class_names` is empty unless an example, an
    image or a row of numbers, belongs to a class. `validation` holds the examples that were given to validate with,
    if any were. `fallback_reason` says why this is not the data set that was meant, else it is empty. `warnings`
    are sentences about the data that a careful reader wants to know. `skipped`: the pictures that were left out
    because they can't be read, each with its reason. `folder`, `arrays`: how a folder of pictures or arrays were
    read, None for other sources. `sample_weight`: what was asked for the weights of training examples, if any.
    """

    name: str
    digest: str
    class_names: tuple[str, ...]
    training: Split
    test: SealedSplit
    validation: Split | None = None
    fallback_reason: str = ""
    warnings: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    folder: FolderOptions | None = None
    arrays: ArrayOptions | None = None
    sample_weight: str | None = None

    @property
    def is_classification(self) -> bool:
        """Whether an example, an image or a row of numbers, belongs to one of the classes."""
        return bool(self.class_names)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of every image. Raises InputError for data without single images."""
        if not self.training.holds_images:
            inputs = ", ".join(f"{name} of shape {shape}" for name, shape in self.input_shapes.items())
            raise InputError(
                f"{self.name} holds {inputs} and not single images: the built-in model can't take them, so give one "
                "that does"
            )
        height, width, channels = self.training.images.shape[1:]
        return height, width, channels

    @property
    def input_shapes(self) -> dict[str, tuple[int, ...]]:
        """Input name → shape of one example of it. A single input is `image` if it is one, else `x`."""
        images = self.training.images
        if isinstance(images, Mapping):
            return {name: array.shape[1:] for name, array in images.items()}
        return {"image" if self.training.holds_images else "x": images.shape[1:]}

    @property
    def num_classes(self) -> int:
        """Raises InputError for data without classes."""
        if not self.is_classification:
            raise InputError(
                f"{self.name} does not say which class an image shows: the built-in model needs one uint8 image and "
                "one whole number from 0 for each example, so give those or a model of your own"
            )
        return len(self.class_names)

    def training_and_validation(self, *, fraction: float, seed: int) -> tuple[Split, Split]:
        """The examples to train on and to validate with: the given ones, else as `split_validation` does it."""
        if self.validation is not None:
            return self.training, self.validation
        return self.split_validation(fraction=fraction, seed=seed)

    def split_validation(self, *, fraction: float, seed: int) -> tuple[Split, Split]:
        """The training examples as (train, validation); each class gives the same share, at least one, to both.

        Raises InputError if a class has a single image or `fraction` is not between 0 and 1.
        """
        if not 0 < fraction < 1:
            raise InputError(f"the validation fraction must be between 0 and 1, got {fraction}")
        labels = self.training.labels
        groups = {f"class {name}": np.flatnonzero(labels == label) for label, name in enumerate(self.class_names)}
        example, more = ("image", "images or leave the class out") if groups else ("example", "examples")
        groups = groups if groups else {self.name: np.arange(len(self.training))}
        for what, members in groups.items():
            if len(members) < 2:
                raise InputError(
                    f"{what} has {len(members)} training {example} but needs 2 or more, one to train and one to "
                    f"validate: add {more}"
                )
        chosen = np.zeros(len(self.training), dtype=bool)
        chosen[draw_share(list(groups.values()), fraction=fraction, rng=np.random.default_rng([seed, 0x5EED]))] = True
        return self.training.take(np.flatnonzero(~chosen)), self.training.take(np.flatnonzero(chosen))


def make_dataset(
    arrays: Mapping[str, NDArray[np.generic]],
    *,
    name: str,
    class_names: tuple[str, ...] | None = None,
    fallback_reason: str = "",
) -> Dataset:
    """Check `x_train, y_train, x_test, y_test` and make a data set of images that show classes.

    Images: uint8, (examples, height, width) or (examples, height, width, channels) with 1 or 3 channels. Labels:
    integers, 0 to classes − 1, every class with training images; 2 to 1,000 classes (as many as `class_names`, given
    here or as an array of texts among the others). `x_validation, y_validation` may be given too. Raises InputError
    naming the array otherwise.
    """
    parts = present_parts(arrays, name=name)
    images = {part: check_images(f"x_{part}", arrays[f"x_{part}"]) for part in parts}
    for part in parts[1:]:
        if images["train"].shape[1:] != images[part].shape[1:]:
            raise InputError(
                f"x_train has images of shape {images['train'].shape[1:]} but x_{part} of {images[part].shape[1:]}: "
                "both must be the same"
            )
    labels = {part: check_labels(f"y_{part}", arrays[f"y_{part}"]) for part in parts}
    for part in parts:
        check_same_length(part, images[part], labels[part])
    if class_names is None and "class_names" in arrays:
        class_names = check_class_names(arrays["class_names"])
    num_classes = len(class_names) if class_names is not None else int(labels["train"].max()) + 1
    check_classes({f"y_{part}": labels[part] for part in parts}, num_classes)
    names = class_names if class_names is not None else tuple(str(label) for label in range(num_classes))
    splits = {part: Split(images=images[part], labels=labels[part]) for part in parts}
    return Dataset(
        name=name,
        digest=digest_of(splits),
        class_names=names,
        training=splits["train"],
        test=SealedSplit(_split=splits["test"]),
        validation=splits.get("validation"),
        fallback_reason=fallback_reason,
        warnings=what_to_know(splits, names),
    )


def present_parts(arrays: Mapping[str, NDArray[np.generic]], *, name: str) -> tuple[str, ...]:
    """`train`, `test`, and `validation` if it is there. Raises InputError for a part that is missing or incomplete."""
    wanted = [*ARRAY_NAMES, *(VALIDATION_NAMES if any(key in arrays for key in VALIDATION_NAMES) else ())]
    missing = [key for key in wanted if key not in arrays]
    if missing:
        found = ", ".join(arrays) if arrays else "nothing"
        raise InputError(f"{name} lacks {', '.join(missing)}: it must hold {', '.join(wanted)}, found {found}")
    return ("train", "test", "validation") if len(wanted) > len(ARRAY_NAMES) else ("train", "test")


def what_to_know(splits: Mapping[str, Split], class_names: tuple[str, ...]) -> tuple[str, ...]:
    """Sentences on test examples that were trained on, and on classes that are never tested."""
    found = []
    seen = set(example_digests(splits["train"]))
    repeated = sum(digest in seen for digest in example_digests(splits["test"]))
    if repeated:
        what, result = ("images", "accuracy") if class_names else ("examples", "result")
        found.append(
            f"{repeated} of {len(splits['test'])} test {what} stand in the training set too: the test {result} flatters"
        )
    tested = set(splits["test"].labels.tolist()) if class_names else set()
    untested = [name for label, name in enumerate(class_names) if label not in tested]
    if untested:
        found.append(
            f"no test image shows class {', '.join(untested[:5])}: the test says nothing about {len(untested)} of "
            f"{len(class_names)} classes"
        )
    return tuple(found)
