"""One file per format, each with `write(source, path, options)`: requires, converts, ensures."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from export.artifact import Artifact, Description, Target, TensorSpec, digest_tree
from export.errors import InputError, VerificationError
from export.formats.format import facts, has_part, load_part, require_installed

if TYPE_CHECKING:
    from export.arrays import Arrays
    from export.formats.source import ModelSource
    from export.model.serving import ServingModel


@dataclass(frozen=True, kw_only=True)
class WriteOptions:
    """What a writer needs beside the model.

    `opset` concerns ONNX only, `calibration`, training examples by input, int8 only. `source`: what was already made
    of this model with this opset and calibration, for another file.
    """

    target: Target
    description: Description
    opset: int
    calibration: Arrays | None = None
    source: ModelSource | None = None


def prepare(targets: Iterable[Target]) -> None:
    """Start what takes a while to load, so that it is there when the first file is written.

    Raises InputError if a format can't be verified here, as its runtime is not installed.
    """
    for kind in {target.format for target in targets}:
        require_installed(kind, facts(kind).title)
        if has_part(kind, "converter"):
            load_part(kind, "converter").CONVERTER.start()


def write(serving: ServingModel, folder: Path, options: WriteOptions) -> Artifact:
    """Write the target into `folder` and check the written file by itself. A file that holds no weight of its number
    type says so.

    Raises InputError if the model can't be converted, VerificationError if the file is not as the contract says.
    """
    from export.formats.number_types import note_on_weights
    from export.formats.source import open_source
    from export.graph.refusals import refuse_hidden_size

    name = options.target.file
    writer = load_part(options.target.format, "writer")
    with contextlib.ExitStack() as stack:
        source = options.source
        if source is None:
            source = stack.enter_context(open_source(serving, opset=options.opset, calibration=options.calibration))
        opset = writer.write(source, folder / name, options)
        note = note_on_weights(options.target, folder / name)
        if note:
            noted = dataclasses.replace(options, description=options.description.with_note(note))
            writer.write(source, folder / name, noted)
    files = digest_tree(folder, name)
    artifact = Artifact(
        target=options.target,
        files=files,
        size_bytes=sum((folder / path).stat().st_size for path in files),
        inputs=serving.inputs,
        outputs=serving.outputs,
        opset=opset,
        note=note,
        loading=facts(options.target.format).loading,
    )
    try:
        ensure_runs(artifact, folder)
    except VerificationError as error:
        about = facts(options.target.format)
        hidden = None if about.holds_all else refuse_hidden_size(serving, about.title)
        if hidden is None:
            raise
        raise hidden from error
    return artifact


def ensure_runs(artifact: Artifact, folder: Path) -> None:
    """Load the written file in its runtime; check names, dtypes, shapes, and that several batch sizes work.

    Raises VerificationError naming the file otherwise.
    """
    import numpy as np

    from export.formats.runtime import check_contract, load

    try:
        model = load(artifact.target, folder / artifact.target.file)
    except InputError as error:
        raise VerificationError(f"{artifact.target.file} was written, but {error}") from error
    try:
        check_contract(model, artifact.inputs, artifact.outputs)
    except ValueError as error:
        raise VerificationError(f"{artifact.target.file} breaks the contract: {error}") from error
    for batch in (1, 3):
        zeros = {spec.name: np.zeros((batch, *_sizes(spec)), dtype=spec.dtype) for spec in artifact.inputs}
        try:
            answers = model.answer(zeros)
        except ValueError as error:
            raise VerificationError(f"{artifact.target.file} does not answer a batch of {batch}: {error}") from error
        for spec in artifact.outputs:
            answer, shape = answers[spec.name], (batch, *_sizes(spec))
            if answer.shape != shape or answer.dtype != np.dtype(spec.dtype):
                raise VerificationError(
                    f"{artifact.target.file} answers a batch of {batch} with {answer.dtype} {answer.shape} but must "
                    f"answer with {spec.dtype} {shape}"
                )


def _sizes(spec: TensorSpec) -> tuple[int, ...]:
    """Every size but the batch."""
    return tuple(size for size in spec.shape if size is not None)
