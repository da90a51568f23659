"""Code of a user's own that can't be searched, told in one sentence before anything is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import keras_tuner as kt
import numpy as np
import pytest
from user_models import FailingFit, compiled, config, dense, made, searched

from tuning._search import prepare_search
from tuning.data.dataset import Split
from tuning.data.search_data import SearchData
from tuning.errors import InputError
from tuning.loop.observer import Silent
from tuning.loop.resources import Resources
from tuning.models.probing import require_trainable
from tuning.models.user_model import Wishes
from tuning.records import TrialStatus
from tuning.settings import Objective
from tuning.space.ranges import Choices

pytestmark = pytest.mark.slow
layers = keras.layers
UNIT = Wishes(pixel_scale=(1 / 255, 0.0))


def test_an_oracle_with_several_objectives_is_refused(search_data: SearchData, tmp_path: Path) -> None:
    oracle = kt.oracles.RandomSearchOracle(objective=["val_loss", "val_accuracy"], max_trials=2)

    with pytest.raises(InputError, match=r"the oracle's objective must be one metric, like kt\.Objective"):
        searched(dense, search_data, tmp_path, config(algorithm=oracle))


class NeedsArguments(kt.HyperModel):
    def __init__(self, width: int) -> None:
        super().__init__()


class SilentFit(FailingFit):
    def fit(self, hp: Any, model: Any, *args: Any, **options: Any) -> Any:
        model.fit(*args, **options)


class OwnEpochs(FailingFit):
    def fit(self, hp: Any, model: Any, *args: Any, **options: Any) -> Any:
        return model.fit(*args, epochs=1, **options)


def raising(hp: Any) -> keras.Model:
    raise ValueError("my own mistake")


def not_compiled(hp: Any) -> keras.Model:
    return keras.Sequential([keras.Input((28, 28, 1)), layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(10)])


def another_shape(hp: Any) -> keras.Model:
    stack = [keras.Input((32, 32, 3)), layers.Rescaling(1 / 255), layers.Flatten()]
    return compiled(keras.Sequential([*stack, layers.Dense(10, activation="softmax")]))


def no_scaling(hp: Any) -> keras.Model:
    stack = [keras.Input((28, 28, 1)), layers.Flatten(), layers.Dense(10, activation="softmax")]
    return compiled(keras.Sequential(stack))


def map_output(hp: Any) -> keras.Model:
    return compiled(keras.Sequential([keras.Input((28, 28, 1)), layers.Rescaling(1 / 255), layers.Conv2D(10, 3)]))


def two_outputs(hp: Any) -> keras.Model:
    image = keras.Input((28, 28, 1))
    x = layers.Flatten()(layers.Rescaling(1 / 255)(image))
    model = keras.Model(image, [layers.Dense(10)(x), layers.Dense(10)(x)])
    model.compile(loss=["mse", "mse"])
    return model


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (raising, r"my\.py:build failed \(test_user_model_refusals\.py line \d+: ValueError: my own mistake\): fix it"),
        (lambda hp: None, r"my\.py:build returned NoneType but must return a compiled keras\.Model"),
        (not_compiled, "returned a model that is not compiled: call model.compile before returning it"),
        (
            another_shape,
            r"can't take the data, whose examples have shape \(28, 28, 1\), as its input has \(32, 32, 3\): make the",
        ),
        (no_scaling, "has no Rescaling or Normalization layer before its first layer, so say which pixel values"),
        (lambda hp: dense(hp, units=7), r"gives answers of shape \('batch', 7\) but the data has 10 classes: end it"),
        (
            lambda hp: dense(hp, units=1, activation=None),
            r"Dense\(10\), or if it predicts a number, give `labels` numbers",
        ),
        (map_output, r"gives answers of shape \('batch', 26, 26, 10\) but the data has 10 classes"),
        (two_outputs, r"gives several outputs but images with labels need one: \(batch, 10\)"),
        (NeedsArguments, r"can't be made without arguments \(.*width.*\): name an instance of it"),
        (FailingFit, r"fit of my\.py:build failed \(user_models\.py line \d+: RuntimeError: no such thing\): fix it"),
        (42, r"is a int but must be a function build\(hp\) or a keras_tuner.HyperModel"),
        (keras.Model, r"is a type but must be a function build\(hp\)"),
    ],
    ids=lambda value: getattr(value, "__name__", None) if callable(value) else "message",
)
def test_code_that_does_not_fit_is_refused(code: Any, message: str, search_data: SearchData) -> None:
    with pytest.raises(InputError, match=message) as raised:
        made(code, search_data)

    assert "\n" not in str(raised.value)


def test_a_loss_that_takes_no_labels_is_refused(search_data: SearchData) -> None:
    def broken(y: Any, p: Any) -> Any:
        raise ValueError("not like this")

    message = r"the loss of my\.py:build takes neither integer nor one-hot labels \(.*ValueError: not like this\)"
    with pytest.raises(InputError, match=message):
        made(lambda hp: dense(hp, loss=broken), search_data)


def test_a_pixel_scale_for_what_are_no_images_is_refused(search_data: SearchData) -> None:
    floats = Split(images=search_data.training.images.astype(np.float32), labels=search_data.training.labels)
    data = SearchData(training=floats, validation=floats, everything=floats, num_classes=10)

    with pytest.raises(InputError, match="`pixel_scale` is for data of images only: leave it out"):
        made(dense, data, wishes=UNIT)


def test_a_range_for_an_unknown_hyperparameter_is_refused(search_data: SearchData) -> None:
    with pytest.raises(InputError, match=r"unknown hyperparameter unit: did you mean units\?"):
        made(dense, search_data, wishes=Wishes(ranges={"unit": Choices(values=(1,))}))


def test_several_batch_sizes_for_a_fit_of_its_own_are_refused(guides: Any, search_data: SearchData) -> None:
    with pytest.raises(InputError, match="has a fit of its own, where the batch size has to be searched"):
        made(guides.TunedFit, search_data, wishes=Wishes(batch_sizes=(16, 32), pixel_scale=(1 / 255, 0)))


def test_classes_that_are_not_there_cannot_be_balanced(search_data: SearchData) -> None:
    split = Split(images=search_data.training.images, labels=search_data.training.labels.astype(np.float32))
    data = SearchData(training=split, validation=split, everything=split, num_classes=0, name="levels.npz")
    builder = made(lambda hp: dense(hp, units=1, activation=None, loss="mse"), data)

    with pytest.raises(InputError, match=r"levels\.npz has no classes that could weigh the same: leave out `balance_c"):
        require_trainable(builder, data, config(balance_classes=True))


def test_an_objective_that_is_not_reported_is_refused(search_data: SearchData) -> None:
    objective = Objective(name="val_auc", maximize=True)
    message = r"my\.py:build reports accuracy, loss, val_accuracy, val_loss but not val_auc: "
    with pytest.raises(InputError, match=message):
        require_trainable(made(dense, search_data), search_data, config(objective=objective))


def test_a_fit_that_returns_nothing_is_refused(search_data: SearchData) -> None:
    message = "fit of my.py:build returned NoneType but must return what model.fit returns, a dictionary"
    with pytest.raises(InputError, match=message):
        require_trainable(made(SilentFit, search_data), search_data, config())


def test_hyperband_and_a_fit_that_sets_its_epochs_do_not_go_together(search_data: SearchData) -> None:
    with pytest.raises(InputError, match="sets its epochs by itself, which hyperband has to do: choose another"):
        prepare_search(made(OwnEpochs, search_data), search_data, config(algorithm="hyperband"))


def test_freeze_thaw_trains_every_trial_of_a_fit_that_sets_its_epochs_to_its_end(
    search_data: SearchData, tmp_path: Path
) -> None:
    asked = config(algorithm="freeze-thaw", max_trials=6, repeats=0)
    prepared = prepare_search(made(OwnEpochs, search_data), search_data, asked)

    result = prepared.run(tmp_path, resources=Resources(workers=0), observer=Silent())

    told = "fit of my.py:build sets its epochs by itself, so freeze-thaw trains every trial to its end"
    assert prepared.notes == (told,)
    assert [trial.status for trial in result.trials] == [TrialStatus.COMPLETED] * 2, "dense has two configurations"


class Forgetful(layers.Layer):
    """Keeps a number that decides its answers neither as a weight nor in its configuration."""

    made = 0

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        type(self).made += 1
        self.factor = float(type(self).made)

    def call(self, x: Any) -> Any:
        return x * self.factor


def _with_layer(layer: layers.Layer) -> keras.Model:
    stack = [keras.Input((28, 28, 1)), layers.Rescaling(1 / 255), layers.Flatten(), layer]
    return compiled(keras.Sequential([*stack, layers.Dense(10, activation="softmax")]))


def test_a_model_that_is_another_one_after_loading_is_refused(search_data: SearchData) -> None:
    builder = made(lambda hp: _with_layer(Forgetful()), search_data)

    message = r"the model of my\.py:build is another one after it was saved and loaded \(.*and after it was built again"
    with pytest.raises(InputError, match=message):
        require_trainable(builder, search_data, config())


def test_a_training_that_fails_is_refused_with_its_reason(search_data: SearchData) -> None:
    def build(hp: Any) -> keras.Model:
        model = dense(hp)
        model.fit = raising
        return model

    with pytest.raises(InputError, match=r"my\.py:build can't be trained on the data \(.*\): fix it there"):
        require_trainable(made(build, search_data), search_data, config())
