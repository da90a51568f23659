"""A `build(hp)` function or `kt.HyperModel` of a user's own, unchanged, as a model builder of the search."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import keras
import keras_tuner as kt
import numpy as np

from tuning.builder import Built
from tuning.errors import InputError
from tuning.exploration import RecordingHyperParameters, explore, holding, range_of
from tuning.losses import labels_for, require_classifier
from tuning.names import require_known
from tuning.own_fit import OwnFit, scaled_pixels
from tuning.pixel_scaling import pixel_scale_for
from tuning.records import SearchConfig, TrialRecord
from tuning.search_data import SearchData, sample
from tuning.settings import Configuration, Feed, Plan, Schedule, TrainingSettings, Value
from tuning.space import Choices, Range, Ranges, parse_value
from tuning.user_code import custom_objects_in, describe_failure

DEFAULT_BATCH_SIZE = 32
PROBED_EXAMPLES = 32


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What is said about a model that its code does not say.

    `pixel_scale`: (factor, offset) of the pixel values it was made for; None: read from the model. `batch_sizes`: one
    is fixed, several are searched, none leaves Keras's 32. `ranges` take the place of the ranges in the code.
    """

    pixel_scale: tuple[float, float] | None = None
    batch_sizes: tuple[int, ...] = ()
    ranges: Ranges = field(default_factory=dict)


class UserModel:
    """A model builder made of a user's code."""

    def __init__(self, code: Any, data: SearchData, *, name: str | None = None, wishes: Wishes | None = None) -> None:
        """Build the default configuration, see that it fits some of the data, and find the space.

        `code`: a function `build(hp)`, a `kt.HyperModel` or a class of such. `name`: how messages call it, FILE.py:NAME
        where it comes from a file. `custom_objects` then holds what a `.keras` file of the model needs to be loaded.
        Raises InputError if the code fails or does not fit the data.
        """
        name = name if name is not None else getattr(code, "__name__", type(code).__name__)
        self.name = name
        self._wishes = wishes if wishes is not None else Wishes()
        self._num_classes = data.num_classes
        self._hypermodel = _hypermodel(code, name)
        module = sys.modules.get(getattr(code, "__module__", type(code).__module__))
        self.custom_objects = {} if module is None else custom_objects_in(module)
        self.proved_for: SearchConfig | None = None
        is_own = type(self._hypermodel).fit is not kt.HyperModel.fit
        sizes = self._wishes.batch_sizes
        if is_own and len(sizes) > 1:
            raise InputError(
                f"{name} has a fit of its own, where the batch size has to be searched: give a single --batch-size, "
                "or write batch_size=hp.Choice(...) in it"
            )
        batch_size = sizes[0] if sizes else None
        self.own_fit = OwnFit(fit=self._hypermodel.fit, name=name, batch_size=batch_size) if is_own else None
        self.keeps_validation = is_own
        self._fixed: dict[str, Range] = dict(self._wishes.ranges)
        if len(sizes) > 1:
            self._fixed["batch_size"] = Choices(values=sizes)
        self._examples = sample(data.training, PROBED_EXAMPLES)
        self.feed = self._fitting_feed()
        self._defaults: Configuration | None = None
        self._asked: set[str] = set()
        self._space = explore(self._tried, self._fixed)
        for wished in self._wishes.ranges:
            require_known(wished, sorted(self._asked))

    def hyperparameters(self, values: Configuration | None = None) -> kt.HyperParameters:
        """The space that was found, holding `values` (default: the defaults). Raises InputError as `check` does."""
        hp = self._space.copy()
        if values is not None:
            hp.values = {**hp.values, **self.check(values)}
        return hp

    def described_space(self) -> dict[str, str]:
        """Name → its range in words; a hyperparameter that is declared under several conditions has several."""
        names = list(dict.fromkeys(entry.name for entry in self._space.space))
        return {name: " or ".join(dict.fromkeys(map(str, self._ranges(name)))) for name in names}

    @property
    def ranges(self) -> Ranges:
        """Name → range, of the hyperparameters that have a single one."""
        names = self.described_space()
        return {name: self._ranges(name)[0] for name in names if len(self._ranges(name)) == 1}

    def default_configuration(self) -> Configuration:
        """The defaults of the code."""
        assert self._defaults is not None
        return self._defaults

    def check(self, values: Configuration) -> Configuration:
        """`values` as they are. Raises InputError for an unknown name or a value outside its range."""
        known = self.described_space()
        for name, given in values.items():
            require_known(name, known)
            # Keras Tuner takes any default, on the steps of its range or not.
            defaults = [entry.default for entry in self._space.space if entry.name == name]
            if given not in defaults and not any(domain.contains(given) for domain in self._ranges(name)):
                raise InputError(f"{name} must be {known[name]}, got {given}")
        return dict(values)

    def parse(self, assignments: Mapping[str, str]) -> Configuration:
        """Texts from the command line as a checked configuration. Raises InputError as `check` does."""
        values: dict[str, Value] = {}
        for name, text in assignments.items():
            require_known(name, self.described_space())
            values[name] = parse_value(name, text, self._ranges(name)[0])
        return self.check(values)

    def built(self, plan: Plan) -> Built:
        """The model of the plan's configuration, with its weights. Raises InputError where the code fails."""
        hp = holding(plan.hyperparameters, self._fixed)
        model = self._build(hp)
        if not model.built:
            self._answers(model, self.feed)
        return Built(model=model, hp=hp, feed=self.feed, batch_size=self._batch_size(hp))

    def used(self, built: Built) -> Configuration:
        """The hyperparameters that the code asked for."""
        assert isinstance(built.hp, RecordingHyperParameters)
        return dict(built.hp.used)

    def trial_settings(self, epochs: int) -> TrainingSettings:
        """Nothing that the code does not do by itself, but that the weights of the best epoch count."""
        return TrainingSettings(epochs=epochs, schedule=Schedule.CONSTANT, labels=self.feed.labels, keep_best=True)

    def single_settings(self, epochs: int) -> TrainingSettings:
        """As a trial."""
        return self.trial_settings(epochs)

    def retraining_settings(self, winner: TrialRecord, *, epochs_to_best: int, examples: int) -> TrainingSettings:
        """As many epochs as the winner needed to its best one; a `fit` of the user's own decides by itself."""
        settings = winner.settings
        epochs = settings.epochs if self.own_fit is not None else epochs_to_best
        return TrainingSettings(
            epochs=epochs,
            schedule=settings.schedule,
            labels=settings.labels,
            keep_best=self.keeps_validation,
            balance_classes=settings.balance_classes,
            objective=settings.objective,
        )

    def _ranges(self, name: str) -> list[Range]:
        return [range_of(entry) for entry in self._space.space if entry.name == name]

    def _batch_size(self, hp: RecordingHyperParameters) -> int:
        sizes = self._wishes.batch_sizes
        if "batch_size" in self._fixed:
            return int(hp.get("batch_size"))
        return sizes[0] if sizes else DEFAULT_BATCH_SIZE

    def _build(self, hp: kt.HyperParameters) -> keras.Model:
        try:
            model = self._hypermodel.build(hp)
        # A user's code may raise anything.
        except Exception as error:
            raise InputError(f"{self.name} failed ({describe_failure(error, self.name)}): mend it there") from error
        if not isinstance(model, keras.Model):
            raise InputError(f"{self.name} returned {type(model).__name__} but must return a compiled keras.Model")
        if not model.compiled and self.own_fit is None:
            raise InputError(
                f"{self.name} returned a model that is not compiled: call model.compile before returning it"
            )
        return model

    def _fitting_feed(self) -> Feed:
        """How examples are handed to the default model. Raises InputError if they don't fit it."""
        model = self._build(holding({}, self._fixed))
        scale = self._wishes.pixel_scale
        if self._examples.holds_images:
            scale = pixel_scale_for(model, scale, self.name)
        elif scale is not None:
            raise InputError("--pixel-scale is for data of images only: leave it out")
        feed = Feed(num_classes=self._num_classes, pixel_scale=scale)
        answers = self._answers(model, feed)
        if self._num_classes:
            require_classifier(answers, num_classes=self._num_classes, name=self.name)
        if not model.compiled or self._num_classes == 0:
            return feed
        labels = labels_for(model, answers, self._examples.labels, num_classes=self._num_classes, name=self.name)
        return Feed(labels=labels, num_classes=self._num_classes, pixel_scale=scale)

    def _answers(self, model: keras.Model, feed: Feed) -> Any:
        """What the model says to the examples. Raises InputError if it can't take them."""
        images = scaled_pixels(self._examples, feed)
        try:
            if not model.built:
                # On numbers it would be built for this very number of examples.
                model(keras.tree.map_structure(_any_batch, images))
            return model(images, training=False)
        except Exception as error:
            shapes = (
                {key: value.shape[1:] for key, value in images.items()}
                if isinstance(images, dict)
                else images.shape[1:]
            )
            raise InputError(
                f"{self.name} can't take the data, whose examples have shape {shapes} "
                f"({describe_failure(error, self.name)}): make the model's input fit them"
            ) from error

    def _tried(self, hp: RecordingHyperParameters) -> None:
        """Build the model of `hp`; where the training is the user's own, run that too, on a few examples."""
        try:
            built = Built(model=self._build(hp), hp=hp, feed=self.feed, batch_size=self._batch_size(hp))
            if self.own_fit is not None:
                plan = Plan(hyperparameters={}, settings=self.trial_settings(1), seed=1)
                examples = self._examples
                self.own_fit.run(built, plan, [], epochs=range(1), training=examples, validation=examples)
        except InputError:
            raise
        except Exception as error:
            raise InputError(
                f"fit of {self.name} failed ({describe_failure(error, self.name)}): mend it there"
            ) from error
        finally:
            self._asked |= hp.asked
        if self._defaults is None:
            self._defaults = dict(hp.used)


def _any_batch(examples: np.ndarray) -> keras.KerasTensor:
    return keras.KerasTensor((None, *examples.shape[1:]), dtype=examples.dtype.name)


def _hypermodel(code: Any, name: str) -> kt.HyperModel:
    if isinstance(code, type) and issubclass(code, kt.HyperModel):
        try:
            code = code()
        except TypeError as error:
            raise InputError(f"{name} can't be made without arguments ({error}): name an instance of it") from error
    if isinstance(code, kt.HyperModel):
        if "_build" not in vars(code):
            raise InputError(f"{name} does not call super().__init__() in its __init__: add it")
        return code
    if isinstance(code, keras.Model | type) or not callable(code):
        raise InputError(
            f"{name} is a {type(code).__name__} but must be a function build(hp) or a keras_tuner.HyperModel"
        )
    return _Function(code, name)


class _Function(kt.HyperModel):
    """A `build(hp)` function as a HyperModel."""

    def __init__(self, build: Any, name: str) -> None:
        self._function = build
        super().__init__(name=name)

    def build(self, hp: kt.HyperParameters) -> Any:
        return self._function(hp)
