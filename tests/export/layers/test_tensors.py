"""What files compute on their way, read with their runtime alone."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export.artifact import Format
from export.errors import InputError
from export.formats.runtime import load
from export.formats.tensors import open_tensors

from .conftest import target_of

FILES = ["model.onnx", "model.tflite"]


@pytest.mark.parametrize("file", FILES)
def test_the_last_tensor_is_what_the_file_answers(exported: Callable[[str], Any], file: str) -> None:
    case = exported("plain")
    image = case.inputs["image"][:1]

    tensors = open_tensors(target_of(file).format, case.folder / file).read({"image": image})

    answer = load(target_of(file), case.folder / file)(image)
    np.testing.assert_allclose(list(tensors.values())[-1], answer, atol=1e-6)
    assert len(tensors) >= 8
    assert {tensor.dtype.name for tensor in tensors.values()} == {"float32"}


@pytest.mark.parametrize("file", FILES)
def test_tensors_of_one_example_do_not_linger_in_the_next(exported: Callable[[str], Any], file: str) -> None:
    case = exported("plain")
    reader = open_tensors(target_of(file).format, case.folder / file)
    images = case.inputs["image"]

    first = reader.read({"image": images[:1]})
    second = reader.read({"image": images[1:2]})
    again = reader.read({"image": images[:1]})

    for name, tensor in first.items():
        np.testing.assert_array_equal(tensor, again[name])
    last = list(first)[-1]
    assert (first[last] != second[last]).any()


def test_whole_numbers_of_a_quantized_tflite_file_are_read_as_what_they_stand_for(
    served: Callable[[str], Any], exported: Callable[[str], Any], tmp_path: Path
) -> None:
    import tensorflow as tf

    from export.formats.saved_model.writer import write_plain

    serving, case = served("plain"), exported("plain")
    function = tf.function(serving.serve, input_signature=serving.signature).get_concrete_function()
    write_plain(serving, function, tmp_path / "saved")
    converter = tf.lite.TFLiteConverter.from_saved_model(str(tmp_path / "saved"))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([image[None]] for image in case.inputs["image"])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    (tmp_path / "model.tflite").write_bytes(converter.convert())
    image = {"image": case.inputs["image"][:1]}

    plain = open_tensors(Format.TFLITE, case.folder / "model.tflite").read(image)
    quantized = open_tensors(Format.TFLITE, tmp_path / "model.tflite").read(image)

    name = next(name for name in plain if "first" in name)
    close = [tensor for tensor in quantized.values() if tensor.size == plain[name].size]
    assert min(np.abs(tensor.reshape(-1) - plain[name].reshape(-1)).max() for tensor in close) < 0.1
    assert all(tensor.dtype == np.float32 for tensor in quantized.values())


def test_half_precision_in_an_onnx_file_is_read_as_float32(exported: Callable[[str], Any], tmp_path: Path) -> None:
    import onnx
    from onnx import TensorProto

    case = exported("plain")
    model = onnx.load(case.folder / "model.onnx")
    half = onnx.helper.make_node("Cast", ["probabilities"], ["half"], to=TensorProto.FLOAT16)
    model.graph.node.append(half)
    onnx.save(model, tmp_path / "model.onnx")

    tensors = open_tensors(Format.ONNX, tmp_path / "model.onnx").read({"image": case.inputs["image"][:1]})

    assert tensors["half"].dtype == np.float32
    np.testing.assert_allclose(tensors["half"], tensors["probabilities"], atol=1e-3)


def test_a_saved_model_is_refused(exported: Callable[[str], Any]) -> None:
    with pytest.raises(InputError, match="whose layers can't be looked into: ask for one of onnx, tflite"):
        open_tensors(Format.SAVED_MODEL, exported("plain").folder)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no .*model\.onnx: export the model first"):
        open_tensors(Format.ONNX, tmp_path / "model.onnx")


def test_a_missing_runtime_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("export.formats.format.find_spec", lambda name: None)
    assert importlib.util.find_spec("onnxruntime") is not None

    with pytest.raises(InputError, match=r"needs onnxruntime, which is not installed: pip install onnxruntime"):
        open_tensors(Format.ONNX, tmp_path / "model.onnx")


@pytest.mark.parametrize("content", [b"", b"\xff" * 40, b"not a model at all"])
def test_what_is_no_onnx_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.onnx").write_bytes(content)

    with pytest.raises(InputError, match=r"model\.onnx is not an ONNX file \(.*\): export it again"):
        open_tensors(Format.ONNX, tmp_path / "model.onnx")


def test_an_onnx_file_that_onnxruntime_refuses_is_told(exported: Callable[[str], Any], tmp_path: Path) -> None:
    import onnx

    model = onnx.load(exported("plain").folder / "model.onnx")
    model.graph.node[0].op_type = "NoSuchOperator"
    onnx.save(model, tmp_path / "model.onnx")

    with pytest.raises(InputError, match=r"can't be opened by onnxruntime \(.*NoSuchOperator.*\): export it again"):
        open_tensors(Format.ONNX, tmp_path / "model.onnx")


@pytest.mark.parametrize("content", [b"", b"not a model at all"])
def test_what_is_no_tflite_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.tflite").write_bytes(content)

    with pytest.raises(InputError, match=r"model\.tflite can't be opened by LiteRT \(.*\): export it again"):
        open_tensors(Format.TFLITE, tmp_path / "model.tflite")


def test_a_tflite_file_without_the_signature_is_refused(exported: Callable[[str], Any], tmp_path: Path) -> None:
    content = (exported("plain").folder / "model.tflite").read_bytes()
    assert content.count(b"serving_default\0") == 1
    (tmp_path / "model.tflite").write_bytes(content.replace(b"serving_default\0", b"serving_nothing\0"))

    with pytest.raises(InputError, match="lacks the signature serving_default: export it again"):
        open_tensors(Format.TFLITE, tmp_path / "model.tflite")


@pytest.mark.parametrize("file", FILES)
def test_inputs_of_another_model_are_refused(exported: Callable[[str], Any], file: str) -> None:
    case = exported("plain")
    reader = open_tensors(target_of(file).format, case.folder / file)

    with pytest.raises(InputError, match=r"does not answer the recorded inputs .* it is another model's file"):
        reader.read({"image": np.zeros((1, 5, 5, 3), np.uint8)})
    with pytest.raises(InputError, match="does not answer the recorded inputs"):
        reader.read({"picture": case.inputs["image"][:1]})
