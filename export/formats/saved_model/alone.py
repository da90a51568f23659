"""SavedModel where only numpy and TensorFlow can be imported: nothing of this project can, and none of it is here."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def answer(path: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """The file's answers by name, with one thread."""
    # Before the first file only: it can't be changed once TensorFlow has begun to work.
    if tf.config.threading.get_intra_op_parallelism_threads() != 1:
        tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    loaded = tf.saved_model.load(path)
    with tf.device("/CPU:0"):
        answers = loaded.signatures["serving_default"](**{name: tf.constant(a) for name, a in inputs.items()})
    return {name: answer.numpy() for name, answer in answers.items()}
