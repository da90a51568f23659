"""One file per format, each with `write(serving, folder, options) → Artifact`: requires, converts, ensures."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from export.artifact import Artifact, Description, Format, Target, TensorSpec, digest_tree
from export.errors import InputError, VerificationError

if TYPE_CHECKING:
    from export.serving import ServingModel


@dataclass(frozen=True, kw_only=True)
class WriteOptions:
    """What a writer needs beside the model. `opset` concerns ONNX only."""

    target: Target
    description: Description
    opset: int


def write(serving: ServingModel, folder: Path, options: WriteOptions) -> Artifact:
    """Write the target into `folder` and check the written file by itself.

    Raises InputError if the model can't be converted, VerificationError if the file is not as the contract says.
    """
    name = options.target.file
    opset = import_module(f"export.writers.{options.target.format.value}").write(serving, folder / name, options)
    files = digest_tree(folder, name)
    artifact = Artifact(
        target=options.target,
        files=files,
        size_bytes=sum((folder / path).stat().st_size for path in files),
        inputs=serving.inputs,
        outputs=serving.outputs,
        opset=opset if options.target.format is Format.ONNX else None,
    )
    ensure_runs(artifact, folder)
    return artifact


def ensure_runs(artifact: Artifact, folder: Path) -> None:
    """Load the written file in its runtime; check names, dtypes, shapes, and that several batch sizes work.

    Raises VerificationError naming the file otherwise.
    """
    import numpy as np

    from export.runtimes import check_contract, load

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
