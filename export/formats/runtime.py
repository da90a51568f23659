"""A file in its runtime: answers to batches, and what it says that it takes and gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from export.arrays import Arrays, Probabilities
from export.artifact import Target, TensorSpec
from export.errors import InputError
from export.formats.format import load_part, require_installed

BATCH = 500


class Backend(Protocol):
    """A loaded artifact as its runtime sees it: (batch, …) arrays by name in and out."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    def run(self, inputs: Arrays) -> dict[str, np.ndarray]: ...


@dataclass(frozen=True, kw_only=True)
class RuntimeModel:
    """A loaded artifact, for batches of 1 or more."""

    backend: Backend

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        return self.backend.inputs

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        return self.backend.outputs

    def answer(self, inputs: Arrays) -> dict[str, np.ndarray]:
        """The answers by name to an array for each input.

        Raises ValueError for arrays that are not as `inputs` says, and for a file that its runtime can't run.
        """
        check_inputs(inputs, self.inputs)
        return self.backend.run(inputs)

    def __call__(self, images: np.ndarray) -> Probabilities:
        """The same of a model with one input and one output."""
        (spec,) = self.inputs
        (answer,) = self.answer({spec.name: images}).values()
        return answer


def load(target: Target, path: Path, *, threads: int | None = None, optimized: bool = True) -> RuntimeModel:
    """Open an artifact in its runtime; `threads` None leaves the number to the runtime.

    `optimized` False: without what the runtime does to make it faster, where a file can be opened so. Raises
    InputError if the runtime is not installed or can't open the file.
    """
    require_installed(target.format, path)
    if not path.exists():
        raise InputError(f"there is no {path}: export the model first")
    runtime = load_part(target.format, "runtime")
    return RuntimeModel(backend=runtime.load(path, threads, optimized))


def answer_all(model: RuntimeModel, inputs: Arrays, *, batch: int = BATCH) -> dict[str, np.ndarray]:
    """The answers by name, (examples, …), to an array of (examples, …) for each input, `batch` at a time.

    Raises ValueError for no examples and as the model does.
    """
    count = len(next(iter(inputs.values())))
    if not count:
        raise ValueError("there must be at least one image, got none")
    parts = [
        model.answer({name: array[at : at + batch] for name, array in inputs.items()}) for at in range(0, count, batch)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def predict(model: RuntimeModel, images: np.ndarray) -> Probabilities:
    """The answers of a model with one input and one output, float32 (examples, classes) of a classifier, in batches.

    Raises ValueError for no images and as the model does.
    """
    (answers,) = answer_all(model, {model.inputs[0].name: images}).values()
    return answers


def check_contract(model: RuntimeModel, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> None:
    """Raise ValueError unless the file has exactly these inputs and outputs.

    Converters can lose sight of an output's size; a size that the file does not state is no fault, as the answers
    themselves have to have it.
    """
    for what, found, expected in (("input", model.inputs, inputs), ("output", model.outputs, outputs)):
        names, wanted = sorted(spec.name for spec in found), {spec.name: spec for spec in expected}
        if names != sorted(wanted):
            raise ValueError(f"it has the {what}s {', '.join(names)} but must have {', '.join(sorted(wanted))}")
        for spec in found:
            if not _is_stated(spec, wanted[spec.name], may_be_open=what == "output"):
                raise ValueError(f"it has the {what} {spec} but must have {wanted[spec.name]}")


def _is_stated(found: TensorSpec, expected: TensorSpec, *, may_be_open: bool) -> bool:
    if found.dtype != expected.dtype or len(found.shape) != len(expected.shape):
        return False
    pairs = zip(found.shape, expected.shape, strict=True)
    return all(size == other or (may_be_open and size is None) for size, other in pairs)


def one_line(error: Exception) -> str:
    """What a runtime says went wrong, in one line of at most 300 characters."""
    return " ".join(str(error).split())[:300]


def check_inputs(inputs: Arrays, specs: Sequence[TensorSpec]) -> None:
    """Raise ValueError unless the arrays are what the contract says: some runtimes answer others all the same."""
    if set(inputs) != {spec.name for spec in specs}:
        raise ValueError(
            f"the inputs must be {', '.join(spec.name for spec in specs)}, got {', '.join(map(str, inputs))}"
        )
    for spec in specs:
        _check_array(inputs[spec.name], spec)
    if len({len(array) for array in inputs.values()}) != 1:
        raise ValueError(f"every input must have as many examples, got {[len(array) for array in inputs.values()]}")


def _check_array(array: Any, spec: TensorSpec) -> None:
    if not isinstance(array, np.ndarray) or array.dtype != np.dtype(spec.dtype):
        found = array.dtype if isinstance(array, np.ndarray) else type(array).__name__
        raise ValueError(f"{spec.name} must be a {spec.dtype} array, got {found}")
    if array.ndim != len(spec.shape) or array.shape[1:] != spec.shape[1:] or not len(array):
        expected = ", ".join("batch" if size is None else str(size) for size in spec.shape)
        raise ValueError(f"{spec.name} must have shape ({expected}) with a batch of 1 or more, got {array.shape}")
