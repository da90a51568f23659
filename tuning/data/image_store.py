"""Images in files that are mapped into memory: written as a stream, kept under a digest, whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from tuning.data.array_checks import Classes, Pixels
from tuning.data.split import Split
from tuning.errors import InputError
from tuning.files.bounded_files import LARGEST_JSON, parse_json, read_bounded, regular_size

DEFAULT_STORE = Path("runs") / ".images"
INDEX = "index.json"
UNFINISHED = ".part-"
STALE_SECONDS = 86_400
READ_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True, eq=False)
class Entry:
    """What is stored under one digest: the parts of a data set by name, and what was noted about them."""

    splits: Mapping[str, Split]
    notes: Mapping[str, Any]


class PartWriter:
    """Appends images and labels to one part, whose number of examples is known only at the end."""

    def __init__(self, folder: Path, name: str, image_shape: tuple[int, int, int]) -> None:
        self.image_shape = image_shape
        self._labels: list[int] = []
        self._labels_file = folder / f"{name}_labels.npy"
        self._file: IO[bytes] = (folder / f"{name}_images.npy").open("wb")
        self._write_header()

    def append(self, images: Pixels, labels: Classes) -> None:
        """`images`: uint8 (examples, height, width, channels); `labels`: int64 (examples,)."""
        self._file.write(np.ascontiguousarray(images).data)
        self._labels.extend(labels.tolist())

    def close(self) -> None:
        """Write what was held back, and the number of examples over the zero that the file began with."""
        with self._file:
            self._file.seek(0)
            self._write_header()
        np.save(self._labels_file, np.array(self._labels, dtype=np.int64))

    def abandon(self) -> None:
        """Let go of the file as it is."""
        with contextlib.suppress(OSError):
            self._file.close()

    def _write_header(self) -> None:
        # numpy leaves room for the first axis to grow, so that the header's length stays what it was.
        np.lib.format.write_array_header_1_0(
            self._file, {"descr": "|u1", "fortran_order": False, "shape": (len(self._labels), *self.image_shape)}
        )


class NewEntry:
    """An entry that is being written. It can be found only after `keep`."""

    def __init__(self, store: Path, folder: Path) -> None:
        self._store = store
        self._folder = folder
        self.writers: dict[str, PartWriter] = {}

    def part(self, name: str, image_shape: tuple[int, int, int]) -> PartWriter:
        """The writer of the part of that name."""
        if name not in self.writers:
            self.writers[name] = PartWriter(self._folder, name, image_shape)
        return self.writers[name]

    def keep(self, digest: str, *, notes: Mapping[str, Any]) -> Entry:
        """Put the entry in its place and open it; what another process put there meanwhile stays."""
        for writer in self.writers.values():
            writer.close()
        files = {path.name: _fingerprint(path) for path in sorted(self._folder.iterdir())}
        index = {"parts": list(self.writers), "files": files, "notes": dict(notes)}
        (self._folder / INDEX).write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
        with contextlib.suppress(OSError):
            self._folder.rename(self._store / digest)
        entry = open_entry(self._store, digest)
        if entry is None:
            raise InputError(
                f"{self._store / digest} can't be kept: there is something else of that name, so remove it"
            )
        return entry


@contextlib.contextmanager
def new_entry(store: Path) -> Iterator[NewEntry]:
    """An entry to fill. Unless it is kept, nothing stays of it, nor of folders that were made for it.

    Raises InputError if the disk does not take it.
    """
    missing = [folder for folder in (store, *store.parents) if not folder.exists()]
    new, folder = None, None
    try:
        store.mkdir(parents=True, exist_ok=True)
        _remove_stale(store)
        folder = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=store))
        new = NewEntry(store, folder)
        yield new
    except OSError as error:
        raise InputError(
            f"the images can't be written to {store} ({error.strerror or error}): free space there, or have them kept "
            "elsewhere"
        ) from error
    finally:
        for writer in new.writers.values() if new is not None else ():
            writer.abandon()
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
        for made in missing:
            # Only what is empty goes.
            with contextlib.suppress(OSError):
                made.rmdir()


def open_entry(store: Path, digest: str) -> Entry | None:
    """What is stored under `digest`, its images mapped; None, and out of the way, if it is missing or not whole."""
    folder = store / digest
    try:
        index = parse_json(read_bounded(folder / INDEX, limit=LARGEST_JSON, give=""))
        if any(_fingerprint(folder / name) != recorded for name, recorded in index["files"].items()):
            raise ValueError("a file is not the one that was written")
        splits = {
            name: Split(
                images=np.load(folder / f"{name}_images.npy", mmap_mode="r"),
                labels=np.load(folder / f"{name}_labels.npy"),
            )
            for name in index["parts"]
        }
        return Entry(splits=splits, notes=index["notes"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        shutil.rmtree(folder, ignore_errors=True)
        return None


def _fingerprint(path: Path) -> list[Any]:
    """Size in bytes and sha256. Raises InputError for what is no regular file."""
    regular_size(path, give="")
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(READ_BYTES):
            digest.update(block)
    return [path.stat().st_size, digest.hexdigest()]


def _remove_stale(store: Path) -> None:
    """Remove what processes that were killed left behind, a day or more ago."""
    for left in store.glob(f"{UNFINISHED}*"):
        if time.time() - left.stat().st_mtime > STALE_SECONDS:
            shutil.rmtree(left, ignore_errors=True)
