"""SavedModels that do more than compute: what can be planted in the protocol buffer of a right one.

Each change takes the SavedModel message and changes it; `WRITES` names the operators, `PLACES` where they are put.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Change = Callable[[Any], None]

SERVING = "__inference_serve"

OPERATORS = (
    "WriteFile",
    "ReadFile",
    "MatchingFiles",
    "ImmutableConst",
    "PyFunc",
    "PyFuncStateless",
    "EagerPyFunc",
    "PrintV2",
    "Print",
    "SaveV2",
    "RestoreV2",
    "Save",
    "Restore",
    "SaveSlices",
    "MergeV2Checkpoints",
    "ShardedFilename",
    "HashTableV2",
    "MutableHashTableV2",
    "LookupTableImportV2",
    "InitializeTableFromTextFileV2",
    "TextLineDataset",
    "TFRecordDataset",
    "GeneratorDataset",
    "IteratorGetNext",
    "WriteSummary",
    "CreateSummaryFileWriter",
    "WriteAudioSummary",
    "DecodeProtoV2",
    "FileSystemSetConfiguration",
    "RemoteCall",
    "_Send",
    "_HostRecv",
    "RpcClient",
    "Abort",
    "DebugIdentityV2",
    "XlaLaunch",
    "TPUReplicate",
    "DecodePng",
    "StringFormat",
    "Evil>FromALibrary",
)
"""Operators that reach files, other machines, Python, or anything at all."""


def _function(saved: Any, start: str) -> Any:
    (found,) = [one for one in saved.meta_graphs[0].graph_def.library.function if one.signature.name.startswith(start)]
    return found


def in_main_graph(operator: str) -> Change:
    """A node of the graph that nothing needs."""

    def change(saved: Any) -> None:
        saved.meta_graphs[0].graph_def.node.add(name="planted", op=operator)

    return change


def in_answer(operator: str) -> Change:
    """A node that an answer waits for without reading it."""

    def change(saved: Any) -> None:
        function = _function(saved, SERVING)
        function.node_def.add(name="planted", op=operator)
        function.node_def[0].input.append("^planted")

    return change


def in_unused_function(operator: str) -> Change:
    """A function that nothing calls."""

    def change(saved: Any) -> None:
        function = saved.meta_graphs[0].graph_def.library.function.add()
        function.signature.name = "unused"
        function.node_def.add(name="planted", op=operator)

    return change


PLACES: Mapping[str, Callable[[str], Change]] = {
    "in the graph": in_main_graph,
    "before an answer": in_answer,
    "in a function that nothing calls": in_unused_function,
}


def _call_saver(start: str) -> Change:
    def change(saved: Any) -> None:
        node = _function(saved, SERVING).node_def.add(name="planted", op="StatefulPartitionedCall")
        node.attr["f"].func.name = _function(saved, start).signature.name

    return change


def _concrete_saver(saved: Any) -> None:
    objects = saved.meta_graphs[0].object_graph_def
    objects.concrete_functions[_function(saved, "__inference__traced_save").signature.name].SetInParent()


def _other_file(operator: str, start: str) -> Change:
    """The saver's own operator, with the name of another file."""

    def change(saved: Any) -> None:
        function = _function(saved, start)
        constant = function.node_def.add(name="planted", op="Const")
        constant.attr["value"].tensor.string_val.append(b"/tmp/planted")
        (node,) = [node for node in function.node_def if node.op == operator]
        node.input[0] = "planted:output:0"

    return change


def _other_part(saved: Any) -> None:
    for node in _function(saved, "__inference__traced_save").node_def:
        if node.op == "Const" and list(node.attr["value"].tensor.string_val) == [b".part"]:
            node.attr["value"].tensor.string_val[0] = b"/../../../planted"


def _in_saver(saved: Any) -> None:
    _function(saved, "__inference__traced_restore").node_def.add(name="planted", op="ReadFile")


def _constant_prefix(saved: Any) -> None:
    meta = saved.meta_graphs[0]
    node = meta.graph_def.node.add(name="planted", op="Const")
    node.attr["value"].tensor.string_val.append(b"/tmp/planted")
    (call,) = [one for one in meta.graph_def.node if one.name == meta.saver_def.restore_op_name]
    call.input[0] = "planted"


def _recursion(saved: Any) -> None:
    function = _function(saved, SERVING)
    node = function.node_def.add(name="planted", op="StatefulPartitionedCall")
    node.attr["f"].func.name = function.signature.name


def _missing_function(saved: Any) -> None:
    node = _function(saved, SERVING).node_def.add(name="planted", op="StatefulPartitionedCall")
    node.attr["f"].func.name = "somewhere_else"


def _executor(saved: Any) -> None:
    (call,) = [one for one in saved.meta_graphs[0].graph_def.node if one.name == "StatefulPartitionedCall"]
    call.attr["executor_type"].s = b"SINGLE_THREADED_EXECUTOR"


def _device(saved: Any) -> None:
    _function(saved, SERVING).node_def[0].device = "/job:worker/replica:0/task:0/device:CPU:0"


def _object(**fields: Any) -> Change:
    """One more object in the object graph."""

    def change(saved: Any) -> None:
        node = saved.meta_graphs[0].object_graph_def.nodes.add()
        for name, value in fields.items():
            part = getattr(node, name)
            if isinstance(value, dict):
                part.SetInParent()
                for inner, text in value.items():
                    setattr(part, inner, text)
            else:
                setattr(node, name, value)

    return change


def _registered(saved: Any) -> None:
    saved.meta_graphs[0].object_graph_def.nodes[0].registered_name = "Evil>Class"


def _saveable(saved: Any) -> None:
    saved.meta_graphs[0].object_graph_def.nodes[0].saveable_objects["x"].save_function = 1


def _type_spec(saved: Any) -> None:
    (function,) = saved.meta_graphs[0].object_graph_def.concrete_functions.values()
    function.output_signature.type_spec_value.type_spec_class_name = "evil.Spec"


def _asset(saved: Any) -> None:
    saved.meta_graphs[0].asset_file_def.add(filename="../../x")


def _initializer(saved: Any) -> None:
    meta = saved.meta_graphs[0]
    meta.graph_def.node.add(name="planted", op="Const")
    meta.collection_def["saved_model_main_op"].node_list.value[:] = ["planted"]


def _collection(saved: Any) -> None:
    saved.meta_graphs[0].collection_def["table_initializer"].node_list.value.append("NoOp")


def _two_graphs(saved: Any) -> None:
    saved.meta_graphs.add().CopyFrom(saved.meta_graphs[0])


def _no_objects(saved: Any) -> None:
    saved.meta_graphs[0].ClearField("object_graph_def")


def _signature(saved: Any) -> None:
    saved.meta_graphs[0].signature_def["another"].CopyFrom(saved.meta_graphs[0].signature_def["serving_default"])


def _same_name(saved: Any) -> None:
    library = saved.meta_graphs[0].graph_def.library
    library.function.add().CopyFrom(library.function[0])


CHANGES: Mapping[str, tuple[Change, str]] = {
    **{
        f"{operator} {place}": (put(operator), operator)
        for number, operator in enumerate(OPERATORS)
        for place, put in ([*PLACES.items()] if number < 6 else [[*PLACES.items()][number % len(PLACES)]])
    },
    "an answer saves the variables": (_call_saver("__inference__traced_save"), "by itself"),
    "an answer restores the variables": (_call_saver("__inference__traced_restore"), "by itself"),
    "an object's function saves the variables": (_concrete_saver, "by itself"),
    "the variables are restored from another file": (
        _other_file("RestoreV2", "__inference__traced_restore"),
        "reaches a file of another name",
    ),
    "the variables are saved to another file": (
        _other_file("SaveV2", "__inference__traced_save"),
        "reaches a file of another name",
    ),
    "checkpoints are merged into another file": (
        _other_file("MergeV2Checkpoints", "__inference__traced_save"),
        "reaches a file of another name",
    ),
    "the variables are saved beside the file that is named": (_other_part, "reaches a file of another name"),
    "a file is read where the variables are restored": (_in_saver, "uses ReadFile"),
    "the file of the variables is a constant": (_constant_prefix, "not saved and restored as TensorFlow"),
    "a function calls itself": (_recursion, "calls itself"),
    "a function is called that is not there": (_missing_function, "does not hold"),
    "another executor runs the functions": (_executor, "chooses what runs"),
    "a node is computed on another machine": (_device, "computes elsewhere"),
    "an object is an asset": (_object(asset={"asset_file_def_index": 0}), "kind asset"),
    "an object is a resource": (_object(resource={"device": "/job:x"}), "kind resource"),
    "an object is a Keras layer": (_object(user_object={"identifier": "_tf_keras_layer"}), "class _tf_keras_layer"),
    "an object is of a registered class": (_registered, "code of somebody's"),
    "an object is saved by a registered saver": (_object(registered_saver="Evil"), "code of somebody's"),
    "an object brings functions that save it": (_saveable, "code of somebody's"),
    "a function answers with a class of somebody's": (_type_spec, "names Python classes"),
    "an asset lies elsewhere": (_asset, "files of its own"),
    "a node runs when it is loaded": (_initializer, "runs something"),
    "a collection initializes tables": (_collection, "runs something"),
    "there are two graphs": (_two_graphs, "2 graphs"),
    "it lacks its objects": (_no_objects, "lacks the objects"),
    "there is one more signature": (_signature, "signature another"),
    "two functions have one name": (_same_name, "of one name"),
}
"""What was done to the SavedModel → (how, what must be said of it)."""


def change_graph(folder: Path, change: Change) -> None:
    """Apply a change to the SavedModel in a published folder."""
    from tensorflow.core.protobuf import saved_model_pb2

    path = folder / "saved_model" / "saved_model.pb"
    saved = saved_model_pb2.SavedModel()
    saved.ParseFromString(path.read_bytes())
    change(saved)
    path.write_bytes(saved.SerializeToString())
