"""TFLite files with operators of somebody's, and sizes and places that are not those of the file."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Change = Callable[[Any], None]


def _operator(code: str, *, custom: bytes | None = None) -> Change:
    """One more kind of operator."""

    def change(model: Any) -> None:
        from ai_edge_litert import schema_py_generated as schema

        added = schema.OperatorCodeT()
        added.builtinCode = getattr(schema.BuiltinOperator, code)
        added.deprecatedBuiltinCode = min(added.builtinCode, 127)
        added.customCode = custom
        model.operatorCodes.append(added)

    return change


def _outside(model: Any) -> None:
    model.buffers[1].offset, model.buffers[1].size = 1 << 40, 16


REFUSED: Mapping[str, tuple[Change, str]] = {
    "a custom operator": (_operator("CUSTOM", custom=b"Evil"), "custom operator Evil"),
    "an operator of TensorFlow's": (_operator("CUSTOM", custom=b"FlexReadFile"), "custom operator FlexReadFile"),
    "a delegate": (_operator("DELEGATE"), "DELEGATE"),
    "a table": (_operator("HASHTABLE"), "HASHTABLE"),
    "what runs once when it is opened": (_operator("CALL_ONCE"), "CALL_ONCE"),
    "a call of somebody's": (_operator("STABLEHLO_CUSTOM_CALL"), "STABLEHLO_CUSTOM_CALL"),
    "weights behind its end": (_outside, "outside of its graph"),
}
"""What was planted → (how, what must be said of it)."""


def change_tflite(folder: Path, change: Change) -> None:
    """Apply a change to the TFLite file in a published folder."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    path = folder / "model.tflite"
    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    change(model)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))


def repeat_graph(folder: Path, times: int) -> None:
    """A file of a few kilobytes that declares one graph of many operators many times."""
    graphs, operators = times, times
    # A flatbuffer by hand: root table → vector of graphs, all of them one table, with a vector of one operator's table.
    content = bytearray(struct.pack("<I4s", 0, b"TFL3"))
    vtable = len(content)
    content += struct.pack("<8H", 16, 20, 4, 8, 12, 0, 16, 0)
    root = len(content)
    content += struct.pack("<iIIII", root - vtable, 3, 0, 0, 0)
    struct.pack_into("<I", content, 0, root)
    graph_vtable = len(content)
    content += struct.pack("<6H", 12, 8, 0, 0, 0, 4)
    graph = len(content)
    content += struct.pack("<iI", graph - graph_vtable, 0)
    struct.pack_into("<I", content, graph + 4, len(content) - (graph + 4))
    content += struct.pack("<I", operators) + b"".join(struct.pack("<i", 0) for _ in range(operators))
    struct.pack_into("<I", content, root + 12, len(content) - (root + 12))
    start = len(content) + 4
    content += struct.pack("<I", graphs)
    content += b"".join(struct.pack("<i", graph - (start + 4 * at)) for at in range(graphs))
    codes = len(content)
    content += struct.pack("<I", 0)
    struct.pack_into("<I", content, root + 8, codes - (root + 8))
    struct.pack_into("<I", content, root + 16, codes - (root + 16))
    (folder / "model.tflite").write_bytes(bytes(content))
