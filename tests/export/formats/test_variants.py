"""Every number type of every format: what its file holds, what it answers, and the same bytes every time."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

from export.artifact import Format, Target, Variant
from export.folder.manifest import read_manifest
from export.formats.format import facts, offered_formats
from export.formats.metadata import read_metadata
from export.formats.runtime import load, predict
from export.formats.structure import read_structure
from export.verification import verify_folder

pytestmark = pytest.mark.slow
TARGETS = [Target(format=kind, variant=variant) for kind in offered_formats() for variant in facts(kind).variants]
ONNX_TARGETS = [target for target in TARGETS if target.format is Format.ONNX]
FARTHEST = {Variant.FLOAT32: 1e-5, Variant.FLOAT16: 1e-2, Variant.DYNAMIC: 0.1, Variant.INT8: 0.2}
TYPES = {getattr(schema.TensorType, name): name for name in ("FLOAT32", "FLOAT16", "INT8", "INT32", "UINT8")}


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.file)
def test_every_variant_answers_as_keras_does_and_its_rows_sum_to_1(
    every_variant: Path, target: Target, examples: Any, keras_answers: Callable[..., np.ndarray]
) -> None:
    found = predict(load(target, every_variant / target.file), examples[0])

    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-4)
    np.testing.assert_allclose(found, keras_answers(examples[0]), rtol=0, atol=FARTHEST[target.variant])


def test_a_folder_with_every_variant_is_verified_again_by_its_own_rules(every_variant: Path) -> None:
    verification = verify_folder(every_variant, formats=list(Format))

    assert verification.passed
    assert [artifact.target for artifact in verification.artifacts] == TARGETS
    assert set(read_manifest(every_variant).looser) == {"dynamic", "int8"}


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.file)
def test_every_file_itself_says_what_its_stability_radius_proves(every_variant: Path, target: Target) -> None:
    description = read_manifest(every_variant).description

    found = read_metadata(target.format, every_variant / target.file)

    assert description.stability_radius is not None
    assert found["stability_radius"] == f"{description.stability_radius:.6g}"
    assert found["stability_radius_proves"].startswith("a runtime whose probabilities differ from the Keras model's by")
    assert found["stability_radius_proves"].endswith("test images of digits gives every one of them the same label")


@pytest.mark.parametrize("target", ONNX_TARGETS, ids=lambda target: target.file)
def test_the_batch_of_every_onnx_file_is_called_batch(every_variant: Path, target: Target) -> None:
    graph = onnx.load(every_variant / target.file).graph

    shapes = [tensor.type.tensor_type.shape.dim for tensor in (*graph.input, *graph.output)]

    assert [[size.dim_param or size.dim_value for size in shape] for shape in shapes] == [
        ["batch", 28, 28, 1],
        ["batch", 10],
    ]


@pytest.mark.parametrize("name", ["model.onnx", "model_float16.onnx", "model_int8.onnx"])
def test_no_onnx_file_turns_tensors_around_before_its_dense_layer(every_variant: Path, name: str) -> None:
    graph = onnx.load(every_variant / name).graph

    assert Counter(node.op_type for node in graph.node)["Transpose"] <= 1
    assert all(node.input[0] == "image" or node.op_type != "Transpose" for node in graph.node[:3])
    assert not {"Shape", "Concat", "Gather"} & {node.op_type for node in graph.node}


def test_int8_onnx_keeps_its_softmax_in_float_and_a_scale_for_each_channel(every_variant: Path) -> None:
    graph = onnx.load(every_variant / "model_int8.onnx").graph
    makers = {name: node for node in graph.node for name in node.output}
    (softmax,) = [node for node in graph.node if node.op_type == "Softmax"]
    sizes = {tensor.name: list(tensor.dims) for tensor in graph.initializer}
    (convolution,) = [node for node in graph.node if node.op_type == "Conv"]

    assert softmax.output[0] == "probabilities"
    weights = makers[convolution.input[1]]
    assert weights.op_type == "DequantizeLinear"
    assert sizes[weights.input[1]] == [sizes[weights.input[0]][0]]
    assert sizes[weights.input[1]][0] > 1


def test_int8_tflite_keeps_its_softmax_in_float_and_a_scale_for_each_channel(every_variant: Path) -> None:
    model = flatbuffer_utils.read_model(str(every_variant / "model_int8.tflite"))
    (graph,) = model.subgraphs
    by_name = {code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}
    codes = [max(code.builtinCode, code.deprecatedBuiltinCode) for code in model.operatorCodes]
    inputs = {by_name[codes[one.opcodeIndex]]: [graph.tensors[at] for at in one.inputs] for one in graph.operators}

    assert TYPES[inputs["SOFTMAX"][0].type] == "FLOAT32"
    kernel = inputs["CONV_2D"][1]
    assert TYPES[kernel.type] == "INT8"
    assert len(kernel.quantization.scale) == kernel.shape[0] > 1


@pytest.mark.parametrize("name", ["model_float16.tflite", "model_dynamic.tflite", "model_int8.tflite"])
def test_smaller_tflite_files_hold_fewer_bytes_than_float32(every_variant: Path, name: str) -> None:
    assert (every_variant / name).stat().st_size < (every_variant / "model.tflite").stat().st_size


def test_float16_onnx_computes_its_convolution_in_half_precision_and_its_softmax_not(every_variant: Path) -> None:
    model = onnx.load(every_variant / "model_float16.onnx")
    kinds = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    (convolution,) = [node for node in model.graph.node if node.op_type == "Conv"]
    (softmax,) = [node for node in model.graph.node if node.op_type == "Softmax"]
    makers = {name: node for node in model.graph.node for name in node.output}

    assert kinds[convolution.input[1]] == onnx.TensorProto.FLOAT16
    assert makers[softmax.input[0]].op_type == "Cast"
    assert softmax.output[0] == "probabilities"


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.file)
def test_the_structure_of_every_file_is_without_fault(every_variant: Path, target: Target) -> None:
    structure = read_structure(target.format, every_variant / target.file)

    assert structure.faults == ()
    assert structure.operators


WRITE_ALL = """
import dataclasses, hashlib, pathlib, sys
import numpy as np
from export.artifact import Description, Format, Target
from export.formats.format import facts
from export.model.serving import load_serving_model
from export.formats.writer import WriteOptions, write
from export.formats.source import open_source
folder, opset = pathlib.Path(sys.argv[2]), int(sys.argv[3])
folder.mkdir()
description = Description(class_names=("a",), dataset="d", dataset_digest="d", accuracy=0.5, source_digest="s")
serving = load_serving_model(pathlib.Path(sys.argv[1]))
with open_source(serving, opset=opset, calibration={"image": np.load(sys.argv[4])}) as source:
    for kind in sys.argv[5].split():
        for variant in facts(Format(kind)).variants:
            target = Target(format=Format(kind), variant=variant)
            options = WriteOptions(target=target, description=description, opset=opset, source=source)
            write(serving, folder, options)
            print(target.file, hashlib.sha256((folder / target.file).read_bytes()).hexdigest())
"""

Child = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.exhaustive
def test_two_processes_write_the_same_bytes_of_every_variant(
    model_file: Path, tmp_path: Path, calibration: np.ndarray, child: Child
) -> None:
    np.save(tmp_path / "calibration.npy", calibration[:50])

    runs = [
        child(
            *(WRITE_ALL, model_file, tmp_path / seed, 17, tmp_path / "calibration.npy", "onnx tflite"),
            PYTHONHASHSEED=seed,
        )
        for seed in ("1", "2")
    ]

    assert [run.returncode for run in runs] == [0, 0], runs[0].stderr
    assert len(runs[0].stdout.splitlines()) == 7
    assert runs[0].stdout == runs[1].stdout


@pytest.mark.parametrize("opset", [13, 18])
def test_every_variant_of_onnx_is_written_with_the_oldest_and_the_newest_opset(
    model_file: Path,
    tmp_path: Path,
    calibration: np.ndarray,
    child: Child,
    opset: int,
    examples: Any,
    keras_answers: Callable[..., np.ndarray],
) -> None:
    np.save(tmp_path / "calibration.npy", calibration[:50])

    run = child(WRITE_ALL, model_file, tmp_path / "written", opset, tmp_path / "calibration.npy", "onnx")

    assert run.returncode == 0, run.stderr
    for target in ONNX_TARGETS:
        path = tmp_path / "written" / target.file
        stamps = {stamp.domain: stamp.version for stamp in onnx.load(path).opset_import}
        assert stamps == {"": opset}
        answers = predict(load(target, path), examples[0])
        np.testing.assert_allclose(answers, keras_answers(examples[0]), rtol=0, atol=FARTHEST[target.variant])
