"""What is written as ONNX: versions, operators, names, weights and description."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from export.artifact import ONNX_IR_VERSION, Format
from export.errors import InputError, VerificationError
from export.formats.onnx import writer as onnx_writer
from export.formats.onnx.converter import CONVERTER
from export.formats.runtime import load
from export.formats.writer import WriteOptions, write
from export.model.serving import ServingModel

CLOSE = 1e-5
RANDOM_OPERATORS = ("Random", "Multinomial", "Dropout", "Bernoulli")


@pytest.fixture(scope="module")
def onnx_file(serving: ServingModel, tmp_path_factory: pytest.TempPathFactory, options: Any) -> Path:
    folder = tmp_path_factory.mktemp("onnx")
    write(serving, folder, options(Format.ONNX))
    return folder / "model.onnx"


def test_whatever_tf2onnx_raises_becomes_one_sentence(
    serving: ServingModel, tmp_path: Path, options: Callable[..., WriteOptions], monkeypatch: pytest.MonkeyPatch
) -> None:
    # What the converter's process can't read is an error there.
    make = CONVERTER.make
    monkeypatch.setattr(CONVERTER, "make", lambda what, **arguments: make(what, **{**arguments, "graph": b"no graph"}))

    with pytest.raises(InputError, match=r"the model can't be written as ONNX with opset 17: DecodeError: ") as raised:
        write(serving, tmp_path, options(Format.ONNX))

    assert "\n" not in str(raised.value)


def test_an_onnx_file_with_operators_of_a_vendor_is_refused(
    serving: ServingModel,
    onnx_file: Path,
    tmp_path: Path,
    options: Callable[..., WriteOptions],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    proto = onnx.load(onnx_file)
    proto.graph.node[0].domain = "com.vendor"
    proto.opset_import.append(onnx.helper.make_opsetid("com.vendor", 1))
    monkeypatch.setattr(onnx_writer, "convert", lambda source: proto.SerializeToString())

    with pytest.raises(VerificationError, match=r"model\.onnx can't be published: it uses operators of com\.vendor"):
        write(serving, tmp_path, options(Format.ONNX))


def test_an_onnx_file_of_another_opset_is_refused(
    serving: ServingModel,
    onnx_file: Path,
    tmp_path: Path,
    options: Callable[..., WriteOptions],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(onnx_writer, "convert", lambda source: onnx_file.read_bytes())

    with pytest.raises(VerificationError, match="is stamped with opset 17 but must have 13"):
        write(serving, tmp_path, options(Format.ONNX, opset=13))


@pytest.mark.slow
@pytest.mark.parametrize("opset", [13, 17, 18])
def test_onnx_is_stamped_with_its_opset_and_ir_version(
    serving: ServingModel,
    tmp_path: Path,
    options: Callable[..., WriteOptions],
    examples: Any,
    keras_answers: Callable[..., np.ndarray],
    opset: int,
) -> None:
    artifact = write(serving, tmp_path, options(Format.ONNX, opset=opset))

    proto = onnx.load(tmp_path / "model.onnx")
    answers = load(artifact.target, tmp_path / "model.onnx")(examples[0])
    assert artifact.opset == opset
    assert {stamp.domain: stamp.version for stamp in proto.opset_import}[""] == opset
    assert proto.ir_version == ONNX_IR_VERSION == 8
    np.testing.assert_allclose(answers, keras_answers(examples[0]), rtol=0, atol=CLOSE)


def test_onnx_uses_standard_operators_only(onnx_file: Path) -> None:
    proto = onnx.load(onnx_file)

    assert {node.domain for node in proto.graph.node} <= {"", "ai.onnx"}
    assert proto.functions == []


def test_the_batch_dimension_of_onnx_is_named_batch_and_the_others_are_numbers(onnx_file: Path) -> None:
    graph = onnx.load(onnx_file).graph

    (image,), (answer,) = (
        [[dim.dim_param or dim.dim_value for dim in tensor.type.tensor_type.shape.dim] for tensor in tensors]
        for tensors in (graph.input, graph.output)
    )

    assert (image, answer) == (["batch", 28, 28, 1], ["batch", 10])


def test_no_random_operator_is_in_the_onnx_file(onnx_file: Path) -> None:
    operators = [node.op_type for node in onnx.load(onnx_file).graph.node]

    assert not [operator for operator in operators if operator.startswith(RANDOM_OPERATORS)]


def test_onnx_keeps_its_weights_inside(onnx_file: Path) -> None:
    tensors = onnx.load(onnx_file, load_external_data=False).graph.initializer

    assert all(tensor.data_location == onnx.TensorProto.DEFAULT for tensor in tensors)


def test_onnx_describes_itself(onnx_file: Path, description: Any) -> None:
    properties = {entry.key: entry.value for entry in onnx.load(onnx_file).metadata_props}

    assert properties == description.as_metadata()
    assert json.loads(properties["labels"]) == list("0123456789")
