"""A `build(hp)` function or `kt.HyperModel` of a user's own, unchanged, as a model builder of the search."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import keras
import keras_tuner as kt

from tuning.data.dataset import Split
from tuning.data.search_data import SearchData, sample, sample_of_classes
from tuning.errors import ImpossibleError, InputError, UserCodeError
from tuning.failures import describe_failure
from tuning.models.custom_objects import custom_objects_of
from tuning.models.feeding import feed_for
from tuning.models.user_hypermodel import hypermodel_of
from tuning.records import TrialRecord
from tuning.settings import Configuration, Feed, Schedule, TrainingPlan, TrainingSettings, Value
from tuning.space.drawing import first_point
from tuning.space.points import Point
from tuning.space.ranges import Choices, Ranges
from tuning.space.recording import RecordingHyperParameters, answering
from tuning.space.wished_names import require_likely
from tuning.training.built import Built, Recipe
from tuning.training.own_fit import OwnFit

DEFAULT_BATCH_SIZE = 32
PROBED_EXAMPLES = 32
PROBED_OF_EACH_CLASS = 20
"""Enough for the folds of a cross-validation."""


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What is said about a model that its code does not say.

    `pixel_scale`: (factor, offset) of the pixel values it was made for; None: read from the model. `batch_sizes`: one
    is fixed, several are searched, none leaves Keras's 32. `ranges` take the place of the ranges in the code.
    `retrain_with_fit`: a fit of its own only ranks the trials, and Keras's `Model.fit` trains the winner.
    """

    pixel_scale: tuple[float, float] | None = None
    batch_sizes: tuple[int, ...] = ()
    ranges: Ranges = field(default_factory=dict)
    retrain_with_fit: bool = False


class UserModel:
    """A model builder made of a user's code.

    `first`: the point of its defaults, or of a combination that is possible where they are not. `probed`: the examples
    that it is tried on. `shows_images`: whether they are images.
    """

    asks_by_building = True
    reports: tuple[str, ...] = ()

    def __init__(self, code: Any, data: SearchData, *, name: str | None = None, wishes: Wishes | None = None) -> None:
        """Build the default configuration, and see that it fits some of the data.

        `code`: a function `build(hp)`, a `kt.HyperModel` or a class of such. `name`: how messages call it, FILE.py:NAME
        where it comes from a file. Raises InputError if the code fails or does not fit the data.
        """
        self.name = name if name is not None else getattr(code, "__name__", type(code).__name__)
        self._wishes = wishes if wishes is not None else Wishes()
        self._num_classes = data.num_classes
        self._hypermodel = hypermodel_of(code, self.name)
        self.own_fit = _own_fit(self._hypermodel, self.name, self._wishes)
        self.keeps_validation = self.own_fit is not None and not self.own_fit.ranks_only
        self.fixed: Ranges = dict(self._wishes.ranges)
        if len(self._wishes.batch_sizes) > 1:
            sizes = Choices(values=self._wishes.batch_sizes, is_ordered=True)
            self.fixed = {**self.fixed, "batch_size": sizes}
        self.probed = self._probe(data)
        self.shows_images = data.training.holds_images
        self.first: Point = first_point(self)
        built = self.build_model(
            TrainingPlan(hyperparameters=self.first.values, settings=self.trial_settings(1), seed=0)
        )
        self.feed = built.feed
        if self.own_fit is not None and self.own_fit.ranks_only and not built.model.compiled:
            raise InputError(
                f"{self.name} returned a model that is not compiled, so Keras's model.fit can't train it: compile it "
                "there, or leave out `retrain_with_fit`"
            )
        require_likely(self, self.first, self._wishes.ranges)

    def ask(self, hp: RecordingHyperParameters) -> None:
        """Build the model of `hp`; where the training is the user's own, run that too, on a few examples."""
        model = self._build(hp)
        if self.own_fit is not None:
            self._try_fit(
                self.own_fit, Built(model=model, hp=hp, feed=self.feed_of(model), recipe=Recipe(batch_size=1))
            )
        if "batch_size" in self.fixed:
            self._searched_batch_size(hp)

    def described_space(self) -> dict[str, str]:
        """Name → its range in words, of what is asked for in the first configuration."""
        return {name: str(domain) for name, domain in self.first.ranges.items()}

    def default_configuration(self) -> Configuration:
        """The defaults of the code."""
        return self.first.values

    def build_model(self, plan: TrainingPlan) -> Built:
        """The model of the plan's configuration, with its weights. Raises InputError where the code fails."""
        hp = RecordingHyperParameters(answering(plan.hyperparameters), fixed=self.fixed)
        model = self._build(hp)
        recipe = Recipe(batch_size=self._batch_size(hp))
        if plan.settings.by_keras:
            recipe = Recipe(batch_size=_whole(plan.hyperparameters, "batch_size", recipe.batch_size))
        return Built(model=model, hp=hp, feed=self.feed_of(model), recipe=recipe)

    def custom_objects_of(self, model: keras.Model) -> dict[str, Any]:
        """The classes and functions that the model is made of and Keras does not know."""
        return custom_objects_of(model)

    def trial_settings(self, epochs: int) -> TrainingSettings:
        """Nothing that the code does not do by itself, but that the weights of the best epoch count."""
        return TrainingSettings(epochs=epochs, schedule=Schedule.CONSTANT, keep_best=True)

    def retraining_settings(self, winner: TrialRecord, *, epochs_to_best: int, examples: int) -> TrainingSettings:
        """As many epochs as the winner needed to its best one; a `fit` of the user's own decides by itself."""
        settings = winner.settings
        by_keras = self.own_fit is not None and self.own_fit.ranks_only
        epochs = settings.epochs if self.own_fit is not None else epochs_to_best
        if by_keras:
            epochs = _whole(winner.hyperparameters, "epochs", epochs)
        return TrainingSettings(
            epochs=epochs,
            by_keras=by_keras,
            schedule=settings.schedule,
            keep_best=self.keeps_validation,
            balance_classes=settings.balance_classes,
            objective=settings.objective,
        )

    def _probe(self, data: SearchData) -> Split:
        if self.own_fit is None or not data.num_classes:
            return sample(data.training, PROBED_EXAMPLES)
        return sample_of_classes(data.training, PROBED_OF_EACH_CLASS)

    def _batch_size(self, hp: RecordingHyperParameters) -> int:
        if "batch_size" in self.fixed:
            return int(self._searched_batch_size(hp))
        return self._wishes.batch_sizes[0] if self._wishes.batch_sizes else DEFAULT_BATCH_SIZE

    def _searched_batch_size(self, hp: RecordingHyperParameters) -> Value:
        sizes = self.fixed["batch_size"]
        return hp.ask("batch_size", sizes, sizes.list_values()[0])

    def _build(self, hp: RecordingHyperParameters) -> keras.Model:
        try:
            self._hypermodel.declare_hyperparameters(hp)
            model = self._hypermodel.build(hp)
        # A user's code may raise anything.
        except (Exception, SystemExit) as error:
            raise _failure(error, f"{self.name} failed", may_be_impossible=True) from error
        if not isinstance(model, keras.Model):
            raise InputError(f"{self.name} returned {type(model).__name__} but must return a compiled keras.Model")
        if not model.compiled and self.own_fit is None:
            raise InputError(
                f"{self.name} returned a model that is not compiled: call model.compile before returning it"
            )
        return model

    def feed_of(self, model: keras.Model) -> Feed:
        """How examples are handed to this model. Raises InputError if they don't fit it."""
        return feed_for(
            model,
            self.probed,
            num_classes=self._num_classes,
            pixel_scale=self._wishes.pixel_scale,
            name=self.name,
        )

    def _try_fit(self, own_fit: OwnFit, built: Built) -> None:
        plan = TrainingPlan(hyperparameters={}, settings=self.trial_settings(1), seed=1)
        try:
            own_fit.run(built, plan, [], epochs=range(1), training=self.probed, validation=self.probed)
        except InputError:
            raise
        except (Exception, SystemExit) as error:
            raise _failure(error, f"fit of {self.name} failed") from error


def _failure(error: BaseException, what: str, *, may_be_impossible: bool = False) -> UserCodeError:
    """What a user's code raised, classified as Keras Tuner does."""
    reason = describe_failure(error)
    is_impossible = isinstance(error, kt.errors.FailedTrialError)
    if may_be_impossible and isinstance(error, ValueError) and not isinstance(error, InputError):
        is_impossible = True
    kind = ImpossibleError if is_impossible else UserCodeError
    ends = isinstance(error, kt.errors.FatalError)
    return kind(f"{what} ({reason}): fix it there", reason=reason, ends_the_search=ends)


def _whole(values: Configuration, name: str, otherwise: int) -> int:
    """What a fit of the user's own searched by the name that Keras has for it."""
    value = values.get(name, otherwise)
    return value if type(value) is int and value > 0 else otherwise


def _own_fit(hypermodel: kt.HyperModel, name: str, wishes: Wishes) -> OwnFit | None:
    if getattr(hypermodel.fit, "__func__", None) is kt.HyperModel.fit:
        if wishes.retrain_with_fit:
            raise InputError(
                f"{name} has no fit of its own that `retrain_with_fit` could leave out: leave out `retrain_with_fit`"
            )
        return None
    if len(wishes.batch_sizes) > 1:
        raise InputError(
            f"{name} has a fit of its own, where the batch size has to be searched: give a single `batch_sizes`, or "
            "write batch_size=hp.Choice(...) in it"
        )
    return OwnFit(
        fit=hypermodel.fit,
        name=name,
        batch_size=wishes.batch_sizes[0] if wishes.batch_sizes else None,
        ranks_only=wishes.retrain_with_fit,
    )
