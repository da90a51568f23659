"""What an exported file says about itself, read from the file alone with no more than its runtime.

The texts are those of `Description.as_metadata`: `labels`, `preprocessing`, `source_digest` and so on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from export.artifact import Description, Format
from export.errors import VerificationError
from export.files.strict_json import parse_json, read_json

_SAVED_MODEL_FILE = Path("assets.extra") / "description.json"
_TFLITE_ENTRY = b"description"


def read_metadata(kind: Format, path: Path) -> dict[str, str]:
    """The texts by name that the file or folder `path` carries.

    Raises VerificationError if it has none or they can't be read.
    """
    try:
        return _READERS[kind](path)
    # A damaged file makes each format's reader fail in a way of its own.
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise VerificationError(
            f"{path} does not say what it is ({type(error).__name__}: {reason}): export the model again"
        ) from error


def check_metadata(kind: Format, path: Path, description: Description) -> None:
    """Raise VerificationError unless the file says about itself what the manifest says about it."""
    found, expected = read_metadata(kind, path), description.as_metadata()
    for name, text in expected.items():
        if found.get(name) != text:
            raise VerificationError(
                f"{path} says that its {name} is {found.get(name, 'nothing')!r} but the manifest says {text!r}: export "
                "the model again"
            )


def read_onnx(path: Path) -> dict[str, str]:
    """The metadata of an ONNX file, by onnxruntime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    # Nothing is run, so nothing has to be made fast.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return dict(session.get_modelmeta().custom_metadata_map)


def read_tflite(path: Path) -> dict[str, str]:
    """The JSON text in the metadata entry `description` of a TFLite file, by the schema that LiteRT brings along.

    Raises LookupError without that entry.
    """
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAs(path.read_bytes(), 0)
    for entry in map(model.Metadata, range(model.MetadataLength())):
        if entry.Name() == _TFLITE_ENTRY:
            return _texts(parse_json(model.Buffers(entry.Buffer()).DataAsNumpy().tobytes()))
    raise LookupError(f"it has no metadata entry {_TFLITE_ENTRY.decode()}")


def read_saved_model(path: Path) -> dict[str, str]:
    """The description that lies in the folder of a SavedModel."""
    return _texts(read_json(path / _SAVED_MODEL_FILE))


def _texts(data: Any) -> dict[str, str]:
    if not isinstance(data, dict):
        raise TypeError(f"the description must hold texts by name, got {type(data).__name__}")
    return {str(name): str(text) for name, text in data.items()}


_READERS: Mapping[Format, Callable[[Path], dict[str, str]]] = {
    Format.ONNX: read_onnx,
    Format.TFLITE: read_tflite,
    Format.SAVED_MODEL: read_saved_model,
}
