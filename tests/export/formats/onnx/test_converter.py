"""The process that makes ONNX: it is there when needed, renewed after many files, and its end is one sentence."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import psutil
import pytest
from onnx import TensorProto, helper, numpy_helper

from export.errors import InputError
from export.formats.onnx import converter as onnx_converter
from export.formats.onnx.converter import ConversionError, OnnxConverter
from export.formats.onnx.writer import convert
from export.formats.source import open_source
from export.formats.tflite.writer import write_saved_model
from export.model.serving import load_serving_model

pytestmark = pytest.mark.slow

layers = keras.layers


def content() -> bytes:
    """A small float32 ONNX model."""
    kernel = numpy_helper.from_array(np.eye(3, dtype=np.float32), "kernel")
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "kernel"], ["y"])],
        "model",
        [value("x", TensorProto.FLOAT, ["batch", 3])],
        [value("y", TensorProto.FLOAT, ["batch", 3])],
        [kernel],
    )
    return bytes(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
    )


@pytest.fixture
def converter() -> Iterator[OnnxConverter]:
    made = OnnxConverter()
    yield made
    made.stop()


def test_files_are_made_by_one_process(converter: OnnxConverter) -> None:
    first = converter.make("float16", content=content())
    process = converter._process

    second = converter.make("float16", content=content())

    assert first == second
    assert converter._process is process
    (kernel,) = onnx.load_from_string(first).graph.initializer
    assert kernel.data_type == TensorProto.FLOAT16


def test_after_many_files_there_is_a_new_process(converter: OnnxConverter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_converter, "CONVERSIONS", 2)
    processes = []

    for _ in range(3):
        converter.make("float16", content=content())
        processes.append(converter._process)

    assert processes[0] is processes[1]
    assert processes[1] is not processes[2]
    assert processes[1] is not None
    assert not processes[1].is_alive


def test_what_can_not_be_made_is_told_in_one_line_and_the_process_goes_on(converter: OnnxConverter) -> None:
    with pytest.raises(ConversionError, match=r"^DecodeError: ") as raised:
        converter.make("float16", content=b"no model")
    process = converter._process

    converter.make("float16", content=content())

    assert "\n" not in str(raised.value)
    assert raised.value.node is None
    assert converter._process is process


def test_a_process_that_is_killed_while_it_works_is_one_sentence_and_the_next_file_gets_a_new_one(
    converter: OnnxConverter,
) -> None:
    converter.start()
    process = converter._process
    assert process is not None
    # Stopped, it can't answer before it is killed.
    os.kill(process.pid, signal.SIGSTOP)
    killer = threading.Timer(0.5, process.kill)
    killer.start()

    with pytest.raises(
        InputError, match="the process that makes ONNX ended with exit code -9 before it was done: free some memory and"
    ):
        converter.make("float16", content=content())

    killer.join()
    assert converter.make("float16", content=content())


def test_a_process_that_died_meanwhile_is_started_again(converter: OnnxConverter) -> None:
    converter.start()
    process = converter._process
    assert process is not None
    process.end()

    assert converter.make("float16", content=content())


def test_stopping_twice_is_fine_and_ends_the_process(converter: OnnxConverter) -> None:
    converter.start()
    process = converter._process
    assert process is not None

    converter.stop()
    converter.stop()

    assert not process.is_alive


def is_gone(pid: int, *, seconds: float = 10.0) -> bool:
    """Whether the process ends within the time."""
    until = time.monotonic() + seconds
    while psutil.pid_exists(pid) and time.monotonic() < until:
        time.sleep(0.05)
    return not psutil.pid_exists(pid)


@pytest.mark.parametrize("end", ["pass", "os.kill(os.getpid(), 9)"])
def test_it_ends_with_its_parent_however_that_ends(child: Callable[..., Any], end: str) -> None:
    start = "import os; from export.formats.onnx.converter import CONVERTER; CONVERTER.start()"

    done = child(f"{start}; print(CONVERTER._process.pid, flush=True); {end}")

    assert is_gone(int(done.stdout))


@pytest.mark.slow
def test_a_network_with_two_convolutions_is_turned_around_once(save_layers: Callable[..., Path]) -> None:
    path = save_layers(layers.Conv2D(4, 3), layers.MaxPooling2D(2), layers.BatchNormalization(), layers.Conv2D(3, 3))

    with open_source(load_serving_model(path), opset=17) as source:
        graph = onnx.load_from_string(source.once(convert)).graph

    makers = {name: node for node in graph.node for name in node.output}
    found = Counter(node.op_type for node in graph.node)
    assert found["Transpose"] + found["Reshape"] <= 2
    assert found["Conv"] == 2
    assert not {"BatchNormalization", "Shape", "Concat", "Gather", "Unsqueeze", "Mul"} & set(found)
    assert all(
        makers[node.input[0]].op_type != "Transpose"
        for node in graph.node
        if node.op_type == "Reshape" and node.input[0] in makers
    )


@pytest.mark.slow
def test_a_source_is_made_once_and_leaves_nothing_behind(serving: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_source(serving, opset=17) as source:
        first, again = source.once(convert), source.once(convert)
        path, second = source.once(write_saved_model), source.once(write_saved_model)

        assert first is again
        assert path == second
        assert (path / "saved_model.pb").is_file()
    assert not path.exists()
