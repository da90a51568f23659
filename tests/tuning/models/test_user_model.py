"""A user's own model builder: whatever Keras Tuner takes works unchanged, and what can't work says so at once."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import keras
import keras_tuner as kt
import numpy as np
import pytest
from user_models import FailingFit, compiled, config, dense, made, searched

from tuning._retrain import retrain
from tuning.data.dataset import Split
from tuning.data.search_data import SearchData
from tuning.errors import InputError
from tuning.models.probing import as_builder, require_trainable
from tuning.models.user_model import Wishes
from tuning.records import TrialStatus
from tuning.settings import Labels, Objective, Schedule, TrainingPlan
from tuning.space.drawing import complete, parse
from tuning.space.ranges import Choices
from tuning.training.train import Watch, train

pytestmark = pytest.mark.slow
layers = keras.layers
UNIT = Wishes(pixel_scale=(1 / 255, 0.0))


def test_the_space_of_the_getting_started_guide_is_found(guides: Any, search_data: SearchData) -> None:
    builder = made(guides.build_model, search_data, wishes=UNIT)

    assert builder.described_space() == {
        "units": "32 to 512 in steps of 32",
        "activation": "one of relu, tanh",
        "dropout": "one of True, False",
        "lr": "0.0001 to 0.01 (log scale)",
    }
    assert builder.default_configuration() == {"units": 32, "activation": "relu", "dropout": False, "lr": 1e-4}
    assert builder.feed.labels is Labels.ONE_HOT


@pytest.mark.parametrize("name", ["build_model", "TunedFit", "TunedPreprocessing"])
def test_the_guides_are_searched_and_their_winner_retrained(
    name: str, guides: Any, search_data: SearchData, tmp_path: Path
) -> None:
    builder = made(getattr(guides, name), search_data, wishes=UNIT)

    result = searched(builder, search_data, tmp_path, config())
    trained = retrain(builder, result, search_data, tmp_path)

    assert [trial.status for trial in result.trials] == [TrialStatus.COMPLETED] * 2, result.trials[0].reason
    assert all(set(trial.hyperparameters) == set(builder.described_space()) for trial in result.trials)
    assert trained.hyperparameters == result.winner.hyperparameters
    assert keras.models.load_model(tmp_path / "model.keras").count_params() == trained.parameters


@pytest.mark.exhaustive
def test_epochs_and_batch_size_that_a_fit_chooses_are_its_own(
    guides: Any, search_data: SearchData, tmp_path: Path
) -> None:
    builder = made(guides.TunedFit, search_data, wishes=UNIT)

    result = searched(builder, search_data, tmp_path, config(epochs=1))

    assert builder.own_fit.decides == {"epochs"}
    assert [len(trial.epochs) for trial in result.trials] == [
        trial.hyperparameters["epochs"] for trial in result.trials
    ]


def test_a_search_of_a_user_s_model_goes_on_where_it_ended(
    guides: Any, search_data: SearchData, tmp_path: Path
) -> None:
    first = searched(made(guides.build_model, search_data, wishes=UNIT), search_data, tmp_path, config(epochs=1))
    more = searched(
        made(guides.build_model, search_data, wishes=UNIT), search_data, tmp_path, config(max_trials=3, epochs=1)
    )

    assert more.trials[:2] == first.trials
    assert len(more.trials) == 3


def test_a_hyperparameter_behind_an_if_is_found(search_data: SearchData) -> None:
    def build(hp: Any) -> keras.Model:
        if hp.Boolean("deep"):
            for layer in range(hp.Int("depth", 1, 3)):
                hp.Int(f"width_{layer}", 4, 8)
        return dense(hp)

    builder = made(build, search_data)

    assert set(builder.default_configuration()) == {"deep", "units"}
    assert set(complete(builder, {"deep": True, "depth": 2}).values) == {"deep", "depth", "width_0", "width_1", "units"}


def test_only_hyperparameters_with_an_effect_are_recorded(search_data: SearchData) -> None:
    def build(hp: Any) -> keras.Model:
        if hp.Boolean("deep"):
            hp.Int("depth", 1, 3)
        return dense(hp)

    builder = made(build, search_data)
    plan = TrainingPlan(
        hyperparameters={"deep": False, "depth": 3, "units": 8}, settings=builder.trial_settings(1), seed=0
    )

    assert builder.build_model(plan).hyperparameters == {"deep": False, "units": 8}


def test_nothing_is_added_to_a_user_s_training(search_data: SearchData) -> None:
    settings = made(dense, search_data).trial_settings(3)

    assert (settings.schedule, settings.patience) == (Schedule.CONSTANT, None)


def test_the_winner_is_retrained_for_as_many_epochs_as_were_best(search_data: SearchData, make_trial: Any) -> None:
    builder = made(dense, search_data)
    winner = make_trial(settings=builder.trial_settings(8), epochs=make_trial().epochs * 8, result_epoch=4)

    settings = builder.retraining_settings(winner, epochs_to_best=5, examples=300)

    assert (settings.epochs, settings.keep_best, settings.schedule) == (5, False, Schedule.CONSTANT)


def test_a_fit_of_the_user_s_own_is_retrained_for_the_epochs_of_its_trial(
    guides: Any, search_data: SearchData, make_trial: Any
) -> None:
    builder = made(guides.TunedFit, search_data, wishes=UNIT)
    winner = make_trial(settings=builder.trial_settings(8), epochs=make_trial().epochs * 8, result_epoch=4)

    assert builder.retraining_settings(winner, epochs_to_best=5, examples=300).epochs == 8


def own_loss(y: Any, p: Any) -> Any:
    return keras.losses.sparse_categorical_crossentropy(y, p)


@pytest.mark.parametrize(
    ("loss", "units", "activation", "labels"),
    [
        ("sparse_categorical_crossentropy", 10, "softmax", Labels.INTEGER),
        (keras.losses.SparseCategoricalCrossentropy(from_logits=True), 10, None, Labels.INTEGER),
        ("categorical_crossentropy", 10, "softmax", Labels.ONE_HOT),
        (keras.losses.CategoricalCrossentropy(from_logits=True), 10, None, Labels.ONE_HOT),
        ("mse", 10, "softmax", Labels.ONE_HOT),
        (own_loss, 10, "softmax", Labels.INTEGER),
    ],
    ids=["sparse", "sparse logits", "categorical", "categorical logits", "mse", "a function"],
)
def test_labels_are_handed_over_as_the_loss_wants_them(
    loss: Any, units: int, activation: str | None, labels: Labels, search_data: SearchData
) -> None:
    builder = made(lambda hp: dense(hp, units=units, activation=activation, loss=loss), search_data)

    assert builder.feed.labels is labels
    require_trainable(builder, search_data, config())


@pytest.mark.parametrize("activation", ["sigmoid", None])
def test_one_output_tells_two_classes_apart(activation: str | None, search_data: SearchData) -> None:
    few = search_data.training.take(np.flatnonzero(search_data.training.labels < 2))
    loss = keras.losses.BinaryCrossentropy(from_logits=activation is None)
    data = SearchData(training=few, validation=few, everything=few, num_classes=2)

    builder = made(lambda hp: dense(hp, units=1, activation=activation, loss=loss), data)

    require_trainable(builder, data, config())
    assert builder.feed.labels is Labels.INTEGER


def test_a_uint8_model_gets_pixels_as_they_are(search_data: SearchData) -> None:
    def build(hp: Any) -> keras.Model:
        image = keras.Input((28, 28, 1), dtype="uint8")
        x = layers.Flatten()(layers.Rescaling(1 / 255)(image))
        return compiled(keras.Model(image, layers.Dense(10, activation="softmax")(x)))

    assert made(build, search_data).feed.pixel_scale is None


def test_a_model_that_rescales_gets_raw_pixels_as_float(search_data: SearchData) -> None:
    assert made(dense, search_data).feed.pixel_scale == (1.0, 0.0)


class Subclassed(keras.Model):
    def __init__(self, units: int = 8, **options: Any) -> None:
        super().__init__(**options)
        self.units = units
        self.scale = layers.Rescaling(1 / 255)
        self.flat = layers.Flatten()
        self.first = layers.Dense(units, activation="relu")
        self.last = layers.Dense(10, activation="softmax")

    def call(self, x: Any) -> Any:
        return self.last(self.first(self.flat(self.scale(x))))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}


def test_a_subclassed_model_is_searched_retrained_and_loaded(search_data: SearchData, tmp_path: Path) -> None:
    def build(hp: Any) -> keras.Model:
        return compiled(Subclassed(hp.Int("units", 4, 8)))

    builder = made(build, search_data)
    result = searched(builder, search_data, tmp_path, config(epochs=1))
    trained = retrain(builder, result, search_data, tmp_path)

    loaded = keras.models.load_model(tmp_path / "model.keras", custom_objects={"Subclassed": Subclassed})
    assert loaded.count_params() == trained.parameters


def test_a_lambda_layer_of_a_user_s_own_works(search_data: SearchData) -> None:
    def build(hp: Any) -> keras.Model:
        stack = [keras.Input((28, 28, 1)), layers.Lambda(lambda x: x / 255), layers.Flatten()]
        return compiled(keras.Sequential([*stack, layers.Dense(10, activation="softmax")]))

    builder = made(build, search_data, wishes=Wishes(pixel_scale=(1.0, 0.0)))

    require_trainable(builder, search_data, config())


class OwnLoop(kt.HyperModel):
    """A training loop by hand, of a model that is not compiled; it returns its objective."""

    def build(self, hp: Any) -> keras.Model:
        return keras.Sequential(
            [keras.Input((28, 28, 1)), layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(10)]
        )

    def fit(self, hp: Any, model: Any, x: Any, y: Any, validation_data: Any, callbacks: Any = None) -> float:
        optimizer = keras.optimizers.Adam(hp.Float("rate", 1e-3, 1e-2))
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizer=optimizer, loss=loss)
        for _ in range(2):
            model.train_on_batch(x[:32], y[:32])
        return float(model.evaluate(*validation_data, verbose=0))


def test_a_training_loop_by_hand_returns_its_objective(search_data: SearchData, tmp_path: Path) -> None:
    result = searched(made(OwnLoop, search_data), search_data, tmp_path, config())

    assert [trial.status for trial in result.trials] == [TrialStatus.COMPLETED] * 2, result.trials[0].reason
    assert all(trial.val_loss > 0 and len(trial.epochs) == 1 for trial in result.trials)
    assert set(result.winner.hyperparameters) == {"rate"}


@pytest.mark.exhaustive
def test_a_returned_objective_decides_whatever_the_epochs_were_like(search_data: SearchData, tmp_path: Path) -> None:
    class Penalized(FailingFit):
        def fit(self, hp: Any, model: Any, *args: Any, **options: Any) -> float:
            trained = model.fit(*args, **options)
            return min(trained.history["val_loss"]) + 10 * hp.get("units")

    result = searched(made(Penalized, search_data), search_data, tmp_path, config(max_trials=3))

    assert result.winner.hyperparameters["units"] == 4
    assert all(trial.rank >= 10 * trial.hyperparameters["units"] for trial in result.trials)
    assert all(trial.result_epoch == len(trial.epochs) - 1 for trial in result.trials)


def test_a_fit_with_callbacks_of_its_own_is_ranked_by_the_weights_it_ends_with(
    search_data: SearchData, tmp_path: Path
) -> None:
    class GoesBack(FailingFit):
        def fit(self, hp: Any, model: Any, *args: Any, **options: Any) -> Any:
            weights = []
            keep = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: weights.append(model.get_weights()))
            back = keras.callbacks.LambdaCallback(on_train_end=lambda logs: model.set_weights(weights[0]))
            losses.append(model.fit(*args, **{**options, "callbacks": [keep, back]}).history["val_loss"])

            return {}

    losses: list[list[float]] = []
    result = searched(made(GoesBack, search_data), search_data, tmp_path, config(max_trials=1, epochs=3))

    (trial,) = result.trials
    assert trial.val_loss == pytest.approx(losses[-1][0], rel=1e-4)
    assert trial.val_loss > losses[-1][-1]


def test_the_best_epoch_is_kept_by_whatever_name_keras_has_for_the_metric(search_data: SearchData) -> None:
    def build(hp: Any) -> keras.Model:
        model = dense(hp)
        model.compile(optimizer=keras.optimizers.Adam(0.05), loss="sparse_categorical_crossentropy", metrics=["acc"])
        return model

    builder = made(build, search_data)
    objective = Objective(name="val_accuracy", maximize=True)
    settings = dataclasses.replace(builder.trial_settings(8), objective=objective)
    plan = TrainingPlan(hyperparameters=builder.default_configuration(), settings=settings, seed=2)

    done = train(builder, plan, training=search_data.training, validation=search_data.validation, watch=Watch())

    accuracies = [epoch.val_accuracy for epoch in done.epochs]
    found = done.model.evaluate(
        search_data.validation.images.astype("float32"), search_data.validation.labels, verbose=0
    )
    assert accuracies[done.result_epoch] == max(accuracies)
    assert found[1] == pytest.approx(max(accuracies), abs=1e-6)


def test_mixed_precision_that_a_user_s_file_sets_stays(search_data: SearchData) -> None:
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        builder = made(dense, search_data)
        require_trainable(builder, search_data, config())
        built = builder.build_model(
            TrainingPlan(hyperparameters={"units": 4}, settings=builder.trial_settings(1), seed=0)
        )
        policies = {layer.dtype_policy.name for layer in built.model.layers}
    finally:
        keras.config.set_dtype_policy("float32")

    assert policies == {"mixed_bfloat16"}


def test_a_default_off_the_steps_of_its_range_is_taken(search_data: SearchData) -> None:
    def build(hp: Any) -> keras.Model:
        hp.Int("odd", 8, 64, step=16, default=20)
        hp.Float("rate", 0.0, 1.0, default=0)
        hp.Float("fixed", 0.5, 0.5)
        return dense(hp)

    builder = made(build, search_data)

    assert complete(builder, builder.default_configuration()).values["odd"] == 20


def test_any_metric_can_be_the_objective(search_data: SearchData, tmp_path: Path) -> None:
    def build(hp: Any) -> keras.Model:
        model = dense(hp)
        model.compile(
            optimizer="adam",
            loss="sparse_categorical_crossentropy",
            metrics=[keras.metrics.SparseTopKCategoricalAccuracy(k=3, name="top3")],
        )
        return model

    objective = Objective(name="val_top3", maximize=True)
    result = searched(build, search_data, tmp_path, config(objective=objective))

    values = [trial.epochs[trial.result_epoch].value("val_top3") for trial in result.trials]
    assert result.winner.epochs[result.winner.result_epoch].value("val_top3") == max(values)
    assert all(trial.epochs[0].accuracy is None for trial in result.trials)


def test_an_oracle_of_the_caller_s_own_is_asked(search_data: SearchData, tmp_path: Path) -> None:
    oracle = kt.oracles.RandomSearchOracle(objective=kt.Objective("val_accuracy", "max"), max_trials=2, seed=3)

    result = searched(dense, search_data, tmp_path, config(algorithm=oracle, max_trials=5))

    assert (len(result.trials), result.stopped_by) == (2, "space")
    assert result.trials[0].settings.objective == Objective(name="val_accuracy", maximize=True)


def test_several_batch_sizes_are_searched(search_data: SearchData, tmp_path: Path) -> None:
    builder = made(dense, search_data, wishes=Wishes(batch_sizes=(16, 64)))

    result = searched(builder, search_data, tmp_path, config(max_trials=3, epochs=1))

    assert builder.described_space()["batch_size"] == "one of 16, 64"
    assert {trial.hyperparameters["batch_size"] for trial in result.trials} <= {16, 64}


def test_one_batch_size_is_fixed(search_data: SearchData) -> None:
    builder = made(dense, search_data, wishes=Wishes(batch_sizes=(48,)))
    plan = TrainingPlan(hyperparameters=builder.default_configuration(), settings=builder.trial_settings(1), seed=0)

    assert builder.build_model(plan).recipe.batch_size == 48
    assert "batch_size" not in builder.described_space()


def test_ranges_of_the_code_can_be_replaced(search_data: SearchData) -> None:
    builder = made(dense, search_data, wishes=Wishes(ranges={"units": Choices(values=(20,))}))

    assert builder.described_space() == {"units": "one of 20"}
    assert builder.default_configuration() == {"units": 20}


def test_values_are_checked_as_those_of_the_built_in_model(search_data: SearchData) -> None:
    builder = made(dense, search_data)

    assert parse(builder, {"units": "8"}).values == {"units": 8}
    with pytest.raises(InputError, match="units must be 4 to 8 in steps of 4, got 5"):
        complete(builder, {"units": 5})
    with pytest.raises(InputError, match=r"unknown hyperparameter unit: did you mean units\?"):
        complete(builder, {"unit": 5})


def test_a_kt_hypermodel_is_taken_as_class_and_as_instance(guides: Any, search_data: SearchData) -> None:
    data = search_data

    assert (
        made(guides.TunedFit, data, wishes=UNIT).described_space()
        == made(guides.TunedFit(), data, wishes=UNIT).described_space()
    )


def test_a_builder_of_ours_is_taken_as_it_is(tiny: Any, search_data: SearchData) -> None:
    assert as_builder(tiny, search_data) is tiny


def test_a_regression_is_searched_by_its_own_metrics(search_data: SearchData) -> None:
    split = Split(images=search_data.training.images, labels=search_data.training.labels.astype(np.float32))
    data = SearchData(training=split, validation=split, everything=split, num_classes=0)
    builder = made(lambda hp: dense(hp, units=1, activation=None, loss="mse"), data)

    require_trainable(builder, data, config())

    assert builder.feed.num_classes == 0


def test_the_built_in_model_reports_what_it_reports(tiny: Any, search_data: SearchData) -> None:
    with pytest.raises(InputError, match="the built-in model reports accuracy, loss, val_accuracy, val_loss but not"):
        require_trainable(tiny, search_data, config(objective=Objective(name="val_f1", maximize=True)))
