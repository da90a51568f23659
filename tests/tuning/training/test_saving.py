"""What of a trained model can be kept: a file that loads again, or weights for the code that builds it."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from user_models import compiled, config, made, searched

from tuning._retrain import retrain
from tuning.data.search_data import SearchData
from tuning.errors import InputError
from tuning.models.custom_objects import custom_objects_of
from tuning.models.probing import require_trainable
from tuning.models.user_model import UserModel
from tuning.runs.run_folder import RunFolder
from tuning.settings import TrainingPlan
from tuning.training.saving import load_keras_file, load_weights, save_model, what_can_be_kept

pytestmark = pytest.mark.slow
layers = keras.layers


class WithoutConfig(layers.Layer):
    """As users of Keras Tuner write it, which keeps weights only."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.inner = layers.Dense(width)

    def call(self, x: Any) -> Any:
        return self.inner(x)


class HalfAConfig(layers.Layer):
    """Loads, with another factor: its configuration lacks it."""

    def __init__(self, factor: float = 1.0, **options: Any) -> None:
        super().__init__(**options)
        self.factor = factor

    def call(self, x: Any) -> Any:
        return x * self.factor

    def get_config(self) -> dict[str, Any]:
        return super().get_config()


def made_in_a_function() -> layers.Layer:
    class Local(layers.Layer):
        def call(self, x: Any) -> Any:
            return keras.ops.relu(x - 0.1)

    return Local()


def own_activation(x: Any) -> Any:
    return keras.ops.tanh(x) * 2


class OwnInitializer(keras.initializers.Initializer):
    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        return keras.ops.ones(shape, dtype) * 0.01


class Nested(layers.Layer):
    """Has a layer of the user's own inside."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.inner = Plain()

    def call(self, x: Any) -> Any:
        return self.inner(x)


class Plain(layers.Layer):
    def call(self, x: Any) -> Any:
        return x * 0.5


def with_layer(*own: layers.Layer) -> keras.Model:
    stack = [keras.Input((28, 28, 1)), layers.Rescaling(1 / 255), layers.Flatten(), *own]
    return compiled(keras.Sequential([*stack, layers.Dense(10, activation="softmax")]))


def kept(make: Any, data: SearchData) -> tuple[UserModel, TrainingPlan, Any, Any]:
    builder = made(lambda hp: with_layer(make()), data)
    plan = TrainingPlan(hyperparameters={}, settings=builder.trial_settings(1), seed=1)
    model = builder.build_model(plan).model
    return builder, plan, model, what_can_be_kept(builder, plan, model, builder.probed)


@pytest.mark.parametrize(
    "make",
    [
        made_in_a_function,
        Nested,
        lambda: layers.Dense(4, activation=own_activation),
        lambda: layers.Dense(4, kernel_initializer=OwnInitializer()),
        lambda: layers.Lambda(lambda x: x * 2),
        lambda: keras.Sequential([Plain(), layers.Dense(3)]),
        lambda: layers.Dropout(0.5),
    ],
    ids=["in a function", "nested", "activation", "initializer", "lambda", "in a model", "keras's"],
)
def test_a_file_has_all_of_it_wherever_its_parts_were_defined(
    make: Any, search_data: SearchData, tmp_path: Path
) -> None:
    builder, _, model, keeps = kept(make, search_data)

    path = save_model(model, RunFolder(path=tmp_path), keeps)

    assert (keeps.why_weights_only, path.name) == ("", "model.keras")
    with warnings.catch_warnings(action="ignore"):
        loaded = load_keras_file(path, builder.custom_objects_of(model))
    images = np.ones((3, 28, 28, 1), np.float32)
    np.testing.assert_allclose(loaded(images), model(images), rtol=1e-5)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: WithoutConfig(4), "WithoutConfig.__init__() got an unexpected keyword argument"),
        (lambda: HalfAConfig(3.0), "it answers differently after it was loaded"),
    ],
)
def test_weights_are_kept_where_no_file_loads_again(
    make: Any, why: str, search_data: SearchData, tmp_path: Path
) -> None:
    builder, plan, model, keeps = kept(make, search_data)
    folder = RunFolder(path=tmp_path)
    (tmp_path / "model.keras").write_bytes(b"of an earlier training")

    path = save_model(model, folder, keeps)

    assert path.name == "model.weights.h5"
    assert [each.name for each in tmp_path.iterdir()] == ["model.weights.h5"]
    assert why in keeps.why_weights_only
    loaded = load_weights(builder.build_model(plan).model, folder)
    images = np.ones((3, 28, 28, 1), np.float32)
    np.testing.assert_allclose(loaded(images), model(images), rtol=1e-5)


def test_a_model_that_keeps_weights_only_is_searched_and_retrained(search_data: SearchData, tmp_path: Path) -> None:
    builder = made(lambda hp: with_layer(WithoutConfig(hp.Int("width", 4, 8))), search_data)
    require_trainable(builder, search_data, config())

    result = searched(builder, search_data, tmp_path, config())
    trained = retrain(builder, result, search_data, tmp_path)

    assert trained.why_weights_only
    assert (tmp_path / "model.weights.h5").exists()
    assert not (tmp_path / "model.keras").exists()


def test_the_winner_decides_and_not_the_first_configuration(search_data: SearchData, tmp_path: Path) -> None:
    def build(hp: Any) -> keras.Model:
        return with_layer(WithoutConfig(4) if hp.Boolean("own", default=False) else layers.Dense(4))

    builder = made(build, search_data)
    asked = config(max_trials=1, enqueued=(({"own": True}, None),))

    trained = retrain(builder, searched(builder, search_data, tmp_path, asked), search_data, tmp_path)

    assert trained.why_weights_only


def test_what_is_another_model_either_way_is_refused(search_data: SearchData) -> None:
    class Counting(layers.Layer):
        made = 0

        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            Counting.made += 1
            self.factor = float(Counting.made)

        def call(self, x: Any) -> Any:
            return x * self.factor

    with pytest.raises(InputError, match="let its own layers keep everything in weights and get_config"):
        kept(Counting, search_data)


def test_keras_s_own_classes_are_no_custom_objects() -> None:
    model = with_layer(layers.Dense(4, activation="relu", kernel_regularizer="l2"), Nested())

    assert set(custom_objects_of(model)) == {"Nested", "Plain", "Custom>Nested", "Custom>Plain"} or set(
        custom_objects_of(model)
    ) == {"Nested", "Plain"}


def test_a_registered_class_has_its_registered_name() -> None:
    @keras.saving.register_keras_serializable("mine")
    class Registered(layers.Layer):
        pass

    assert "mine>Registered" in custom_objects_of(keras.Sequential([Registered()]))
