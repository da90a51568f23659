"""Make every node's results outputs of an ONNX graph, with protobuf alone."""

from __future__ import annotations

from pathlib import Path

from export.formats.onnx.messages import read_onnx


def with_every_output(path: Path) -> tuple[bytes, list[str]]:
    """The file's model with all results of its outermost graph among the outputs, and their names in order of nodes.

    Their types are left open: onnxruntime infers them. Loops and branches keep to themselves what they compute inside.
    Raises InputError if the file holds no ONNX model.
    """
    model = read_onnx(path)
    names = list(dict.fromkeys(name for node in model.graph.node for name in node.output if name))
    present = {output.name for output in model.graph.output}
    for name in names:
        if name not in present:
            model.graph.output.add(name=name)
    content: bytes = model.SerializeToString()
    return content, names
