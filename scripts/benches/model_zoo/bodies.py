"""What layers are placed in: the image as a sequence, a volume, a film, and layers in a chain or in branches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras import layers

Body = Callable[[Any], Any]
"""float32 (batch, 12, 12, 3), values about -1 to 1 → any float tensor with the batch first."""


def rows(x: Any) -> Any:
    """The image as a sequence of 12 rows, (batch, 12, 36)."""
    return layers.Reshape((12, 36))(x)


def words(x: Any) -> Any:
    """The image as a sequence of 4 rows' features, (batch, 4, 16)."""
    return layers.Dense(16, activation="tanh")(layers.Reshape((4, 108))(x))


def volume(x: Any) -> Any:
    """The image as a volume, (batch, 3, 12, 12, 1)."""
    return layers.Reshape((3, 12, 12, 1))(layers.Permute((3, 1, 2))(x))


def film(x: Any) -> Any:
    """The image as a film of three frames, (batch, 3, 6, 12, 2)."""
    return layers.Reshape((3, 6, 8, 3))(x)


def features(x: Any) -> Any:
    """Learned features with both signs, (batch, 10, 10, 8)."""
    return layers.Conv2D(8, 3)(x)


def chain(*steps: Body) -> Body:
    def body(x: Any) -> Any:
        for step in steps:
            x = step(x)
        return x

    return body


def branches(merge: Any) -> Body:
    return lambda x: merge([layers.Conv2D(4, 3)(x), layers.Conv2D(4, 3, activation="tanh")(x)])


def attend(make: Callable[[], Any], *, inputs: int) -> Body:
    def body(x: Any) -> Any:
        queries, values = words(x), words(x)
        layer = make()
        return layer(queries, values) if inputs == 2 else layer([queries, values])

    return body


def levels(x: Any) -> Any:
    """Eight levels of brightness, int."""
    return layers.Discretization(bin_boundaries=[-0.8, -0.5, -0.2, 0.0, 0.2, 0.5, 0.8], output_mode="int")(x)
