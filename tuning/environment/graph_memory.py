"""What TensorFlow keeps of every training, until the process ends, and need not."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

import keras
from tensorflow.python.framework import ops


def forget_graphs() -> None:
    """Free what earlier models of this process left in memory, but for what is still in use."""
    # What a user's file set for all its models is not the session's to forget.
    policy = keras.config.dtype_policy()
    # Garbage is collected once, below.
    keras.utils.clear_session(free_memory=False)
    keras.config.set_dtype_policy(policy)
    gc.collect()


@contextlib.contextmanager
def own_gradients() -> Iterator[None]:
    """Afterwards, TensorFlow no longer knows the gradients that the block defined while it was traced.

    `tf.custom_gradient`, which losses of Keras use, registers one in every graph under a new name and never takes it
    away, and each holds all graphs of its training: 6 MB for a small model. They are of no use once the training's
    graphs are made. Needed as long as `custom_gradient.py` of TensorFlow (2.21 does) calls `RegisterGradient`.
    """
    # Where a later TensorFlow has no such registry, a process grows, and its trainings continue.
    registered = getattr(getattr(ops, "_gradient_registry", None), "_registry", {})
    before = set(registered)
    try:
        yield
    finally:
        for name in set(registered) - before:
            if name.startswith("CustomGradient-"):
                del registered[name]
