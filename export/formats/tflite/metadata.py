"""TFLite file → what it says about itself, with ai-edge-litert alone."""

from __future__ import annotations

from pathlib import Path

from ai_edge_litert import schema_py_generated as schema

from export.files.strict_json import parse_json
from export.formats.metadata import as_texts

_ENTRY = b"description"


def read(path: Path) -> dict[str, str]:
    """The JSON text in the metadata entry `description` of a TFLite file, by the schema that LiteRT brings along.

    Raises LookupError without that entry.
    """
    model = schema.Model.GetRootAs(path.read_bytes(), 0)
    for entry in map(model.Metadata, range(model.MetadataLength())):
        if entry.Name() == _ENTRY:
            return as_texts(parse_json(model.Buffers(entry.Buffer()).DataAsNumpy().tobytes()))
    raise LookupError(f"it has no metadata entry {_ENTRY.decode()}")
