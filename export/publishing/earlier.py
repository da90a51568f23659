"""What an earlier export left in the folder: whether it may be there, and what of it stays."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from pathlib import Path

from export.artifact import MANIFEST, Artifact, Description, Target, Variant
from export.comparison.tolerance import Tolerance
from export.errors import InputError
from export.folder.manifest import read_manifest
from export.folder.published_files import check_digests


def check_folder(folder: Path) -> None:
    """Raise InputError unless the folder is new, empty, or one that an export made."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file but must be a folder: choose another --output")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / MANIFEST).exists():
        raise InputError(f"{folder} holds files that no export put there: choose an empty or a new folder")


def published_targets(folder: Path) -> frozenset[Target]:
    """What was published there before; nothing if there is no manifest."""
    if not (folder / MANIFEST).exists():
        return frozenset()
    return frozenset(artifact.target for artifact in read_manifest(folder).artifacts)


def earlier_tolerances(folder: Path, asked: Collection[Target]) -> dict[Variant, Tolerance]:
    """The tolerances under which number types were published in `folder` that are not asked for now."""
    if not (folder / MANIFEST).exists():
        return {}
    now = {target.variant for target in asked}
    earlier = read_manifest(folder).tolerances
    return {variant: tolerance for variant, tolerance in earlier.items() if variant not in now}


def keep_earlier(folder: Path, asked: Collection[Target], description: Description, staged: Path) -> list[Artifact]:
    """Copy into `staged` what was published in `folder` earlier and is not asked for now, to be verified with the rest.

    Raises InputError if that is of another model, or served in another way.
    """
    if not (folder / MANIFEST).exists():
        return []
    manifest = read_manifest(folder)
    kept = [artifact for artifact in manifest.artifacts if artifact.target not in asked]
    names = ", ".join(artifact.target.file for artifact in kept)
    if kept and manifest.description.source_digest != description.source_digest:
        raise InputError(
            f"{folder} holds {names} of another model: export those formats too (--format all) or choose "
            "another --output"
        )
    if kept and _describe_served(manifest.description) != _describe_served(description):
        raise InputError(
            f"{folder} holds {names} of this model served in another way ({manifest.description.kind}, "
            f"{manifest.description.preprocessing}): export those formats too (--format all) or choose another --output"
        )
    for artifact in kept:
        check_digests(folder, artifact.files)
        for path in artifact.files:
            (staged / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(folder / path, staged / path)
    return kept


def _describe_served(description: Description) -> tuple[object, ...]:
    return description.kind, description.wrapped, description.preprocessing, description.postprocessing
