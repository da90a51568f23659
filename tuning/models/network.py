"""The built-in image classifier, all of it: its hyperparameters, and the layers that they make.

A stack of blocks (one or two convolutions, optional batch normalization, relu, 2×2 pooling), global average pooling or
not, an optional dense layer, dropout, and a softmax. Input is uint8 pixels of shape (batch, height, width, channels);
the division by 255 is part of the model, augmentation is not. A hyperparameter is a row of `HYPERPARAMETERS` and a line
of `build_network`, or of `read_recipe` where it belongs to the training.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras

from tuning.errors import InputError
from tuning.names import require_known
from tuning.settings import Configuration, Labels, Value
from tuning.space.ranges import Choices, FloatRange, IntRange, Range, Ranges
from tuning.training.built import Recipe

MAX_BLOCKS = 4
SMALLEST_SIDE = 4

# Keras's 0.99 needs hundreds of steps to forget its start: a short training is then validated with wrong averages.
BATCH_NORMALIZATION_MOMENTUM = 0.9


@dataclass(frozen=True, kw_only=True)
class ClassificationTask:
    """What the data fixes about the model: image shape (height, width, channels) and number of classes."""

    image_shape: tuple[int, int, int]
    num_classes: int


@dataclass(frozen=True, kw_only=True)
class Hyperparameter:
    """What the built-in model can be asked for.

    `default`: in a configuration that is known to be good and fast on small images; every search starts with it.
    `words`: all values that it can have; of a number, `limits`: outside these no model can be built, or none that
    learns; they are floating point where it is real. `range`: what a search tries on images of any size; None: all
    words, or what `default_ranges` says for the size. `needs`: the whole-number hyperparameter on which it depends, and
    for which values of that it exists.
    """

    default: Value
    words: tuple[str, ...] = ()
    limits: tuple[float, float] = (0, 0)
    range: Range | None = None
    needs: tuple[str, Callable[[int], bool]] | None = None


def _in_block(number: int, default: int, limits: tuple[float, float], domain: Range | None = None) -> Hyperparameter:
    return Hyperparameter(
        default=default, limits=limits, range=domain, needs=("num_blocks", lambda blocks: blocks >= number)
    )


_FILTERS = IntRange(low=4, high=64, log=True)
_ONE_OR_TWO = Choices(values=(1, 2), is_ordered=True)

HYPERPARAMETERS: dict[str, Hyperparameter] = {
    "num_blocks": Hyperparameter(default=2, limits=(1, MAX_BLOCKS)),
    "num_filters_1": _in_block(1, 24, (1, 4096), _FILTERS),
    "kernel_size_1": _in_block(1, 5, (1, 63)),
    "convolutions_1": _in_block(1, 1, (1, 2), _ONE_OR_TWO),
    "num_filters_2": _in_block(2, 32, (1, 4096), _FILTERS),
    "kernel_size_2": _in_block(2, 3, (1, 63)),
    "convolutions_2": _in_block(2, 2, (1, 2), _ONE_OR_TWO),
    "num_filters_3": _in_block(3, 48, (1, 4096), _FILTERS),
    "kernel_size_3": _in_block(3, 3, (1, 63)),
    "convolutions_3": _in_block(3, 2, (1, 2), _ONE_OR_TWO),
    "num_filters_4": _in_block(4, 64, (1, 4096), _FILTERS),
    "kernel_size_4": _in_block(4, 3, (1, 63)),
    "convolutions_4": _in_block(4, 2, (1, 2), _ONE_OR_TWO),
    "convolution": Hyperparameter(default="full", words=("full", "separable")),
    "padding": Hyperparameter(default="valid", words=("valid", "same")),
    "batch_normalization": Hyperparameter(default="pooling", words=("none", "convolution", "pooling")),
    "pooling": Hyperparameter(default="max", words=("max", "average")),
    "head": Hyperparameter(default="flatten", words=("flatten", "average")),
    "dense_units": Hyperparameter(
        default=128, limits=(0, 65536), range=Choices(values=(0, 16, 32, 64, 100, 128, 256), is_ordered=True)
    ),
    "dropout": Hyperparameter(default=0.2, limits=(0.0, 0.95), range=FloatRange(low=0.0, high=0.5)),
    "label_smoothing": Hyperparameter(default=0.0, limits=(0.0, 0.9), range=FloatRange(low=0.0, high=0.1)),
    "weight_decay": Hyperparameter(
        default=0.0,
        limits=(0.0, 10.0),
        range=Choices(values=(0.0, 0.003, 0.01, 0.03, 0.1), is_ordered=True),
    ),
    "augmentation": Hyperparameter(default=1.8, limits=(0.0, 5.0), range=FloatRange(low=0.0, high=2.5)),
    "averaging": Hyperparameter(default="power", words=("none", "power"), range=Choices(values=("power", "none"))),
    "learning_rate": Hyperparameter(default=0.01, limits=(1e-8, 10.0), range=FloatRange(low=3e-4, high=2e-2, log=True)),
    "batch_size": Hyperparameter(
        default=128, limits=(1, 65536), range=Choices(values=(32, 64, 128, 256), is_ordered=True)
    ),
}
"""In the order in which they are asked for."""

DEFAULTS: Configuration = {name: each.default for name, each in HYPERPARAMETERS.items()}


def build_network(
    values: Configuration, task: ClassificationTask, *, labels: Labels, metrics: list[Any]
) -> keras.Model:
    """The compiled model of a configuration, which holds every hyperparameter that is active in it."""
    image = keras.Input(task.image_shape, dtype="uint8", name="image")
    x = keras.layers.Rescaling(1 / 255)(image)
    for block in range(1, int(values["num_blocks"]) + 1):
        x = _block(x, number=block, values=values)
    x = keras.layers.GlobalAveragePooling2D()(x) if values["head"] == "average" else keras.layers.Flatten()(x)
    if int(values["dense_units"]) > 0:
        x = keras.layers.Dense(int(values["dense_units"]), activation="relu")(x)
    if float(values["dropout"]) > 0:
        x = keras.layers.Dropout(float(values["dropout"]))(x)
    probabilities = keras.layers.Dense(task.num_classes, activation="softmax", name="probabilities")(x)
    model = keras.Model(image, probabilities, name="classifier")
    one_hot = labels is Labels.ONE_HOT
    model.compile(
        optimizer=_make_optimizer(values),
        loss="categorical_crossentropy" if one_hot else "sparse_categorical_crossentropy",
        metrics=metrics,
    )
    return model


def read_recipe(values: Configuration) -> Recipe:
    """The part of a configuration that its training reads."""
    return Recipe(
        batch_size=int(values["batch_size"]),
        label_smoothing=float(values["label_smoothing"]),
        augmentation=float(values["augmentation"]),
        averages=values["averaging"] == "power",
    )


def _make_optimizer(values: Configuration) -> keras.optimizers.Optimizer:
    """Adam, with decoupled weight decay where there is any (Loshchilov and Hutter, ICLR 2019)."""
    rate, decay = float(values["learning_rate"]), float(values["weight_decay"])
    return keras.optimizers.AdamW(rate, weight_decay=decay) if decay else keras.optimizers.Adam(rate)


def _block(x: Any, *, number: int, values: Configuration) -> Any:
    """Convolutions, batch normalization where asked for, relu, pooling.

    Straight after the convolution the normalization folds into it on export; after the pooling it cannot, but has a
    quarter of the values to normalize and trains faster. Bias would be cancelled by it in both places. A second
    convolution keeps the size, so that as many blocks fit as with one.
    """
    normalization = values["batch_normalization"]
    pooling = keras.layers.MaxPooling2D if values["pooling"] == "max" else keras.layers.AveragePooling2D
    pool = pooling(2)
    # The first convolution of all sees too few channels to gain from being separable.
    is_separable = [values["convolution"] == "separable" and (number > 1 or place > 0) for place in range(2)]
    x = _convolution(x, number=number, values=values, padding=values["padding"], is_separable=is_separable[0])
    if int(values[f"convolutions_{number}"]) == 2:
        if normalization != "none":
            x = keras.layers.BatchNormalization(momentum=BATCH_NORMALIZATION_MOMENTUM)(x)
        x = keras.layers.ReLU()(x)
        x = _convolution(x, number=number, values=values, padding="same", is_separable=is_separable[1])
    if normalization == "pooling":
        x = keras.layers.BatchNormalization(momentum=BATCH_NORMALIZATION_MOMENTUM)(pool(x))
        return keras.layers.ReLU()(x)
    if normalization == "convolution":
        x = keras.layers.BatchNormalization(momentum=BATCH_NORMALIZATION_MOMENTUM)(x)
    return pool(keras.layers.ReLU()(x))


def _convolution(x: Any, *, number: int, values: Configuration, padding: Value, is_separable: bool) -> Any:
    layer = keras.layers.SeparableConv2D if is_separable else keras.layers.Conv2D
    return layer(
        int(values[f"num_filters_{number}"]),
        int(values[f"kernel_size_{number}"]),
        padding=padding,
        use_bias=values["batch_normalization"] == "none",
    )(x)


def default_ranges(image_shape: tuple[int, int, int]) -> dict[str, Range]:
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
    worst = [first_kernels[-1], second_kernels[-1], 3, 3]
    depth = max(n for n in range(1, MAX_BLOCKS + 1) if n == 1 or _side_after(side, worst[:n]) >= 1)
    by_size = {
        "num_blocks": Choices(values=tuple(range(1, depth + 1)), is_ordered=True),
        "kernel_size_1": Choices(values=first_kernels, is_ordered=True),
        "kernel_size_2": Choices(values=second_kernels, is_ordered=True),
        "kernel_size_3": Choices(values=(3,)),
        "kernel_size_4": Choices(values=(3,)),
    }
    usual = {
        name: each.range or Choices(values=each.words) for name, each in HYPERPARAMETERS.items() if name not in by_size
    }
    return {name: by_size.get(name) or usual[name] for name in HYPERPARAMETERS}


def _side_after(side: int, kernel_sizes: list[int]) -> int:
    """Side of the feature map after unpadded blocks with these kernels; 0 or less: they do not fit."""
    for kernel_size in kernel_sizes:
        side = (side - kernel_size + 1) // 2
    return side


def adapt_ranges(ranges: Ranges, changes: Ranges) -> dict[str, Range]:
    """`ranges` with some of them replaced: narrower, wider or fixed.

    Whole numbers stand for real ones where the hyperparameter is real. Raises InputError for an unknown name, and for
    values that no model can be built of.
    """
    changed = {}
    for name, domain in changes.items():
        require_known(name, ranges)
        changed[name] = _of_kind(name, domain)
    return {**ranges, **changed}


def _of_kind(name: str, domain: Range) -> Range:
    """`domain` with values of the kind that the hyperparameter has, within its limits."""
    values = domain.values if isinstance(domain, Choices) else (domain.low, domain.high)
    hyperparameter = HYPERPARAMETERS[name]
    if hyperparameter.words:
        if not isinstance(domain, Choices) or not set(values) <= set(hyperparameter.words):
            raise InputError(f"{name} must be among {', '.join(hyperparameter.words)}, got {domain}")
        return domain
    low, high = hyperparameter.limits
    is_real = isinstance(low, float)
    kinds = (int, float) if is_real else (int,)
    if not all(type(value) in kinds and low <= float(value) <= high for value in values):
        raise InputError(
            f"{name} must be {'a number' if is_real else 'a whole number'} of {low} to {high}, got {domain}"
        )
    if not is_real or isinstance(domain, FloatRange):
        return domain
    if isinstance(domain, IntRange):
        return FloatRange(low=float(domain.low), high=float(domain.high), log=domain.log)
    return Choices(values=tuple(float(value) for value in values))


def require_fit(ranges: Ranges, image_shape: tuple[int, int, int]) -> None:
    """Raise InputError unless every configuration in `ranges` can be built for images of that shape."""
    kernels = [max(whole_values(ranges[f"kernel_size_{block}"])) for block in range(1, MAX_BLOCKS + 1)]
    depth = max(whole_values(ranges["num_blocks"]))
    if depth > MAX_BLOCKS:
        raise InputError(f"num_blocks must be at most {MAX_BLOCKS}, got {depth}: deeper blocks have no ranges")
    padded = _values_of_text(ranges["padding"]) == ("same",)
    side = min(image_shape[:2])
    if (side >> depth if padded else _side_after(side, kernels[:depth])) < 1:
        raise InputError(
            f"{depth} blocks with kernels up to {kernels[:depth]} do not fit images of {image_shape[0]}×"
            f"{image_shape[1]}: narrow num_blocks or the kernel sizes"
        )


def whole_values(domain: Range) -> list[int]:
    """Every value of a range of whole numbers. Raises InputError for real ones."""
    if isinstance(domain, IntRange):
        return list(range(domain.low, domain.high + 1, domain.step))
    if isinstance(domain, FloatRange):
        raise InputError(f"a whole-number hyperparameter can't range over {domain}")
    return [int(value) for value in domain.values]


def _values_of_text(domain: Range) -> tuple[Value, ...]:
    return domain.values if isinstance(domain, Choices) else ()
