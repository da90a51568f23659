"""The processors that TensorFlow may use."""

from __future__ import annotations

import tensorflow as tf


def prepare_gpus() -> int:
    """Let GPU memory grow with need instead of taking all of it; the number of GPUs.

    Raises RuntimeError where TensorFlow has used one already.
    """
    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    return len(gpus)
