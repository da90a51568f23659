"""Whatever a fit of the user's own does, what is delivered is what was measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import keras_tuner as kt
import numpy as np
import pytest
from user_models import compiled, config, dense, made, searched

from tuning._retrain import retrain
from tuning.data.search_data import SearchData
from tuning.errors import InputError
from tuning.models.probing import require_trainable
from tuning.models.user_model import UserModel, Wishes
from tuning.records import TrialStatus
from tuning.settings import Objective, TrainingPlan
from tuning.training.train import Watch, train

pytestmark = pytest.mark.slow
layers = keras.layers


class Builds(kt.HyperModel):
    def build(self, hp: Any) -> keras.Model:
        return dense(hp)


class Folds(Builds):
    """Fresh models, a fold each."""

    def fit(self, hp: Any, model: Any, x: Any, y: Any, epochs: int = 1, **options: Any) -> float:
        half, losses = np.arange(len(x)) % 2, []
        for fold in range(2):
            fresh = self.build(hp)
            fresh.fit(x[half != fold], y[half != fold], epochs=epochs, verbose=0)
            losses.append(fresh.evaluate(x[half == fold], y[half == fold], verbose=0)[0])
        return float(np.mean(losses))


class Clones(Builds):
    """Trains a copy, and hands the callbacks on."""

    def fit(self, hp: Any, model: Any, *args: Any, **options: Any) -> Any:
        copy = keras.models.clone_model(model)
        copy.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        return copy.fit(*args, **options)


class Inside(Builds):
    """Another model altogether."""

    def fit(self, hp: Any, model: Any, *args: Any, **options: Any) -> Any:
        stack = [layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(10, activation="softmax")]
        return compiled(keras.Sequential(stack)).fit(*args, **options)


class OnlyStatistics(Builds):
    """Moves the statistics of batch normalization, which are no trainable weights."""

    def build(self, hp: Any) -> keras.Model:
        stack = [keras.Input((28, 28, 1)), layers.Rescaling(1 / 255), layers.BatchNormalization(), layers.Flatten()]
        return compiled(keras.Sequential([*stack, layers.Dense(10, activation="softmax")]))

    def fit(self, hp: Any, model: Any, x: Any, y: Any, **options: Any) -> Any:
        model(x, training=True)
        return {"val_loss": 0.1}


class GoesBack(Builds):
    """Trains, and puts back what it began with."""

    def fit(self, hp: Any, model: Any, *args: Any, **options: Any) -> Any:
        first = model.get_weights()
        history = model.fit(*args, **options)
        model.set_weights(first)
        return history


class Around(Builds):
    """Trains a model around the given one."""

    def fit(self, hp: Any, model: Any, *args: Any, **options: Any) -> Any:
        around = keras.Sequential([keras.Input((28, 28, 1)), layers.GaussianNoise(0.1), model])
        around.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
        return around.fit(*args, **options)


class GivesBack(Builds):
    """Trains a copy and gives its weights back."""

    def fit(self, hp: Any, model: Any, *args: Any, **options: Any) -> Any:
        copy = keras.models.clone_model(model)
        copy.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
        history = copy.fit(*args, **options)
        model.set_weights(copy.get_weights())
        return history


class Boasts(Builds):
    """Trains for a moment, and says what it likes."""

    said: Any = 0.001

    def fit(self, hp: Any, model: Any, x: Any, y: Any, **options: Any) -> Any:
        model.train_on_batch(x[:8], y[:8])
        return self.said


class Modest(Boasts):
    said = 50.0


@pytest.mark.parametrize("code", [Folds, Clones, Inside, OnlyStatistics, GoesBack], ids=lambda code: code.__name__)
def test_a_fit_that_leaves_the_given_model_untrained_is_refused_before_the_search(
    code: Any, search_data: SearchData
) -> None:
    message = (
        r"^fit of my\.py:build changes no trainable weight of the model .*, or add `retrain_with_fit`, which ranks by"
    )

    with pytest.raises(InputError, match=message):
        require_trainable(made(code, search_data), search_data, config())


@pytest.mark.parametrize("code", [Around, GivesBack], ids=lambda code: code.__name__)
def test_a_fit_that_trains_the_given_model_by_a_way_of_its_own_is_ranked_by_that_model(
    code: Any, search_data: SearchData, tmp_path: Path
) -> None:
    builder = made(code, search_data)
    plan = TrainingPlan(hyperparameters={"units": 8}, settings=builder.trial_settings(4), seed=1)

    done = train(builder, plan, training=search_data.training, validation=search_data.validation, watch=Watch())

    images = search_data.validation.images.astype("float32")
    loss = done.model.evaluate(images, search_data.validation.labels, verbose=0)[0]
    assert done.epochs[done.result_epoch].val_loss == pytest.approx(loss, rel=1e-4)
    assert loss < 2.2


def test_a_trial_whose_fit_trains_nothing_fails(search_data: SearchData, tmp_path: Path) -> None:
    class Sometimes(Boasts):
        """Leaves the model alone where it is wide."""

        def fit(self, hp: Any, model: Any, x: Any, y: Any, **options: Any) -> Any:
            if hp.get("units") == 4:
                model.train_on_batch(x[:8], y[:8])
            return 5.0

    result = searched(made(Sometimes, search_data), search_data, tmp_path, config())

    assert {trial.hyperparameters["units"]: trial.status for trial in result.trials} == {
        4: TrialStatus.COMPLETED,
        8: TrialStatus.FAILED,
    }
    assert "changes no trainable weight" in result.trials[1].reason


def test_a_model_that_is_much_worse_than_was_said_of_it_counts_with_its_own_value(
    search_data: SearchData, tmp_path: Path
) -> None:
    result = searched(made(Boasts, search_data), search_data, tmp_path, config(max_trials=1))

    (trial,) = result.trials
    assert trial.val_loss > 1.5
    assert trial.note.startswith("its fit said val_loss 0.001, but the model that it trained has ")
    assert trial.note.endswith(" on the validation images, which counts")


def test_any_metric_that_was_said_too_high_counts_with_its_own_value(search_data: SearchData, tmp_path: Path) -> None:
    class Percent(Boasts):
        said = {"val_accuracy": 98.0}  # noqa: RUF012

    objective = Objective(name="val_accuracy", maximize=True)
    result = searched(made(Percent, search_data), search_data, tmp_path, config(max_trials=1, objective=objective))

    assert result.trials[0].val_accuracy < 0.5
    assert "val_accuracy 98, but the model" in result.trials[0].note


def test_a_model_that_is_better_than_was_said_of_it_counts_with_what_was_said(
    search_data: SearchData, tmp_path: Path
) -> None:
    result = searched(made(Modest, search_data), search_data, tmp_path, config(max_trials=1))

    assert (result.trials[0].val_loss, result.trials[0].note) == (50.0, "")


def ranks_only(code: Any, data: SearchData) -> UserModel:
    return UserModel(code, data, name="my.py:build", wishes=Wishes(retrain_with_fit=True))


@pytest.mark.exhaustive
def test_folds_can_rank_the_trials_of_a_winner_that_keras_trains(search_data: SearchData, tmp_path: Path) -> None:
    builder = ranks_only(Folds, search_data)

    result = searched(builder, search_data, tmp_path, config(epochs=4))
    trained = retrain(builder, result, search_data, tmp_path)

    assert [trial.status for trial in result.trials] == [TrialStatus.COMPLETED] * 2
    assert (trained.settings.by_keras, trained.settings.epochs, len(trained.epochs)) == (True, 4, 4)
    assert trained.examples == len(search_data.everything)
    assert trained.promise is not None


def test_epochs_and_batch_size_that_a_ranking_fit_searched_are_those_of_the_retraining(
    search_data: SearchData, make_trial: Any
) -> None:
    builder = ranks_only(Folds, search_data)
    winner = make_trial(hyperparameters={"units": 4, "epochs": 7, "batch_size": 16})

    settings = builder.retraining_settings(winner, epochs_to_best=1, examples=300)
    built = builder.build_model(TrainingPlan(hyperparameters=winner.hyperparameters, settings=settings, seed=0))

    assert (settings.epochs, built.recipe.batch_size) == (7, 16)


def test_a_model_without_a_fit_of_its_own_has_nothing_to_leave_out(search_data: SearchData) -> None:
    with pytest.raises(InputError, match="has no fit of its own that `retrain_with_fit` could leave out: leave out"):
        ranks_only(dense, search_data)


def test_a_model_that_keras_could_not_train_is_refused(search_data: SearchData) -> None:
    class Uncompiled(Folds):
        def build(self, hp: Any) -> keras.Model:
            return keras.Sequential([keras.Input((28, 28, 1)), layers.Rescaling(1 / 255), layers.Flatten()])

        def fit(self, *args: Any, **options: Any) -> float:
            return 1.0

    class Ten(Uncompiled):
        def build(self, hp: Any) -> keras.Model:
            return keras.Sequential([*super().build(hp).layers, layers.Dense(10)])

    with pytest.raises(
        InputError, match=r"is not compiled, so Keras's model\.fit can't train it: compile it there, or"
    ):
        ranks_only(Ten, search_data)
