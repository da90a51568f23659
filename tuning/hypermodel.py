"""The tunable image classifier: hyperparameters → compiled Keras model. The only file that names a hyperparameter.

A stack of blocks (convolution, optional batch normalization, relu, 2×2 pooling), an optional dense layer with
dropout, and a softmax. Input is uint8 pixels of shape (batch, height, width, channels); the division by 255 is part
of the model, augmentation is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras
import keras_tuner as kt

from tuning.errors import InputError
from tuning.records import Configuration, Feed, Labels, Value
from tuning.space import Choices, FloatRange, IntRange, Ranges, require_known

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_BLOCKS = 3
SMALLEST_SIDE = 4
# Keras's 0.99 needs hundreds of steps to forget its start: a short training is then validated with wrong averages.
BATCH_NORMALIZATION_MOMENTUM = 0.9

DEFAULTS: Configuration = {
    "num_blocks": 2,
    "num_filters_1": 16,
    "num_filters_2": 32,
    "num_filters_3": 48,
    "kernel_size_1": 5,
    "kernel_size_2": 3,
    "kernel_size_3": 3,
    "padding": "valid",
    "batch_normalization": "pooling",
    "pooling": "max",
    "dense_units": 64,
    "dropout": 0.0,
    "learning_rate": 0.01,
    "batch_size": 128,
}
"""A configuration known to be good and fast on small images; every search starts with it."""


def default_ranges(image_shape: tuple[int, int, int]) -> dict[str, Choices | IntRange | FloatRange]:
    """The whole space for images of shape (height, width, channels): on smaller images fewer blocks and kernels.

    Raises InputError for images too small for a single block.
    """
    side = min(image_shape[:2])
    if side < SMALLEST_SIDE:
        raise InputError(
            f"images are {image_shape[0]}×{image_shape[1]} but the built-in model needs "
            f"{SMALLEST_SIDE}×{SMALLEST_SIDE} or more: enlarge them"
        )
    first_kernels = (3, 5) if _side_after(side, [5]) >= 1 else (3,)
    second_kernels = (3, 5) if _side_after(side, [first_kernels[-1], 5]) >= 1 else (3,)
    worst = [first_kernels[-1], second_kernels[-1], 3]
    depth = max(n for n in range(1, MAX_BLOCKS + 1) if n == 1 or _side_after(side, worst[:n]) >= 1)
    filters = IntRange(low=8, high=64, step=4)
    return {
        "num_blocks": Choices(values=tuple(range(1, depth + 1))),
        "num_filters_1": filters,
        "num_filters_2": filters,
        "num_filters_3": filters,
        "kernel_size_1": Choices(values=first_kernels),
        "kernel_size_2": Choices(values=second_kernels),
        "kernel_size_3": Choices(values=(3,)),
        "padding": Choices(values=("valid", "same")),
        "batch_normalization": Choices(values=("none", "convolution", "pooling")),
        "pooling": Choices(values=("max", "average")),
        "dense_units": Choices(values=(0, 32, 64, 100, 128, 256)),
        "dropout": FloatRange(low=0.0, high=0.5),
        "learning_rate": FloatRange(low=3e-4, high=2e-2, log=True),
        "batch_size": Choices(values=(32, 64, 128, 256)),
    }


@dataclass(frozen=True, kw_only=True)
class Task:
    """What the data fixes about the model: image shape (height, width, channels) and number of classes."""

    image_shape: tuple[int, int, int]
    num_classes: int


class TunableClassifier(kt.HyperModel):
    """The built-in model builder, for any Keras Tuner that takes a `kt.HyperModel`."""

    def __init__(self, task: Task, *, ranges: Ranges | None = None, labels: Labels = Labels.INTEGER) -> None:
        """Raises InputError for ranges in which some configuration would not fit the images."""
        super().__init__(name="tunable_classifier")
        self.task = task
        self.ranges = ranges if ranges is not None else default_ranges(task.image_shape)
        self.labels = labels
        _require_fit(self.ranges, task.image_shape)

    def with_labels(self, labels: Labels) -> TunableClassifier:
        """The same space, compiled for labels of this kind."""
        return TunableClassifier(self.task, ranges=self.ranges, labels=labels)

    def declare(self, hp: kt.HyperParameters) -> dict[str, Value]:
        """Declare every hyperparameter and return the active values. A deeper block's exist only where it does."""

        def value(name: str) -> Value:
            return self.ranges[name].declare(hp, name, DEFAULTS[name])

        values = {"num_blocks": value("num_blocks")}
        possible = _values(self.ranges["num_blocks"])
        for block in range(1, max(possible) + 1):
            with hp.conditional_scope("num_blocks", [n for n in possible if n >= block]):
                for name in (f"num_filters_{block}", f"kernel_size_{block}"):
                    declared = value(name)
                    if block <= int(values["num_blocks"]):
                        values[name] = declared
        dense_widths = _values(self.ranges["dense_units"])
        values["dense_units"] = value("dense_units")
        if any(width > 0 for width in dense_widths):
            with hp.conditional_scope("dense_units", [width for width in dense_widths if width > 0]):
                dropout = value("dropout")
                if int(values["dense_units"]) > 0:
                    values["dropout"] = dropout
        for name in ("padding", "batch_normalization", "pooling", "learning_rate", "batch_size"):
            values[name] = value(name)
        return values

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

    def feed(self, labels: Labels) -> Feed:
        """How examples are handed to the model: its pixels as they are."""
        return Feed(labels=labels, num_classes=self.task.num_classes)

    def batch_size(self, values: Configuration) -> int:
        """How many images a training step takes under this configuration."""
        return int(values["batch_size"])

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
            values[name] = _parse(name, text, DEFAULTS[name])
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


def _side_after(side: int, kernel_sizes: list[int]) -> int:
    """Side of the feature map after unpadded blocks with these kernels; 0 or less: they do not fit."""
    for kernel_size in kernel_sizes:
        side = (side - kernel_size + 1) // 2
    return side


def _require_fit(ranges: Ranges, image_shape: tuple[int, int, int]) -> None:
    kernels = [max(_values(ranges[f"kernel_size_{block}"])) for block in range(1, MAX_BLOCKS + 1)]
    depth = max(_values(ranges["num_blocks"]))
    if depth > MAX_BLOCKS:
        raise InputError(f"num_blocks must be at most {MAX_BLOCKS}, got {depth}: deeper blocks have no ranges")
    padded = _values_of_text(ranges["padding"]) == ("same",)
    side = min(image_shape[:2])
    if (side >> depth if padded else _side_after(side, kernels[:depth])) < 1:
        raise InputError(
            f"{depth} blocks with kernels up to {kernels[:depth]} do not fit images of {image_shape[0]}×"
            f"{image_shape[1]}: narrow num_blocks or the kernel sizes"
        )


def _values(domain: Choices | IntRange | FloatRange) -> list[int]:
    if isinstance(domain, IntRange):
        return list(range(domain.low, domain.high + 1, domain.step))
    if isinstance(domain, FloatRange):
        raise InputError(f"a whole-number hyperparameter can't range over {domain}")
    return [int(value) for value in domain.values]


def _values_of_text(domain: Choices | IntRange | FloatRange) -> tuple[Value, ...]:
    return domain.values if isinstance(domain, Choices) else ()


def _parse(name: str, text: str, example: Value) -> Value:
    try:
        return type(example)(text)
    except ValueError as error:
        kind = "a whole number" if isinstance(example, int) else "a number"
        raise InputError(f"{name} must be {kind}, got {text}") from error
