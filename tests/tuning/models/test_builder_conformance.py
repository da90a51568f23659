"""One conformance suite for every model builder, and for one that is none of ours."""

from __future__ import annotations

import inspect
from importlib import import_module

import keras
import numpy as np
import pytest

from tuning import models
from tuning._search import search
from tuning.data.search_data import sample
from tuning.found import names_in
from tuning.loop.resources import Resources
from tuning.models.built_in import TunableClassifier
from tuning.models.probing import as_builder, require_trainable
from tuning.models.user_model import UserModel
from tuning.records import SearchConfig
from tuning.settings import Feed, Labels, TrainingPlan, TrainingSettings
from tuning.space.drawing import Drawing, complete, draw, parse
from tuning.space.known_space import KnownSpace
from tuning.space.ranges import Choices, FloatRange
from tuning.space.recording import RecordingHyperParameters, answering
from tuning.training.builder import ModelBuilder
from tuning.training.built import Built, Recipe
from tuning.training.train import Watch, train

pytestmark = pytest.mark.slow


class Linear:
    """A third builder, which inherits nothing: one dense layer over all pixels."""

    name = "a linear model"
    fixed: dict = {}  # noqa: RUF012
    own_fit = None
    asks_by_building = keeps_validation = False
    reports = ()
    _RANGES = {"units": Choices(values=(8, 16)), "rate": FloatRange(low=1e-3, high=1e-2, log=True)}  # noqa: RUF012

    def __init__(self, data):
        self.probed = sample(data.training, 32)
        self._task = data.training.images.shape[1:], data.num_classes
        self._feed = Feed(labels=Labels.INTEGER, num_classes=data.num_classes)

    def ask(self, hp):
        return hp.ask("units", self._RANGES["units"], 8), hp.ask("rate", self._RANGES["rate"], 0.003)

    def described_space(self):
        return {name: str(domain) for name, domain in self._RANGES.items()}

    def default_configuration(self):
        return {"units": 8, "rate": 0.003}

    def build_model(self, plan):
        hp = RecordingHyperParameters(answering(plan.hyperparameters))
        units, rate = self.ask(hp)
        shape, classes = self._task
        inner = [keras.layers.Rescaling(1 / 255), keras.layers.Flatten(), keras.layers.Dense(units, "relu")]
        model = keras.Sequential([keras.Input(shape), *inner, keras.layers.Dense(classes, "softmax")])
        model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
        return Built(model=model, hp=hp, feed=self._feed, recipe=Recipe(batch_size=64))

    def feed_of(self, model):
        return self._feed

    def custom_objects_of(self, model):
        return {}

    def trial_settings(self, epochs):
        return TrainingSettings(epochs=epochs)

    def retraining_settings(self, winner, *, epochs_to_best, examples):
        return winner.settings


def build(hp):
    layers = [keras.layers.Rescaling(1 / 255), keras.layers.Flatten(), keras.layers.Dense(hp.Int("units", 8, 16))]
    model = keras.Sequential([keras.Input((28, 28, 1)), *layers, keras.layers.Dense(10, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


MADE = {
    TunableClassifier: lambda tiny, data: tiny,
    UserModel: lambda tiny, data: UserModel(build, data),
    Linear: lambda tiny, data: Linear(data),
}


@pytest.fixture(params=MADE, ids=lambda kind: kind.__name__)
def builder(request, tiny, search_data):
    return MADE[request.param](tiny, search_data)


def test_every_builder_is_among_them():
    modules = [import_module(f"{models.__name__}.{name}") for name in names_in(models.__name__)]
    found = {each for module in modules for each in vars(module).values() if inspect.isclass(each)}
    builders = {each for each in found if hasattr(each, "build_model") and hasattr(each, "ask")} - {ModelBuilder}
    assert builders == set(MADE) - {Linear}


def test_it_is_taken_as_it_is(builder, search_data):
    assert as_builder(builder, search_data) is builder


def test_its_defaults_are_what_it_is_answered_without_wishes(builder):
    assert complete(builder, {}).values == complete(builder, builder.default_configuration()).values
    assert set(builder.default_configuration()) <= set(builder.described_space())


def test_a_point_is_parsed_from_its_texts(builder):
    values = builder.default_configuration()
    assert parse(builder, {name: str(value) for name, value in values.items()}).values == values


def test_a_drawn_point_is_the_model_s(builder):
    drawn = draw(builder, Drawing(seed=3), KnownSpace()).point.values
    built = builder.build_model(TrainingPlan(hyperparameters=drawn, settings=builder.trial_settings(1), seed=0))
    assert built.hyperparameters == drawn
    assert built.model.compiled
    assert built.recipe.batch_size >= 1


def test_the_same_plan_trains_the_same_model(builder, search_data):
    plan = TrainingPlan(hyperparameters=builder.default_configuration(), settings=builder.trial_settings(1), seed=1)
    few = sample(search_data.training, 64)

    def losses():
        return [epoch.loss for epoch in train(builder, plan, training=few, validation=few, watch=Watch()).epochs]

    assert losses() == losses()
    assert np.isfinite(losses()).all()


def test_it_is_known_to_train_or_tried(builder, search_data):
    assert (builder.probed is None) == bool(builder.reports)
    require_trainable(builder, search_data, SearchConfig())


def test_a_search_finds_a_winner(builder, search_data, tmp_path):
    config = SearchConfig(max_trials=2, epochs=1, repeats=0)
    result = search(builder, search_data, tmp_path, config, resources=Resources(workers=0))
    assert result.winner is not None
    settings = builder.retraining_settings(result.winner, epochs_to_best=1, examples=1000)
    assert settings.epochs >= 1
