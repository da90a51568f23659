"""The built-in model builder: image data and a configuration → compiled classifier."""

from __future__ import annotations

import math
from typing import Any

import keras
import keras_tuner as kt

from tuning.environment.devices import visible_gpus
from tuning.errors import InputError
from tuning.models.network import (
    DEFAULTS,
    HYPERPARAMETERS,
    ClassificationTask,
    build_network,
    default_ranges,
    read_recipe,
    require_fit,
    whole_values,
)
from tuning.names import require_known
from tuning.ranking.metric import make_metrics, reported_names
from tuning.records import TrialRecord
from tuning.settings import (
    VALIDATION_LOSS,
    Configuration,
    Feed,
    Labels,
    Objective,
    Schedule,
    TrainingPlan,
    TrainingSettings,
    Value,
)
from tuning.space.ranges import Ranges
from tuning.space.recording import RecordingHyperParameters, answering
from tuning.training.built import Built

__all__ = ["ClassificationTask", "TunableClassifier"]

RETRAINING_IMAGES = 3_600_000
FEWEST_EPOCHS, MOST_EPOCHS = 12, 60


class TunableClassifier(kt.HyperModel):
    """The built-in model builder, for any Keras Tuner that takes a `kt.HyperModel`."""

    own_fit = None
    keeps_validation = False
    asks_by_building = False
    probed = None
    fixed: Ranges = {}  # noqa: RUF012 nothing takes the place of its ranges but other ranges

    def __init__(
        self, task: ClassificationTask, *, ranges: Ranges | None = None, labels: Labels = Labels.INTEGER
    ) -> None:
        """Raises InputError for ranges in which some configuration would not fit the images."""
        super().__init__(name="the built-in model")
        self.task = task
        self.reports = reported_names()
        self.ranges = ranges if ranges is not None else default_ranges(task.image_shape)
        self.labels = labels
        self.feed = Feed(labels=labels, num_classes=task.num_classes)
        require_fit(self.ranges, task.image_shape)

    def with_labels(self, labels: Labels) -> TunableClassifier:
        """The same space, compiled for labels of this kind."""
        return TunableClassifier(self.task, ranges=self.ranges, labels=labels)

    def declare(self, hp: kt.HyperParameters) -> dict[str, Value]:
        """Declare every hyperparameter and return the active values."""

        def value(name: str) -> Value:
            return self.ranges[name].declare(hp, name, DEFAULTS[name])

        values: dict[str, Value] = {}
        for name, each in HYPERPARAMETERS.items():
            if each.needs is None:
                values[name] = value(name)
                continue
            parent, exists_for = each.needs
            possible = [number for number in whole_values(self.ranges[parent]) if exists_for(number)]
            if not possible:
                continue
            with hp.conditional_scope(parent, possible):
                declared = value(name)
            if exists_for(int(values[parent])):
                values[name] = declared
        return values

    def ask(self, hp: RecordingHyperParameters) -> None:
        """Ask for every active hyperparameter; nothing has to be built for that."""
        self.declare(hp)

    def build(self, hp: kt.HyperParameters) -> keras.Model:
        """The compiled model of the configuration that `hp` holds."""
        return self._compile(hp, VALIDATION_LOSS)

    def build_model(self, plan: TrainingPlan) -> Built:
        """The model of the plan's configuration, compiled for its kind of labels; pixels go in as they are."""
        values = self.check(plan.hyperparameters)
        recipe = read_recipe(values)
        labelled = self.with_labels(Labels.ONE_HOT if recipe.label_smoothing else plan.settings.labels)
        hp = RecordingHyperParameters(answering(values))
        model = labelled._compile(hp, plan.settings.objective)
        return Built(model=model, hp=hp, feed=labelled.feed, recipe=recipe)

    def _compile(self, hp: kt.HyperParameters, objective: Objective) -> keras.Model:
        metrics = make_metrics(objective, self.labels)
        return build_network(self.declare(hp), self.task, labels=self.labels, metrics=metrics)

    def feed_of(self, model: keras.Model) -> Feed:
        """Pixels go in as they are."""
        return self.feed

    def custom_objects_of(self, model: keras.Model) -> dict[str, Any]:
        """None."""
        return {}

    def trial_settings(self, epochs: int) -> TrainingSettings:
        """Warm-up and a constant rate: with averaged weights a trial is as good as it can be after every epoch."""
        return TrainingSettings(epochs=epochs, schedule=Schedule.WARMUP_CONSTANT, halves=_gains_from_halves())

    def retraining_settings(self, winner: TrialRecord, *, epochs_to_best: int, examples: int) -> TrainingSettings:
        """As a trial, then with a rate that falls; fewer images are shown more often.

        A configuration can use more epochs than its trial had, unless that was past its best at half-time already.
        """
        epochs = min(max(math.ceil(RETRAINING_IMAGES / examples), FEWEST_EPOCHS), MOST_EPOCHS)
        if epochs_to_best < winner.passes / 2:
            epochs = min(epochs, max(epochs_to_best, FEWEST_EPOCHS))
        return TrainingSettings(
            epochs=epochs,
            schedule=Schedule.WARMUP_DECAY,
            halves=_gains_from_halves(),
            balance_classes=winner.settings.balance_classes,
            objective=winner.settings.objective,
        )

    def described_space(self) -> dict[str, str]:
        """Name → its range in words."""
        return {name: str(values) for name, values in self.ranges.items()}

    def hyperparameters(self, values: Configuration | None = None) -> kt.HyperParameters:
        """The declared space, holding `values` (default: the defaults). Raises InputError as `check` does."""
        hp = kt.HyperParameters()
        if values is not None:
            hp.values = dict(self.check(values))
        self.declare(hp)
        return hp

    def default_configuration(self) -> Configuration:
        """The default of every active hyperparameter."""
        return self.declare(kt.HyperParameters())

    def check(self, values: Configuration) -> Configuration:
        """`values` completed with defaults, active hyperparameters only, each in its range.

        Raises InputError for an unknown name or a value outside its range: Keras Tuner accepts both silently.
        """
        for name, given in values.items():
            require_known(name, self.ranges)
            if not self.ranges[name].contains(given):
                raise InputError(f"{name} must be {self.ranges[name]}, got {given}")
        hp = kt.HyperParameters()
        hp.values = dict(values)
        return self.declare(hp)


def _gains_from_halves() -> bool:
    """A GPU does twice as much with a whole batch, where cores get in each other's way."""
    return not visible_gpus()
