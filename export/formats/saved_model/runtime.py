"""SavedModel folder → Backend, with tensorflow's loader: no Keras object is made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from export.arrays import Arrays
from export.artifact import SERVING_SIGNATURE, TensorSpec
from export.errors import InputError
from export.formats.runtime import one_line
from export.formats.saved_model.plain_path import plain_path


class SavedModel:
    """A `serving_default` signature behind the common call, run on the CPU."""

    def __init__(self, loaded: Any) -> None:
        # The signature holds its variables only as long as the loaded object lives.
        self._loaded = loaded
        self._function = loaded.signatures[SERVING_SIGNATURE]
        self.inputs = _specs(self._function.structured_input_signature[1])
        self.outputs = _specs(self._function.structured_outputs)

    def run(self, inputs: Arrays) -> dict[str, np.ndarray]:
        try:
            with tf.device("/CPU:0"):
                answers = self._function(**{name: tf.constant(array) for name, array in inputs.items()})
        except tf.errors.OpError as error:
            raise ValueError(f"TensorFlow can't run the file ({one_line(error)})") from error
        return {name: answer.numpy() for name, answer in answers.items()}


def load(path: Path, threads: int | None, optimized: bool) -> SavedModel:  # noqa: FBT001
    """Open the folder. Raises InputError if TensorFlow refuses it or it lacks the serving signature.

    TensorFlow's threads and its optimizer belong to the process, so `threads` must be None and `optimized` True here.
    """
    if threads is not None:
        raise ValueError(f"a SavedModel runs with the threads of its process, so threads must be None, got {threads}")
    if not optimized:
        raise ValueError("a SavedModel is optimized by its process, so optimized must be True, got False")
    try:
        with plain_path(path) as plain:
            loaded = tf.saved_model.load(str(plain))
        opened = SavedModel(loaded)
    except (OSError, LookupError, ValueError, RuntimeError, tf.errors.OpError) as error:
        raise InputError(f"{path} can't be opened as a SavedModel ({one_line(error)}): export it again") from error
    return opened


def limit_threads(threads: int) -> None:
    """Give the operations of this process that many threads; before TensorFlow computes anything."""
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)


def _specs(tensors: dict[str, Any]) -> tuple[TensorSpec, ...]:
    return tuple(
        TensorSpec(name=name, dtype=tensor.dtype.name, shape=tuple(tensor.shape.as_list()))
        for name, tensor in tensors.items()
    )
