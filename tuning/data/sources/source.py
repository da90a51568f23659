"""What a place where examples come from declares of itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tuning.data.array_options import DEFAULT, ArrayOptions
from tuning.data.dataset import Dataset
from tuning.data.folder_options import FolderOptions
from tuning.data.image_store import DEFAULT_STORE

FOLDER, OTHER = "/", ""
"""In the place of a suffix: of folders, and of files with none of the suffixes that any source has."""


@dataclass(frozen=True, kw_only=True)
class NamedSource:
    """A data set with a name, which is all that a run records of it.

    `load` raises InputError where the data is not available. `through_keras`: it needs Keras, whose import takes
    seconds, unless the data is in a folder of the user's.
    """

    load: Callable[[], Dataset]
    through_keras: bool = False


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A path, and how its examples are read.

    `folder`: options for pictures in folders, `arrays`: for everything else. `name`: of the data set; None: by the
    path. `store`: the folder in which decoded pixels are kept. `weights`: the name of the array with the weights of the
    training examples, if any.
    """

    path: Path
    folder: FolderOptions
    arrays: ArrayOptions = DEFAULT
    name: str | None = None
    store: Path = DEFAULT_STORE
    weights: str | None = None


@dataclass(frozen=True, kw_only=True)
class PathSource:
    """A kind of file or folder that holds examples.

    `suffixes` of its files, in lower case, or `FOLDER` or `OTHER`. `takes`: which of `labels`, `image_size` and
    `skip_corrupt` a user may say of it. `load` raises InputError for data that can't be used; the options that it read
    by go into the data set, as `folder` or `arrays`, so that a run reads the same again.
    """

    suffixes: tuple[str, ...]
    load: Callable[[Reading], Dataset]
    takes: tuple[str, ...] = ()
