"""Data sets by name, and files and folders by what they are."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from tuning.errors import InputError
from tuning.found import load_from, names_in

if TYPE_CHECKING:
    from tuning.data.dataset import Dataset
    from tuning.data.sources.source import NamedSource, PathSource

_NAMED, _PATHS = "tuning.data.sources.named", "tuning.data.sources.paths"
DATA_DIR_VARIABLE = "TUNING_DATA_DIR"


def dataset_names() -> tuple[str, ...]:
    """The names that `load_dataset` takes. Loads nothing."""
    return names_in(_NAMED)


def load_dataset(name: str) -> Dataset:
    """A data set by its name in `dataset_names()`.

    `auto` is MNIST, or the embedded digits where MNIST is not available, with the reason in `fallback_reason`. Raises
    InputError for an unknown name, for data that is not available, and for a `TUNING_DATA_DIR` without the file.
    """
    if name not in dataset_names():
        raise InputError(f"unknown dataset {name}: choose one of {', '.join(dataset_names())}, or give `data` FILE.npz")
    return _find_source(name).load()


def needs_keras(name: str) -> bool:
    """Whether loading the data set of that name goes through Keras, whose import takes seconds."""
    return name in dataset_names() and _find_source(name).through_keras and DATA_DIR_VARIABLE not in os.environ


def path_source(path: Path, *, is_folder: bool) -> PathSource:
    """What reads the file or folder."""
    from tuning.data.sources.source import FOLDER, OTHER

    sources: dict[str, PathSource] = {}
    for name in names_in(_PATHS):
        source: PathSource = load_from(_PATHS, name, "SOURCE", what="source")
        sources |= dict.fromkeys(source.suffixes, source)
    return sources[FOLDER] if is_folder else sources.get(path.suffix.lower(), sources[OTHER])


def _find_source(name: str) -> NamedSource:
    source: NamedSource = load_from(_NAMED, name, "SOURCE", what="dataset")
    return source
