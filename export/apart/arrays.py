"""Arrays that one process hands to another: files that are mapped, so that none of them is there twice."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import numpy as np

from export.arrays import Arrays
from export.comparison.reference import Reference

_GROUPS = ("inputs", "outputs", "stress_inputs", "stress_outputs")
_LABELS = "labels"


def store_arrays(arrays: Arrays, folder: Path) -> None:
    """Write them into the folder, which is made."""
    folder.mkdir()
    # Names of tensors are no names of files.
    (folder / "names.json").write_text(json.dumps(list(arrays)), encoding="utf-8")
    for number, array in enumerate(arrays.values()):
        _save(folder / f"{number}.npy", array)


def map_arrays(folder: Path) -> dict[str, np.ndarray]:
    """What `store_arrays` wrote, to be read only."""
    names = json.loads((folder / "names.json").read_text(encoding="utf-8"))
    return {name: _map(folder / f"{number}.npy") for number, name in enumerate(names)}


def store_reference(reference: Reference, folder: Path) -> None:
    """Write a reference, without the trace of its layers, into the folder, which is there."""
    for group in _GROUPS:
        store_arrays(getattr(reference, group), folder / group)
    if reference.labels is not None:
        _save(folder / f"{_LABELS}.npy", reference.labels)


def map_reference(folder: Path) -> Reference:
    """What `store_reference` wrote."""
    labels = folder / f"{_LABELS}.npy"
    inputs, outputs, stress_inputs, stress_outputs = (map_arrays(folder / group) for group in _GROUPS)
    return Reference(
        inputs=inputs,
        outputs=outputs,
        labels=_map(labels) if labels.exists() else None,
        stress_inputs=stress_inputs,
        stress_outputs=stress_outputs,
    )


def _save(path: Path, array: np.ndarray) -> None:
    try:
        np.save(path, array, allow_pickle=False)
    except OSError as error:
        # numpy's own, on a full disk, has no number.
        if error.errno is not None:
            raise
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error


def _map(path: Path) -> np.ndarray:
    try:
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except ValueError:
        # Nothing can be mapped of an array without numbers.
        return np.asarray(np.load(path, allow_pickle=False))
