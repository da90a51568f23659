"""A loop of an ONNX graph has an end if a constant or a size gives the number of its rounds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from onnx import TensorProto, helper

from export.formats.onnx.loops import MOST_ROUNDS, has_endless_loop
from export.formats.onnx.messages import read_onnx


def looping(rounds: str, *nodes: Any, **constants: int) -> bytes:
    """A file with a Loop whose number of rounds is called so."""
    value = helper.make_tensor_value_info
    body = helper.make_graph(
        [helper.make_node("Identity", ["going"], ["goes"])],
        "body",
        [value("at", TensorProto.INT64, []), value("going", TensorProto.BOOL, [])],
        [value("goes", TensorProto.BOOL, [])],
    )
    made = [helper.make_tensor(name, TensorProto.INT64, [], [number]) for name, number in constants.items()]
    graph = helper.make_graph([*nodes, helper.make_node("Loop", [rounds, "yes"], [], body=body)], "g", [], [], made)
    content: bytes = helper.make_model(graph).SerializeToString()
    return content


def constant(number: int) -> Any:
    return helper.make_node("Constant", [], ["n"], value=helper.make_tensor("v", TensorProto.INT64, [], [number]))


@pytest.mark.parametrize(
    "content",
    [
        looping("n", n=MOST_ROUNDS),
        looping("n", constant(12)),
        looping("n", helper.make_node("Size", ["image"], ["n"])),
        looping("n", helper.make_node("Shape", ["image"], ["s"]), helper.make_node("Gather", ["s", "i"], ["n"]), i=0),
        looping("n", helper.make_node("Cast", ["m"], ["n"], to=7), m=3),
    ],
)
def test_a_loop_whose_rounds_are_known_has_an_end(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.onnx").write_bytes(content)

    assert not has_endless_loop(read_onnx(tmp_path / "model.onnx").graph)


@pytest.mark.parametrize(
    "content",
    [
        looping("n", n=MOST_ROUNDS + 1),
        looping("n", constant(2**62)),
        looping(""),
        looping("image"),
        looping("n", helper.make_node("Mul", ["m", "m"], ["n"]), m=1000),
        looping("n", helper.make_node("Identity", ["n"], ["n"])),
        looping("n", helper.make_node("Gather", ["image", "i"], ["n"]), i=0),
    ],
)
def test_a_loop_whose_rounds_are_not_known_has_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.onnx").write_bytes(content)

    assert has_endless_loop(read_onnx(tmp_path / "model.onnx").graph)
