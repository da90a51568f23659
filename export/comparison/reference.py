"""What the Keras model answered, and to what: the standard that every file is held to, as it is stored beside them."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from export.arrays import Arrays, Probabilities
from export.artifact import INPUT_NAME, OUTPUT_NAME
from export.errors import VerificationError
from export.files.bounded_npz import read_npz
from export.layers.trace import LayerTrace, from_arrays

_INPUTS, _OUTPUTS = "inputs", "outputs"
_STRESS_INPUTS, _STRESS_OUTPUTS = "stress_inputs", "stress_outputs"


@dataclass(frozen=True, kw_only=True, eq=False)
class Reference:
    """What was asked and what the Keras model answered, by the names of inputs and outputs, (examples, …) each.

    `labels`, int64 (examples,), are None for a model that is no classifier. A classifier has the one input `image` and
    the one output `probabilities`. `stress_inputs` and `stress_outputs`: the same for synthetic inputs
    (see `export.comparison.stress`); both may be empty. `trace`: what each layer answered to the first of the
    inputs; None for a model without layers that answer with numbers.
    """

    inputs: Arrays
    outputs: Arrays
    labels: NDArray[np.int64] | None = None
    stress_inputs: Arrays = field(default_factory=dict)
    stress_outputs: Arrays = field(default_factory=dict)
    trace: LayerTrace | None = None

    @property
    def probabilities(self) -> Probabilities:
        """A classifier's answers."""
        return self.outputs[OUTPUT_NAME]

    @property
    def examples(self) -> int:
        """How many there are, without the stress inputs."""
        return len(next(iter(self.inputs.values())))

    def first(self, count: int) -> Reference:
        """The same of the first examples, without the stress inputs."""
        return Reference(
            inputs={name: array[:count] for name, array in self.inputs.items()},
            outputs={name: array[:count] for name, array in self.outputs.items()},
            labels=None if self.labels is None else self.labels[:count],
        )


def write_reference(path: Path, reference: Reference, answers: Mapping[str, Arrays]) -> None:
    """Write the inputs, the Keras model's answers, and each artifact's.

    Of a classifier they are called `images`, `labels`, `probabilities` and as the file that answers; of other models
    `inputs/NAME`, `outputs/NAME` and `FILE/NAME`. Stress inputs are `stress_inputs/NAME` and `stress_outputs/NAME`, the
    layers lie under `layers/`.
    """
    if reference.labels is not None:
        arrays = {
            "images": reference.inputs[INPUT_NAME],
            "labels": reference.labels,
            "probabilities": reference.probabilities,
            **{file: answer[OUTPUT_NAME] for file, answer in answers.items()},
        }
        groups: dict[str, Arrays] = {}
    else:
        arrays = {}
        groups = {_INPUTS: reference.inputs, _OUTPUTS: reference.outputs, **answers}
    arrays |= {} if reference.trace is None else reference.trace.as_arrays()
    groups |= {_STRESS_INPUTS: reference.stress_inputs, _STRESS_OUTPUTS: reference.stress_outputs}
    arrays |= {f"{group}/{name}": array for group, named in groups.items() for name, array in named.items()}
    np.savez_compressed(path, allow_pickle=False, **arrays)


def read_reference(path: Path) -> Reference:
    """What `write_reference` wrote. Raises VerificationError if it is not readable."""
    try:
        arrays = read_npz(path)
        is_classifier = not any(name.startswith(f"{_INPUTS}/") for name in arrays)
        return Reference(
            inputs={INPUT_NAME: arrays["images"]} if is_classifier else _group(arrays, _INPUTS),
            outputs={OUTPUT_NAME: arrays["probabilities"]} if is_classifier else _group(arrays, _OUTPUTS),
            labels=arrays["labels"] if is_classifier else None,
            stress_inputs=_group(arrays, _STRESS_INPUTS),
            stress_outputs=_group(arrays, _STRESS_OUTPUTS),
            trace=from_arrays(arrays),
        )
    except (OSError, ValueError, KeyError, EOFError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
        raise VerificationError(f"{path} can't be read ({error}): export the model again") from error


def _group(archive: Mapping[str, np.ndarray], group: str) -> dict[str, np.ndarray]:
    return {name.partition("/")[2]: archive[name] for name in archive if name.startswith(f"{group}/")}
