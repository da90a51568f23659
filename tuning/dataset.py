"""Labelled images: checked at the door, split by seed, identified by a digest; the test set stays sealed.

Needs numpy only. Images are uint8 arrays of shape (examples, height, width, channels), labels int64 of shape
(examples,), classes are numbered 0 to classes − 1.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tuning.errors import InputError

Pixels = NDArray[np.uint8]
Classes = NDArray[np.int64]

MAX_CLASSES = 1000
ARRAY_NAMES = ("x_train", "y_train", "x_test", "y_test")


@dataclass(frozen=True, kw_only=True, eq=False)
class Split:
    """Images and their labels, in the same order."""

    images: Pixels
    labels: Classes

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: NDArray[np.int64]) -> Split:
        """The examples at `indices`, copied."""
        return Split(images=self.images[indices], labels=self.labels[indices])


@dataclass(kw_only=True)
class SealedSplit:
    """A test set that counts how often it was opened: a number chosen by looking at it is not a test."""

    _split: Split = field(repr=False)
    looks: int = 0

    def __len__(self) -> int:
        return len(self._split)

    def open(self) -> Split:
        """The test images and labels; counts as one look."""
        self.looks += 1
        return self._split

    def for_verification(self) -> Split:
        """The same for comparing a fixed model's artifacts with the model: no choice depends on it, so no look."""
        return self._split


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """Everything a search needs to know about the data.

    `digest` is the sha256 of the four arrays with their shapes. `fallback_reason` says why this is not the data set
    that was meant, else it is empty. `warnings` are sentences about the data that a careful reader wants to know.
    """

    name: str
    digest: str
    class_names: tuple[str, ...]
    training: Split
    test: SealedSplit
    fallback_reason: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of every image."""
        height, width, channels = self.training.images.shape[1:]
        return height, width, channels

    @property
    def num_classes(self) -> int:
        return len(self.class_names)

    def training_and_validation(self, *, fraction: float, seed: int) -> tuple[Split, Split]:
        """The training images as (train, validation), as `split_validation` parts them."""
        return self.split_validation(fraction=fraction, seed=seed)

    def split_validation(self, *, fraction: float, seed: int) -> tuple[Split, Split]:
        """The training images as (train, validation); each class gives the same share, at least one image, to both.

        Raises InputError if a class has a single image or `fraction` is not between 0 and 1.
        """
        if not 0 < fraction < 1:
            raise InputError(f"the validation fraction must be between 0 and 1, got {fraction}")
        rng = np.random.default_rng([seed, 0x5EED])
        validation = []
        for label in range(self.num_classes):
            members = rng.permutation(np.flatnonzero(self.training.labels == label))
            if len(members) < 2:
                raise InputError(
                    f"class {self.class_names[label]} has {len(members)} training image but needs 2 or more, "
                    "one to train and one to validate: add images or leave the class out"
                )
            validation.append(members[: min(max(round(len(members) * fraction), 1), len(members) - 1)])
        chosen = np.zeros(len(self.training), dtype=bool)
        chosen[np.concatenate(validation)] = True
        return self.training.take(np.flatnonzero(~chosen)), self.training.take(np.flatnonzero(chosen))


def make_dataset(
    arrays: Mapping[str, NDArray[np.generic]],
    *,
    name: str,
    class_names: tuple[str, ...] | None = None,
    fallback_reason: str = "",
) -> Dataset:
    """Check `x_train, y_train, x_test, y_test` and make a data set of them.

    Images: uint8, (examples, height, width) or (examples, height, width, channels) with 1 or 3 channels. Labels:
    integers, 0 to classes − 1, every class with training images; 2 to 1,000 classes (as many as `class_names` if
    given). Raises InputError naming the array otherwise.
    """
    missing = [key for key in ARRAY_NAMES if key not in arrays]
    if missing:
        found = ", ".join(arrays) if arrays else "nothing"
        raise InputError(f"{name} lacks {', '.join(missing)}: it must hold {', '.join(ARRAY_NAMES)}, found {found}")
    images = {key: _checked_images(key, arrays[key]) for key in ("x_train", "x_test")}
    if images["x_train"].shape[1:] != images["x_test"].shape[1:]:
        raise InputError(
            f"x_train has images of shape {images['x_train'].shape[1:]} but x_test of {images['x_test'].shape[1:]}: "
            "both must be the same"
        )
    labels = {key: _checked_labels(key, arrays[key]) for key in ("y_train", "y_test")}
    for part in ("train", "test"):
        if len(images[f"x_{part}"]) != len(labels[f"y_{part}"]):
            raise InputError(
                f"x_{part} has {len(images[f'x_{part}'])} images but y_{part} has {len(labels[f'y_{part}'])} labels: "
                "give one label for each image"
            )
    num_classes = len(class_names) if class_names is not None else int(labels["y_train"].max()) + 1
    names = class_names if class_names is not None else tuple(str(label) for label in range(num_classes))
    _check_classes(labels, num_classes)
    training = Split(images=images["x_train"], labels=labels["y_train"])
    test = Split(images=images["x_test"], labels=labels["y_test"])
    return Dataset(
        name=name,
        digest=_digest(training, test),
        class_names=names,
        training=training,
        test=SealedSplit(_split=test),
        fallback_reason=fallback_reason,
        warnings=_warnings(training, test, names),
    )


def _checked_images(key: str, array: NDArray[np.generic]) -> Pixels:
    if array.dtype != np.uint8:
        raise InputError(
            f"{key} has dtype {array.dtype}{_nan_note(array)} but images must be uint8 pixel values 0 to 255: "
            "convert it, multiplying by 255 if it holds 0 to 1"
        )
    if array.ndim == 3:
        array = array[..., np.newaxis]
    if array.ndim != 4:
        raise InputError(
            f"{key} has shape {array.shape} but images must be (examples, height, width) or (examples, height, "
            "width, channels)"
        )
    if array.shape[-1] not in (1, 3):
        raise InputError(f"{key} has shape {array.shape} but images need 1 or 3 channels")
    if 0 in array.shape:
        raise InputError(f"{key} has shape {array.shape} and so holds no images: give at least one")
    return np.ascontiguousarray(array, dtype=np.uint8)


def _checked_labels(key: str, array: NDArray[np.generic]) -> Classes:
    if not np.issubdtype(array.dtype, np.integer):
        raise InputError(f"{key} has dtype {array.dtype}{_nan_note(array)} but labels must be whole numbers from 0")
    if array.ndim != 1:
        raise InputError(f"{key} has shape {array.shape} but labels must have shape (examples,)")
    if len(array) and int(array.min()) < 0:
        raise InputError(f"{key} holds the label {int(array.min())} but labels must be 0 or more")
    if len(array) and int(array.max()) > np.iinfo(np.int64).max:
        raise InputError(f"{key} holds the label {int(array.max())} but labels must be below {MAX_CLASSES}")
    return array.astype(np.int64)


def _nan_note(array: NDArray[np.generic]) -> str:
    if not np.issubdtype(array.dtype, np.floating):
        return ""
    count = int(np.isnan(array.astype(np.float64)).sum())
    return f" and holds {count} NaN" if count else ""


def _check_classes(labels: Mapping[str, Classes], num_classes: int) -> None:
    if not 2 <= num_classes <= MAX_CLASSES:
        raise InputError(f"y_train has {num_classes} classes but 2 to {MAX_CLASSES} can be told apart")
    for key, values in labels.items():
        if int(values.max()) >= num_classes:
            raise InputError(
                f"{key} holds the label {int(values.max())} but the {num_classes} classes are numbered 0 to "
                f"{num_classes - 1}"
            )
    empty = np.flatnonzero(np.bincount(labels["y_train"], minlength=num_classes) == 0)
    if len(empty):
        raise InputError(
            f"class {', '.join(map(str, empty[:5]))} has no training images: number the classes 0, 1, 2, … "
            "without gaps, or add images"
        )


def _warnings(training: Split, test: Split, class_names: tuple[str, ...]) -> tuple[str, ...]:
    found = []
    seen = {image.tobytes() for image in training.images}
    repeated = sum(image.tobytes() in seen for image in test.images)
    if repeated:
        found.append(f"{repeated} of {len(test)} test images stand in the training set too: the test accuracy flatters")
    tested = set(test.labels.tolist())
    untested = [name for label, name in enumerate(class_names) if label not in tested]
    if untested:
        found.append(
            f"no test image shows class {', '.join(untested[:5])}: the test says nothing about {len(untested)} of "
            f"{len(class_names)} classes"
        )
    return tuple(found)


def _digest(*splits: Split) -> str:
    digest = hashlib.sha256()
    for split in splits:
        for array in (split.images, split.labels):
            digest.update(f"{array.dtype} {array.shape} ".encode())
            digest.update(array.data)
    return digest.hexdigest()
