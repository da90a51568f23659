"""A folder of pictures, one subfolder for each class."""

from __future__ import annotations

from tuning.data.dataset import Dataset
from tuning.data.pictures.picture_folder import load_picture_folder
from tuning.data.sources.source import FOLDER, PathSource, Reading


def _load(reading: Reading) -> Dataset:
    return load_picture_folder(reading.folder, store=reading.store)


SOURCE = PathSource(suffixes=(FOLDER,), load=_load, takes=("image_size", "skip_corrupt"))
