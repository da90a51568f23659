"""ONNX files that reach beyond themselves, never end, or eat the machine: changes to a right one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Change = Callable[[Any], None]


def _node(operator: str, **options: Any) -> Change:
    """One more operator, which nothing reads."""

    def change(model: Any) -> None:
        from onnx import helper

        model.graph.node.append(helper.make_node(operator, [], ["planted"], **options))

    return change


def _external(location: str) -> Change:
    """The first weights in another file."""

    def change(model: Any) -> None:
        tensor = model.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.ClearField("float_data")
        tensor.data_location = 1
        entry = tensor.external_data.add()
        entry.key, entry.value = "location", location

    return change


def _external_in_branch(model: Any) -> None:
    from onnx import TensorProto, helper

    tensor = TensorProto(name="w", data_type=1, dims=[1], data_location=1)
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../../x"
    branch = helper.make_graph([helper.make_node("Constant", [], ["o"], value=tensor)], "b", [], [])
    _add(model, helper.make_node("If", ["c"], ["planted"], then_branch=branch, else_branch=branch))


def _sparse_external(model: Any) -> None:
    tensor = model.graph.sparse_initializer.add()
    tensor.values.data_location = 1
    tensor.values.external_data.add().key = "location"


def _functions(model: Any) -> None:
    model.functions.add(name="planted", domain="local")


def _training(model: Any) -> None:
    model.training_info.add()


def _huge_weights(model: Any) -> None:
    model.graph.initializer[0].dims[:] = [10**9, 10**9]


def _negative_weights(model: Any) -> None:
    model.graph.initializer[0].dims[:] = [-1, 4]


def _many_axes(model: Any) -> None:
    model.graph.initializer[0].dims[:] = [2**62] * 10_000


def loop(rounds: int | None, *, work: int = 1) -> Change:
    """A loop of so many rounds, that an answer waits for; None has no number of them."""

    def change(model: Any) -> None:
        from onnx import TensorProto, helper

        value = helper.make_tensor_value_info
        body = helper.make_graph(
            [
                helper.make_node("Identity", ["going"], ["goes"]),
                helper.make_node("MatMul", ["x"] * 2, ["y"]),
            ],
            "body",
            [value("at", TensorProto.INT64, []), value("going", TensorProto.BOOL, []), value("x", 1, [work, work])],
            [value("goes", TensorProto.BOOL, []), value("y", 1, [work, work])],
        )
        model.graph.initializer.append(helper.make_tensor("planted_start", 1, [work, work], [0.0] * work * work))
        model.graph.initializer.append(helper.make_tensor("planted_going", TensorProto.BOOL, [], [True]))
        if rounds is not None:
            model.graph.initializer.append(helper.make_tensor("planted_rounds", TensorProto.INT64, [], [rounds]))
        names = ["" if rounds is None else "planted_rounds", "planted_going", "planted_start"]
        _add(model, helper.make_node("Loop", names, ["planted"], body=body))

    return change


def _computed_rounds(model: Any) -> None:
    from onnx import helper

    loop(1000)(model)
    model.graph.node[0].input[0] = "planted_product"
    model.graph.node.insert(0, helper.make_node("Mul", ["planted_rounds"] * 2, ["planted_product"]))


def memory(gibibytes: int) -> Change:
    """A tensor of so many GiB, made of two numbers, that an answer waits for."""

    def change(model: Any) -> None:
        from onnx import TensorProto, helper

        sizes = helper.make_tensor("planted_sizes", TensorProto.INT64, [2], [gibibytes * 2**14, 2**14])
        model.graph.initializer.append(sizes)
        model.graph.initializer.append(helper.make_tensor("planted_one", 1, [], [1.0]))
        # An optimizer folds what it knows; the image's own sum it does not.
        nodes = [
            helper.make_node("ConstantOfShape", ["planted_sizes"], ["planted_ones"]),
            helper.make_node("Cast", [model.graph.input[0].name], ["planted_image"], to=1),
            helper.make_node("ReduceMax", ["planted_image"], ["planted_most"], keepdims=0),
            helper.make_node("Add", ["planted_ones", "planted_most"], ["planted_large"]),
            helper.make_node("ReduceMin", ["planted_large"], ["planted"], keepdims=0),
        ]
        for node in reversed(nodes):
            model.graph.node.insert(0, node)
        _wait_for(model)

    return change


def _add(model: Any, node: Any) -> None:
    model.graph.node.insert(0, node)
    if node.op_type == "Loop":
        _wait_for(model)


def _wait_for(model: Any) -> None:
    """Let the answer be what it was plus nothing times what was planted."""
    from onnx import helper

    answer = model.graph.output[0].name
    for node in model.graph.node:
        node.output[:] = ["planted_answer" if name == answer else name for name in node.output]
    model.graph.initializer.append(helper.make_tensor("planted_nothing", 1, [], [0.0]))
    model.graph.node.extend(
        [
            helper.make_node("ReduceMax", ["planted"], ["planted_number"], keepdims=0),
            helper.make_node("Mul", ["planted_number", "planted_nothing"], ["planted_zero"]),
            helper.make_node("Add", ["planted_answer", "planted_zero"], [answer]),
        ]
    )


REFUSED: Mapping[str, tuple[Change, str]] = {
    "an operator of a vendor": (_node("EPContext", domain="com.microsoft"), "operators of com.microsoft"),
    "an operator of somebody's": (_node("Evil", domain="evil"), "operators of evil"),
    "an operator on pictures' files": (_node("ImageDecoder"), "ImageDecoder"),
    "an operator on texts": (_node("RegexFullMatch"), "RegexFullMatch"),
    "an unknown operator": (_node("ReadFile"), "ReadFile"),
    "weights in a file beside it": (_external("weights.bin"), "in another file"),
    "weights in a file of the system": (_external("/etc/passwd"), "in another file"),
    "weights in a folder above": (_external("../../../etc/passwd"), "in another file"),
    "weights of a branch in another file": (_external_in_branch, "in another file"),
    "sparse weights in another file": (_sparse_external, "in another file"),
    "functions of its own": (_functions, "functions of its own"),
    "a training of its own": (_training, "training of its own"),
    "weights of 4 exabytes": (_huge_weights, "more numbers than it holds"),
    "weights of a negative size": (_negative_weights, "more numbers than it holds"),
    "weights of ten thousand axes": (_many_axes, "more numbers than it holds"),
    "a loop without a number of rounds": (loop(None), "a loop that may go round"),
    "a loop of 2**63 - 1 rounds": (loop(2**63 - 1), "a loop that may go round"),
    "a loop of a computed number of rounds": (_computed_rounds, "a loop that may go round"),
}
"""What was planted → (how, what must be said of it)."""


def change_onnx(folder: Path, change: Change) -> None:
    """Apply a change to the ONNX file in a published folder."""
    import onnx

    model = onnx.load(folder / "model.onnx", load_external_data=False)
    change(model)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
