"""Published file and examples → answers, from a process apart: for whoever does not know where the file comes from."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from export.apart.arrays import map_arrays, store_arrays
from export.apart.limits import Limits
from export.apart.process import process_for
from export.arrays import Arrays
from export.artifact import Target
from export.errors import VerificationError
from export.formats.runtime import answer_all, load
from export.formats.structure import require_safe


def predict_apart(target: Target, path: Path, inputs: Arrays, *, limits: Limits) -> dict[str, np.ndarray]:
    """What the file answers to (examples, …) arrays by name, one example at a time; (examples, …) arrays by name.

    Raises VerificationError for a file that is not safe to be opened, can't answer, ends its process, or goes beyond
    the limits, and InputError as its runtime does.
    """
    with tempfile.TemporaryDirectory() as folder:
        given, answers = Path(folder) / "inputs", Path(folder) / "answers"
        store_arrays(inputs, given)
        process_for(target.format).call(
            "export.predicting:answer_stored", target, path.resolve(), given, answers, file=path, limits=limits
        )
        return {name: np.array(array) for name, array in map_arrays(answers).items()}


def answer_stored(target: Target, path: Path, given: Path, answers: Path) -> None:
    """The same in this process, from stored inputs to stored answers."""
    require_safe(target.format, path)
    model = load(target, path)
    try:
        found = answer_all(model, map_arrays(given), batch=1)
    except ValueError as error:
        raise VerificationError(f"{path} can't answer: {error}") from error
    store_arrays(found, answers)
