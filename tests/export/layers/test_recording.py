"""What every layer of a Keras model answers, whatever kind of model it is."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from export.errors import InputError
from export.layers.recording import EXAMPLES, trace_layers
from export.layers.trace import Place

from .conftest import MODELS, SIDE


def names(trace: Any) -> list[str]:
    return [layer.name for layer in trace.layers]


def record(served: Callable[[str], Any], name: str, pixels: np.ndarray) -> Any:
    return trace_layers(served(name), {"image": pixels})


def test_layers_are_named_in_the_order_of_their_calls(served: Callable[[str], Any], pixels: np.ndarray) -> None:
    trace = record(served, "plain", pixels)

    unnamed = re.compile(r"^(rescaling|max_pooling2d)(_[0-9]+)?$")  # Keras counts them
    expected = "rescaling, first (before relu), first, middle, normalized, rectified, max_pooling2d, flat, "
    expected += "hidden (before relu), hidden, last (before softmax), last, probabilities"
    assert ", ".join(unnamed.sub(r"\1", name) for name in names(trace)) == expected
    assert trace.layers[-1].place is Place.OUTPUT
    assert trace.examples == EXAMPLES


def test_each_layer_is_recorded_with_what_keras_answers(served: Callable[[str], Any], pixels: np.ndarray) -> None:
    serving = served("plain")
    trace = trace_layers(serving, {"image": pixels})
    own = keras.Model(serving.model.input, serving.model.get_layer("rectified").output)
    expected = np.asarray(own(pixels[:EXAMPLES], training=False))

    found = trace.layers[names(trace).index("rectified")]

    assert found.shape == expected.shape[1:]
    assert (found.low, found.high) == pytest.approx((expected.min(), expected.max()))
    kept = expected.reshape(EXAMPLES, -1)[:, found.positions]
    np.testing.assert_allclose(found.values, kept, rtol=1e-5, atol=1e-6)


def test_a_layer_knows_what_it_was_given_in_each_branch(served: Callable[[str], Any], pixels: np.ndarray) -> None:
    trace = record(served, "branched", pixels)
    sources = {layer.name: [trace.layers[n].name for n in layer.sources or ()] for layer in trace.layers}

    assert sources["bn_left"] == ["left"]
    assert sources["bn_right"] == ["right"]
    assert sorted(sources["joined"]) == ["relu_left", "relu_right"]
    # The product with 3 is an operation of the model that is no layer.
    assert any(name.startswith("multiply") for name in sources)


def test_layers_in_models_and_repeated_calls_have_names_of_their_own(
    served: Callable[[str], Any], pixels: np.ndarray
) -> None:
    found = names(record(served, "nested", pixels))

    assert found.index("body/conv") < found.index("body/relu") < found.index("shared")
    assert found.index("shared") < found.index("shared (call 2)")


def test_recurrent_layers_are_recorded_by_their_last_word(served: Callable[[str], Any], pixels: np.ndarray) -> None:
    trace = record(served, "recurrent", pixels)
    shapes = {layer.name: layer.shape for layer in trace.layers}

    assert shapes["both_ways/forward_lstm"] == (SIDE, 6)
    assert shapes["both_ways"] == (SIDE, 12)
    assert shapes["each_step"] == (SIDE, 5)
    assert not [name for name in shapes if "cell" in name or "each_step/" in name]


def test_a_subclassed_model_is_recorded_between_what_it_computes_itself(
    served: Callable[[str], Any], pixels: np.ndarray
) -> None:
    trace = record(served, "subclassed", pixels)
    by_name = {layer.name: layer for layer in trace.layers}

    expected = ["gate/inner (before relu)", "gate/inner", "gate/outer", "gate", "pool", "last"]
    assert [name for name in names(trace) if name in expected] == expected
    # What stands between the pooling and the last layer belongs to no layer.
    assert by_name["last"].sources is None
    # The softmax behind the logits is the served model's own.
    assert (by_name["probabilities"].place, by_name["probabilities"].size) == (Place.OUTPUT, 10)
    np.testing.assert_allclose(by_name["probabilities"].values.sum(axis=1), 1, rtol=1e-5)


def serve(model: keras.Model, folder: Path, examples: Any, **options: Any) -> Any:
    from export.model.preprocessing import ServingOptions
    from export.model.serving import load_serving_model

    model.save(folder / "model.keras")
    return load_serving_model(folder / "model.keras", ServingOptions(**options), examples=examples)


def test_what_the_model_is_given_is_recorded_where_the_served_model_scales_it(
    tmp_path: Path, pixels: np.ndarray
) -> None:
    image = keras.Input((SIDE, SIDE, 3))
    answer = keras.layers.Dense(10, activation="softmax")(keras.layers.Flatten()(image))
    serving = serve(keras.Model(image, answer, name="net"), tmp_path, pixels, pixel_scale=(1 / 255, 0.0))

    given = trace_layers(serving, {"image": pixels}).layers[0]

    assert (given.name, given.place, given.shape) == ("net", Place.INPUT, (SIDE, SIDE, 3))
    assert 0 <= given.low < given.high <= 1


def test_only_float_rows_count_among_several_answers(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32)
    value = keras.Input((4,), name="value")
    sequence, state = keras.layers.GRU(3, return_sequences=True, return_state=True, name="gru")(
        keras.layers.Reshape((4, 1))(value)
    )
    bins = keras.layers.Discretization(bin_boundaries=[0.0], name="bins")(value)
    model = keras.Model(value, {"sequence": sequence, "state": state, "bins": bins})
    serving = serve(model, tmp_path, {"value": rows}, is_classifier=False)

    trace = trace_layers(serving, {"value": rows})

    found = names(trace)
    assert {"gru[0]", "gru[1]"} <= set(found)
    assert "bins" not in found
    assert [layer.name for layer in trace.layers if layer.place is Place.OUTPUT] == ["sequence", "state"]


def test_half_precision_is_recorded_in_float32(tmp_path: Path, pixels: np.ndarray) -> None:
    image = keras.Input((SIDE, SIDE, 3), dtype="float32", name="image")
    x = keras.layers.Rescaling(1 / 255)(image)
    x = keras.layers.Dense(5, dtype="mixed_float16", name="half")(keras.layers.Flatten()(x))
    examples = {"image": pixels.astype(np.float32)}
    serving = serve(keras.Model(image, x), tmp_path, examples, wrap=False)

    trace = trace_layers(serving, examples)

    half = trace.layers[names(trace).index("half")]
    assert half.values.dtype == np.float32
    np.testing.assert_array_equal(half.values, half.values.astype(np.float16).astype(np.float32))


def test_a_model_without_float_layers_is_refused(tmp_path: Path) -> None:
    rows = np.arange(12, dtype=np.int32).reshape(4, 3)
    value = keras.Input((3,), dtype="int32", name="value")
    model = keras.Model(value, keras.layers.Reshape((3, 1), dtype="int32")(value))
    serving = serve(model, tmp_path, {"value": rows}, is_classifier=False)

    with pytest.raises(InputError, match="no layer of the model answers with float numbers for each example"):
        trace_layers(serving, {"value": rows})


@pytest.mark.parametrize("name", MODELS)
def test_the_model_is_left_as_it_was(served: Callable[[str], Any], pixels: np.ndarray, name: str) -> None:
    serving = served(name)
    plain = keras.Operation.__call__
    activations = [vars(layer).get("activation") for layer in serving.model._flatten_layers()]
    weights = [np.array(variable) for variable in serving.model.variables]

    trace_layers(serving, {"image": pixels})

    assert keras.Operation.__call__ is plain
    assert [vars(layer).get("activation") for layer in serving.model._flatten_layers()] == activations
    for before, variable in zip(weights, serving.model.variables, strict=True):
        np.testing.assert_array_equal(before, np.array(variable))


def test_keras_is_as_before_even_where_a_layer_fails(served: Callable[[str], Any], pixels: np.ndarray) -> None:
    plain = keras.Operation.__call__

    with pytest.raises(Exception, match=r"(?i)shape"):
        trace_layers(served("plain"), {"image": pixels[:, :5]})

    assert keras.Operation.__call__ is plain
