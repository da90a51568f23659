"""What lies in a published folder against what its manifest names: nothing missing, changed, or foreign.

Published files are real files in real folders: what a link leads to can be exchanged behind the manifest's back, and a
pipe or a device never ends. Standard library only.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from export.artifact import MANIFEST, MEASURED_LATER, SIGNATURE, digest_file
from export.errors import VerificationError
from export.folder.manifest import Manifest
from export.formats.format import facts

_SHOWN = 5


def check_digests(folder: Path, digests: Mapping[str, str]) -> None:
    """Raise VerificationError unless every file is there with the bytes that were published."""
    for path, digest in digests.items():
        check_real(folder, path)
        if digest_file(folder / path) != digest:
            raise VerificationError(f"{folder / path} was changed since it was published: export the model again")


def check_real(folder: Path, path: str) -> None:
    """Raise VerificationError unless `path`, relative to the folder, is a regular file in regular folders."""
    parts = PurePosixPath(path).parts
    for count in range(1, len(parts) + 1):
        place = folder.joinpath(*parts[:count])
        wanted = stat.S_ISREG if count == len(parts) else stat.S_ISDIR
        try:
            mode = place.lstat().st_mode
        except FileNotFoundError as error:
            raise VerificationError(f"{folder / path} is missing: export the model again") from error
        if not wanted(mode):
            kind = "file" if count == len(parts) else "folder"
            raise VerificationError(
                f"{place} is {_kind(mode)} and not the {kind} that was published: export the model again"
            )


def check_foreign(folder: Path, manifest: Manifest) -> None:
    """Raise VerificationError for what lies in the folder and the manifest does not name: files, folders, links."""
    files = {*manifest.digests, MANIFEST, SIGNATURE, *MEASURED_LATER}
    folders = {str(above) for path in files for above in PurePosixPath(path).parents}
    for target in (artifact.target for artifact in manifest.artifacts):
        folders |= {f"{target.file}/{name}" for name in facts(target.format).empty_folders}
    foreign = [
        name
        for name, mode in _everything(folder)
        if not (name in folders if stat.S_ISDIR(mode) else name in files and stat.S_ISREG(mode))
    ]
    if foreign:
        more = f" and {len(foreign) - _SHOWN} more" if len(foreign) > _SHOWN else ""
        named = ", ".join(str(folder / name) for name in foreign[:_SHOWN])
        raise VerificationError(f"{named}{more} was not published by an export: move it elsewhere or export again")


def _everything(folder: Path) -> Iterator[tuple[str, int]]:
    """(path relative to the folder, mode) of all below it; links are not followed."""
    for path, folders, files in os.walk(folder):
        for name in _sort(folders, files):
            found = Path(path) / name
            yield found.relative_to(folder).as_posix(), found.lstat().st_mode


def _sort(*names: Iterable[str]) -> list[str]:
    return sorted(name for some in names for name in some)


def _kind(mode: int) -> str:
    known = {stat.S_IFLNK: "a link", stat.S_IFDIR: "a folder", stat.S_IFREG: "a file"}
    return known.get(stat.S_IFMT(mode), "a special file")
