"""Damage to what is published: bytes, files, labels, and the answers that the files are held against."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from export.artifact import REFERENCE, Artifact, Description
from export.comparison.reference import read_reference, write_reference


def reverse_labels(description: Description) -> Description:
    """The class names in the wrong order."""
    return dataclasses.replace(description, class_names=description.class_names[::-1])


def truncate(folder: Path, artifact: Artifact) -> None:
    """The artifact's largest file, cut off after two thirds."""
    path = _largest(folder, artifact)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])


def change_byte(folder: Path, artifact: Artifact) -> None:
    """One bit in the middle of the artifact's largest file."""
    path = _largest(folder, artifact)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def remove(folder: Path, artifact: Artifact) -> None:
    """The artifact's largest file gone."""
    _largest(folder, artifact).unlink()


def add_foreign(folder: Path, artifact: Artifact) -> None:
    """A file that no export wrote, beside the artifact."""
    (folder / f"{artifact.target.file}.old").write_bytes(b"left by somebody else")


def shift_reference(folder: Path, artifact: Artifact) -> None:
    """Every image with the answer to the one before it."""
    reference = read_reference(folder / REFERENCE)
    shifted = {name: np.roll(values, 1, axis=0) for name, values in reference.outputs.items()}
    write_reference(folder / REFERENCE, dataclasses.replace(reference, outputs=shifted), {})


def _largest(folder: Path, artifact: Artifact) -> Path:
    return max((folder / name for name in artifact.files), key=lambda path: path.stat().st_size)
