"""Examples and their labels, in memory or in a file that is mapped into it; a test set that counts its openings."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

CHUNK, CHUNK_BYTES = 1000, 1 << 26
"""Examples, and bytes of them, that are looked at together at most where not all may fit into memory."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Split:
    """Examples and their labels, in the same order.

    `images`: uint8 (examples, height, width, channels). A model that is not an image classifier may take an array of
    another dtype and shape, or a mapping from the names of its inputs to such arrays. `labels`: int64 (examples,) for
    classes; whatever is to be answered, (examples, …), for other models, or a mapping from the names of its outputs.
    Of a memory-mapped array no pixel is copied: example i is row `rows[i]` of it, row i where `rows` is None.
    `weights`: float32 (examples,), what each counts in the loss that is trained, 0 or more; None: all alike.
    """

    images: Any
    labels: Any
    rows: NDArray[np.int64] | None = None
    weights: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(next(iter(self.labels.values()))) if isinstance(self.labels, Mapping) else len(self.labels)

    @property
    def is_on_disk(self) -> bool:
        return isinstance(self.images, np.memmap)

    @property
    def holds_images(self) -> bool:
        """Whether an example is one uint8 image, and not something else or several things."""
        images = self.images
        return not isinstance(images, Mapping) and images.ndim == 4 and images.dtype == np.uint8

    @property
    def shows_classes(self) -> bool:
        """Whether an example is one image, and its label the class that it shows."""
        return self.holds_images and self.has_classes

    @property
    def has_classes(self) -> bool:
        """Whether there is one whole number for each example."""
        labels = self.labels
        return not isinstance(labels, Mapping) and labels.ndim == 1 and np.issubdtype(labels.dtype, np.integer)

    def read(self, positions: NDArray[np.int64] | slice = slice(None)) -> Any:
        """The images at those positions of the split, or each input's values there.

        A slice of what is in order anyway is a view; everything else is copied into memory.
        """
        where = positions if self.rows is None else self.rows[positions]
        if isinstance(self.images, Mapping):
            return {name: array[where] for name, array in self.images.items()}
        return np.asarray(self.images[where])

    def chunks(self) -> Iterator[Any]:
        """Everything that `read` gives, in order, a limited number of examples at a time."""
        arrays = self.images.values() if isinstance(self.images, Mapping) else [self.images]
        example_bytes = sum(array[:1].nbytes for array in arrays)
        count = min(max(CHUNK_BYTES // max(example_bytes, 1), 1), CHUNK)
        for start in range(0, len(self), count):
            yield self.read(slice(start, start + count))

    def take(self, indices: NDArray[Any]) -> Split:
        """The examples at `indices`: copied, or for a memory-mapped array noted by their rows."""
        positions = np.arange(len(self))[indices]
        labels = (
            {name: array[positions] for name, array in self.labels.items()}
            if isinstance(self.labels, Mapping)
            else self.labels[positions]
        )
        weights = None if self.weights is None else self.weights[positions]
        if not self.is_on_disk:
            return Split(images=self.read(positions), labels=labels, weights=weights)
        rows = positions if self.rows is None else self.rows[positions]
        return Split(images=self.images, labels=labels, rows=rows, weights=weights)

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        if self.is_on_disk:
            # Another process maps the same file: pickled as they are, all pixels would be copied.
            state["images"] = _MappedFile(path=str(self.images.filename))
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        images = state["images"]
        opened = np.load(images.path, mmap_mode="r") if isinstance(images, _MappedFile) else images
        self.__dict__.update({**state, "images": opened})


@dataclass(frozen=True, kw_only=True)
class _MappedFile:
    path: str


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


def draw_share(groups: Sequence[NDArray[np.int64]], *, fraction: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """Members of each group, in no order: its share of them, at least one; at least one stays, where there are two.

    scikit-learn's stratified splits draw others for a seed, and a run that was begun with these could not be continued.
    """
    return np.concatenate(
        [
            rng.permutation(members)[: max(min(round(len(members) * fraction), len(members) - 1), 1)]
            for members in groups
        ]
    )


def example_digests(split: Split) -> Iterator[bytes]:
    """16 bytes for each example, in order, equal for equal images or inputs and different for others."""
    for chunk in split.chunks():
        arrays = list(chunk.values()) if isinstance(chunk, Mapping) else [chunk]
        for example in range(len(arrays[0])):
            yield hashlib.blake2b(b"".join(array[example].tobytes() for array in arrays), digest_size=16).digest()


def digest_of(splits: Mapping[str, Split]) -> str:
    """The sha256 of all arrays, in memory, with their dtypes and shapes."""
    digest = hashlib.sha256()
    for split in splits.values():
        images = split.images if isinstance(split.images, Mapping) else {"": split.images}
        labels = split.labels if isinstance(split.labels, Mapping) else {"": split.labels}
        for name, array in (*sorted(images.items()), *sorted(labels.items())):
            digest.update(f"{name}{array.dtype} {array.shape} ".encode())
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
