"""The tunable image classifier: hyperparameters → compiled Keras model. The only file that names a hyperparameter.

A stack of blocks (convolution, optional batch normalization, relu, 2×2 pooling), an optional dense layer with
dropout, and a softmax. Input is uint8 pixels of shape (batch, height, width, channels); the division by 255 is part
of the model, augmentation is not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras
import keras_tuner as kt

from tuning.errors import InputError
from tuning.names import require_known
from tuning.records import TrialRecord
from tuning.settings import Configuration, Feed, Labels, TrainingPlan, TrainingSettings, Value
from tuning.space.built_in_space import DEFAULTS, default_ranges, require_fit, whole_values
from tuning.space.ranges import Ranges, parse_value
from tuning.space.recording import RecordingHyperParameters, answering
from tuning.training.built import Built

if TYPE_CHECKING:
    from collections.abc import Mapping

RETRAINING_IMAGES = 720_000
FEWEST_EPOCHS, MOST_EPOCHS = 12, 60

# Keras's 0.99 needs hundreds of steps to forget its start: a short training is then validated with wrong averages.
BATCH_NORMALIZATION_MOMENTUM = 0.9


@dataclass(frozen=True, kw_only=True)
class ClassificationTask:
    """What the data fixes about the model: image shape (height, width, channels) and number of classes."""

    image_shape: tuple[int, int, int]
    num_classes: int


class TunableClassifier(kt.HyperModel):
    """The built-in model builder, for any Keras Tuner that takes a `kt.HyperModel`."""

    own_fit = None
    keeps_validation = False
    asks_by_building = is_a_user_s = False
    fixed: Ranges = {}  # noqa: RUF012 nothing takes the place of its ranges but other ranges

    def __init__(
        self, task: ClassificationTask, *, ranges: Ranges | None = None, labels: Labels = Labels.INTEGER
    ) -> None:
        """Raises InputError for ranges in which some configuration would not fit the images."""
        super().__init__(name="the built-in model")
        self.task = task
        self.ranges = ranges if ranges is not None else default_ranges(task.image_shape)
        self.labels = labels
        self.feed = Feed(labels=labels, num_classes=task.num_classes)
        require_fit(self.ranges, task.image_shape)

    def with_labels(self, labels: Labels) -> TunableClassifier:
        """The same space, compiled for labels of this kind."""
        return TunableClassifier(self.task, ranges=self.ranges, labels=labels)

    def declare(self, hp: kt.HyperParameters) -> dict[str, Value]:
        """Declare every hyperparameter and return the active values. A deeper block's exist only where it does."""

        def value(name: str) -> Value:
            return self.ranges[name].declare(hp, name, DEFAULTS[name])

        values = {"num_blocks": value("num_blocks")}
        possible = whole_values(self.ranges["num_blocks"])
        for block in range(1, max(possible) + 1):
            with hp.conditional_scope("num_blocks", [n for n in possible if n >= block]):
                for name in (f"num_filters_{block}", f"kernel_size_{block}"):
                    declared = value(name)
                    if block <= int(values["num_blocks"]):
                        values[name] = declared
        dense_widths = whole_values(self.ranges["dense_units"])
        values["dense_units"] = value("dense_units")
        if any(width > 0 for width in dense_widths):
            with hp.conditional_scope("dense_units", [width for width in dense_widths if width > 0]):
                dropout = value("dropout")
                if int(values["dense_units"]) > 0:
                    values["dropout"] = dropout
        for name in ("padding", "batch_normalization", "pooling", "learning_rate", "batch_size"):
            values[name] = value(name)
        return values

    def ask(self, hp: RecordingHyperParameters) -> None:
        """Ask for every active hyperparameter; nothing has to be built for that."""
        self.declare(hp)

    def build(self, hp: kt.HyperParameters) -> keras.Model:
        """The compiled model of the configuration that `hp` holds."""
        values = self.declare(hp)
        image = keras.Input(self.task.image_shape, dtype="uint8", name="image")
        x = keras.layers.Rescaling(1 / 255)(image)
        for block in range(1, int(values["num_blocks"]) + 1):
            x = _block(
                x,
                num_filters=int(values[f"num_filters_{block}"]),
                kernel_size=int(values[f"kernel_size_{block}"]),
                values=values,
            )
        x = keras.layers.Flatten()(x)
        if int(values["dense_units"]) > 0:
            x = keras.layers.Dense(int(values["dense_units"]), activation="relu")(x)
            if float(values["dropout"]) > 0:
                x = keras.layers.Dropout(float(values["dropout"]))(x)
        probabilities = keras.layers.Dense(self.task.num_classes, activation="softmax", name="probabilities")(x)
        model = keras.Model(image, probabilities, name="classifier")
        one_hot = self.labels is Labels.ONE_HOT
        model.compile(
            optimizer=keras.optimizers.Adam(float(values["learning_rate"])),
            loss="categorical_crossentropy" if one_hot else "sparse_categorical_crossentropy",
            metrics=["accuracy"],
        )
        return model

    def built(self, plan: TrainingPlan) -> Built:
        """The model of the plan's configuration, compiled for its kind of labels; pixels go in as they are."""
        labelled = self.with_labels(plan.settings.labels)
        hp = RecordingHyperParameters(answering(self.check(plan.hyperparameters)))
        return Built(model=labelled.build(hp), hp=hp, feed=labelled.feed, batch_size=int(hp.get("batch_size")))

    def feed_of(self, model: keras.Model) -> Feed:
        """Pixels go in as they are."""
        return self.feed

    def custom_objects_of(self, model: keras.Model) -> dict[str, Any]:
        """None."""
        return {}

    def trial_settings(self, epochs: int) -> TrainingSettings:
        """Warm-up and cosine schedule, no augmentation."""
        return TrainingSettings(epochs=epochs)

    def single_settings(self, epochs: int) -> TrainingSettings:
        """As a winner is retrained."""
        return TrainingSettings(epochs=epochs, augmentation=True)

    def retraining_settings(self, winner: TrialRecord, *, epochs_to_best: int, examples: int) -> TrainingSettings:
        """Warm-up and cosine schedule with light affine augmentation; fewer images are shown more often.

        Augmented, a configuration can use more epochs than its trial had, unless that was past its best at half-time
        already. Later on the schedule's low rates hardly move the loss, and where it is lowest is chance.
        """
        epochs = min(max(math.ceil(RETRAINING_IMAGES / examples), FEWEST_EPOCHS), MOST_EPOCHS)
        if epochs_to_best < len(winner.epochs) / 2:
            epochs = min(epochs, max(epochs_to_best, FEWEST_EPOCHS))
        return TrainingSettings(
            epochs=epochs,
            augmentation=True,
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

    def parse(self, assignments: Mapping[str, str]) -> Configuration:
        """Texts from the command line as a checked configuration.

        Raises InputError as `check` does, and for a hyperparameter that the others leave without effect.
        """
        values: dict[str, Value] = {}
        for name, text in assignments.items():
            require_known(name, self.ranges)
            values[name] = parse_value(name, text, self.ranges[name])
        checked = self.check(values)
        idle = [name for name in values if name not in checked]
        if idle:
            raise InputError(f"{idle[0]} has no effect in this configuration: leave it out")
        return checked


def _block(x: Any, *, num_filters: int, kernel_size: int, values: Configuration) -> Any:
    """Convolution, batch normalization where asked for, relu, pooling.

    Straight after the convolution the normalization folds into it on export; after the pooling it cannot, but has a
    quarter of the values to normalize and trains faster. Bias would be cancelled by it in both places.
    """
    normalization = values["batch_normalization"]
    pooling = keras.layers.MaxPooling2D if values["pooling"] == "max" else keras.layers.AveragePooling2D
    pool = pooling(2)
    x = keras.layers.Conv2D(num_filters, kernel_size, padding=values["padding"], use_bias=normalization == "none")(x)
    if normalization == "pooling":
        x = keras.layers.BatchNormalization(momentum=BATCH_NORMALIZATION_MOMENTUM)(pool(x))
        return keras.layers.ReLU()(x)
    if normalization == "convolution":
        x = keras.layers.BatchNormalization(momentum=BATCH_NORMALIZATION_MOMENTUM)(x)
    return pool(keras.layers.ReLU()(x))
