"""What search, training and retraining need of whoever turns hyperparameters into a compiled model."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import keras

from tuning.data.split import Split
from tuning.records import TrialRecord
from tuning.settings import Configuration, Feed, TrainingPlan, TrainingSettings
from tuning.space.ranges import Ranges
from tuning.space.recording import RecordingHyperParameters
from tuning.training.built import Built
from tuning.training.own_fit import OwnFit


@runtime_checkable
class ModelBuilder(Protocol):
    """Hyperparameters → compiled model. `name` is how messages call it.

    `fixed`: ranges that take the place of those that it asks for. `asks_by_building`: asking takes as long as building
    a model. `own_fit`: a training of its owner's own; None: batches go to `Model.fit`. `keeps_validation`: it needs
    validation images also when the winner is retrained. `probed`: a few examples that its default configuration is
    trained on before a search, as its code, and so its models, may be anything; None where that is known to work, and
    `reports` says what its models report after an epoch.
    """

    name: str
    fixed: Ranges
    asks_by_building: bool
    own_fit: OwnFit | None
    keeps_validation: bool
    reports: tuple[str, ...]

    @property
    def probed(self) -> Split | None: ...

    def ask(self, hp: RecordingHyperParameters) -> None:
        """Run whatever asks for hyperparameters. Raises as `drawing.Asking.ask` does."""

    def described_space(self) -> dict[str, str]:
        """Name → its range in words."""

    def default_configuration(self) -> Configuration:
        """The default of every active hyperparameter."""

    def build_model(self, plan: TrainingPlan) -> Built:
        """The model of the plan's configuration. Raises InputError for hyperparameters that it does not take."""

    def feed_of(self, model: keras.Model) -> Feed:
        """How examples are handed to this model. Raises InputError if they don't fit it."""

    def custom_objects_of(self, model: keras.Model) -> dict[str, Any]:
        """Name → class or function, of all that Keras has to know to load the model from a file."""

    def trial_settings(self, epochs: int) -> TrainingSettings:
        """How a trial trains unless something else is asked for."""

    def retraining_settings(self, winner: TrialRecord, *, epochs_to_best: int, examples: int) -> TrainingSettings:
        """How the winner of a search is trained again on so many images.

        `epochs_to_best`: the number of epochs after which its trainings on the split were at their best.
        """
