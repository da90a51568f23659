"""What search, training and retraining need of whoever turns hyperparameters into a compiled model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import keras
import keras_tuner as kt

from tuning.own_fit import OwnFit
from tuning.records import TrialRecord
from tuning.settings import Configuration, Feed, Plan, TrainingSettings
from tuning.space import Ranges


@dataclass(frozen=True, kw_only=True, eq=False)
class Built:
    """A compiled model, the hyperparameters that it was built of, and how examples are handed to it."""

    model: keras.Model
    hp: kt.HyperParameters
    feed: Feed
    batch_size: int


class ModelBuilder(Protocol):
    """Hyperparameters → compiled model. `name` is how messages call it; `ranges` are those of single hyperparameters.

    `own_fit`: a training of its owner's own; None: batches go to `Model.fit`. `keeps_validation`: it needs validation
    images also when the winner is retrained. `feed`: how examples are handed to its models.
    """

    name: str
    own_fit: OwnFit | None
    keeps_validation: bool
    feed: Feed

    @property
    def ranges(self) -> Ranges: ...

    def hyperparameters(self, values: Configuration | None = None) -> kt.HyperParameters:
        """The declared space, holding `values` (default: the defaults). Raises InputError as `check` does."""

    def described_space(self) -> dict[str, str]:
        """Name → its range in words."""

    def default_configuration(self) -> Configuration:
        """The default of every active hyperparameter."""

    def check(self, values: Configuration) -> Configuration:
        """`values` with defaults for what is missing. Raises InputError for an unknown name or a value out of range."""

    def parse(self, assignments: Mapping[str, str]) -> Configuration:
        """Texts from the command line as a checked configuration. Raises InputError as `check` does."""

    def built(self, plan: Plan) -> Built:
        """The model of the plan's configuration. Raises InputError for hyperparameters that it does not take."""

    def used(self, built: Built) -> Configuration:
        """The hyperparameters that had an effect on the model and its training."""

    def trial_settings(self, epochs: int) -> TrainingSettings:
        """How a trial trains unless something else is asked for."""

    def single_settings(self, epochs: int) -> TrainingSettings:
        """How a single configuration trains that is no trial of a search."""

    def retraining_settings(self, winner: TrialRecord, *, epochs_to_best: int, examples: int) -> TrainingSettings:
        """How the winner of a search is trained again on so many images.

        `epochs_to_best`: the number of epochs after which its trainings on the split were at their best.
        """
