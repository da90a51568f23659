"""Keras model → TensorFlow SavedModel with the signature `serving_default`."""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from export.artifact import SERVING_SIGNATURE
from tuning.native_output import hold_back

if TYPE_CHECKING:
    from export.formats.source import ModelSource
    from export.formats.writer import WriteOptions
    from export.model.serving import ServingModel

METADATA = Path("assets.extra") / "description.json"


def write(source: ModelSource, path: Path, options: WriteOptions) -> None:
    """Write the folder `path`; the description lies in `assets.extra`, which TensorFlow leaves to its users."""
    serving = source.serving
    write_plain(serving, tf.function(serving.serve, input_signature=serving.signature).get_concrete_function(), path)
    (path / METADATA).parent.mkdir()
    (path / METADATA).write_text(json.dumps(options.description.as_metadata(), indent=2) + "\n", encoding="utf-8")
    # Which machine wrote the file is no part of the model, and would make every export differ.
    (path / "fingerprint.pb").unlink(missing_ok=True)


def write_plain(serving: ServingModel, function: Any, path: Path, *, with_gradients: bool = True) -> None:
    """Write the serving function, traced, and the weights it needs, nothing of their training.

    `with_gradients` False for a function that was rebuilt: gradients that a layer brings of its own can't be found.

    Straight from the function's own variables: `keras.export.ExportArchive` stores each weight twice. Raises OSError
    if the disk is full.
    """
    shutil.rmtree(path, ignore_errors=True)
    module = tf.Module()
    module.weights = [variable.value for variable in serving.model.variables]
    try:
        with hold_back():
            tf.saved_model.save(
                module,
                str(path),
                signatures={SERVING_SIGNATURE: function},
                options=tf.saved_model.SaveOptions(experimental_custom_gradients=with_gradients),
            )
    except tf.errors.ResourceExhaustedError as error:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
