"""Keras model → TFLite file of builtin operators."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import tensorflow as tf
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

from export.artifact import Format
from export.errors import InputError
from export.native_output import held_back
from export.writers.refusals import refusal, stopped_at
from export.writers.saved_model import write_plain
from export.writers.tracing import trace

if TYPE_CHECKING:
    from export.serving import ServingModel
    from export.writers import WriteOptions

METADATA_NAME = "description"


def write(serving: ServingModel, path: Path, options: WriteOptions) -> None:
    """Write the file `path`, with the description as a metadata buffer.

    Raises InputError if the model needs an operator that TFLite does not have: files with TensorFlow's own operators
    convert, and then run nowhere.
    """
    with tempfile.TemporaryDirectory() as folder:
        write_plain(serving, trace(serving, Format.TFLITE), Path(folder) / "model")
        converter = tf.lite.TFLiteConverter.from_saved_model(str(Path(folder) / "model"))
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        try:
            with held_back(shown_on_error=False):
                content = converter.convert()
        # The converter reports an operator it lacks with exceptions of several unrelated classes.
        except Exception as error:
            unwritable = stopped_at(str(error))
            if unwritable is not None:
                raise refusal(serving.model, unwritable, Format.TFLITE) from error
            reason = " ".join(str(error).split())[:300]
            raise InputError(f"the model can't be written as TFLite with builtin operators: {reason}") from error
    path.write_bytes(_with_description(bytes(content), json.dumps(options.description.as_metadata())))


def _with_description(content: bytes, text: str) -> bytes:
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    buffer = schema.BufferT()
    buffer.data = list(text.encode())
    model.buffers.append(buffer)
    entry = schema.MetadataT()
    entry.name = METADATA_NAME
    entry.buffer = len(model.buffers) - 1
    model.metadata = [*(model.metadata or []), entry]
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))
