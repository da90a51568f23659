"""One suite for every format: what is written keeps the contract, describes itself, and is never wrong."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import pytest
import tensorflow as tf
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

from export.artifact import ONNX_IR_VERSION, Artifact, Format, Target, TensorSpec, Variant, read_manifest
from export.errors import InputError, VerificationError
from export.publish import publish
from export.runtimes import load, predict
from export.serving import ServingModel, load_serving_model
from export.writers import WriteOptions, ensure_runs, write
from export.writers import onnx as onnx_writer
from export.writers import saved_model as saved_model_writer
from export.writers import tflite as tflite_writer
from export.writers.onnx_converter import CONVERTER

layers = keras.layers
TARGETS = {kind: Target(format=kind, variant=Variant.FLOAT32) for kind in Format}
CLOSE = 1e-5

CORNERS = {"starts": [0, 0], "ends": [1, 2]}
RANDOM_OPERATORS = ("Random", "Multinomial", "Dropout", "Bernoulli")

WRITE_TFLITE = """
import hashlib, pathlib, sys
from export.artifact import Description, Format, Target, Variant
from export.serving import load_serving_model
from export.writers import WriteOptions, write
target = Target(format=Format.TFLITE, variant=Variant.FLOAT32)
description = Description(class_names=("a",), dataset="d", dataset_digest="d", accuracy=0.5, source_digest="s")
options = WriteOptions(target=target, description=description, opset=17)
write(load_serving_model(pathlib.Path(sys.argv[1])), pathlib.Path(sys.argv[2]), options)
print(hashlib.sha256((pathlib.Path(sys.argv[2]) / target.file).read_bytes()).hexdigest())
"""


@keras.saving.register_keras_serializable("tests")
class InverseErrorFunction(keras.layers.Layer):
    """A layer of the user's own with an operator that only TensorFlow has."""

    def call(self, inputs: Any) -> Any:
        return keras.ops.erfinv(inputs)


class SimpleConverter:
    """A converter of TFLite whose `convert` is given."""

    def __init__(self, convert: Callable[..., Any]) -> None:
        self.target_spec = tf.lite.TargetSpec()
        self.convert = convert


@pytest.fixture(scope="module", params=list(Format))
def kind(request: pytest.FixtureRequest) -> Format:
    return request.param


@pytest.fixture(scope="module")
def description(model_file: Path, describe: Callable[[Path], Any]) -> Any:
    return describe(model_file)


@pytest.fixture(scope="module")
def options(description: Any) -> Callable[..., WriteOptions]:
    def call(kind: Format, *, opset: int = 17) -> WriteOptions:
        return WriteOptions(target=TARGETS[kind], description=description, opset=opset)

    return call


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("written")


@pytest.fixture(scope="module")
def artifact(kind: Format, serving: ServingModel, folder: Path, options: Callable[..., WriteOptions]) -> Any:
    return write(serving, folder, options(kind))


@pytest.fixture(scope="module")
def onnx_file(serving: ServingModel, tmp_path_factory: pytest.TempPathFactory, options: Any) -> Path:
    folder = tmp_path_factory.mktemp("onnx")
    write(serving, folder, options(Format.ONNX))
    return folder / "model.onnx"


@pytest.fixture(scope="module")
def tflite_file(serving: ServingModel, tmp_path_factory: pytest.TempPathFactory, options: Any) -> Path:
    folder = tmp_path_factory.mktemp("tflite")
    write(serving, folder, options(Format.TFLITE))
    return folder / "model.tflite"


def published_answers(folder: Path, images: np.ndarray) -> list[np.ndarray]:
    """What each file published there answers; nothing if nothing was."""
    manifests = [read_manifest(folder) for _ in folder.glob("manifest.json")]
    artifacts = [artifact for manifest in manifests for artifact in manifest.artifacts]
    return [predict(load(artifact.target, folder / artifact.target.file), images) for artifact in artifacts]


def test_the_file_is_there_with_its_digests_and_size(artifact: Any, folder: Path, kind: Format) -> None:
    contents = {path: (folder / path).read_bytes() for path in artifact.files}

    assert artifact.target == TARGETS[kind]
    assert artifact.files == {path: hashlib.sha256(content).hexdigest() for path, content in contents.items()}
    assert artifact.size_bytes == sum(len(content) for content in contents.values())
    assert all(path.split("/")[0] == artifact.target.file for path in artifact.files)


@pytest.mark.slow
def test_nothing_lies_beside_the_file(
    kind: Format, serving: ServingModel, tmp_path: Path, options: Callable[..., WriteOptions]
) -> None:
    write(serving, tmp_path, options(kind))

    assert [path.name for path in tmp_path.iterdir()] == [TARGETS[kind].file]


def test_the_artifact_states_the_contract(artifact: Any) -> None:
    assert artifact.inputs == (TensorSpec(name="image", dtype="uint8", shape=(None, 28, 28, 1)),)
    assert artifact.outputs == (TensorSpec(name="probabilities", dtype="float32", shape=(None, 10)),)


def test_the_file_keeps_the_contract(artifact: Any, folder: Path) -> None:
    loaded = load(artifact.target, folder / artifact.target.file)

    assert (loaded.inputs, loaded.outputs) == (artifact.inputs, artifact.outputs)


@pytest.mark.parametrize("batch", [1, 2, 17])
def test_any_batch_is_answered_as_keras_does(
    artifact: Any, folder: Path, examples: Any, keras_answers: Callable[..., np.ndarray], batch: int
) -> None:
    images = examples[0][:batch]

    answers = load(artifact.target, folder / artifact.target.file)(images)

    np.testing.assert_allclose(answers, keras_answers(images), rtol=0, atol=CLOSE)


def test_only_onnx_has_an_opset(artifact: Any) -> None:
    assert artifact.opset == {Format.ONNX: 17}.get(artifact.target.format)


@pytest.mark.slow
def test_writing_again_replaces_what_was_written(
    kind: Format, serving: ServingModel, tmp_path: Path, options: Callable[..., WriteOptions]
) -> None:
    write(serving, tmp_path, options(kind))
    again = write(serving, tmp_path, options(kind))

    ensure_runs(again, tmp_path)


def test_an_artifact_that_states_other_tensors_is_refused(artifact: Any, folder: Path) -> None:
    wrong = dataclasses.replace(artifact, inputs=(dataclasses.replace(artifact.inputs[0], shape=(None, 27, 28, 1)),))

    with pytest.raises(
        VerificationError,
        match=f"{artifact.target.file} breaks the contract: it has the input .* but must have .*27, 28",
    ):
        ensure_runs(wrong, folder)


def test_an_artifact_that_states_another_output_is_refused(artifact: Any, folder: Path) -> None:
    wrong = dataclasses.replace(artifact, outputs=(dataclasses.replace(artifact.outputs[0], shape=(None, 11)),))

    with pytest.raises(
        VerificationError, match=f"{artifact.target.file} breaks the contract: it has the output .* but must have .*11"
    ):
        ensure_runs(wrong, folder)


def test_a_file_that_answers_a_second_batch_size_wrongly_is_refused(tmp_path: Path) -> None:
    image = onnx.helper.make_tensor_value_info("image", onnx.TensorProto.UINT8, ["batch", 2, 2, 1])
    answer = onnx.helper.make_tensor_value_info("probabilities", onnx.TensorProto.FLOAT, ["batch", 2])
    corners = [onnx.helper.make_tensor(name, onnx.TensorProto.INT64, [2], at) for name, at in CORNERS.items()]
    nodes = [
        onnx.helper.make_node("Cast", ["image"], ["float"], to=onnx.TensorProto.FLOAT),
        onnx.helper.make_node("Flatten", ["float"], ["flat"]),
        onnx.helper.make_node("Slice", ["flat", *CORNERS], ["probabilities"]),
    ]
    proto = onnx.helper.make_model(
        onnx.helper.make_graph(nodes, "first row only", [image], [answer], corners),
        opset_imports=[onnx.helper.make_opsetid("", 17)],
        ir_version=8,
    )
    onnx.save(proto, tmp_path / "model.onnx")
    spec = TensorSpec(name="image", dtype="uint8", shape=(None, 2, 2, 1))
    output = TensorSpec(name="probabilities", dtype="float32", shape=(None, 2))
    stated = Artifact(target=TARGETS[Format.ONNX], files={}, size_bytes=0, inputs=(spec,), outputs=(output,), opset=17)

    with pytest.raises(VerificationError, match=r"model\.onnx answers a batch of 3 with float32 \(1, 2\) but must"):
        ensure_runs(stated, tmp_path)


def test_a_file_that_does_not_run_is_refused(artifact: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        inputs, outputs = artifact.inputs, artifact.outputs

        def answer(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
            raise ValueError("the runtime can't run the file (no kernel)")

    monkeypatch.setattr("export.runtimes.load", lambda target, path: Broken())

    message = f"{artifact.target.file} does not answer a batch of 1: the runtime can't run the file"
    with pytest.raises(VerificationError, match=message):
        ensure_runs(artifact, folder)


def test_a_file_that_does_not_load_is_refused(artifact: Any, tmp_path: Path) -> None:
    with pytest.raises(VerificationError, match=f"{artifact.target.file} was written, but there is no"):
        ensure_runs(artifact, tmp_path)


@pytest.mark.slow
def test_random_layers_sleep_in_the_written_file(
    kind: Format, save_layers: Callable[..., Path], request_for: Callable[..., Any], tmp_path: Path, examples: Any
) -> None:
    model = save_layers(
        layers.RandomRotation(0.3),
        layers.RandomTranslation(0.2, 0.2),
        layers.GaussianNoise(0.3),
        layers.Conv2D(4, 3, activation="relu"),
        layers.Dropout(0.5),
    )
    images, labels = examples
    expected = np.asarray(keras.models.load_model(model, compile=False)(images, training=False))

    assert publish(request_for(tmp_path / "artifacts", kind, model=model), images, labels).passed

    first, second = (published_answers(tmp_path / "artifacts", images) for _ in range(2))
    for answers, again in zip(first, second, strict=True):
        np.testing.assert_array_equal(answers, again)
        np.testing.assert_allclose(answers, expected, rtol=0, atol=CLOSE)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [Format.TFLITE, Format.ONNX])
def test_a_model_that_a_format_cannot_hold_is_refused_by_its_layer_and_nothing_published(
    kind: Format, save_layers: Callable[..., Path], request_for: Callable[..., Any], tmp_path: Path, examples: Any
) -> None:
    model = save_layers(layers.Activation("tanh"), InverseErrorFunction(name="inverse"))
    message = rf"^the layer inverse \(InverseErrorFunction\) can't .* operator Erfinv .*, or leave out --format {kind}$"

    with pytest.raises(InputError, match=message):
        publish(request_for(tmp_path / "out" / "artifacts", "saved_model", kind, model=model), *examples)

    assert [path.name for path in (tmp_path / "out").iterdir()] == [".artifacts.lock"]


def test_whatever_the_tflite_converter_raises_becomes_one_sentence(
    serving: ServingModel, tmp_path: Path, options: Callable[..., WriteOptions], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("no such\n thing")

    monkeypatch.setattr("tensorflow.lite.TFLiteConverter.from_saved_model", lambda path: SimpleConverter(fail))

    message = "the model can't be written as float32 TFLite with builtin operators: no such thing"
    with pytest.raises(InputError, match=message):
        write(serving, tmp_path, options(Format.TFLITE))


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
    monkeypatch.setattr(onnx_writer, "convert", lambda serving, opset: proto.SerializeToString())

    with pytest.raises(VerificationError, match=r"model\.onnx can't be published: it uses operators of com\.vendor"):
        write(serving, tmp_path, options(Format.ONNX))


def test_an_onnx_file_of_another_opset_is_refused(
    serving: ServingModel,
    onnx_file: Path,
    tmp_path: Path,
    options: Callable[..., WriteOptions],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(onnx_writer, "convert", lambda serving, opset: onnx_file.read_bytes())

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


def test_tflite_describes_itself(tflite_file: Path, description: Any) -> None:
    model = flatbuffer_utils.read_model(str(tflite_file))

    (entry,) = [entry for entry in model.metadata if entry.name == tflite_writer.METADATA_NAME.encode()]
    text = bytes(model.buffers[entry.buffer].data).decode()

    assert tflite_writer.METADATA_NAME == "description"
    assert json.loads(text) == description.as_metadata()


def test_a_saved_model_describes_itself(folder: Path, serving: ServingModel, tmp_path: Path, options: Any) -> None:
    write(serving, tmp_path, options(Format.SAVED_MODEL))

    path = tmp_path / "saved_model" / "assets.extra" / "description.json"

    assert json.loads(path.read_text(encoding="utf-8")) == options(Format.SAVED_MODEL).description.as_metadata()


def test_tflite_holds_builtin_operators_only(tflite_file: Path) -> None:
    codes = flatbuffer_utils.read_model(str(tflite_file)).operatorCodes

    assert codes
    assert not [code for code in codes if code.customCode is not None]
    assert schema.BuiltinOperator.CUSTOM not in {max(code.builtinCode, code.deprecatedBuiltinCode) for code in codes}


def test_no_random_operator_is_in_the_tflite_file(tflite_file: Path) -> None:
    names = {value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
    codes = flatbuffer_utils.read_model(str(tflite_file)).operatorCodes

    operators = [names[max(code.builtinCode, code.deprecatedBuiltinCode)] for code in codes]

    assert not [operator for operator in operators if "RANDOM" in operator or "MULTINOMIAL" in operator]


def test_a_saved_model_stores_each_weight_once(serving: ServingModel, tmp_path: Path, options: Any) -> None:
    write(serving, tmp_path, options(Format.SAVED_MODEL))

    stored = tf.train.list_variables(str(tmp_path / "saved_model" / "variables" / "variables"))
    shapes = sorted(tuple(shape) for name, shape in stored if name != "_CHECKPOINTABLE_OBJECT_GRAPH")
    assert shapes == sorted(tuple(variable.shape) for variable in serving.model.variables)


def test_a_saved_model_does_not_tell_which_machine_wrote_it(serving: Any, tmp_path: Path, options: Any) -> None:
    write(serving, tmp_path, options(Format.SAVED_MODEL))

    assert not (tmp_path / "saved_model" / "fingerprint.pb").exists()


def test_a_saved_model_has_one_signature(serving: ServingModel, tmp_path: Path, options: Any) -> None:
    write(serving, tmp_path, options(Format.SAVED_MODEL))

    loaded = tf.saved_model.load(str(tmp_path / "saved_model"))
    assert list(loaded.signatures) == ["serving_default"]
    assert saved_model_writer.SIGNATURE == "serving_default"


def test_a_saved_model_holds_no_random_operator(serving: ServingModel, tmp_path: Path, options: Any) -> None:
    write(serving, tmp_path, options(Format.SAVED_MODEL))

    loaded = tf.saved_model.load(str(tmp_path / "saved_model"))
    graph = loaded.signatures["serving_default"].graph.as_graph_def()
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    assert not [node.op for node in nodes if "Random" in node.op]


@pytest.mark.slow
def test_tflite_gives_the_same_bytes_again(serving: ServingModel, tmp_path: Path, options: Any) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()

    digests = [write(serving, folder, options(Format.TFLITE)).files for folder in (first, second)]

    assert digests[0] == digests[1]


@pytest.mark.slow
def test_tflite_gives_the_same_bytes_in_another_process(
    model_file: Path, tmp_path: Path, child: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    runs = [child(WRITE_TFLITE, model_file, tmp_path, PYTHONHASHSEED=seed) for seed in ("0", "1")]

    assert [run.returncode for run in runs] == [0, 0], runs[0].stderr
    assert len({run.stdout for run in runs}) == 1


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(8, 8, 1), (12, 6, 3)])
def test_other_image_sizes_and_channels_are_written(
    kind: Format, tmp_path: Path, options: Callable[..., WriteOptions], shape: tuple[int, int, int]
) -> None:
    image = keras.Input(shape, dtype="uint8")
    answer = layers.Dense(3, activation="softmax")(layers.Flatten()(layers.Rescaling(1 / 255)(image)))
    keras.Model(image, answer).save(tmp_path / "other.keras")

    artifact = write(load_serving_model(tmp_path / "other.keras"), tmp_path, options(kind))

    assert (artifact.inputs[0].shape, artifact.outputs[0].shape) == ((None, *shape), (None, 3))
