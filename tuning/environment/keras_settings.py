"""Keras as it is by default: what a user set for other programs decides nothing here.

Keras reads `~/.keras/keras.json` and the environment when it is imported: its backend, number type, order of axes, and
limits on epochs and steps that cut every training short.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, MutableMapping
from typing import Any

from tuning.errors import InputError

BACKEND = "KERAS_BACKEND"
TENSORFLOW = "tensorflow"
LIMITS = ("KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH")


def shield(environment: MutableMapping[str, str]) -> None:
    """Let no variable of the environment choose for Keras; before it is imported."""
    environment[BACKEND] = TENSORFLOW
    for name in LIMITS:
        environment.pop(name, None)


def take_defaults() -> None:
    """Set Keras, which is imported by this, to what it is without a `keras.json`.

    Raises InputError for one with which it can't be imported.
    """
    try:
        import keras
    except ValueError as error:
        raise InputError(f"keras.json can't be read ({error}): fix or remove that file, in ~/.keras") from error
    keras.config.set_floatx("float32")
    keras.config.set_epsilon(1e-7)
    keras.config.set_image_data_format("channels_last")
    keras.config.set_max_epochs(None)
    keras.config.set_max_steps_per_epoch(None)


def settings() -> dict[str, Any]:
    """What is set now, by a user's own file perhaps, for another process to take over."""
    import keras

    return {
        "floatx": keras.config.floatx(),
        "epsilon": keras.config.epsilon(),
        "image_data_format": keras.config.image_data_format(),
        "dtype_policy": keras.config.dtype_policy().name,
    }


def take_over(given: dict[str, Any]) -> None:
    """Set what `settings` gave in another process."""
    import keras

    take_defaults()
    keras.config.set_floatx(given["floatx"])
    keras.config.set_epsilon(given["epsilon"])
    keras.config.set_image_data_format(given["image_data_format"])
    keras.config.set_dtype_policy(given["dtype_policy"])


def require_tensorflow() -> None:
    """Raise InputError where Keras was imported with another backend."""
    import keras

    if keras.config.backend() != TENSORFLOW:
        raise InputError(
            f"Keras was imported with the backend {keras.config.backend()}, but models are trained and exported with "
            f"TensorFlow here: set {BACKEND}={TENSORFLOW} before keras is imported"
        )


@contextlib.contextmanager
def keep_backend(environment: MutableMapping[str, str]) -> Iterator[None]:
    """Afterwards the same backend is chosen as before: a user's file may say which one it was written for."""
    before = environment.get(BACKEND)
    try:
        yield
    finally:
        if before is None:
            environment.pop(BACKEND, None)
        else:
            environment[BACKEND] = before
