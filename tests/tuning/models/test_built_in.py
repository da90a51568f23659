"""The space and the builder: every point of the one gives a model of the other, and nothing else gets in."""

from __future__ import annotations

import contextlib
import itertools
import subprocess
import sys

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuning.errors import InputError
from tuning.models.baselines import BASELINES
from tuning.models.built_in import ClassificationTask, TunableClassifier
from tuning.models.network import DEFAULTS, default_ranges
from tuning.settings import Labels, TrainingPlan, TrainingSettings
from tuning.space.drawing import parse
from tuning.space.ranges import Choices, FloatRange, IntRange
from tuning.training.built import Recipe

MNIST = TunableClassifier(ClassificationTask(image_shape=(28, 28, 1), num_classes=10))

NORMALIZATION = ("none", "convolution", "pooling")


def build(values, *, image_shape=(28, 28, 1), num_classes=10):
    hypermodel = TunableClassifier(ClassificationTask(image_shape=image_shape, num_classes=num_classes))
    return hypermodel.build(hypermodel.hyperparameters(values))


def values_of(domain):
    if isinstance(domain, Choices):
        return st.sampled_from(domain.values)
    if isinstance(domain, IntRange):
        return st.sampled_from(range(domain.low, domain.high + 1, domain.step))
    return st.floats(domain.low, domain.high)


POINTS = st.fixed_dictionaries({}, optional={name: values_of(domain) for name, domain in MNIST.ranges.items()})


@pytest.mark.parametrize(
    ("num_blocks", "padding", "batch_normalization", "pooling"),
    list(itertools.product((1, 2, 3), ("valid", "same"), NORMALIZATION, ("max", "average"))),
)
def test_every_structure_builds_and_answers_with_probabilities(num_blocks, padding, batch_normalization, pooling):
    model = build(
        {
            "num_blocks": num_blocks,
            "padding": padding,
            "batch_normalization": batch_normalization,
            "pooling": pooling,
            **{f"num_filters_{block}": 8 for block in range(1, num_blocks + 1)},
            **{f"convolutions_{block}": 1 for block in range(1, num_blocks + 1)},
        }
    )
    answer = model(np.full((2, 28, 28, 1), 255, np.uint8), training=False).numpy()
    assert (answer.shape, answer.dtype) == ((2, 10), np.float32)
    assert np.allclose(answer.sum(axis=1), 1, atol=1e-6)
    assert sum(isinstance(layer, keras.layers.Conv2D) for layer in model.layers) == num_blocks
    assert any(isinstance(layer, keras.layers.BatchNormalization) for layer in model.layers) == (
        batch_normalization != "none"
    )


@pytest.mark.parametrize("convolution", ["full", "separable"])
@pytest.mark.parametrize("batch_normalization", NORMALIZATION)
def test_a_block_may_have_two_convolutions_and_its_normalization_follows_both(convolution, batch_normalization):
    both = {"convolutions_1": 2, "convolutions_2": 2}
    model = build({**both, "convolution": convolution, "batch_normalization": batch_normalization})
    kinds = [type(layer).__name__ for layer in model.layers if "Conv2D" in type(layer).__name__]
    assert kinds == ["Conv2D", *["Conv2D" if convolution == "full" else "SeparableConv2D"] * 3]
    normalized = sum(isinstance(layer, keras.layers.BatchNormalization) for layer in model.layers)
    assert normalized == (0 if batch_normalization == "none" else 4)


@pytest.mark.parametrize("dense_units", [0, 32])
def test_global_averages_leave_a_small_head(dense_units):
    body = {"num_filters_2": 32, "dense_units": dense_units}
    flat, average = (build({**body, "head": head}) for head in ("flatten", "average"))
    # Of 5×5 values of each filter there is one left.
    assert flat.count_params() - average.count_params() == (5 * 5 - 1) * 32 * (dense_units or 10)
    assert average.output_shape == (None, 10)


def test_weight_decay_is_decoupled_from_the_gradients():
    assert isinstance(build({"weight_decay": 0.01}).optimizer, keras.optimizers.AdamW)
    assert build({"weight_decay": 0.01}).optimizer.weight_decay == 0.01
    assert type(build({}).optimizer) is keras.optimizers.Adam


def test_smoothed_labels_are_one_hot_and_the_recipe_says_by_how_much():
    values = {"label_smoothing": 0.05, "augmentation": 0.5, "averaging": "none", "batch_size": 64}
    built = MNIST.build_model(TrainingPlan(hyperparameters=values, settings=TrainingSettings(epochs=1), seed=0))
    assert built.recipe == Recipe(batch_size=64, label_smoothing=0.05, augmentation=0.5, averages=False)
    assert built.feed.labels is Labels.ONE_HOT
    assert built.model.loss == "categorical_crossentropy"


@pytest.mark.parametrize(
    "image_shape", [(4, 4, 1), (6, 6, 1), (4, 30, 3), (30, 5, 1), (28, 28, 3), (64, 48, 3)], ids=str
)
def test_the_largest_model_of_the_space_fits_images_of_every_size(image_shape):
    ranges = default_ranges(image_shape)
    largest = {name: ranges[name].values[-1] for name in ("num_blocks", "kernel_size_1", "kernel_size_2")}
    model = build({**largest, "padding": "valid", "dense_units": 0}, image_shape=image_shape, num_classes=2)
    assert model(np.zeros((1, *image_shape), np.uint8)).shape == (1, 2)


@pytest.mark.parametrize(("side", "deepest"), [(4, 1), (6, 1), (8, 1), (12, 2), (28, 3), (64, 4)])
def test_smaller_images_get_fewer_blocks(side, deepest):
    assert default_ranges((side, side, 1))["num_blocks"].values[-1] == deepest


def test_images_too_small_for_one_block_are_refused():
    with pytest.raises(InputError, match="images are 3×28 but the built-in model needs 4×4 or more: enlarge them"):
        TunableClassifier(ClassificationTask(image_shape=(3, 28, 1), num_classes=2))


def test_ranges_in_which_a_configuration_does_not_fit_are_refused():
    ranges = {**default_ranges((8, 8, 1)), "num_blocks": Choices(values=(1, 3))}
    with pytest.raises(InputError, match=r"3 blocks with kernels up to .* do not fit images of 8×8: narrow num_blocks"):
        TunableClassifier(ClassificationTask(image_shape=(8, 8, 1), num_classes=2), ranges=ranges)


def test_a_kernel_too_large_for_the_images_is_refused():
    ranges = {**default_ranges((4, 4, 1)), "kernel_size_1": IntRange(low=3, high=5, step=2)}
    with pytest.raises(InputError, match=r"1 blocks with kernels up to \[5\] do not fit images of 4×4"):
        TunableClassifier(ClassificationTask(image_shape=(4, 4, 1), num_classes=2), ranges=ranges)


def test_padding_lets_more_blocks_fit():
    changes = {"num_blocks": Choices(values=(3,)), "padding": Choices(values=("same",))}
    hypermodel = TunableClassifier(
        ClassificationTask(image_shape=(8, 8, 1), num_classes=2), ranges={**default_ranges((8, 8, 1)), **changes}
    )
    assert hypermodel.build(hypermodel.hyperparameters()).output_shape == (None, 2)


def test_padding_does_not_let_any_number_of_blocks_fit():
    changes = {"num_blocks": Choices(values=(3,)), "padding": Choices(values=("same",))}
    with pytest.raises(InputError, match=r"3 blocks .* do not fit images of 7×7"):
        TunableClassifier(
            ClassificationTask(image_shape=(7, 7, 1), num_classes=2), ranges={**default_ranges((7, 7, 1)), **changes}
        )


def test_more_blocks_than_there_are_ranges_for_are_refused():
    with pytest.raises(InputError, match="num_blocks must be at most 4, got 5"):
        TunableClassifier(MNIST.task, ranges={**MNIST.ranges, "num_blocks": Choices(values=(5,))}).check({})


def test_a_structure_cannot_range_over_real_numbers():
    with pytest.raises(InputError, match="a whole-number hyperparameter can't range over 1 to 3"):
        TunableClassifier(MNIST.task, ranges={**MNIST.ranges, "num_blocks": FloatRange(low=1, high=3)})


@pytest.mark.parametrize("values", [{"num_blocks": (1,)}, {"dense_units": (0,)}, {"dense_units": (32,)}], ids=str)
def test_a_space_with_a_fixed_structure_builds(values):
    changes = {name: Choices(values=choices) for name, choices in values.items()}
    hypermodel = TunableClassifier(MNIST.task, ranges={**MNIST.ranges, **changes})
    configuration = hypermodel.default_configuration()
    assert {name: configuration[name] for name in values} == {name: choices[0] for name, choices in values.items()}
    assert hypermodel.build(hypermodel.hyperparameters()).output_shape == (None, 10)


def test_the_defaults_are_a_point_of_the_space():
    active = {name for name in DEFAULTS if name[-2:] not in ("_3", "_4")}
    assert MNIST.check(DEFAULTS) == MNIST.default_configuration() == {name: DEFAULTS[name] for name in active}


@pytest.mark.parametrize("baseline", BASELINES.values(), ids=BASELINES.keys())
def test_the_space_holds_every_baseline(baseline):
    checked = MNIST.check(baseline.hyperparameters)
    assert baseline.hyperparameters.items() <= checked.items()
    assert checked.keys() - baseline.hyperparameters.keys() == set()


@given(point=POINTS)
def test_checking_is_idempotent_and_keeps_what_is_active(point):
    checked = MNIST.check(point)
    assert MNIST.check(checked) == checked
    assert {name: value for name, value in point.items() if name in checked}.items() <= checked.items()
    assert all(MNIST.ranges[name].contains(value) for name, value in checked.items())


@given(point=POINTS)
def test_a_block_is_described_exactly_where_there_is_one(point):
    checked = MNIST.check(point)
    described = {name for name in checked if name[-1] in "123" and name[-2] == "_"}
    blocks = range(1, checked["num_blocks"] + 1)
    assert described == {
        f"{name}_{block}" for name in ("num_filters", "kernel_size", "convolutions") for block in blocks
    }


@given(point=POINTS)
def test_what_is_checked_is_what_keras_tuner_holds(point):
    checked = MNIST.check(point)
    assert MNIST.hyperparameters(checked).values.items() >= checked.items()
    assert MNIST.declare(MNIST.hyperparameters(checked)) == checked


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"num_blocks": 4}, "num_blocks must be one of 1, 2, 3, got 4"),
        ({"num_filters_1": 3}, r"num_filters_1 must be 4 to 64 \(log scale\), got 3"),
        ({"learning_rate": 1.0}, r"learning_rate must be 0.0003 to 0.02 \(log scale\), got 1.0"),
        ({"dropout": float("nan")}, "dropout must be 0 to 0.5, got nan"),
        ({"pooling": "min"}, "pooling must be one of max, average, got min"),
        ({"filters": 8}, "unknown hyperparameter filters: "),
        ({"learning_rte": 0.01}, r"unknown hyperparameter learning_rte: did you mean learning_rate\?"),
    ],
    ids=str,
)
def test_values_outside_the_space_are_refused(values, message):
    with pytest.raises(InputError, match=message):
        MNIST.check(values)


@given(point=POINTS)
def test_parsing_the_text_of_a_point_gives_the_point(point):
    active = MNIST.check(point)

    assert parse(MNIST, {name: str(value) for name, value in active.items()}).values == active


@given(name=st.sampled_from(list(DEFAULTS)), text=st.text() | st.integers().map(str) | st.floats().map(str))
def test_any_text_is_parsed_into_the_space_or_refused(name, text):
    with contextlib.suppress(InputError):
        parsed = parse(MNIST, {name: text}).values
        assert MNIST.check(parsed) == parsed


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("num_blocks", "two", "num_blocks must be a whole number, got two"),
        ("num_filters_1", "8.0", "num_filters_1 must be a whole number, got 8.0"),
        ("learning_rate", "fast", "learning_rate must be a number, got fast"),
        ("dropout", "inf", "dropout must be 0 to 0.5, got inf"),
        ("droput", "0.1", r"unknown hyperparameter droput: did you mean dropout\?"),
    ],
)
def test_texts_that_mean_no_point_are_refused(name, text, message):
    with pytest.raises(InputError, match=message):
        parse(MNIST, {name: text})


def test_the_batch_size_is_the_configuration_s():
    plan = TrainingPlan(hyperparameters={"batch_size": 64}, settings=TrainingSettings(epochs=1), seed=0)
    assert MNIST.build_model(plan).recipe.batch_size == 64


@pytest.mark.parametrize(
    ("labels", "loss"),
    [(Labels.INTEGER, "sparse_categorical_crossentropy"), (Labels.ONE_HOT, "categorical_crossentropy")],
)
def test_the_loss_follows_the_kind_of_labels(labels, loss):
    hypermodel = MNIST.with_labels(labels)
    assert hypermodel.ranges == MNIST.ranges
    assert hypermodel.build(hypermodel.hyperparameters()).loss == loss


def test_the_learning_rate_of_the_configuration_is_compiled_in():
    model = build({"learning_rate": 0.003})
    assert float(model.optimizer.learning_rate) == pytest.approx(0.003, rel=1e-6)


def test_nothing_in_the_largest_model_is_random_but_dropout():
    model = build({"num_blocks": 3, "batch_normalization": "convolution", "dense_units": 256, "dropout": 0.5})
    allowed = {"InputLayer", "Rescaling", "Conv2D", "BatchNormalization", "ReLU", "MaxPooling2D", "Flatten", "Dense"}
    assert {type(layer).__name__ for layer in model.layers} == allowed | {"Dropout"}


def test_no_dropout_layer_stands_where_dropout_is_0():
    model = build({"dense_units": 64, "dropout": 0.0})
    assert not any(isinstance(layer, keras.layers.Dropout) for layer in model.layers)


@pytest.mark.parametrize(("batch_normalization", "use_bias"), [("none", True), ("convolution", False)])
def test_a_convolution_has_a_bias_only_where_nothing_cancels_it(batch_normalization, use_bias):
    model = build({"batch_normalization": batch_normalization})
    biases = {layer.use_bias for layer in model.layers if isinstance(layer, keras.layers.Conv2D)}
    assert biases == {use_bias}


@pytest.mark.parametrize(
    ("batch_normalization", "order"),
    [
        ("none", ["Conv2D", "ReLU", "MaxPooling2D"]),
        ("convolution", ["Conv2D", "BatchNormalization", "ReLU", "MaxPooling2D"]),
        ("pooling", ["Conv2D", "MaxPooling2D", "BatchNormalization", "ReLU"]),
    ],
)
def test_normalization_stands_where_it_was_asked_for(batch_normalization, order):
    model = build({"num_blocks": 1, "batch_normalization": batch_normalization})
    assert [type(layer).__name__ for layer in model.layers][2 : 2 + len(order)] == order


def test_the_model_names_its_input_and_output():
    model = build({})
    assert (model.input.name, model.input.dtype) == ("image", "uint8")
    assert model.output_names == ["probabilities"]


@pytest.mark.slow
def test_the_saved_model_takes_raw_pixels(model_file, small_split):
    model = keras.models.load_model(model_file)
    probabilities = model.predict(small_split[1].images, verbose=0)
    correct = (probabilities.argmax(axis=1) == small_split[1].labels).mean()
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    assert correct > 0.5


@pytest.mark.slow
def test_the_saved_model_loads_without_our_code(model_file, tmp_path):
    script = (
        "import sys; sys.modules['tuning'] = None\n"
        "import keras, numpy\n"
        f"model = keras.models.load_model({str(model_file)!r})\n"
        "print(model(numpy.zeros((1, 28, 28, 1), 'uint8')).shape)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("(1, 10)")
