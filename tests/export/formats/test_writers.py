"""One suite for every format: what is written keeps the contract, describes itself, and is never wrong."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import pytest

from export._publish import publish
from export.artifact import Artifact, Format, Target, TensorSpec, Variant
from export.errors import UnwritableError, VerificationError
from export.folder.manifest import read_manifest
from export.formats.format import offered_formats
from export.formats.runtime import load, predict
from export.formats.writer import WriteOptions, ensure_runs, write
from export.model.serving import ServingModel, load_serving_model

layers = keras.layers
TARGETS = {kind: Target(format=kind, variant=Variant.FLOAT32) for kind in Format}
CLOSE = 1e-5
CORNERS = {"starts": [0, 0], "ends": [1, 2]}


@keras.saving.register_keras_serializable("tests")
class InverseErrorFunction(keras.layers.Layer):
    """A layer of the user's own with an operator that only TensorFlow has."""

    def call(self, inputs: Any) -> Any:
        return keras.ops.erfinv(inputs)


@pytest.fixture(scope="module", params=offered_formats())
def kind(request: pytest.FixtureRequest) -> Format:
    return request.param


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("written")


@pytest.fixture(scope="module")
def artifact(kind: Format, serving: ServingModel, folder: Path, options: Callable[..., WriteOptions]) -> Any:
    return write(serving, folder, options(kind))


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

    monkeypatch.setattr("export.formats.runtime.load", lambda target, path: Broken())

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
    message = (
        r"^the layer inverse \(InverseErrorFunction\) can't .* operator Erfinv .*: put another layer in its place$"
    )

    with pytest.raises(UnwritableError, match=message) as raised:
        publish(request_for(tmp_path / "out" / "artifacts", "saved_model", kind, model=model), *examples)

    assert [target.file for target in raised.value.writable] == ["saved_model"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == []


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
