"""ONNX files as messages, read and written with protobuf alone: the onnx package is not needed where files are run.

Only the fields that are looked at are declared, by their numbers in onnx.proto; protobuf keeps all others as they are.
The messages lie in a pool of their own, beside those of the onnx package where that is loaded.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory

from export.errors import InputError

_PACKAGE = "read_onnx"
_MANY = "many "
# Message → field → (its number in onnx.proto, what it holds).
_MESSAGES: Mapping[str, Mapping[str, tuple[int, str]]] = {
    "ModelProto": {
        "ir_version": (1, "int"),
        "graph": (7, "GraphProto"),
        "opset_import": (8, "many OperatorSetIdProto"),
        "training_info": (20, "many TrainingInfoProto"),
        "functions": (25, "many FunctionProto"),
    },
    "TrainingInfoProto": {"initialization": (1, "GraphProto")},
    "OperatorSetIdProto": {"domain": (1, "text"), "version": (2, "int")},
    "FunctionProto": {"name": (1, "text")},
    "GraphProto": {
        "node": (1, "many NodeProto"),
        "initializer": (5, "many TensorProto"),
        "sparse_initializer": (15, "many SparseTensorProto"),
        "output": (12, "many ValueInfoProto"),
    },
    "NodeProto": {
        "input": (1, "many text"),
        "output": (2, "many text"),
        "op_type": (4, "text"),
        "attribute": (5, "many AttributeProto"),
        "domain": (7, "text"),
    },
    "AttributeProto": {
        "name": (1, "text"),
        "t": (5, "TensorProto"),
        "g": (6, "GraphProto"),
        "tensors": (10, "many TensorProto"),
        "graphs": (11, "many GraphProto"),
        "sparse_tensor": (22, "SparseTensorProto"),
        "sparse_tensors": (23, "many SparseTensorProto"),
    },
    "SparseTensorProto": {"values": (1, "TensorProto"), "indices": (2, "TensorProto")},
    "TensorProto": {
        "dims": (1, "many int"),
        "data_type": (2, "int"),
        "int64_data": (7, "many int"),
        "name": (8, "text"),
        "raw_data": (9, "bytes"),
        "external_data": (13, "many StringStringEntryProto"),
        "data_location": (14, "int"),
    },
    "StringStringEntryProto": {"key": (1, "text")},
    "ValueInfoProto": {"name": (1, "text")},
}


def read_onnx(path: Path) -> Any:
    """The file's ModelProto. Raises InputError if it holds none."""
    model = _model_class()()
    try:
        model.ParseFromString(path.read_bytes())
    except message.DecodeError as error:
        raise InputError(f"{path} is not an ONNX file ({error}): export it again") from error
    if not _is_text(model):
        raise InputError(f"{path} is not an ONNX file (a name in it is not UTF-8): export it again")
    if not model.graph.node:
        raise InputError(f"{path} is not an ONNX file (it holds no operator): export it again")
    return model


def _is_text(part: Any) -> bool:
    """Whether all that the message declares as text is: protobuf gives bytes where it can't be decoded."""
    for field, value in part.ListFields():
        holds = _MESSAGES[part.DESCRIPTOR.name][field.name][1]
        several = value if holds.startswith(_MANY) else [value]
        if holds.endswith("text") and any(isinstance(one, bytes) for one in several):
            return False
        if holds.endswith("Proto") and not all(map(_is_text, several)):
            return False
    return True


def all_nodes(graph: Any) -> Iterator[Any]:
    """All nodes of the GraphProto, those of loops and branches too."""
    for one in all_graphs(graph):
        yield from one.node


def all_graphs(graph: Any) -> Iterator[Any]:
    """The GraphProto and all those of its loops and branches."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in ([attribute.g] if attribute.HasField("g") else []) + list(attribute.graphs):
                yield from all_graphs(inner)


def all_tensors(graph: Any) -> Iterator[Any]:
    """Every TensorProto in the GraphProto, wherever it is held."""
    for one in all_graphs(graph):
        yield from one.initializer
        sparse = list(one.sparse_initializer)
        for node in one.node:
            for attribute in node.attribute:
                yield from [attribute.t] if attribute.HasField("t") else []
                yield from attribute.tensors
                sparse += [attribute.sparse_tensor] if attribute.HasField("sparse_tensor") else []
                sparse += attribute.sparse_tensors
        for found in sparse:
            yield from (found.values, found.indices)


@functools.cache
def _model_class() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name=f"{_PACKAGE}.proto", package=_PACKAGE, syntax="proto2")
    kinds = descriptor_pb2.FieldDescriptorProto
    plain = {"text": kinds.TYPE_STRING, "int": kinds.TYPE_INT64, "bytes": kinds.TYPE_BYTES}
    for name, fields in _MESSAGES.items():
        declared = file.message_type.add(name=name)
        for field, (number, holds) in fields.items():
            what = holds.removeprefix(_MANY)
            declared.field.add(
                name=field,
                number=number,
                label=kinds.LABEL_REPEATED if holds.startswith(_MANY) else kinds.LABEL_OPTIONAL,
                type=plain.get(what, kinds.TYPE_MESSAGE),
                type_name=None if what in plain else f".{_PACKAGE}.{what}",
            )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.ModelProto"))
