"""Which .keras files are served, and that what Keras answers is taken from them as it is."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from export.artifact import ModelKind, TensorSpec, digest_file
from export.errors import InputError
from export.model.preprocessing import ServingOptions
from export.model.serving import load_serving_model, reference_answers

layers = keras.layers


def image_input(**options: Any) -> Any:
    return keras.Input(**{"shape": (8, 8, 1), "dtype": "uint8", **options})


def flat(image: Any) -> Any:
    return layers.Flatten()(layers.Rescaling(1 / 255)(image))


def classify(image: Any) -> Any:
    return layers.Dense(3, activation="softmax")(flat(image))


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    """`save(inputs, outputs)`: a .keras file."""

    def call(inputs: Any, outputs: Any) -> Path:
        path = tmp_path / "model.keras"
        keras.Model(inputs, outputs).save(path)
        return path

    return call


def test_a_model_is_served_under_the_names_of_the_contract(serving: Any) -> None:
    assert serving.inputs == (TensorSpec(name="image", dtype="uint8", shape=(None, 28, 28, 1)),)
    assert serving.outputs == (TensorSpec(name="probabilities", dtype="float32", shape=(None, 10)),)
    assert (serving.kind, serving.wrapped) == (ModelKind.CLASSIFIER, False)


def test_a_model_with_three_channels_and_other_sizes_is_served(save: Callable[..., Path]) -> None:
    image = image_input(shape=(8, 6, 3))

    served = load_serving_model(save(image, classify(image)))

    assert (served.inputs[0].shape, served.outputs[0].shape) == ((None, 8, 6, 3), (None, 3))


def test_the_serving_function_answers_under_the_name_of_the_contract(
    serving: Any, examples: Any, keras_answers: Callable[..., np.ndarray]
) -> None:
    images = examples[0][:5]

    answered = serving.serve(images)

    assert list(answered) == ["probabilities"]
    np.testing.assert_array_equal(np.asarray(answered["probabilities"]), keras_answers(images))


@pytest.mark.parametrize("count", [1, 3, 250, 251, 300])
def test_the_reference_is_what_keras_answers_for_any_number_of_images(
    serving: Any, examples: Any, keras_answers: Callable[..., np.ndarray], count: int
) -> None:
    images = examples[0][:count]

    answers = reference_answers(serving, {"image": images})["probabilities"]

    assert answers.shape == (count, 10)
    assert answers.dtype == np.float32
    np.testing.assert_allclose(answers, keras_answers(images), rtol=0, atol=1e-5)
    np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-5)


@pytest.mark.slow
def test_random_layers_are_asleep_in_the_reference(save_layers: Callable[..., Path], examples: Any) -> None:
    serving = load_serving_model(save_layers(layers.GaussianNoise(0.5), layers.Dropout(0.5)))

    first, second = (reference_answers(serving, {"image": examples[0][:20]}) for _ in range(2))

    np.testing.assert_array_equal(first["probabilities"], second["probabilities"])


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no file .*none\.keras: give a model saved with model\.save"):
        load_serving_model(tmp_path / "none.keras")


def test_a_model_with_damaged_weights_is_refused(tmp_path: Path, model_file: Path) -> None:
    path = tmp_path / "damaged.keras"
    with zipfile.ZipFile(model_file) as source, zipfile.ZipFile(path, "w") as damaged:
        for name in source.namelist():
            damaged.writestr(name, {"model.weights.h5": b"damaged"}.get(name, source.read(name)))

    with pytest.raises(InputError, match=r"damaged\.keras can't be read as a Keras file"):
        load_serving_model(path)


def test_a_model_that_would_run_code_of_its_own_is_refused(save: Callable[..., Path]) -> None:
    image = image_input()
    path = save(image, layers.Lambda(lambda x: x * 1.0)(classify(image)))

    with pytest.raises(InputError, match="add --allow-lambda if you trust it"):
        load_serving_model(path)


def test_two_inputs_are_no_classifier(save: Callable[..., Path]) -> None:
    first, second = image_input(), image_input()
    answer = layers.Dense(3, activation="softmax")(layers.Concatenate()([flat(first), flat(second)]))

    with pytest.raises(InputError, match="has 2 inputs but a classifier must have one, an image: export it with"):
        load_serving_model(save([first, second], answer))


def test_two_outputs_are_no_classifier(save: Callable[..., Path]) -> None:
    image = image_input()

    with pytest.raises(InputError, match="has 2 outputs but a classifier must have one: export it with --outputs-only"):
        load_serving_model(save(image, [classify(image), classify(image)]))


def test_a_float_input_is_refused_unless_it_is_said_what_it_means(save: Callable[..., Path]) -> None:
    image = image_input(dtype="float32")
    answer = layers.Dense(3, activation="softmax")(layers.Flatten()(image))

    with pytest.raises(InputError, match=r"takes float32 but images are uint8 pixels: say by --pixel-scale .* unit"):
        load_serving_model(save(image, answer))


def test_an_image_of_any_size_is_refused_where_no_data_tells_one(save: Callable[..., Path]) -> None:
    image = image_input(shape=(None, None, 1))
    pooled = layers.GlobalAveragePooling2D()(layers.Rescaling(1 / 255)(image))
    path = save(image, layers.Dense(3, activation="softmax")(pooled))

    with pytest.raises(
        InputError, match=r"takes input_layer.* of any size, \(None, None, None, 1\), but exported inputs"
    ):
        load_serving_model(path)


def test_a_scale_for_a_model_that_takes_the_pixels_themselves_is_refused(save: Callable[..., Path]) -> None:
    image = image_input()

    with pytest.raises(InputError, match="takes uint8 pixels as they are: leave --pixel-scale out"):
        load_serving_model(save(image, classify(image)), ServingOptions(pixel_scale=(1 / 255, 0.0)))


def test_an_input_without_channels_is_refused_where_no_data_tells_how_many(save: Callable[..., Path]) -> None:
    image = image_input(shape=(8, 8))

    with pytest.raises(InputError, match=r"takes uint8 \(None, 8, 8\) but must take images \(batch, height, width"):
        load_serving_model(save(image, classify(image)))


def test_a_classifiers_output_of_another_rank_is_refused(save: Callable[..., Path]) -> None:
    image = image_input()

    with pytest.raises(InputError, match=r"gives float32 \(None, 6, 6, 2\) but a classifier must give float32 \(batch"):
        load_serving_model(save(image, layers.Conv2D(2, 3)(layers.Rescaling(1 / 255)(image))))


def test_an_output_of_half_precision_is_given_in_float32(save: Callable[..., Path]) -> None:
    image = image_input()
    answer = layers.Dense(3, activation="softmax", dtype="float16")(flat(image))

    served = load_serving_model(save(image, answer))

    assert served.outputs[0].dtype == "float32"
    assert served.note == "computed in float32, trained with float16"


def test_a_fixed_batch_size_is_refused(save: Callable[..., Path]) -> None:
    image = keras.Input(batch_shape=(4, 8, 8, 1), dtype="uint8")

    with pytest.raises(InputError, match="batch"):
        load_serving_model(save(image, classify(image)))


def test_a_model_that_was_never_built_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "unbuilt.keras"
    with pytest.warns(UserWarning, match="has not yet been built"):
        keras.Sequential([layers.Flatten(), layers.Dense(3, activation="softmax")]).save(path)

    with pytest.raises(InputError, match=r"unbuilt\.keras"):
        load_serving_model(path)


def test_a_classifiers_only_output_may_stand_in_a_dictionary(save: Callable[..., Path]) -> None:
    image = image_input()

    assert [spec.name for spec in load_serving_model(save(image, {"answer": classify(image)})).outputs] == [
        "probabilities"
    ]


def test_an_output_that_belongs_to_no_single_example_is_refused(save: Callable[..., Path]) -> None:
    image = image_input()
    path = save(image, keras.ops.mean(flat(image)))

    with pytest.raises(
        InputError, match=r"of shape \(\) but must give \(batch, …\) with every other size fixed: leave"
    ):
        load_serving_model(path, ServingOptions(is_classifier=False))


def test_an_output_with_more_rows_than_examples_is_refused(save: Callable[..., Path]) -> None:
    image = image_input()
    path = save(image, keras.ops.repeat(flat(image), 2, axis=0))
    served = load_serving_model(path, ServingOptions(is_classifier=False))

    with pytest.raises(InputError, match=r"the model answers 3 examples with 6 rows of .* but must give one for each"):
        reference_answers(served, {"image": np.zeros((3, 8, 8, 1), np.uint8)})


def test_an_output_of_an_unusual_dtype_is_refused(save: Callable[..., Path]) -> None:
    image = image_input()
    path = save(image, keras.ops.cast(flat(image), "int16"))

    with pytest.raises(InputError, match="as int16 but exported outputs are float32, int32, int64, uint8, bool: leave"):
        load_serving_model(path, ServingOptions(is_classifier=False))


def test_a_file_that_changes_while_it_is_read_is_refused(model_file: Path, tmp_path: Path, monkeypatch: Any) -> None:
    path = tmp_path / "model.keras"
    path.write_bytes(model_file.read_bytes())
    load_model = keras.models.load_model

    def load_and_change(*arguments: Any, **options: Any) -> Any:
        model = load_model(*arguments, **options)
        path.write_bytes(b"another model")
        return model

    monkeypatch.setattr("keras.models.load_model", load_and_change)

    with pytest.raises(InputError, match=r"model\.keras was written while it was being read: export it again"):
        load_serving_model(path)


def test_the_digest_is_that_of_the_file(model_file: Path) -> None:
    assert load_serving_model(model_file).source_digest == digest_file(model_file)
