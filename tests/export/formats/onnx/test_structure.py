"""What must not be in a published ONNX file is found in its bytes, with the onnx package and without it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from export.errors import InputError
from export.formats.onnx.messages import all_nodes, read_onnx
from export.formats.onnx.structure import find_invalid, read

READ = """
import pathlib, sys
sys.modules["onnx"] = None
import importlib.util
find_spec = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name == "onnx" else find_spec(name, package)
from export.formats.onnx.structure import find_invalid, read
print("\\n".join(read(pathlib.Path(sys.argv[1])).flaws))
"""


def value(name: str, columns: int = 4) -> Any:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", columns])


def graph(*nodes: Any, **weights: np.ndarray) -> Any:
    """From `x` to `y`, both float32 (batch, 4)."""
    tensors = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    return helper.make_graph(nodes, "graph", [value("x")], [value("y")], tensors)


def model(*nodes: Any, **weights: np.ndarray) -> Any:
    return helper.make_model(graph(*nodes, **weights), opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.fixture
def faults(tmp_path: Path) -> Callable[[Any], tuple[str, ...]]:
    def call(message: Any) -> tuple[str, ...]:
        onnx.save(message, tmp_path / "model.onnx")
        return (*read(tmp_path / "model.onnx").flaws, *find_invalid(tmp_path / "model.onnx"))

    return call


def relu() -> Any:
    return helper.make_node("Relu", ["x"], ["y"])


def test_a_right_file_is_without_fault_and_its_operators_are_counted(tmp_path: Path) -> None:
    onnx.save(model(helper.make_node("Neg", ["x"], ["z"]), helper.make_node("Neg", ["z"], ["y"])), tmp_path / "a.onnx")

    found = read(tmp_path / "a.onnx")

    assert (found.flaws, found.operators, found.versions) == ((), {"Neg": 2}, {"opset": 17, "ir": 8})


def test_an_operator_of_a_vendor_is_named(faults: Callable[[Any], tuple[str, ...]]) -> None:
    message = model(helper.make_node("Secret", ["x"], ["y"], domain="com.vendor"))
    message.opset_import.append(helper.make_opsetid("com.vendor", 1))

    assert "it uses operators of com.vendor" in faults(message)


@pytest.mark.parametrize(
    ("operator", "name"),
    [
        (helper.make_node("RandomNormalLike", ["x"], ["y"]), "RandomNormalLike"),
        (helper.make_node("Bernoulli", ["x"], ["y"]), "Bernoulli"),
        (helper.make_node("Dropout", ["x", "share", "training"], ["y"]), "Dropout in training mode"),
    ],
)
def test_chance_is_named(faults: Callable[[Any], tuple[str, ...]], operator: Any, name: str) -> None:
    weights = {"share": np.array(0.5, np.float32), "training": np.array(True)}

    assert faults(model(operator, **weights)) == (f"it draws random numbers ({name})",)


def test_a_dropout_that_sleeps_is_no_fault(faults: Callable[[Any], tuple[str, ...]]) -> None:
    assert faults(model(helper.make_node("Dropout", ["x"], ["y"]))) == ()


def test_chance_inside_of_a_branch_is_named(faults: Callable[[Any], tuple[str, ...]]) -> None:
    branches = {
        name: helper.make_graph([helper.make_node(operator, ["x"], [name])], name, [], [value(name)])
        for name, operator in (("then_branch", "Relu"), ("else_branch", "RandomUniformLike"))
    }

    found = faults(model(helper.make_node("If", ["yes"], ["y"], **branches), yes=np.array(True)))

    assert found == ("it draws random numbers (RandomUniformLike)",)


def test_weights_in_another_file_are_a_fault(tmp_path: Path) -> None:
    message = model(helper.make_node("Add", ["x", "w"], ["y"]), w=np.ones(4, np.float32))
    onnx.save(message, tmp_path / "model.onnx", save_as_external_data=True, location="w.bin", size_threshold=0)

    assert "some of its weights lie in another file" in read(tmp_path / "model.onnx").flaws


def test_weights_of_a_branch_in_another_file_are_a_fault(tmp_path: Path) -> None:
    branches = {}
    for name in ("then_branch", "else_branch"):
        weights = [numpy_helper.from_array(np.ones(4, np.float32), f"{name}_w")]
        nodes = [helper.make_node("Add", ["x", f"{name}_w"], [name])]
        branches[name] = helper.make_graph(nodes, name, [], [value(name)], weights)
    message = model(helper.make_node("If", ["yes"], ["y"], **branches), yes=np.array(True))
    (tensor,) = message.graph.node[0].attribute[0].g.initializer
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="w.bin")
    tensor.ClearField("raw_data")
    (tmp_path / "w.bin").write_bytes(np.ones(4, np.float32).tobytes())
    (tmp_path / "model.onnx").write_bytes(message.SerializeToString())

    assert "some of its weights lie in another file" in read(tmp_path / "model.onnx").flaws


def test_functions_of_its_own_are_a_fault(faults: Callable[[Any], tuple[str, ...]]) -> None:
    message = model(relu())
    opsets = [helper.make_opsetid("", 17)]
    message.functions.append(
        helper.make_function("own", "F", ["a"], ["b"], [helper.make_node("Neg", ["a"], ["b"])], opsets)
    )
    message.opset_import.append(helper.make_opsetid("own", 1))

    assert faults(message) == ("it brings functions of its own",)


def test_another_ir_stamp_is_a_fault(faults: Callable[[Any], tuple[str, ...]]) -> None:
    message = model(relu())
    message.ir_version = 9

    assert faults(message) == ("it is stamped with IR 9 but must have 8",)


def test_what_is_no_valid_onnx_is_a_fault(faults: Callable[[Any], tuple[str, ...]]) -> None:
    (fault,) = faults(model(helper.make_node("Relu", ["nowhere"], ["y"])))

    assert fault.startswith("it is not valid ONNX: ")
    assert "nowhere" in fault


def test_the_faults_are_found_without_the_onnx_package(tmp_path: Path, child: Callable[..., Any]) -> None:
    message = model(helper.make_node("RandomNormalLike", ["x"], ["y"]))
    message.ir_version = 9
    onnx.save(message, tmp_path / "model.onnx")

    done: subprocess.CompletedProcess[str] = child(READ, tmp_path / "model.onnx")

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "it draws random numbers (RandomNormalLike)",
        "it is stamped with IR 9 but must have 8",
    ]


@pytest.mark.parametrize("content", [b"\xff\xff\xff", b"PK\x03\x04 something else"])
def test_another_kind_of_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.onnx").write_bytes(content)

    with pytest.raises(InputError, match=r"model\.onnx is not an ONNX file \(.*\): export it again"):
        read(tmp_path / "model.onnx")


@pytest.mark.parametrize("content", [b"", onnx.ModelProto(ir_version=8).SerializeToString()])
def test_a_file_without_operators_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.onnx").write_bytes(content)

    with pytest.raises(InputError, match=r"is not an ONNX file \(it holds no operator\): export it again"):
        read_onnx(tmp_path / "model.onnx")


def test_what_the_onnx_package_alone_can_not_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    onnx.save(model(relu()), tmp_path / "model.onnx")

    def refuse(*_: Any, **__: Any) -> None:
        raise ValueError("unknown")

    monkeypatch.setattr(onnx, "load", refuse)

    with pytest.raises(InputError, match=r"can't be read by the onnx package \(unknown\): export it again"):
        find_invalid(tmp_path / "model.onnx")


def test_what_is_read_and_written_again_keeps_all_that_is_not_looked_at(tmp_path: Path) -> None:
    message = model(relu())
    helper.set_model_props(message, {"labels": "[]"})
    onnx.save(message, tmp_path / "model.onnx")

    again = onnx.load_from_string(read_onnx(tmp_path / "model.onnx").SerializeToString())

    assert again == onnx.load(tmp_path / "model.onnx")
    assert [node.op_type for node in all_nodes(read_onnx(tmp_path / "model.onnx").graph)] == ["Relu"]
