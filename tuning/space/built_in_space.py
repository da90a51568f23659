"""The built-in model's hyperparameters: defaults, ranges that fit the images, and what ranges may be asked for."""

from __future__ import annotations

from tuning.errors import InputError
from tuning.names import require_known
from tuning.settings import Configuration, Value
from tuning.space.ranges import Choices, FloatRange, IntRange, Range, Ranges

MAX_BLOCKS = 3
SMALLEST_SIDE = 4

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


_WORDS: dict[str, tuple[str, ...]] = {
    "padding": ("valid", "same"),
    "batch_normalization": ("none", "convolution", "pooling"),
    "pooling": ("max", "average"),
}
_LIMITS: dict[str, tuple[float, float]] = {
    "num_blocks": (1, MAX_BLOCKS),
    "num_filters": (1, 4096),
    "kernel_size": (1, 63),
    "dense_units": (0, 65536),
    "dropout": (0.0, 0.95),
    "learning_rate": (1e-8, 10.0),
    "batch_size": (1, 65536),
}
"""Outside these no model can be built, or none that learns."""


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
        **{name: Choices(values=words) for name, words in _WORDS.items()},
        "dense_units": Choices(values=(0, 32, 64, 100, 128, 256)),
        "dropout": FloatRange(low=0.0, high=0.5),
        "learning_rate": FloatRange(low=3e-4, high=2e-2, log=True),
        "batch_size": Choices(values=(32, 64, 128, 256)),
    }


def _side_after(side: int, kernel_sizes: list[int]) -> int:
    """Side of the feature map after unpadded blocks with these kernels; 0 or less: they do not fit."""
    for kernel_size in kernel_sizes:
        side = (side - kernel_size + 1) // 2
    return side


def adapted(ranges: Ranges, changes: Ranges) -> dict[str, Range]:
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
    if name in _WORDS:
        if not isinstance(domain, Choices) or not set(values) <= set(_WORDS[name]):
            raise InputError(f"{name} must be among {', '.join(_WORDS[name])}, got {domain}")
        return domain
    low, high = _LIMITS[name.rstrip("_123")]
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
