"""All files of a request, written one after the other; where some can't be, why not, and which others can."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from export.artifact import Artifact, Description, Target, Variant
from export.errors import InputError, UnusableError, UnwritableError, VerificationError
from export.formats.format import usual_formats
from export.formats.source import open_source
from export.formats.writer import WriteOptions, write
from export.model.serving import ServingModel

if TYPE_CHECKING:
    from export.publishing.request import ExportRequest

Write = Callable[[Target], Artifact]


def write_all(
    serving: ServingModel,
    staged: Path,
    request: ExportRequest,
    description: Description,
    on_step: Callable[[str], None],
) -> tuple[list[Artifact], dict[Target, str]]:
    """All targets written into `staged`, and where the smallest is to be chosen those that could not be, with the
    reason.

    Raises UnwritableError or UnusableError, with what can be written, for any other target that could not be.
    """
    calibration = None if request.calibration is None else serving.preprocessing.prepare(request.calibration)
    with open_source(serving, opset=request.opset, calibration=calibration) as source:

        def write_one(target: Target) -> Artifact:
            on_step(f"writing {target.file}")
            options = WriteOptions(target=target, description=description, opset=request.opset, source=source)
            return write(serving, staged, options)

        written, refused = _try_all(request.targets, write_one)
        needed = [target for target in refused if not (request.smallest and target.variant is not Variant.FLOAT32)]
        if needed:
            others = written if written else _try_all(_other_formats(request.targets), write_one)[0]
            raise _combine([refused[target] for target in needed], others)
    return written, {target: str(error) for target, error in refused.items()}


def _try_all(targets: Sequence[Target], write_one: Write) -> tuple[list[Artifact], dict[Target, Exception]]:
    written: list[Artifact] = []
    refused: dict[Target, Exception] = {}
    for target in targets:
        # Other number types are made of the float32 file, or of the same graph.
        of_float32 = refused.get(Target(format=target.format, variant=Variant.FLOAT32))
        if of_float32 is not None:
            refused[target] = of_float32
            continue
        try:
            written.append(write_one(target))
        except (InputError, VerificationError) as error:
            refused[target] = error
    return written, refused


def _other_formats(targets: Sequence[Target]) -> list[Target]:
    asked = {target.format for target in targets}
    return [Target(format=kind, variant=Variant.FLOAT32) for kind in usual_formats() if kind not in asked]


def _combine(errors: Sequence[Exception], others: Sequence[Artifact]) -> UnwritableError | UnusableError:
    """All reasons in one sentence, each once."""
    kind = UnwritableError if all(isinstance(error, InputError) for error in errors) else UnusableError
    combined = kind("; ".join(dict.fromkeys(map(str, errors))), writable=[artifact.target for artifact in others])
    combined.__cause__ = errors[0]
    return combined
