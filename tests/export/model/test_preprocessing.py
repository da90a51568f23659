"""Any classifier of images, whatever it takes and answers, is served from uint8 pixels to probabilities, in every file.

What is expected is computed by hand from Keras on `pixel × factor + offset`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from export._publish import publish
from export.artifact import Format, ModelKind, Subject, TensorSpec
from export.errors import InputError
from export.folder.manifest import read_manifest
from export.formats.format import offered_formats
from export.formats.runtime import load
from export.formats.targets import choose_targets
from export.model.preprocessing import InputPreprocessing, Preprocessing, ServingOptions
from export.model.serving import ServingModel, load_serving_model
from export.publishing.request import ExportRequest
from export.verification import verify_folder

from .preprocessing_cases import (
    CASES,
    CLOSE,
    FLOATS,
    FROM_LOGITS,
    HALF_PRECISION,
    IMAGES,
    RAW,
    SIGNED,
    UNIT,
    Registered,
    Unregistered,
    both_of,
    convolutions,
    functional,
    in_policy,
    layers,
    trained,
)

pytestmark = pytest.mark.slow


def save(model: Any, folder: Path) -> Path:
    path = folder / "model.keras"
    model.save(path)
    return path


def request(path: Path, options: ServingOptions, *, classes: int, formats: tuple[str, ...] = ()) -> ExportRequest:
    return ExportRequest(
        model=path,
        targets=choose_targets(formats or offered_formats(), []),
        folder=path.with_name("artifacts"),
        subject=Subject(
            class_names=tuple(f"class {label}" for label in range(classes)), dataset="noise", dataset_digest="d"
        ),
        serving=options,
    )


def answers_of_files(folder: Path) -> Mapping[str, np.ndarray]:
    return {
        artifact.target.file: load(artifact.target, folder / artifact.target.file)(IMAGES)
        for artifact in read_manifest(folder).artifacts
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", list(CASES))
def test_every_file_answers_pixels_as_keras_answers_what_it_was_trained_on(name: str, tmp_path: Path) -> None:
    build, options, seen, finish, classes = CASES[name]
    keras.utils.set_random_seed(1)
    model = build()
    path = save(model, tmp_path)
    expected = finish(np.asarray(model(seen, training=False), dtype=np.float32))

    verification = publish(request(path, options, classes=classes), IMAGES, np.arange(60) % classes)

    assert verification.passed
    assert len(verification.artifacts) == len(offered_formats())
    for artifact in verification.artifacts:
        assert [(spec.name, spec.dtype, spec.shape) for spec in (*artifact.inputs, *artifact.outputs)] == [
            ("image", "uint8", (None, 8, 8, 1)),
            ("probabilities", "float32", (None, classes)),
        ]
    for answers in answers_of_files(tmp_path / "artifacts").values():
        np.testing.assert_allclose(answers, expected, rtol=0, atol=HALF_PRECISION.get(name, CLOSE))
    assert verify_folder(tmp_path / "artifacts", formats=list(Format)).passed


def served(model: Any, tmp_path: Path, options: ServingOptions, examples: Any = IMAGES) -> ServingModel:
    return load_serving_model(save(model, tmp_path), options, examples=examples)


def test_the_description_tells_what_was_put_around_the_model(tmp_path: Path) -> None:
    path = save(functional(*convolutions(layers.Dense(3))), tmp_path)

    publish(request(path, ServingOptions(pixel_scale=SIGNED), classes=3, formats=("onnx",)), IMAGES, np.arange(60) % 3)

    description = json.loads((tmp_path / "artifacts" / "manifest.json").read_text())["description"]
    assert (description["kind"], description["wrapped"]) == ("classifier", True)
    assert description["preprocessing"] == (
        "none: raw pixel values 0 to 255; the file computes pixel × 0.00784313725490196 + -1.0 itself"
    )
    assert description["postprocessing"] == "softmax of the model's logits"
    assert description["class_names"] == ["class 0", "class 1", "class 2"]


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float16"])
def test_half_precision_is_said_to_be_computed_in_float32(policy: str, tmp_path: Path) -> None:
    model = in_policy(policy, lambda: functional(*convolutions(layers.Dense(3, activation="softmax"))))

    found = served(model, tmp_path, ServingOptions(pixel_scale=UNIT))

    assert found.note == f"computed in float32, trained with {policy}"
    assert {layer.compute_dtype for layer in found.model.layers} == {"float32"}


def test_a_saturated_sigmoid_keeps_the_digits_of_its_logit(tmp_path: Path) -> None:
    model = functional(layers.Flatten(), layers.Dense(1, activation="sigmoid"))
    model.set_weights([np.full((64, 1), 0.6, np.float32), np.zeros(1, np.float32)])

    found = served(model, tmp_path, ServingOptions(pixel_scale=UNIT))

    probabilities = np.asarray(found.serve(IMAGES)["probabilities"], dtype=np.float64)
    logit = (FLOATS.reshape(-1, 64).astype(np.float64) / 255).sum(axis=1) * 0.6
    assert probabilities[:, 1].min() > 0.99999
    np.testing.assert_allclose(np.log(probabilities[:, 0]), -np.log1p(np.exp(logit)), rtol=1e-5)


def test_a_sigmoid_that_is_used_twice_is_left_where_it_is(tmp_path: Path) -> None:
    image = keras.Input((8, 8, 1))
    squash = layers.Activation("sigmoid")
    chance = squash(layers.Dense(1)(squash(layers.Flatten()(image))))
    model = keras.Model(image, chance)

    found = served(model, tmp_path, ServingOptions(pixel_scale=UNIT))

    expected = both_of(np.asarray(model(FLOATS / 255, training=False)))
    np.testing.assert_allclose(np.asarray(found.serve(IMAGES)["probabilities"]), expected, atol=1e-6)


def test_a_sigmoid_for_each_of_several_classes_is_no_classifier(tmp_path: Path) -> None:
    model = functional(*convolutions(layers.Dense(3, activation="sigmoid")))

    with pytest.raises(InputError, match=r"gives each class a sigmoid of its own, .* export it with --outputs-only"):
        served(model, tmp_path, ServingOptions(pixel_scale=UNIT))


@pytest.mark.parametrize("units", [1, 3])
def test_answers_that_may_be_anything_are_refused(units: int, tmp_path: Path) -> None:
    model = functional(*convolutions(layers.Dense(units, activation="tanh")))

    with pytest.raises(
        InputError, match=r"gives answers through tanh from .* to .*, and nothing says whether they are"
    ):
        served(model, tmp_path, ServingOptions(pixel_scale=UNIT))


def test_logits_of_a_subclassed_model_are_known_by_its_loss_alone(tmp_path: Path) -> None:
    model = Registered()
    model(FLOATS)

    with pytest.raises(InputError, match="compile it with a loss that has from_logits=True"):
        served(model, tmp_path, ServingOptions(pixel_scale=UNIT))


def test_a_class_that_nobody_named_is_told_in_one_sentence(tmp_path: Path) -> None:
    path = save(trained(Unregistered(), FROM_LOGITS), tmp_path)

    with pytest.raises(
        InputError, match=r"needs the class Unregistered, which a Keras file does not hold: .*--code FILE.py"
    ) as told:
        load_serving_model(path, ServingOptions(pixel_scale=UNIT), examples=IMAGES)

    assert "\n" not in str(told.value)


def test_a_subclassed_model_that_cannot_take_the_images_is_told_in_one_sentence(tmp_path: Path) -> None:
    path = save(trained(Registered(), FROM_LOGITS), tmp_path)

    with pytest.raises(InputError, match=r"does not answer \(None, 9, 9, 1\) of image .*: give the data that it was"):
        load_serving_model(path, ServingOptions(pixel_scale=UNIT), examples=np.zeros((4, 9, 9, 1), np.uint8))


@pytest.mark.parametrize("option", [SIGNED, RAW])
def test_a_scale_that_is_given_counts_more_than_the_models_own(option: tuple[float, float], tmp_path: Path) -> None:
    model = functional(layers.Rescaling(1 / 255), *convolutions(layers.Dense(3, activation="softmax")))

    found = served(model, tmp_path, ServingOptions(pixel_scale=option))

    expected = np.asarray(model(FLOATS * np.float32(option[0]) + np.float32(option[1]), training=False))
    np.testing.assert_allclose(np.asarray(found.serve(IMAGES)["probabilities"]), expected, atol=1e-6)


def test_a_normalization_behind_a_convolution_says_nothing_about_the_pixels(tmp_path: Path) -> None:
    model = functional(layers.Conv2D(2, 3), layers.Rescaling(0.1), layers.Flatten(), layers.Dense(3))

    with pytest.raises(InputError, match="say by --pixel-scale what it was trained on"):
        served(model, tmp_path, ServingOptions())


def test_arithmetic_before_a_rescaling_says_nothing_about_the_pixels(tmp_path: Path) -> None:
    image = keras.Input((8, 8, 1))
    model = keras.Model(image, layers.Dense(3)(layers.Flatten()(layers.Rescaling(1 / 255)(image * 255.0))))

    with pytest.raises(InputError, match="say by --pixel-scale what it was trained on"):
        served(model, tmp_path, ServingOptions())


def test_a_uint8_softmax_classifier_is_not_wrapped(model_file: Path, examples: Any) -> None:
    found = load_serving_model(model_file, examples=examples[0])

    assert (found.kind, found.wrapped) == (ModelKind.CLASSIFIER, False)


def test_images_of_another_size_are_refused(tmp_path: Path) -> None:
    model = functional(*convolutions(layers.Dense(3)))

    with pytest.raises(InputError, match=r"takes images of \(8, 8, 1\) but the data has 60 of \(8, 4, 1\)"):
        served(model, tmp_path, ServingOptions(pixel_scale=UNIT), IMAGES[:, :, ::2])


@pytest.mark.parametrize("scale", [(1 / 255, 0.0), (1 / 127.5, -1.0), (1e-30, 1e30), None, (1.0, 0.0)])
def test_the_scale_that_the_file_computes_is_a_number_and_in_its_words(scale: Any) -> None:
    image = TensorSpec(name="image", dtype="uint8", shape=(None, 28, 28, 1))
    own = TensorSpec(name="image", dtype="float32", shape=(None, 28, 28, 1))

    part = InputPreprocessing(spec=image, own=own, scale=scale)

    computed = None if scale == (1.0, 0.0) else scale
    assert Preprocessing(parts=(part,), structure=None).pixel_scale == computed
    assert computed is None or f"{computed[0]!r} + {computed[1]!r} itself" in part.in_words


def test_a_scale_that_the_caller_computes_is_not_the_file_s() -> None:
    floats = TensorSpec(name="image", dtype="float32", shape=(None, 28, 28, 1))

    part = InputPreprocessing(spec=floats, own=floats, scale=UNIT, scaled_outside=True)

    assert Preprocessing(parts=(part,), structure=None).pixel_scale is None
