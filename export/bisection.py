"""Where a published file goes wrong that is not, or does not answer, as it was published.

Needs numpy and the file's runtime.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from export.apart.limits import Limits
from export.apart.process import process_for
from export.artifact import PARITY, Artifact, Format
from export.comparison.parity import Parity
from export.comparison.verification_record import read_record
from export.errors import InputError, UnrunnableError, VerificationError
from export.folder.manifest import Manifest
from export.folder.published_files import check_digests
from export.formats.format import has_part, readable_formats
from export.formats.structure import require_safe
from export.layers.bisect import Divergence, bisect_file
from export.layers.matching import LayerMatch
from export.verification import ask, open_candidate, published_standard


@dataclass(frozen=True, kw_only=True)
class Finding:
    """`comparison`: how far the file's answers are from the Keras model's. `divergence`: the first layer that differs,
    None if none does on the examples whose layers were recorded. `unreadable`: why its layers can't be looked at."""

    file: str
    comparison: str
    divergence: Divergence | None
    unreadable: str = ""

    @property
    def sentence(self) -> str:
        if self.unreadable:
            return self.unreadable
        if self.divergence is None:
            return "no layer differs on the examples whose layers were recorded"
        return self.divergence.sentence

    def as_json(self) -> dict[str, Any]:
        found = self.divergence
        return {
            "file": self.file,
            "comparison": self.comparison,
            "layer": None if found is None else found.layer,
            "joined": [] if found is None else list(found.joined),
            "difference": None if found is None else found.largest,
            "sentence": self.sentence,
        }


def changed_artifacts(folder: Path, manifest: Manifest, formats: Collection[Format]) -> list[Artifact]:
    """Those of the formats whose bytes are not the published ones.

    Raises VerificationError if what they are compared with was changed as well, or if none of them was.
    """
    check_digests(folder, manifest.files)
    changed = []
    for artifact in manifest.artifacts:
        try:
            check_digests(folder, artifact.files)
        except VerificationError:
            if artifact.target.format in formats and (folder / artifact.target.file).exists():
                changed.append(artifact)
    if not changed:
        raise VerificationError(f"{folder} holds no changed file that can be looked into: export the model again")
    return changed


def bisect(folder: Path, manifest: Manifest, artifact: Artifact) -> Finding:
    """Compare one file with the reference, as a whole and layer by layer. Raises VerificationError if the record that
    lies beside it can't be read."""
    standard = published_standard(folder, manifest)
    file = artifact.target.file
    try:
        require_safe(artifact.target.format, folder / file)
    except (UnrunnableError, InputError) as error:
        return Finding(
            file=file, comparison=str(error), divergence=None, unreadable="so its layers are not looked into"
        )
    try:
        comparison = _describe(ask(open_candidate(folder, artifact, standard), standard)[1])
    except (VerificationError, InputError) as error:
        comparison = str(error)
    trace, unreadable, divergence = standard.reference.trace, "", None
    if not has_part(artifact.target.format, "tensors"):
        can = ", ".join(readable_formats())
        unreadable = f"the layers of a {artifact.target.format} can't be looked into, only those of {can}"
    elif trace is None:
        unreadable = "no layers were recorded when it was published: export the model again"
    else:
        recorded = _recorded_layers(folder, file)
        try:
            divergence = bisect_file(artifact.target, folder / file, trace, standard.reference.inputs, recorded)
        except InputError as error:
            unreadable = str(error)
    return Finding(file=file, comparison=comparison, divergence=divergence, unreadable=unreadable)


def bisect_apart(folder: Path, manifest: Manifest, artifact: Artifact, *, limits: Limits) -> dict[str, Any]:
    """The same as JSON, found in a process apart, as the file may be anybody's. Raises VerificationError likewise, and
    for a file that ends its process or goes beyond the limits."""
    call = process_for(artifact.target.format).call
    found: dict[str, Any] = call(
        "export.bisection:bisect_as_json",
        folder.resolve(),
        manifest,
        artifact,
        file=folder / artifact.target.file,
        limits=limits,
    )
    return found


def bisect_as_json(folder: Path, manifest: Manifest, artifact: Artifact) -> dict[str, Any]:
    """The same in this process."""
    return bisect(folder, manifest, artifact).as_json()


def _describe(parity: Any) -> str:
    if not isinstance(parity, Parity):
        return "; ".join(parity.failures) or "every output is within its limit"
    equal = f"{parity.examples - parity.label_flips} of {parity.examples} labels are equal"
    return "; ".join([equal, *(parity.failures or ["every number is within its limit"])])


def _recorded_layers(folder: Path, file: str) -> tuple[LayerMatch, ...]:
    for result in read_record(folder).results:
        if result.file == file:
            return result.layers
    raise VerificationError(f"{folder / PARITY} says nothing about {file}: export the model again")
