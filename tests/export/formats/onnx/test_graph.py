"""Each transformation of an ONNX graph leaves its answers, and does what it is for only where it may."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from export.formats.onnx.graph import (
    absorb_transposes,
    bypass_half_casts,
    drop_repeats,
    read_pixels_quickly,
    round_weights,
    tidy,
)
from export.formats.onnx.maker import make_float16

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.normal(0, 1, (3, 2, 4, 5)).astype(np.float32)
ROWS = RANDOM.normal(0, 1, (3, 6)).astype(np.float32)
KERNEL = RANDOM.normal(0, 1, (40, 6)).astype(np.float32)
SQUARE = RANDOM.normal(0, 1, (6, 6)).astype(np.float32)
TO_ROWS = np.array([-1, 40], np.int64)


def node(operator: str, inputs: str, outputs: str, **attributes: Any) -> Any:
    """A node whose tensors are named in one text each."""
    return helper.make_node(operator, inputs.split(), outputs.split(), **attributes)


def model_of(nodes: list[Any], example: np.ndarray, outputs: dict[str, int | None], **weights: np.ndarray) -> Any:
    """An ONNX model with the float32 input `x` like the example; `outputs`: name → columns, None for one number."""
    sizes = ["batch", *example.shape[1:]]
    answers = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", columns]) for name, columns in outputs.items()
    ]
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, sizes)],
        answers,
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model


def answers(model: Any, example: np.ndarray) -> list[np.ndarray]:
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": example})


def operators(model: Any) -> Counter[str]:
    return Counter(one.op_type for one in model.graph.node)


FLATTENED = [
    node("Transpose", "x", "t", perm=[0, 2, 3, 1]),
    node("Reshape", "t shape", "r"),
    node("MatMul", "r kernel", "y"),
]


def flattened() -> Any:
    """A dense layer that learned its weights on (height, width, channels)."""
    return model_of(FLATTENED, IMAGES, {"y": 6}, kernel=KERNEL, shape=TO_ROWS)


def test_a_transpose_before_a_dense_layer_goes_into_its_weights() -> None:
    expected = answers(flattened(), IMAGES)

    changed = absorb_transposes(flattened())

    assert operators(changed) == {"Reshape": 1, "MatMul": 1}
    np.testing.assert_allclose(answers(changed, IMAGES), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("order", [[0, 1, 3, 2], [0, 3, 2, 1], [0, 2, 1, 3], [0, 3, 1, 2]])
def test_a_transpose_in_any_order_goes_into_the_weights(order: list[int]) -> None:
    nodes = [node("Transpose", "x", "t", perm=order), *FLATTENED[1:]]
    original = model_of(nodes, IMAGES, {"y": 6}, kernel=KERNEL, shape=TO_ROWS)
    expected = answers(original, IMAGES)

    changed = absorb_transposes(original)

    assert "Transpose" not in operators(changed)
    np.testing.assert_allclose(answers(changed, IMAGES), expected, rtol=1e-5, atol=1e-5)


def test_two_dense_layers_that_share_their_weights_each_get_their_own_order() -> None:
    nodes = [
        *FLATTENED,
        node("Transpose", "x", "t2", perm=[0, 3, 2, 1]),
        node("Reshape", "t2 shape", "r2"),
        node("MatMul", "r2 kernel", "z"),
    ]
    original = model_of(nodes, IMAGES, {"y": 6, "z": 6}, kernel=KERNEL, shape=TO_ROWS)
    expected = answers(original, IMAGES)

    changed = tidy(absorb_transposes(original))

    assert operators(changed) == {"Reshape": 2, "MatMul": 2}
    np.testing.assert_allclose(answers(changed, IMAGES), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("reader", "read"),
    [(node("ReduceSum", "t axes", "z", keepdims=0), "transpose"), (node("Relu", "r", "z"), "rows")],
)
def test_a_transpose_whose_result_is_read_twice_stays(reader: Any, read: str) -> None:
    axes = np.array([1, 2], np.int64)
    columns = {"transpose": 2, "rows": 40}[read]
    weights = {"kernel": KERNEL, "shape": TO_ROWS, "axes": axes}
    original = model_of([*FLATTENED, reader], IMAGES, {"y": 6, "z": columns}, **weights)
    expected = answers(original, IMAGES)

    changed = absorb_transposes(original)

    assert operators(changed)["Transpose"] == 1
    for found, right in zip(answers(changed, IMAGES), expected, strict=True):
        np.testing.assert_array_equal(found, right)


def test_a_transpose_that_moves_the_batch_stays() -> None:
    nodes = [
        node("Transpose", "x", "t", perm=[1, 0, 2, 3]),
        node("Reshape", "t shape", "r"),
        node("MatMul", "r kernel", "y"),
    ]
    original = model_of(nodes, IMAGES, {"y": 6}, kernel=KERNEL, shape=TO_ROWS)
    expected = answers(original, IMAGES)

    changed = absorb_transposes(original)

    assert operators(changed)["Transpose"] == 1
    np.testing.assert_array_equal(answers(changed, IMAGES), expected)


def loop_model() -> Any:
    """A branch that reads `t` from outside of itself."""
    outside = helper.make_tensor_value_info
    then = helper.make_graph([node("Relu", "t", "a")], "then", [], [outside("a", TensorProto.FLOAT, None)])
    other = helper.make_graph([node("Neg", "t", "b")], "else", [], [outside("b", TensorProto.FLOAT, None)])
    nodes = [
        node("Neg", "x", "t"),
        node("ReduceSum", "x", "sum", keepdims=0),
        node("Greater", "sum zero", "large"),
        node("If", "large", "y", then_branch=then, else_branch=other),
    ]
    return model_of(nodes, ROWS, {"y": 6}, zero=np.array(0, np.float32), unused=SQUARE)


@pytest.mark.parametrize("change", [absorb_transposes, bypass_half_casts, tidy])
def test_a_graph_with_others_inside_keeps_its_nodes_and_names(change: Any) -> None:
    original = loop_model()
    nodes = [one.SerializeToString() for one in original.graph.node]

    changed = change(loop_model())

    assert [one.SerializeToString() for one in changed.graph.node] == nodes
    np.testing.assert_array_equal(answers(changed, ROWS), answers(original, ROWS))


def halved(*behind: Any, outputs: dict[str, int | None]) -> Any:
    """exp(x) in float32, rounded to float16, and what is behind."""
    first = [node("Exp", "x", "e"), node("Cast", "e", "down", to=TensorProto.FLOAT16)]
    return model_of([*first, *behind], ROWS, outputs, kernel=SQUARE)


def up(output: str) -> Any:
    return node("Cast", "down", output, to=TensorProto.FLOAT)


def test_rounding_to_half_precision_and_back_goes() -> None:
    changed = bypass_half_casts(halved(up("u"), node("Softmax", "u", "y"), outputs={"y": 6}))

    assert operators(changed) == {"Exp": 1, "Softmax": 1}
    expected = np.exp(np.exp(ROWS)) / np.exp(np.exp(ROWS)).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(answers(changed, ROWS)[0], expected, rtol=1e-5)


def test_a_node_that_stands_there_twice_is_there_once() -> None:
    model = halved(up("u"), node("Softmax", "u", "y"), node("Exp", "u", "z"), outputs={"y": 6, "z": 6})
    # As onnxruntime's converter writes it: no longer valid.
    model.graph.node.insert(3, up("u"))

    changed = drop_repeats(model)

    assert operators(changed) == {"Exp": 2, "Cast": 2, "Softmax": 1}
    assert len(answers(changed, ROWS)) == 2


def test_rounding_an_output_goes_and_the_output_keeps_its_name() -> None:
    changed = bypass_half_casts(halved(up("y"), outputs={"y": 6}))

    assert operators(changed) == {"Exp": 1}
    np.testing.assert_allclose(answers(changed, ROWS)[0], np.exp(ROWS), rtol=1e-6)


@pytest.mark.parametrize("outputs", [{"y": 6, "z": 6}, {"u": 6, "y": 6, "z": 6}, {"e": 6, "u": 6, "y": 6}])
def test_what_is_rounded_once_and_taken_back_twice_is_never_rounded(outputs: dict[str, int | None]) -> None:
    behind = [up("u"), up("v"), node("Softmax", "u", "y"), node("Exp", "v", "z")]

    changed = bypass_half_casts(halved(*behind, outputs=outputs))

    found = dict(zip(outputs, answers(changed, ROWS), strict=True))
    np.testing.assert_allclose(found["y"].sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(found.get("z", np.exp(np.exp(ROWS))), np.exp(np.exp(ROWS)), rtol=1e-5)


def test_what_half_precision_reads_too_stays_rounded_for_it() -> None:
    behind = [
        up("u"),
        node("Softmax", "u", "y"),
        node("Neg", "down", "n"),
        node("Cast", "n", "z", to=TensorProto.FLOAT),
    ]

    changed = bypass_half_casts(halved(*behind, outputs={"y": 6, "z": 6}))

    assert operators(changed) == {"Exp": 1, "Softmax": 1, "Cast": 2, "Neg": 1}
    assert [one.input[0] for one in changed.graph.node if one.op_type == "Neg"] == ["down"]
    onnx.checker.check_model(changed, full_check=True)


def test_what_was_computed_in_half_precision_is_left_alone() -> None:
    nodes = [
        node("Cast", "x", "down", to=TensorProto.FLOAT16),
        node("Exp", "down", "e"),
        node("Cast", "e", "y", to=TensorProto.FLOAT),
    ]
    original = model_of(nodes, ROWS, {"y": 6})

    assert operators(bypass_half_casts(original)) == {"Cast": 2, "Exp": 1}


def test_half_precision_of_a_model_with_two_softmaxes_behind_one_stays_whole() -> None:
    nodes = [
        node("MatMul", "x kernel", "logits"),
        node("Softmax", "logits", "p"),
        node("Softmax", "p", "y"),
        node("Softmax", "p", "z", axis=0),
    ]
    original = model_of(nodes, ROWS, {"y": 6, "z": 6}, kernel=SQUARE)

    changed = make_float16(content=original.SerializeToString())

    for found, expected in zip(answers(changed, ROWS), answers(original, ROWS), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-2)
    np.testing.assert_allclose(answers(changed, ROWS)[0].sum(axis=1), 1, atol=1e-6)


def messy() -> Any:
    """Nodes with numbered and scoped names, out of order, and weights that nobody reads."""
    nodes = [
        node("MatMul", "x model/dense/kernel:0", "model/dense/MatMul:0"),
        node("Relu", "model/dense/MatMul:0", "model/dense/Relu__12:0"),
        node("Relu", "model/dense/Relu__12:0", "y"),
    ]
    weights = {"model/dense/kernel:0": SQUARE, "unused": SQUARE}
    model = model_of(nodes, ROWS, {"y": 6}, **weights)
    first, *others = model.graph.node
    copies = [onnx.NodeProto.FromString(one.SerializeToString()) for one in (*others, first)]
    del model.graph.node[:]
    model.graph.node.extend(copies)
    model.graph.value_info.append(helper.make_tensor_value_info("model/dense/MatMul:0", TensorProto.FLOAT, None))
    model.metadata_props.add(key="made", value="by somebody")
    model.opset_import.append(helper.make_opsetid("com.vendor", 1))
    model.doc_string = model.graph.doc_string = "a comment"
    return model


def test_a_tidied_graph_has_short_names_in_order_and_nothing_superfluous() -> None:
    changed = tidy(messy())

    assert [one.op_type for one in changed.graph.node] == ["MatMul", "Relu", "Relu"]
    assert [list(one.output) for one in changed.graph.node] == [["dense/MatMul"], ["dense/Relu"], ["y"]]
    assert [one.name for one in changed.graph.node] == ["dense/MatMul", "dense/Relu", "y"]
    assert [tensor.name for tensor in changed.graph.initializer] == ["dense/kernel"]
    assert (len(changed.graph.value_info), len(changed.metadata_props)) == (0, 0)
    assert [stamp.domain for stamp in changed.opset_import] == [""]
    assert (changed.doc_string, changed.graph.doc_string, changed.graph.name) == ("", "", "model")
    assert (changed.producer_name, changed.producer_version) == ("keras-tune-export", "")
    kernel = np.maximum(ROWS @ SQUARE, 0)
    np.testing.assert_allclose(answers(changed, ROWS)[0], kernel, rtol=1e-5, atol=1e-6)


def test_names_that_would_become_the_same_get_numbers() -> None:
    nodes = [node("Relu", "x", "relu__1"), node("Neg", "relu__1", "relu__2"), node("Relu", "relu__2", "y")]

    changed = tidy(model_of(nodes, ROWS, {"y": 6}))

    assert [one.name for one in changed.graph.node] == ["relu", "relu_2", "y"]
    np.testing.assert_array_equal(answers(changed, ROWS)[0], np.zeros_like(ROWS))


PIXELS = RANDOM.integers(0, 256, (3, 6), dtype=np.uint8)
FACTOR = np.array(1 / 255, np.float32)
TO_FLOAT = node("Cast", "x", "f", to=TensorProto.FLOAT)


def pixel_model(*behind: Any, outputs: dict[str, int | None] | None = None, **weights: np.ndarray) -> Any:
    """A model of uint8 rows that begins with a Cast to float32."""
    model = model_of([TO_FLOAT, *behind], ROWS, outputs if outputs is not None else {"y": 6}, **weights)
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.UINT8
    return model


@pytest.mark.parametrize("sides", ["f factor", "factor f"])
def test_pixels_and_the_factor_behind_them_are_read_by_one_operator_to_the_same_bits(sides: str) -> None:
    original = pixel_model(node("Mul", sides, "m"), node("Relu", "m", "y"), factor=FACTOR)
    expected = answers(original, PIXELS)

    changed = read_pixels_quickly(original)

    assert operators(changed) == {"DequantizeLinear": 1, "Relu": 1}
    np.testing.assert_array_equal(answers(changed, PIXELS), expected)


def test_pixels_without_a_factor_are_read_by_one_operator_to_the_same_bits() -> None:
    original = pixel_model(node("MatMul", "f kernel", "y"), kernel=SQUARE)
    expected = answers(original, PIXELS)

    changed = read_pixels_quickly(original)

    assert operators(changed) == {"DequantizeLinear": 1, "MatMul": 1}
    np.testing.assert_allclose(answers(changed, PIXELS), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("behind", "outputs"),
    [
        ([node("Mul", "f factor", "y")], {"f": 6, "y": 6}),
        ([node("Relu", "f", "y"), node("Neg", "f", "z")], {"y": 6, "z": 6}),
        ([node("Mul", "f factors", "y")], {"y": 6}),
        ([node("Mul", "f negative", "m"), node("Relu", "m", "y")], {"y": 6}),
    ],
)
def test_pixels_that_are_read_twice_or_scaled_in_another_way_keep_their_answers(
    behind: list[Any], outputs: dict[str, int | None]
) -> None:
    weights = {"factor": FACTOR, "factors": np.arange(6, dtype=np.float32), "negative": -FACTOR}
    original = pixel_model(*behind, outputs=outputs, **weights)
    expected = answers(original, PIXELS)

    changed = read_pixels_quickly(original)

    for found, right in zip(answers(changed, PIXELS), expected, strict=True):
        np.testing.assert_array_equal(found, right)


def test_pixels_that_a_branch_reads_too_are_read_as_they_were() -> None:
    value = helper.make_tensor_value_info
    branches = {
        name: helper.make_graph([node(operator, "f", name)], name, [], [value(name, TensorProto.FLOAT, None)])
        for name, operator in (("then_branch", "Relu"), ("else_branch", "Neg"))
    }
    behind = [node("Mul", "f factor", "m"), node("Relu", "m", "z"), node("If", "yes", "y", **branches)]
    original = pixel_model(*behind, outputs={"y": 6, "z": 6}, factor=FACTOR, yes=np.array(True))
    expected = answers(original, PIXELS)

    changed = read_pixels_quickly(original)

    for found, right in zip(answers(changed, PIXELS), expected, strict=True):
        np.testing.assert_array_equal(found, right)


def test_rounded_weights_are_restored_within_half_a_step_of_their_channel() -> None:
    values = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32) * np.array([1, 10, 0], np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["rows", "weights"], ["answers"], name="product")],
        "rounded",
        [helper.make_tensor_value_info("rows", TensorProto.FLOAT, ["batch", 6])],
        [helper.make_tensor_value_info("answers", TensorProto.FLOAT, ["batch", 3])],
        [numpy_helper.from_array(values, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)

    rounded = tidy(round_weights(model, ["product"]))

    session = onnxruntime.InferenceSession(rounded.SerializeToString(), providers=["CPUExecutionProvider"])
    (restored,) = session.run(None, {"rows": np.eye(6, dtype=np.float32)})
    assert (np.abs(restored - values) <= np.abs(values).max(axis=0) / 254 + 1e-6).all()
    assert [tensor.data_type for tensor in rounded.graph.initializer].count(TensorProto.INT8) == 2
    assert round_weights(model, []) is model
