"""Every stock layer and some networks, in every format: published and equal to Keras, or refused as the table says."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from export._publish import publish
from export.artifact import Format, Target, Variant
from export.errors import InputError, VerificationError
from export.formats.format import offered_formats
from export.formats.runtime import load, predict
from scripts.benches.model_zoo.cases import (
    CASES,
    CONVOLUTIONS,
    DENSE_AND_MERGING,
    NORMALIZATIONS,
    POOLINGS,
    RECURRENT,
    SHAPES,
)
from scripts.benches.model_zoo.matrix import REFUSED
from scripts.benches.model_zoo.models import NETWORKS, build_model, image_shape, make_images
from scripts.benches.model_zoo.quiet import ACTIVATION_NAMES, ACTIVATIONS, NO_ACTIVATIONS, NO_IMAGE_LAYERS, RANDOM

pytestmark = [
    # What they run is measured where it is tested by itself; hundreds of models more would only be slower.
    pytest.mark.no_cover,
    pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask:UserWarning"),
    pytest.mark.filterwarnings("ignore:The structure of `inputs` doesn't match:UserWarning"),
]
CLOSE = 1e-5
SMALL_NETWORK = "MobileNetV3Small"
"""The others are tried by `scripts/bench layers`."""
FAMILIES = (CONVOLUTIONS, POOLINGS, NORMALIZATIONS, SHAPES, DENSE_AND_MERGING, RECURRENT, RANDOM, ACTIVATIONS)
TYPICAL = {
    "Conv2D grouped, strided",
    "AveragePooling3D",
    "BatchNormalization after pooling",
    "UpSampling2D bicubic",
    "Dense",
    "GRU, reset before",
    "LSTM of masked rows",
    "Dropout",
    "activation gelu",
    *(name for name, _ in REFUSED),
}
"""What is tried always: of each family what converters do in different ways."""


@pytest.fixture
def layer_request(request_for: Callable[..., Any], tmp_path: Path) -> Callable[..., Any]:
    """`layer_request(name, formats)`: (request, images, labels, Keras's own answers); nothing for no formats."""

    def call(name: str, formats: list[str]) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray]:
        keras.backend.clear_session()
        model = build_model(name)
        model.save(tmp_path / "model.keras")
        images = make_images(image_shape(name))
        answers = np.asarray(model(images, training=False))
        request = request_for(tmp_path / "artifacts", *formats, model=tmp_path / "model.keras")
        return request, images, answers.argmax(axis=1).astype(np.int64), answers

    return call


def stock_layers() -> dict[str, type]:
    classes = {name: getattr(keras.layers, name) for name in dir(keras.layers)}
    return {c.__name__: c for c in classes.values() if isinstance(c, type) and issubclass(c, keras.layers.Layer)}


def layers_inside(holder: Any) -> set[str]:
    """Names of the classes of all layers in a model, those inside wrappers and cells too."""
    inner = [layer for layer in holder._flatten_layers() if layer is not holder]
    return {type(layer).__name__ for layer in inner}


@pytest.mark.slow
def test_every_stock_layer_is_in_a_case_or_said_to_make_no_sense() -> None:
    held: set[str] = set()
    for name, make in CASES.items():
        image = keras.Input(image_shape(name))
        held |= layers_inside(keras.Model(image, make()(image)))

    # Some that can't stand alone are held by a layer that chooses among several.
    assert set(stock_layers()) - held <= set(NO_IMAGE_LAYERS) <= set(stock_layers())


def test_every_stock_activation_is_in_a_case_or_said_to_make_no_sense() -> None:
    names = {name for name in dir(keras.activations) if not name.startswith("_")}

    assert {f"activation {name}" for name in ACTIVATION_NAMES} <= set(CASES)
    assert names - set(ACTIVATION_NAMES) == set(NO_ACTIVATIONS)


def test_the_table_names_cases_and_formats_that_exist() -> None:
    assert {name for name, _ in REFUSED} <= {*CASES, *NETWORKS}
    assert {kind for _, kind in REFUSED} <= set(Format)


def test_something_of_every_family_is_tried_always() -> None:
    assert {name for family in FAMILIES for name in family} == set(CASES)
    assert set(CASES) >= TYPICAL
    assert [family for family in FAMILIES if not TYPICAL & set(family)] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(SMALL_NETWORK, marks=pytest.mark.exhaustive),
        *(pytest.param(name, marks=() if name in TYPICAL else pytest.mark.exhaustive) for name in CASES),
    ],
)
def test_what_the_table_does_not_refuse_is_published_and_equal_to_keras(
    name: str, layer_request: Callable[..., Any]
) -> None:
    formats = [kind.value for kind in offered_formats() if (name, kind.value) not in REFUSED]
    request, images, labels, expected = layer_request(name, formats)

    assert publish(request, images, labels).passed

    for target in request.targets:
        answers = predict(load(target, request.folder / target.file), images)
        np.testing.assert_allclose(answers, expected, rtol=0, atol=CLOSE, err_msg=target.file)


@pytest.mark.exhaustive
def test_the_comparison_with_keras_s_own_export_tells_valid_files_from_wrong_ones() -> None:
    bench = Path(__file__).resolve().parents[3] / "scripts" / "benches" / "layers.py"

    done = subprocess.run(
        [sys.executable, str(bench), "Dense", "activation gelu"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert "onnx         ours   of 2: 2 valid" in done.stdout
    assert "onnx         keras  of 2: 1 valid, 1 wrong" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(("name", "kind"), list(REFUSED))
def test_what_the_table_refuses_is_refused_and_never_published(
    name: str, kind: str, layer_request: Callable[..., Any]
) -> None:
    request, images, labels, _ = layer_request(name, [kind])

    try:
        said = "published" if publish(request, images, labels).passed else "differs"
    except (InputError, VerificationError) as error:
        said = str(error)

    assert REFUSED[name, kind].says in said
    assert not request.folder.exists()
    assert request.targets == (Target(format=Format(kind), variant=Variant.FLOAT32),)


def test_outputs_are_far_from_uniform_so_that_a_wrong_file_shows() -> None:
    answers = np.asarray(build_model("BatchNormalization")(make_images((12, 12, 3)), training=False))

    assert answers.max(axis=1).mean() > 0.3
    assert answers.std(axis=0).min() > 0.05
