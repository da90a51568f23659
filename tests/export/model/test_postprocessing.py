"""Models that are no classifiers of single images are exported with inputs and outputs of their own, and proved too."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from export._publish import publish
from export.artifact import Format, ModelKind, Subject
from export.errors import InputError
from export.folder.manifest import read_manifest
from export.formats.format import offered_formats
from export.formats.runtime import answer_all, load
from export.formats.targets import choose_targets
from export.formats.writer import write
from export.model.preprocessing import ServingOptions
from export.model.serving import load_serving_model
from export.publishing import writing
from export.publishing.request import ExportRequest
from export.verification import verify_folder

from .output_cases import (
    AS_IT_IS,
    CASES,
    COUNT,
    IMAGES,
    LONG_WORDS,
    OUTPUTS,
    TABLE,
    UNIT,
    WORDS,
    layers,
    regression,
    softmax_of_floats,
    two_inputs,
)

pytestmark = pytest.mark.slow


def save(model: Any, folder: Path) -> Path:
    path = folder / "model.keras"
    model.save(path)
    return path


def request(path: Path, options: ServingOptions, *formats: str) -> ExportRequest:
    return ExportRequest(
        model=path,
        targets=choose_targets(formats or offered_formats(), []),
        folder=path.with_name("artifacts"),
        subject=Subject(class_names=(), dataset="noise", dataset_digest="d"),
        serving=options,
    )


def by_name(answer: Any) -> list[np.ndarray]:
    return [np.asarray(tensor) for tensor in keras.tree.flatten(answer)]


@pytest.mark.parametrize("name", list(CASES))
def test_every_file_answers_under_names_of_its_own_as_keras_does(name: str, tmp_path: Path) -> None:
    build, options, examples, asked, inputs, outputs = CASES[name]
    keras.utils.set_random_seed(1)
    model = build()
    expected = by_name(model(asked, training=False))

    verification = publish(request(save(model, tmp_path), options), examples)

    assert verification.passed
    assert len(verification.artifacts) == len(offered_formats())
    serving = load_serving_model(tmp_path / "model.keras", options, examples=examples)
    prepared = serving.preprocessing.prepare(examples)
    for artifact in read_manifest(tmp_path / "artifacts").artifacts:
        assert {spec.name: (spec.dtype, spec.shape) for spec in artifact.inputs} == inputs
        assert {spec.name: (spec.dtype, spec.shape) for spec in artifact.outputs} == outputs
        found = answer_all(load(artifact.target, tmp_path / "artifacts" / artifact.target.file), prepared)
        for output, values in zip((spec.name for spec in serving.postprocessing.outputs), expected, strict=True):
            np.testing.assert_allclose(found[output], values, rtol=0, atol=1e-5 * max(1, np.abs(values).max()))
    assert verify_folder(tmp_path / "artifacts", formats=list(Format)).passed


@pytest.fixture(scope="module")
def published_regression(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A regression in every format; its model lies beside the folder."""
    keras.utils.set_random_seed(1)
    path = save(regression(), tmp_path_factory.mktemp("regression"))
    assert publish(request(path, dataclasses.replace(OUTPUTS, pixel_scale=UNIT)), IMAGES).passed
    return path.with_name("artifacts")


def test_the_manifest_says_that_the_model_is_no_classifier(published_regression: Path) -> None:
    content = json.loads((published_regression / "manifest.json").read_text(encoding="utf-8"))

    assert content["look"] is None
    assert content["description"]["kind"] == "outputs"
    assert content["description"]["accuracy"] is None
    assert content["description"]["wrapped"] is True
    assert content["artifacts"][0]["inputs"] == [{"name": "image", "dtype": "uint8", "shape": [None, 8, 8, 1]}]
    assert content["artifacts"][0]["outputs"] == [{"name": "age", "dtype": "float32", "shape": [None, 1]}]


def test_the_parity_file_says_only_what_was_compared(published_regression: Path) -> None:
    content = json.loads((published_regression / "parity.json").read_text(encoding="utf-8"))

    assert (content["kind"], content["examples"], content["passed"]) == ("outputs", COUNT, True)
    assert "stability_radius" not in content
    for result in content["results"]:
        assert set(result) == {
            *("format", "variant", "file", "sha256", "examples", "max_abs_error", "outputs", "passed"),
            "only_blind",
            *("failures", "rings", "layers"),
        }
        assert result["outputs"][0]["name"] == "age"
        assert result["outputs"][0]["max_abs_error"] <= result["outputs"][0]["limit"]


def test_the_reference_holds_inputs_outputs_and_answers_by_name(published_regression: Path) -> None:
    with np.load(published_regression / "reference.npz", allow_pickle=False) as archive:
        assert sorted(archive) == [
            *("inputs/image", "layers/facts", "layers/positions", "layers/values"),
            *("model.onnx/age", "model.tflite/age", "openvino/age", "outputs/age", "saved_model/age"),
            *("stress_inputs/image", "stress_outputs/age"),
        ]


def test_a_model_that_is_exported_as_it_is_says_so(tmp_path: Path) -> None:
    path = save(softmax_of_floats(), tmp_path)

    publish(request(path, dataclasses.replace(AS_IT_IS, pixel_scale=UNIT), "onnx"), IMAGES)

    description = read_manifest(tmp_path / "artifacts").description
    assert (description.kind, description.wrapped, description.postprocessing) == (ModelKind.OUTPUTS, False, "none")
    assert description.preprocessing == (f"pixels is pixel × {1 / 255!r} + 0.0, float32, of raw pixel values 0 to 255")


@pytest.mark.parametrize("kind", offered_formats())
def test_a_wrong_weight_in_a_hundred_is_seen_and_not_published(
    kind: Format, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, options = save(regression(), tmp_path), dataclasses.replace(OUTPUTS, pixel_scale=UNIT)
    faulty = load_serving_model(path, options, examples=IMAGES)
    kernel = faulty.model.trainable_weights[-2]
    kernel.assign(np.asarray(kernel) * 1.001)
    # What is written from was made of the right model.
    monkeypatch.setattr(
        writing, "write", lambda serving, folder, told: write(faulty, folder, dataclasses.replace(told, source=None))
    )

    verification = publish(request(path, options, kind), IMAGES)

    assert not verification.passed
    assert not (tmp_path / "artifacts").exists()


def test_outputs_that_never_change_prove_nothing(tmp_path: Path) -> None:
    model = regression()
    model.set_weights([np.zeros_like(weight) for weight in model.get_weights()])
    path = save(model, tmp_path)

    with pytest.raises(
        InputError, match=r"answers all inputs with nearly the same numbers \(age\), so that a comparison"
    ):
        publish(request(path, dataclasses.replace(OUTPUTS, pixel_scale=UNIT), "onnx"), IMAGES)

    assert not (tmp_path / "artifacts").exists()


def test_a_model_that_answers_nan_is_refused(tmp_path: Path) -> None:
    model = regression()
    model.set_weights([np.full_like(weight, np.nan) for weight in model.get_weights()])
    path = save(model, tmp_path)

    with pytest.raises(InputError, match=rf"answers {COUNT} of {COUNT} inputs with NaN or infinity \(age\): train it"):
        publish(request(path, dataclasses.replace(OUTPUTS, pixel_scale=UNIT), "onnx"), IMAGES)


def test_another_way_of_serving_is_not_published_beside_the_first(tmp_path: Path) -> None:
    path = save(regression(), tmp_path)
    publish(request(path, dataclasses.replace(OUTPUTS, pixel_scale=UNIT), "onnx"), IMAGES)

    with pytest.raises(InputError, match=r"holds model\.onnx of this model served in another way \(outputs, none: raw"):
        publish(request(path, dataclasses.replace(OUTPUTS, pixel_scale=(1.0, 0.0)), "tflite"), IMAGES)


def refused(build: Callable[[], Any], folder: Path, options: ServingOptions, examples: Any) -> None:
    load_serving_model(save(build(), folder), options, examples=examples)


def test_a_single_array_for_two_inputs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match="has 2 inputs but the data is a single array: give one for each of table, wor"
    ):
        refused(two_inputs, tmp_path, OUTPUTS, TABLE)


def test_data_with_other_names_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the data is for table, text but the model's inputs are table, words: name"):
        refused(two_inputs, tmp_path, OUTPUTS, {"table": TABLE, "text": WORDS})


def test_inputs_of_different_length_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"the data has 50 for table, 49 for words: give every input of .* as many exam"
    ):
        refused(two_inputs, tmp_path, OUTPUTS, {"table": TABLE, "words": WORDS[1:]})


def test_an_input_of_another_size_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"takes table of \(4,\) but the data has 50 of \(3,\)"):
        refused(two_inputs, tmp_path, OUTPUTS, {"table": TABLE[:, :3], "words": WORDS})


def test_broken_numbers_for_an_input_of_whole_ones_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="takes words as int32 but the data has float32: convert the data"):
        refused(two_inputs, tmp_path, OUTPUTS, {"table": TABLE, "words": WORDS.astype(np.float32)})


def test_whole_numbers_beyond_the_inputs_range_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the data for words has int64 values that are no int32: give whole numbers"):
        publish(request(save(two_inputs(), tmp_path), OUTPUTS, "onnx"), {"table": TABLE, "words": LONG_WORDS + 2**40})


def test_an_input_without_a_second_dimension_is_refused(tmp_path: Path) -> None:
    def build() -> Any:
        number = keras.Input((), name="number")
        return keras.Model(number, keras.ops.expand_dims(number, -1) * 2.0)

    with pytest.raises(InputError, match=r"takes number of shape \(None,\) but must take \(batch, values, …\)"):
        refused(build, tmp_path, OUTPUTS, TABLE[:, 0])


def test_an_input_of_half_precision_is_not_exported_as_it_is(tmp_path: Path) -> None:
    def build() -> Any:
        table = keras.Input((4,), dtype="float16", name="table")
        return keras.Model(table, layers.Dense(2, dtype="float16")(table))

    with pytest.raises(InputError, match="takes table as float16 but exported inputs are uint8, int32, int64, float32"):
        refused(build, tmp_path, AS_IT_IS, TABLE)


@pytest.mark.parametrize("policy", ["float16", "bfloat16"])
def test_an_input_of_half_precision_becomes_float32(policy: str, tmp_path: Path) -> None:
    table = keras.Input((4,), dtype=policy, name="table")
    path = save(keras.Model(table, layers.Dense(2, dtype=policy)(table)), tmp_path)

    served = load_serving_model(path, OUTPUTS, examples=TABLE)

    assert [spec.dtype for spec in (*served.inputs, *served.outputs)] == ["float32", "float32"]


def test_a_table_is_no_image_for_a_classifier(tmp_path: Path) -> None:
    def build() -> Any:
        table = keras.Input((4,))
        return keras.Model(table, layers.Dense(3, activation="softmax")(table))

    with pytest.raises(
        InputError, match=r"the images have dtype float32 but must be uint8 .* exported with --outputs-on"
    ):
        refused(build, tmp_path, ServingOptions(), TABLE)


def test_a_scale_without_pixels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="takes no uint8 images, which --pixel-scale is about: leave it out"):
        refused(
            two_inputs,
            tmp_path,
            dataclasses.replace(OUTPUTS, pixel_scale=UNIT),
            {"table": TABLE, "words": WORDS},
        )


def test_names_are_made_valid_and_unique(tmp_path: Path) -> None:
    def build() -> Any:
        first, second = keras.Input((4,), name="a b"), keras.Input((4,), name="a-b")
        return keras.Model([first, second], {"a_b": layers.Dense(2)(first), "1": layers.Dense(2)(second)})

    served = load_serving_model(save(build(), tmp_path), OUTPUTS, examples={"a b": TABLE, "a-b": TABLE})

    assert [spec.name for spec in served.inputs] == ["a_b", "a_b_2"]
    assert [spec.name for spec in served.outputs] == ["a_b_3", "tensor_1"]
