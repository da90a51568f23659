"""Classify pictures with an exported file."""

from __future__ import annotations

import _entry  # isort: skip

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from export.artifact import MANIFEST, Artifact, Format, Kind, Manifest, read_manifest
from export.errors import InputError
from scripts.parts.published import published_folder, require_runtimes

if TYPE_CHECKING:
    import numpy as np

QUICKEST_FIRST = (Format.ONNX, Format.TFLITE, Format.SAVED_MODEL)
SHOWN_CLASSES = 3


def build_parser() -> _entry.Parser:
    parser = _entry.parser("Classify pictures (PNG, JPEG, any size) with an exported file.")
    parser.add_argument("pictures", nargs="+", type=Path, metavar="FILE", help="pictures to classify")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--run", metavar="NAME", help="the run whose files to use (default: the newest exported one)")
    source.add_argument("--artifacts", type=Path, metavar="DIR", help="a published folder to use instead")
    parser.add_argument(
        "--format", metavar="NAME", help=f"{', '.join(Format)} (default: the first of onnx, tflite, saved_model there)"
    )
    return parser


def run(arguments: argparse.Namespace) -> _entry.Outcome:
    folder = published_folder(arguments, arguments.artifacts)
    manifest = read_manifest(folder)
    if manifest.look is None or manifest.description.kind is not Kind.CLASSIFIER:
        raise InputError(
            f"{folder} holds no classifier of pictures but a model with inputs and outputs of its own: see its "
            f"{MANIFEST} for them"
        )
    artifact = _artifact(manifest, arguments.format, folder)
    require_runtimes([artifact.target.format], "PIL", "rich")
    from rich.markup import escape

    from export.pictures import read_picture
    from export.runtimes import load
    from export.verification import check_digests
    from scripts.parts.console import make_console

    height, width, channels = (int(size or 0) for size in artifact.inputs[0].shape[1:])
    pictures = [read_picture(path, shape=(height, width, channels), look=manifest.look) for path in arguments.pictures]
    check_digests(folder, artifact.files)
    model = load(artifact.target, folder / artifact.target.file)
    console = make_console(json_output=arguments.json)
    names = manifest.description.class_names
    results = []
    for path, picture in zip(arguments.pictures, pictures, strict=True):
        probabilities = model(picture.pixels)[0]
        ranked = _ranked(probabilities, names)
        results.append(
            {"file": str(path), "class": ranked[0][0], "probabilities": dict(ranked), "notes": picture.notes}
        )
        others = ", ".join(f"{name} {share:.1%}" for name, share in ranked[1:SHOWN_CLASSES])
        note = f"  [dim]({'; '.join(picture.notes)})[/]" if picture.notes else ""
        best, share = escape(ranked[0][0]), ranked[0][1]
        console.print(f"{escape(str(path))}: [bold]{best}[/] {share:.1%}, then {escape(others)}{note}")
    if manifest.description.note:
        console.print(f"[yellow]note:[/] {escape(manifest.description.note)}")
    answered_by = f"{folder / artifact.target.file}, made for {manifest.description.dataset}"
    console.print(f"answered by {escape(answered_by)}, {height}×{width}×{channels}")
    return _entry.Outcome(
        result={"artifact": str(folder / artifact.target.file), "predictions": results},
        next_command=_entry.command("verify.py", folder, runs=_entry.DEFAULT_RUNS),
    )


def _artifact(manifest: Manifest, asked: str | None, folder: Path) -> Artifact:
    if asked is not None and asked not in list(Format):
        raise InputError(f"unknown format {asked}: choose one of {', '.join(Format)}")
    formats = QUICKEST_FIRST if asked is None else (Format(asked),)
    for kind in formats:
        for artifact in manifest.artifacts:
            if artifact.target.format is kind:
                return artifact
    raise InputError(f"{folder} holds no {' or '.join(formats)}: export it first with python scripts/export.py")


def _ranked(probabilities: np.ndarray, names: tuple[str, ...]) -> list[tuple[str, float]]:
    pairs = zip(names, (float(probability) for probability in probabilities), strict=True)
    return sorted(pairs, key=lambda pair: -pair[1])


if __name__ == "__main__":
    _entry.main(build_parser(), run, requires=["numpy", "filelock"])
