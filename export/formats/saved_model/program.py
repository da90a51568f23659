"""A SavedModel is a program: whether it may be loaded and run at all, from its protocol buffer alone.

Everything in the file counts, needed for an answer or not: TensorFlow makes objects, and may call functions, when it
loads a file, and a control dependency runs what no answer reads.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Set
from pathlib import Path
from typing import Any

from google.protobuf import message

from export.artifact import SERVING_SIGNATURE
from export.formats.saved_model.operators import OPERATORS
from export.formats.saved_model.saver_functions import saver_flaws

_FILES = frozenset(
    (
        "saved_model.pb",
        "fingerprint.pb",
        "variables/variables.index",
        "variables/variables.data-00000-of-00001",
        "assets.extra/description.json",
    )
)
"""Others, such as `saved_model.cpb` or a text form, would be read in the place of what was judged."""
_OBJECTS = frozenset({"user_object", "variable", "constant", "function", "bare_concrete_function", "captured_tensor"})
_CLASSES = frozenset({"_generic_user_object", "trackable_list_wrapper", "trackable_dict_wrapper", "signature_map"})
_CONSTANT = "tf.TrackableConstant"
"""How TensorFlow itself registers what a function captured."""
_SIGNATURES = frozenset({SERVING_SIGNATURE, "__saved_model_init_op"})
_DEVICE = re.compile(r"(/job:localhost/replica:0/task:0)?(/device:[CG]PU:(\d+|\*))?")
_MAIN = "saved_model_main_op"


def unsafe_parts(path: Path, saved: Any) -> Iterator[str]:
    """What in the SavedModel message, or in its folder, keeps it from being loaded, a sentence each."""
    for file in sorted(path.rglob("*")):
        name = file.relative_to(path).as_posix()
        if file.is_symlink() or (not file.is_dir() and name not in _FILES):
            yield f"it holds {name}, which no export writes"
    if len(saved.meta_graphs) != 1:
        yield f"it holds {len(saved.meta_graphs)} graphs and not one"
        return
    (meta,) = saved.meta_graphs
    yield from _meta_flaws(meta)
    yield from _object_flaws(meta.object_graph_def)
    yield from _operator_flaws(meta)


def _meta_flaws(meta: Any) -> Iterator[str]:
    graph = meta.graph_def
    if meta.asset_file_def:
        yield "it brings files of its own (assets)"
    if set(meta.signature_def) - _SIGNATURES:
        yield f"it has the signature {sorted(set(meta.signature_def) - _SIGNATURES)[0]}"
    collections = {name: list(found.node_list.value) for name, found in meta.collection_def.items()}
    main = collections.pop(_MAIN, [])
    initial = [node.op for node in graph.node if node.name in main]
    if collections or initial != ["NoOp"] * len(main):
        yield "it runs something when it is loaded"
    names = Counter(function.signature.name for function in graph.library.function)
    nodes = Counter(node.name for node in graph.node)
    if any(count > 1 for count in (*names.values(), *nodes.values())):
        yield "it has two functions or two nodes of one name"


def _object_flaws(objects: Any) -> Iterator[str]:
    if not objects.nodes:
        yield "it lacks the objects that it is made of"
    for node in objects.nodes:
        kind = node.WhichOneof("kind")
        if kind not in _OBJECTS:
            yield f"it holds an object of the kind {kind}"
        elif kind == "user_object" and node.user_object.identifier not in _CLASSES:
            yield f"it holds an object of the class {node.user_object.identifier}"
        name = "" if kind == "constant" and node.registered_name == _CONSTANT else node.registered_name
        if name or node.registered_saver or node.saveable_objects:
            yield "it holds an object that code of somebody's saves and loads"
    if _names_a_class(objects):
        yield "it names Python classes for what its functions take"


def _names_a_class(part: message.Message) -> bool:
    """Whether a value below is of a type that Python code of its own decodes."""
    for field, value in part.ListFields():
        if field.name == "type_spec_value":
            return True
        several = value.values() if hasattr(value, "values") and not isinstance(value, message.Message) else value
        parts = [value] if isinstance(value, message.Message) else several if field.message_type is not None else ()
        if any(isinstance(one, message.Message) and _names_a_class(one) for one in parts):
            return True
    return False


def _operator_flaws(meta: Any) -> Iterator[str]:
    functions = {function.signature.name: function for function in meta.graph_def.library.function}
    nodes = {node.name: node for node in meta.graph_def.node}
    savers, flaws = _savers(meta.saver_def, nodes, functions)
    yield from flaws
    calls = {name: set(_list_called(function.node_def)) for name, function in functions.items()}
    outside = set(_list_called(node for node in meta.graph_def.node if node.name not in savers))
    used = outside.union(meta.object_graph_def.concrete_functions, *calls.values())
    if used & set(savers.values()):
        yield "it calls the functions that save and restore its variables by itself"
    if used - set(functions):
        yield f"it calls a function that it does not hold ({sorted(used - set(functions))[0]})"
    if _is_endless(calls):
        yield "one of its functions calls itself"
    parts = [meta.graph_def.node, *(one.node_def for name, one in functions.items() if name not in savers.values())]
    everything = [node for part in parts for node in part]
    unknown = sorted({node.op for node in everything} - OPERATORS)
    if unknown:
        yield f"it uses operators that may do more than compute ({', '.join(unknown)})"
    everything += [node for name in savers.values() for node in functions[name].node_def]
    devices = sorted({node.device for node in everything if not _DEVICE.fullmatch(node.device)})
    if devices:
        yield f"it computes elsewhere ({devices[0]})"
    if any(node.attr["executor_type"].s for node in everything if "executor_type" in node.attr):
        yield "it chooses what runs its functions"


def _savers(saver: Any, nodes: Any, functions: Any) -> tuple[dict[str, str], list[str]]:
    """Node of the graph → the function that it calls to save or restore the variables, and what is wrong with them."""
    found: dict[str, str] = {}
    flaws: list[str] = []
    for tensor, saves in ((saver.save_tensor_name, True), (saver.restore_op_name, False)):
        node = nodes.get(tensor.partition(":")[0])
        called = [] if node is None else list(_list_called([node]))
        if not tensor:
            continue
        given = nodes.get(saver.filename_tensor_name.partition(":")[0])
        is_given = given is not None and given.op == "Placeholder" and node is not None and node.input
        if len(called) != 1 or called[0] not in functions or not is_given or node.input[0] != given.name:
            flaws.append("its variables are not saved and restored as TensorFlow does it")
            continue
        found[node.name] = called[0]
        flaws += saver_flaws(functions[called[0]], saves=saves)
    return found, flaws


def _list_called(nodes: Iterable[Any]) -> Iterator[str]:
    """The names of the functions that nodes call: one each of calls, loops and conditions; a list of a choice among
    several."""
    for node in nodes:
        for value in node.attr.values():
            if value.HasField("func"):
                yield value.func.name
            yield from (function.name for function in value.list.func)


def _is_endless(calls: Mapping[str, Set[str]]) -> bool:
    """Whether a function calls itself, or others that do."""
    left = {name: set(called) & set(calls) for name, called in calls.items()}
    while left:
        ready = {name for name, called in left.items() if not called & set(left)}
        if not ready:
            return True
        left = {name: called for name, called in left.items() if name not in ready}
    return False
