"""Plant random faults in the published files of one model, and see whether the verification sees them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from export._publish import publish
from export.artifact import PARITY, REFERENCE, Artifact, Subject
from export.folder.manifest import read_manifest
from export.formats.weights import read_weights, write_weights
from export.publishing.request import ExportRequest
from export.self_test.planting import reseal
from export.sensitivity.changes import Change, draw_change
from export.verification import first_failing_ring
from scripts.benches.planted_faults.models import train_model
from scripts.benches.planted_faults.yardstick import distance


def publish_model(name: str, folder: Path, targets: Sequence[Any]) -> None:
    """Train the model of that name and publish it in `folder`. Raises RuntimeError if that does not pass."""
    model = folder.parent / "model.keras"
    images, labels = train_model(name, model)
    subject = Subject(class_names=tuple("0123456789"), dataset="digits", dataset_digest="")
    request = ExportRequest(model=model, folder=folder, subject=subject, targets=targets)
    if not publish(request, images, labels).passed:
        raise RuntimeError(f"the model {name} was not published: without a correct file there is nothing to plant in")


def plant_all(folder: Path, seeds: Sequence[int]) -> Iterator[dict[str, Any]]:
    """Plant the fault of each seed in a file of the published folder, look, and put the file back."""
    manifest = read_manifest(folder)
    tolerances = _tolerances(folder)
    artifacts = [artifact for artifact in manifest.artifacts if artifact.target.file in tolerances]
    weights = {
        artifact.target.file: read_weights(artifact.target.format, folder / artifact.target.file)
        for artifact in artifacts
    }
    for seed in seeds:
        artifact = artifacts[np.random.default_rng([seed, 1]).integers(len(artifacts))]
        name = artifact.target.file
        path, safe = folder / name, folder.parent / "safe"
        change = draw_change(weights[name], seed)
        _copy(path, safe)
        write_weights(artifact.target.format, path, {change.weight: change.apply(weights[name][change.weight])})
        reseal(folder)
        found = distance(artifact.target.format, path, folder / REFERENCE, tolerances[name])
        yield {
            "seed": seed,
            "file": name,
            "change": change.as_json(),
            "above": found.above,
            "difference": found.difference if np.isfinite(found.difference) else None,
            "times_limit": found.times_limit if np.isfinite(found.times_limit) else None,
            "seen": _is_seen(folder, artifact),
        }
        _remove(path)
        safe.replace(path)


def change_of(result: dict[str, Any]) -> Change:
    """The change that a result is about."""
    return Change.from_json(result["change"])


def _tolerances(folder: Path) -> dict[str, Any]:
    """What `parity.json` allows, by file."""
    import json

    parity = json.loads((folder / PARITY).read_text(encoding="utf-8"))
    return {result["file"]: result["tolerance"] for result in parity["results"]}


def _is_seen(folder: Path, artifact: Artifact) -> bool:
    return first_failing_ring(folder, formats=[artifact.target.format]) is not None


def _copy(path: Path, target: Path) -> None:
    (shutil.copytree if path.is_dir() else shutil.copyfile)(path, target)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
