"""Weights are read from and written into the bytes of every format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from export._publish import publish
from export.artifact import Format, digest_tree
from export.comparison.reference import read_reference
from export.folder.manifest import read_manifest
from export.formats.format import offered_formats
from export.formats.runtime import answer_all, load
from export.formats.weights import Weight, as_stored, read_weights, write_weights

EVERY = list(offered_formats())


def artifact_of(folder: Path, kind: Format) -> Any:
    return next(artifact for artifact in read_manifest(folder).artifacts if artifact.target.format is kind)


def answers(folder: Path, kind: Format) -> np.ndarray:
    artifact = artifact_of(folder, kind)
    reference = read_reference(folder / "reference.npz")
    (answer,) = answer_all(load(artifact.target, folder / artifact.target.file), reference.inputs).values()
    return answer


def path_of(folder: Path, kind: Format) -> Path:
    return folder / artifact_of(folder, kind).target.file


def kernels(weights: dict[str, Weight]) -> dict[str, Weight]:
    return {name: weight for name, weight in weights.items() if weight.values.size > weight.channels > 1}


@pytest.mark.parametrize("kind", EVERY)
def test_writing_what_was_read_changes_no_answer(published_copy: Path, kind: Format) -> None:
    before = answers(published_copy, kind)
    path = path_of(published_copy, kind)

    write_weights(kind, path, {name: weight.values for name, weight in read_weights(kind, path).items()})

    np.testing.assert_array_equal(answers(published_copy, kind), before)


@pytest.mark.parametrize("kind", [Format.TFLITE, Format.ONNX])
def test_writing_what_was_read_gives_the_same_bytes(published_copy: Path, kind: Format) -> None:
    path = path_of(published_copy, kind)
    before = path.read_bytes()

    write_weights(kind, path, {name: weight.values for name, weight in read_weights(kind, path).items()})

    assert path.read_bytes() == before


@pytest.mark.parametrize("kind", EVERY)
def test_what_was_written_is_read_again_and_changes_the_answers(published_copy: Path, kind: Format) -> None:
    before = answers(published_copy, kind)
    path = path_of(published_copy, kind)
    name, weight = list(kernels(read_weights(kind, path)).items())[-1]

    write_weights(kind, path, {name: weight.values * np.float32(1.5)})

    np.testing.assert_array_equal(read_weights(kind, path)[name].values, weight.values * np.float32(1.5))
    assert np.abs(answers(published_copy, kind) - before).max() > 1e-3


def unit(channels: np.ndarray) -> np.ndarray:
    """(channels, values) without signs, each channel in ascending order and of length 1.

    Layouts differ between formats, and what comes before or behind a layer is multiplied into its channels.
    """
    rows = np.sort(np.abs(channels), axis=1)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize("kind", EVERY)
def test_every_format_holds_the_kernels_of_the_model_channel_by_channel(
    published: Path, serving: Any, kind: Format
) -> None:
    kernels_of_keras = [np.array(weight) for weight in serving.model.trainable_weights if len(weight.shape) > 1]

    found = list(kernels(read_weights(kind, path_of(published, kind))).values())

    for weight, kernel in zip(found, kernels_of_keras, strict=True):
        expected = kernel.reshape(-1, kernel.shape[-1]).T
        np.testing.assert_allclose(unit(weight.by_channel), unit(expected), rtol=1e-4, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    "layer",
    [
        pytest.param(lambda: keras.layers.DepthwiseConv2D(3, depth_multiplier=3, strides=2), id="depthwise"),
        pytest.param(lambda: keras.layers.Conv2DTranspose(3, 3, strides=2), id="transposed"),
        pytest.param(lambda: keras.layers.Dense(5), id="dense on every pixel"),
    ],
)
@pytest.mark.parametrize("kind", EVERY)
def test_other_layers_can_be_changed_too(
    save_layers: Callable[..., Path], request_for: Any, examples: Any, tmp_path: Path, layer: Any, kind: Format
) -> None:
    folder = tmp_path / "artifacts"
    publish(request_for(folder, kind, model=save_layers(layer())), *examples)
    before = answers(folder, kind)
    weights = read_weights(kind, path_of(folder, kind))
    # Among what a format makes of a layer may be numbers that are not the model's own.
    name = next(iter(kernels(weights)), next(iter(weights)))

    write_weights(kind, path_of(folder, kind), {name: weights[name].values * np.float32(2)})

    assert np.abs(answers(folder, kind) - before).max() > 1e-5


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_values_by_channel_come_back_in_their_own_shape(axis: int) -> None:
    values = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    weight = Weight(values=values, channel_axis=axis)

    assert weight.by_channel.shape == (values.shape[axis], 24 // values.shape[axis])
    np.testing.assert_array_equal(weight.by_channel[1], np.take(values, 1, axis=axis).ravel())
    np.testing.assert_array_equal(weight.from_channels(weight.by_channel), values)


def test_a_single_number_is_one_channel() -> None:
    weight = Weight(values=np.array(3.0, np.float32), channel_axis=None)

    assert (weight.channels, weight.by_channel.shape) == (1, (1, 1))
    assert weight.from_channels(weight.by_channel * 2) == 6.0
    assert weight.from_channels(weight.by_channel).shape == ()


@pytest.mark.parametrize("kind", EVERY)
def test_a_weight_that_the_file_lacks_is_refused(published_copy: Path, kind: Format) -> None:
    path = path_of(published_copy, kind)

    with pytest.raises(ValueError, match=rf"{path.name} has no weight kernel: choose among "):
        write_weights(kind, path, {"kernel": np.zeros(3, np.float32)})


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("values", [np.zeros(3, np.float32), np.zeros((3, 3, 1, 8), np.float64)])
def test_values_of_another_shape_or_dtype_are_refused(published_copy: Path, kind: Format, values: np.ndarray) -> None:
    path = path_of(published_copy, kind)
    name = next(iter(kernels(read_weights(kind, path))))
    before = digest_tree(published_copy, path.name)

    with pytest.raises(ValueError, match=r"is float32 \(.*\), which float\d\d \(.*\) can't replace"):
        write_weights(kind, path, {name: values})

    assert digest_tree(published_copy, path.name) == before


def write_quantized_onnx(path: Path, kernel: np.ndarray) -> None:
    """A file with one kernel, (4, 3), stored as it is; int8 with the scale 0.5."""
    from onnx import TensorProto, helper, numpy_helper

    stored = numpy_helper.from_array(kernel, "kernel")
    scale = numpy_helper.from_array(np.array(0.5, np.float32), "scale")
    widen = (
        helper.make_node("DequantizeLinear", ["kernel", "scale"], ["wide"])
        if kernel.dtype == np.int8
        else helper.make_node("Cast", ["kernel"], ["wide"], to=TensorProto.FLOAT)
    )
    graph = helper.make_graph(
        [widen, helper.make_node("MatMul", ["x", "wide"], ["y"])],
        "quantized",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 3])],
        [stored, scale],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())


@pytest.mark.parametrize("dtype", [np.float16, np.int8])
def test_weights_of_an_onnx_file_that_are_stored_with_fewer_bits_are_rounded_to_them(
    tmp_path: Path, dtype: Any
) -> None:
    kernel = np.arange(12).reshape(4, 3).astype(dtype)
    write_quantized_onnx(tmp_path / "model.onnx", kernel)

    write_weights(Format.ONNX, tmp_path / "model.onnx", {"kernel": np.full((4, 3), 2.6001, np.float32)})
    found = read_weights(Format.ONNX, tmp_path / "model.onnx")["kernel"].values

    assert found.dtype == np.float32
    assert set(found.ravel()) == {float(np.float16(2.6001)) if dtype is np.float16 else 3.0}


@pytest.mark.slow
def test_weights_of_a_tflite_file_that_are_stored_as_float16_are_rounded_to_them(serving: Any, tmp_path: Path) -> None:
    import tensorflow as tf

    function = tf.function(serving.serve, input_signature=serving.signature).get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], serving.model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    path = tmp_path / "model_float16.tflite"
    path.write_bytes(converter.convert())
    name, weight = max(read_weights(Format.TFLITE, path).items(), key=lambda pair: pair[1].values.size)

    write_weights(Format.TFLITE, path, {name: np.full_like(weight.values, 1 / 3)})

    assert set(read_weights(Format.TFLITE, path)[name].values.ravel()) == {float(np.float16(1 / 3))}


def test_numbers_beyond_what_a_file_can_store_are_cut_off() -> None:
    values = np.array([np.nan, -1e9, 1e9, 1.5], np.float32)

    assert as_stored(values, np.dtype(np.int8)).tolist() == [0, -128, 127, 2]
    assert as_stored(values, np.dtype(np.float16)).tolist()[1:] == [-np.inf, np.inf, 1.5]
