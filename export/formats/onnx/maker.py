"""What the ONNX converter's process does: TensorFlow graph → ONNX, and float32 ONNX → smaller number types."""

from __future__ import annotations

import logging
import pickle
import re
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np
import onnx

from export.child_process import leave_out_what_keras_wraps
from export.formats.onnx.graph import (
    absorb_transposes,
    bypass_half_casts,
    drop_repeats,
    read_pixels_quickly,
    round_weights,
    tidy,
)
from export.formats.onnx.messages import all_nodes

CALIBRATION_BATCH = 50
REASON_LENGTH = 300
_NODE = re.compile(r"""(?:\b[Nn]ode,? \("?|\boutput ')(?P<name>[\w./-]+)""")
"""How onnxruntime and tf2onnx tell a node in their messages."""


def make_float32(*, graph: bytes, inputs: Mapping[str, str], outputs: Mapping[str, str], opset: int) -> onnx.ModelProto:
    """A frozen GraphDef as ONNX; `inputs` and `outputs`: tensor of the graph → name in the file."""
    import tensorflow as tf
    import tf2onnx

    # Names get numbers from this counter; another start would be another order of conversions.
    tf2onnx.utils.INTERNAL_NAME = 1
    model, _ = tf2onnx.convert.from_graph_def(
        tf.compat.v1.GraphDef.FromString(graph),
        input_names=list(inputs),
        output_names=list(outputs),
        opset=opset,
        tensors_to_rename={**inputs, **outputs},
    )
    for tensor in (*model.graph.input, *model.graph.output):
        tensor.type.tensor_type.shape.dim[0].dim_param = "batch"
    # An operator of TensorFlow's that was left over can't be run: it is refused by the name of its layer.
    if not all(onnx.defs.has(node.op_type, opset) for node in all_nodes(model.graph)):
        return model
    return tidy(absorb_transposes(_slim(model)))


def make_quick(*, content: bytes) -> onnx.ModelProto:
    """The float32 file as it is published. What smaller number types are made from has ordinary casts, which their
    converters know."""
    return tidy(read_pixels_quickly(onnx.load_from_string(content)))


def make_float16(*, content: bytes) -> onnx.ModelProto:
    """Half-precision weights and arithmetic; inputs, outputs and softmax stay float32."""
    from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST, convert_float_to_float16

    half = convert_float_to_float16(
        onnx.load_from_string(content),
        keep_io_types=True,
        op_block_list=[*DEFAULT_OP_BLOCK_LIST, "Softmax"],
    )
    return tidy(bypass_half_casts(drop_repeats(half)))


def make_int8(*, content: bytes, calibration: Mapping[str, np.ndarray], is_narrow: bool = False) -> onnx.ModelProto:
    """8-bit weights, one scale a channel, and 8-bit activations (QDQ); softmax stays float32, and so do the logits that
    it gets, whose rounding alone would cost more than that of all other layers; the weights behind them have 8 bits.

    `calibration`: examples by input, (examples, …). Weights are unsigned: processors without VNNI add two products of
    signed and unsigned 8-bit numbers in 16 bits, which overflow (https://onnxruntime.ai/docs/performance/
    model-optimizations/quantization.html, "When and why do I need to try U8U8"). `is_narrow`: signed weights of 7 bits,
    which don't overflow either, and biases in float32, for runtimes that compute unsigned weights in float32.
    """
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self._batches = _batches(calibration)

        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(self._batches, None)

    model = onnx.load_from_string(content)
    in_float = _in_float(model)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "int8.onnx"
        quantize_static(
            model,
            str(path),
            Reader(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8 if is_narrow else QuantType.QUInt8,
            reduce_range=is_narrow,
            extra_options={"QuantizeBias": not is_narrow},
            nodes_to_exclude=in_float,
        )
        return tidy(read_pixels_quickly(round_weights(onnx.load(path), in_float)))


def _in_float(model: onnx.ModelProto) -> list[str]:
    """Names of every Softmax and of what computes its logits: the last product or convolution before it."""
    makers = {name: node for node in model.graph.node for name in node.output}
    found = []
    for node in [node for node in model.graph.node if node.op_type == "Softmax"]:
        found.append(node.name)
        # Beyond a place where several meet, or an activation, it is no longer the logits' own layer.
        while node.op_type in ("Softmax", "Add", "Reshape", "Flatten"):
            sources = [makers[name] for name in node.input if name in makers]
            if len(sources) != 1:
                break
            (node,) = sources
            found.append(node.name)
    return found


MAKERS: Mapping[str, Callable[..., onnx.ModelProto]] = {
    "float32": make_float32,
    "quick": make_quick,
    "float16": make_float16,
    "int8": make_int8,
}


def main(requests: BinaryIO, replies: BinaryIO) -> None:
    """Answer requests, (name, arguments), until they end: with (file, None, None), or with (None, reason, name of the
    node at which it was found or None)."""
    leave_out_what_keras_wraps()
    warnings.simplefilter("ignore")
    logging.disable(logging.ERROR)
    while True:
        try:
            what, arguments = pickle.load(requests)
        except EOFError:
            return
        made: tuple[bytes | None, str | None, str | None]
        try:
            made = MAKERS[what](**arguments).SerializeToString(deterministic=True), None, None
        # Converters report what they can't convert with whatever exception they happened to meet.
        except Exception as error:  # noqa: BLE001 handed to the parent, which raises it
            reason = f"{type(error).__name__}: {' '.join(str(error).split())[:REASON_LENGTH]}"
            made = None, reason, _node_at(error)
        pickle.dump(made, replies)
        replies.flush()


def _node_at(error: Exception) -> str | None:
    """The node that a converter was at: its message tells it, or its own functions call it `node`."""
    found = _NODE.search(str(error))
    if found is not None:
        return found["name"]
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    nodes = [frame.f_locals["node"] for frame in reversed(frames) if "node" in frame.f_locals]
    names = [node.name for node in nodes if isinstance(getattr(node, "name", None), str)]
    return names[0] if names else None


def _slim(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model without what onnxslim finds superfluous, where both answer the same bits; else the model itself."""
    import onnxslim

    slim = onnxslim.slim(onnx.load_from_string(model.SerializeToString()))
    return slim if _answers(slim) == _answers(model) else model


def _answers(model: onnx.ModelProto) -> list[bytes]:
    """The bits of what it answers to zeros, ones and noise, two of each."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    # As it is written: what the runtime would make of it is not compared.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    random = np.random.default_rng(0)
    found = []
    for _ in range(2):
        inputs = {}
        for tensor in model.graph.input:
            kind = tensor.type.tensor_type
            shape = [2, *(size.dim_value for size in kind.shape.dim[1:])]
            dtype = onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type)
            noise = random.random(shape) * (255 if dtype == np.uint8 else 2)
            inputs[tensor.name] = np.concatenate([np.zeros(shape), np.ones(shape), noise]).astype(dtype)
        found += [answer.tobytes() for answer in session.run(None, inputs)]
    return found


def _batches(examples: Mapping[str, np.ndarray]) -> Iterator[dict[str, np.ndarray]]:
    count = len(next(iter(examples.values())))
    for at in range(0, count, CALIBRATION_BATCH):
        yield {name: array[at : at + CALIBRATION_BATCH] for name, array in examples.items()}
