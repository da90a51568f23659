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
from itertools import chain
from pathlib import Path
from typing import TypeVar

import numpy as np

from tuning.data.array_checks import Pixels
from tuning.data.dataset import Dataset, what_to_know
from tuning.data.folder_options import FolderOptions
from tuning.data.image_store import NewEntry, new_entry, open_entry
from tuning.data.pictures.picture_decoding import (
    SUFFIXES,
    Header,
    decode,
    file_content,
    read_header,
    strict_pillow,
)
from tuning.data.pictures.picture_listing import ListedPicture, Listing, draw_test, list_pictures
from tuning.data.split import SealedSplit
from tuning.errors import InputError
from tuning.files.flat_pictures import UnreadableError

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
    listing = list_pictures(Path(options.path))
    with strict_pillow():
        survey = _survey(listing, options)
        shape = _common_shape(survey, options)
        survey.pictures = draw_test(listing, survey.pictures, seed=options.seed)
        digest = _digest(survey, options, listing)
        entry = open_entry(store, digest)
        if entry is None:
            with new_entry(store) as new:
                corrupt = _decode_all(survey, shape, new, listing, options)
                entry = new.keep(digest, notes={"corrupt": corrupt})
    corrupt = entry.notes["corrupt"]
    if corrupt and not options.skip_corrupt:
        raise _refusal(corrupt, options)
    return Dataset(
        name=Path(options.path).resolve().name,
        digest=digest,
        class_names=listing.class_names,
        training=entry.splits["train"],
        test=SealedSplit(_split=entry.splits["test"]),
        validation=entry.splits.get("validation"),
        warnings=(
            *listing.notes,
            *_note_left_out("can't be read", corrupt),
            *_note_left_out("is no picture of a class", [*survey.strangers, *listing.outside]),
            *what_to_know(entry.splits, listing.class_names),
        ),
        skipped=tuple(corrupt),
        folder=options,
    )


class _Survey:
    """What a first look at every file gave.

    `pictures`: readable and damaged ones. `digests`: of their bytes. `headers` and `corrupt`: what a picture is, or
    why it can't be read. `strangers`: files that neither are pictures nor are called so.
    """

    def __init__(self) -> None:
        self.pictures: tuple[ListedPicture, ...] = ()
        self.digests: dict[Path, bytes] = {}
        self.headers: dict[Path, Header] = {}
        self.corrupt: dict[Path, str] = {}
        self.strangers: list[str] = []


def _survey(listing: Listing, options: FolderOptions) -> _Survey:
    survey = _Survey()
    for picture, (found, digest) in _in_threads(_look_at, listing.pictures):
        path = picture.path
        survey.digests[path] = digest
        if isinstance(found, Header):
            survey.headers[path] = found
        elif path.suffix.lower() in SUFFIXES or not path.suffix:
            survey.corrupt[path] = found
        else:
            survey.strangers.append(path.relative_to(options.path).as_posix())
    known = survey.headers.keys() | survey.corrupt.keys()
    survey.pictures = tuple(picture for picture in listing.pictures if picture.path in known)
    return survey


def _look_at(picture: ListedPicture) -> tuple[Header | str, bytes]:
    try:
        with file_content(picture.path) as content:
            return _header_of(content), hashlib.sha256(content).digest()
    except UnreadableError as error:
        return str(error), b""


def _header_of(content: bytes) -> Header | str:
    try:
        return read_header(content)
    except UnreadableError as error:
        return str(error)


def _in_threads(
    work: Callable[[ListedPicture], Result], pictures: Sequence[ListedPicture], *, result_bytes: int = 0
) -> Iterator[tuple[ListedPicture, Result]]:
    """Each picture with what `work` makes of it, in order. Pillow and hashlib let other threads run meanwhile."""
    threads = os.cpu_count() or 1
    count = min(max(CHUNK_BYTES // max(result_bytes, 1), 1), CHUNK)
    # Several at a time: handing over a small picture takes longer than reading it.
    several = max(count // (4 * threads), 1)
    with ThreadPoolExecutor(threads) as pool:
        for start in range(0, len(pictures), count):
            chunk = pictures[start : start + count]
            groups = [chunk[at : at + several] for at in range(0, len(chunk), several)]
            results = pool.map(lambda group: [work(picture) for picture in group], groups)
            yield from zip(chunk, chain.from_iterable(results), strict=True)


def _common_shape(survey: _Survey, options: FolderOptions) -> tuple[int, int, int]:
    if not survey.headers:
        if survey.corrupt:
            raise _refusal(_reasons(survey.corrupt, options), options)
        raise InputError(f"{options.path} holds no pictures: put PNG or JPEG files into its class folders")
    channels = 1 if all(header.is_grey for header in survey.headers.values()) else 3
    if options.image_size is not None:
        return (*options.image_size, channels)
    by_size = {(header.height, header.width): path for path, header in survey.headers.items()}
    if len(by_size) > 1:
        (low, small), (high, large) = (
            pick(by_size.items(), key=lambda item: (item[0][0] * item[0][1], item[0])) for pick in (min, max)
        )
        raise InputError(
            f"{options.path} holds pictures of {len(by_size)} sizes, from {low[0]}×{low[1]} ({small}) to "
            f"{high[0]}×{high[1]} ({large}), height first: give `image_size` HEIGHTxWIDTH to fit them to one"
        )
    (height, width), _ = by_size.popitem()
    return height, width, channels


def _digest(survey: _Survey, options: FolderOptions, listing: Listing) -> str:
    """Of all that decides what comes out, so that the same digest means the same examples."""
    seed = options.seed if listing.is_test_drawn else None
    digest = hashlib.sha256(f"pictures 1 {options.image_size} {seed} {listing.folder_names}\n".encode())
    for picture in survey.pictures:
        name = picture.path.relative_to(options.path).as_posix()
        digest.update(f"{picture.part} {picture.label} {name}\n".encode("utf-8", "surrogateescape"))
        digest.update(survey.digests[picture.path])
    return digest.hexdigest()


def _decode_all(
    survey: _Survey, shape: tuple[int, int, int], new: NewEntry, listing: Listing, options: FolderOptions
) -> list[str]:
    """Decode every picture into its part; which could not be, and why."""
    corrupt = dict(survey.corrupt)
    counts: Counter[tuple[str, int]] = Counter()

    def pixels_of(picture: ListedPicture) -> Pixels | str:
        try:
            with file_content(picture.path) as content:
                return decode(content, shape)
        except UnreadableError as error:
            return str(error)

    readable = [picture for picture in survey.pictures if picture.path in survey.headers]
    for picture, found in _in_threads(pixels_of, readable, result_bytes=math.prod(shape)):
        if isinstance(found, str):
            corrupt[picture.path] = found
        else:
            new.part(picture.part, shape).append(found, np.array([picture.label], dtype=np.int64))
            counts[picture.part, picture.label] += 1
    reasons = _reasons(corrupt, options)
    if reasons and not options.skip_corrupt:
        raise _refusal(reasons, options)
    _check_left(counts, listing, options)
    return reasons


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


def _reasons(corrupt: Mapping[Path, str], options: FolderOptions) -> list[str]:
    reasons = {path.relative_to(options.path).as_posix(): reason for path, reason in corrupt.items()}
    return [f"{path} {reason}" for path, reason in sorted(reasons.items())]


def _refusal(reasons: Sequence[str], options: FolderOptions) -> InputError:
    more = f"; and {len(reasons) - LISTED} more" if len(reasons) > LISTED else ""
    listed = f"{'; '.join(reasons[:LISTED])}{more}"
    return InputError(
        f"{options.path} holds pictures that can't be read, {len(reasons)} in all: {listed}: repair or remove "
        "them, or leave them out with `skip_corrupt`"
    )


def _note_left_out(why: str, files: Sequence[str]) -> tuple[str, ...]:
    if not files:
        return ()
    return (f"left out because it {why}: {files[0]}{f', and {len(files) - 1} more' if len(files) > 1 else ''}",)
