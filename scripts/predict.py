"""Classify pictures with an exported file."""

from __future__ import annotations

from typing import TYPE_CHECKING

# A command is run as a file: its own folder is where Python looks first.
if TYPE_CHECKING:
    from scripts import _entry
else:
    import _entry

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from export.artifact import MANIFEST, Artifact, Format, Look, ModelKind
from export.errors import InputError
from export.folder.manifest import Manifest
from export.formats.format import by_loading_order
from scripts.commands.published import published_folder, require_runtimes
from scripts.options.limits import add_limit_arguments, read_limits
from scripts.options.signing import add_signed_by_argument, read_published, read_signed_by, tell_signature

if TYPE_CHECKING:
    import numpy as np

    from export.apart.limits import Limits
    from export.pictures import InputPicture
    from scripts.terminal.console import Console

SHOWN_CLASSES = 3


def build_parser() -> _entry.Parser:
    parser = _entry.parser("Classify pictures (PNG, JPEG, any size) with an exported file.")
    parser.add_argument("pictures", nargs="+", type=Path, metavar="FILE", help="pictures to classify")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--run", metavar="NAME", help="the run whose files to use (default: the newest exported one)")
    source.add_argument("--artifacts", type=Path, metavar="DIR", help="a published folder to use instead")
    parser.add_argument(
        "--format",
        metavar="NAME",
        help=f"{', '.join(Format)} (default: the first of {', '.join(by_loading_order())} there)",
    )
    add_signed_by_argument(parser)
    add_limit_arguments(parser)
    return parser


def run(arguments: argparse.Namespace) -> _entry.CommandOutcome:
    key = read_signed_by(arguments)
    limits = read_limits(arguments)
    folder = published_folder(arguments, arguments.artifacts)
    manifest = read_published(folder, key)
    if manifest.look is None or manifest.description.kind is not ModelKind.CLASSIFIER:
        raise InputError(
            f"{folder} holds no classifier of pictures but a model with inputs and outputs of its own: see its "
            f"{MANIFEST} for them"
        )
    artifact = _artifact(manifest, arguments.format, folder)
    require_runtimes([artifact.target.format], "PIL", "rich")
    from scripts.terminal.console import make_console, yellow

    console = make_console(json_output=arguments.json)
    tell_signature(console, folder, key)
    file = folder / artifact.target.file
    pictures, failed = _read_pictures(arguments.pictures, artifact, manifest.look)
    answers = _answer(pictures, artifact, manifest, folder, limits)
    for answer in answers:
        _tell_answer(console, answer)
    if answers and manifest.description.note:
        console.print(yellow("note: "), manifest.description.note)
    if answers:
        size = "×".join(str(side) for side in artifact.inputs[0].shape[1:])
        console.print(f"answered by {file}, made for {manifest.description.dataset}, {size}")
    return _entry.CommandOutcome(
        result={"artifact": str(file), "predictions": answers, "failed": failed},
        next_command=_entry.command("verify.py", folder, runs=_entry.DEFAULT_RUNS) if answers else "",
        refused=[each["reason"] for each in failed],
    )


def _read_pictures(
    paths: Sequence[Path], artifact: Artifact, look: Look
) -> tuple[list[tuple[Path, InputPicture]], list[dict[str, str]]]:
    """The pictures as the model takes them, and of those that can't be read the file and the reason."""
    from export.pictures import read_picture

    height, width, channels = (int(size or 0) for size in artifact.inputs[0].shape[1:])
    pictures, failed = [], []
    for path in paths:
        try:
            pictures.append((path, read_picture(path, shape=(height, width, channels), look=look)))
        except InputError as error:
            failed.append({"file": str(path), "reason": str(error)})
    return pictures, failed


def _answer(
    pictures: Sequence[tuple[Path, InputPicture]], artifact: Artifact, manifest: Manifest, folder: Path, limits: Limits
) -> list[dict[str, Any]]:
    """For each picture the file, its class, the probabilities of all classes, best first, and notes."""
    import numpy as np

    from export.folder.published_files import check_digests
    from export.predicting import predict_apart

    if not pictures:
        return []
    check_digests(folder, artifact.files)
    inputs = {artifact.inputs[0].name: np.concatenate([picture.pixels for _, picture in pictures])}
    found = predict_apart(artifact.target, folder / artifact.target.file, inputs, limits=limits)
    answers = []
    for (path, picture), probabilities in zip(pictures, found[artifact.outputs[0].name], strict=True):
        ranked = _rank(probabilities, manifest.description.class_names)
        best = ranked[0][0]
        answers.append({"file": str(path), "class": best, "probabilities": dict(ranked), "notes": picture.notes})
    return answers


def _tell_answer(console: Console, answer: Mapping[str, Any]) -> None:
    from scripts.terminal.console import bold, dim

    (best, share), *others = answer["probabilities"].items()
    then = ", ".join(f"{name} {share:.1%}" for name, share in others[: SHOWN_CLASSES - 1])
    notes = f"  ({'; '.join(answer['notes'])})" if answer["notes"] else ""
    console.print(f"{answer['file']}: ", bold(best), f" {share:.1%}, then {then}", dim(notes))


def _artifact(manifest: Manifest, asked: str | None, folder: Path) -> Artifact:
    if asked is not None and asked not in list(Format):
        raise InputError(f"unknown format {asked}: choose one of {', '.join(Format)}")
    formats = by_loading_order() if asked is None else (Format(asked),)
    for kind in formats:
        for artifact in manifest.artifacts:
            if artifact.target.format is kind:
                return artifact
    raise InputError(f"{folder} holds no {' or '.join(formats)}: export it first with `export.py`")


def _rank(probabilities: np.ndarray, names: tuple[str, ...]) -> list[tuple[str, float]]:
    pairs = zip(names, (float(probability) for probability in probabilities), strict=True)
    return sorted(pairs, key=lambda pair: -pair[1])


if __name__ == "__main__":
    _entry.main(build_parser(), run, requires=["numpy", "filelock"])
