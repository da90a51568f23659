"""A folder of pictures, one subfolder for each class → a data set whose pixels lie in a mapped file.

`FOLDER/CLASS/…`, or `FOLDER/train/CLASS/…` with `validation/` and `test/` beside it, either of which may be missing.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from tuning.array_checks import Pixels
from tuning.dataset import Dataset, what_to_know
from tuning.errors import InputError
from tuning.folder_options import FolderOptions
from tuning.image_store import Entry, NewEntry, new_entry, open_entry
from tuning.picture_decoding import SUFFIXES, Header, UnreadableError, decode, read_file, read_header, strict_pillow
from tuning.picture_listing import Listing, Picture, list_pictures
from tuning.split import SealedSplit

LISTED = 10
CHUNK, CHUNK_BYTES = 256, 1 << 26
"""Pictures that are worked on together, and bytes of their pixels: no more of them are ever in memory."""

Result = TypeVar("Result")


def load_picture_folder(options: FolderOptions, *, store: Path) -> Dataset:
    """The data set that the folder holds, its pixels as mapped uint8 files under `store`.

    Pictures are decoded once: an unchanged folder is found again by the digest of its names and bytes. All grey gives
    1 channel, else 3. Without `test/` a sixth of each class is set apart by the seed. What is neither a picture nor
    called one is left out with a warning; a damaged picture raises InputError with the paths of all of them, or
    with `skip_corrupt` is left out and named in `skipped`. InputError also for folders, classes and sizes that don't
    fit together, and for a disk that does not take the pixels.
    """
    folder = Path(options.path)
    listing = list_pictures(folder, seed=options.seed)
    with strict_pillow():
        survey = _survey(listing)
        shape = _common_shape(survey, options)
        digest = _digest(survey, options, listing)
        entry = open_entry(store, digest)
        if entry is None:
            with new_entry(store) as new:
                notes = _decode_all(survey, shape, new, listing, options)
                entry = new.keep(digest, notes=notes)
    if entry.notes["corrupt"] and not options.skip_corrupt:
        raise _refusal(entry.notes["corrupt"], options)
    return _as_dataset(entry, digest, listing, options)


class _Survey:
    """What a first look at every file gave: headers and digests of the pictures, reasons for what can't be read."""

    def __init__(self) -> None:
        self.headers: dict[Picture, Header] = {}
        self.digests: dict[Picture, bytes] = {}
        self.corrupt: dict[Picture, str] = {}
        self.strangers: list[Picture] = []


def _survey(listing: Listing) -> _Survey:
    survey = _Survey()
    for picture, (found, digest) in _in_threads(_look_at, listing.pictures):
        if isinstance(found, Header):
            survey.headers[picture] = found
        elif picture.path.suffix.lower() in SUFFIXES or not picture.path.suffix:
            survey.corrupt[picture] = found
        else:
            survey.strangers.append(picture)
            continue
        survey.digests[picture] = digest
    return survey


def _look_at(picture: Picture) -> tuple[Header | str, bytes]:
    try:
        content = read_file(picture.path)
    except UnreadableError as error:
        return str(error), b""
    digest = hashlib.sha256(content).digest()
    try:
        return read_header(content), digest
    except UnreadableError as error:
        return str(error), digest


def _in_threads(
    work: Callable[[Picture], Result], pictures: Sequence[Picture], *, result_bytes: int = 0
) -> Iterator[tuple[Picture, Result]]:
    """Each picture with what `work` makes of it, in order. Pillow and hashlib let other threads run meanwhile."""
    count = min(max(CHUNK_BYTES // max(result_bytes, 1), 1), CHUNK)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(pictures), count):
            chunk = pictures[start : start + count]
            yield from zip(chunk, pool.map(work, chunk), strict=True)


def _common_shape(survey: _Survey, options: FolderOptions) -> tuple[int, int, int]:
    if not survey.headers:
        if survey.corrupt:
            raise _refusal(_reasons(survey.corrupt, options), options)
        raise InputError(f"{options.path} holds no pictures: put PNG or JPEG files into its class folders")
    channels = 1 if all(header.is_grey for header in survey.headers.values()) else 3
    if options.image_size is not None:
        return (*options.image_size, channels)
    by_size = {(header.height, header.width): picture for picture, header in survey.headers.items()}
    if len(by_size) > 1:
        (low, small), (high, large) = (
            pick(by_size.items(), key=lambda item: (item[0][0] * item[0][1], item[0])) for pick in (min, max)
        )
        raise InputError(
            f"{options.path} holds pictures of {len(by_size)} sizes, from {low[0]}×{low[1]} ({small.path}) to "
            f"{high[0]}×{high[1]} ({large.path}), height first: give --image-size HEIGHTxWIDTH to fit them to one"
        )
    (height, width), _ = by_size.popitem()
    return height, width, channels


def _digest(survey: _Survey, options: FolderOptions, listing: Listing) -> str:
    """Of all that decides what comes out, so that the same digest means the same examples."""
    seed = options.seed if listing.is_test_drawn else None
    digest = hashlib.sha256(f"pictures 1 {options.image_size} {seed} {listing.class_names}\n".encode())
    for picture, content in survey.digests.items():
        name = picture.path.relative_to(options.path).as_posix()
        digest.update(f"{picture.part} {picture.label} {name}\n".encode("utf-8", "surrogateescape") + content)
    return digest.hexdigest()


def _decode_all(
    survey: _Survey, shape: tuple[int, int, int], new: NewEntry, listing: Listing, options: FolderOptions
) -> dict[str, list[str]]:
    """Decode every picture into its part; which could not be, and which files were none."""
    corrupt = dict(survey.corrupt)
    counts: Counter[tuple[str, int]] = Counter()

    def pixels_of(picture: Picture) -> Pixels | str:
        try:
            return decode(read_file(picture.path), shape)
        except UnreadableError as error:
            return str(error)

    for picture, found in _in_threads(pixels_of, list(survey.headers), result_bytes=math.prod(shape)):
        if isinstance(found, str):
            corrupt[picture] = found
        else:
            new.part(picture.part, shape).append(found, np.array([picture.label], dtype=np.int64))
            counts[picture.part, picture.label] += 1
    reasons = _reasons(corrupt, options)
    if reasons and not options.skip_corrupt:
        raise _refusal(reasons, options)
    _check_left(counts, listing, options)
    strangers = [picture.path.relative_to(options.path).as_posix() for picture in survey.strangers]
    return {"corrupt": reasons, "strangers": strangers}


def _check_left(counts: Counter[tuple[str, int]], listing: Listing, options: FolderOptions) -> None:
    needed = 1 if "validation" in listing.parts else 2
    for label, name in enumerate(listing.class_names):
        left = counts["train", label]
        if left < needed:
            raise InputError(
                f"of class {name} in {options.path} only {left} can be read to train on but {needed} or more must be"
                f"{', one of them to validate with' if needed > 1 else ''}: add pictures or leave the class out"
            )
    for part in listing.parts:
        if not any(count for (counted, _), count in counts.items() if counted == part):
            raise InputError(f"{options.path} has no readable pictures for {part}: add some or remove that folder")


def _reasons(corrupt: Mapping[Picture, str], options: FolderOptions) -> list[str]:
    reasons = {picture.path.relative_to(options.path).as_posix(): reason for picture, reason in corrupt.items()}
    return [f"{path} {reason}" for path, reason in sorted(reasons.items())]


def _refusal(reasons: Sequence[str], options: FolderOptions) -> InputError:
    more = f"; and {len(reasons) - LISTED} more" if len(reasons) > LISTED else ""
    listed = f"{'; '.join(reasons[:LISTED])}{more}"
    return InputError(
        f"{options.path} holds pictures that can't be read, {len(reasons)} in all: {listed}: mend or remove "
        "them, or leave them out with --skip-corrupt"
    )


def _as_dataset(entry: Entry, digest: str, listing: Listing, options: FolderOptions) -> Dataset:
    splits = entry.splits
    return Dataset(
        name=Path(options.path).resolve().name,
        digest=digest,
        class_names=listing.class_names,
        training=splits["train"],
        test=SealedSplit(_split=splits["test"]),
        validation=splits.get("validation"),
        warnings=(*_left_out(entry.notes, listing), *what_to_know(splits, listing.class_names)),
        skipped=tuple(entry.notes["corrupt"]),
        folder=options,
    )


def _left_out(notes: Mapping[str, Any], listing: Listing) -> tuple[str, ...]:
    found = []
    if notes["corrupt"]:
        found.append(f"left out because it can't be read: {notes['corrupt'][0]}{_others(len(notes['corrupt']))}")
    if strangers := [*notes["strangers"], *listing.outside]:
        found.append(f"left out because it is no picture of a class: {strangers[0]}{_others(len(strangers))}")
    return tuple(found)


def _others(count: int) -> str:
    return f", and {count - 1} more" if count > 1 else ""
