"""All examples of a split as arrays, as the model and its loss take them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tuning.data.split import Split
from tuning.settings import Feed, Labels


def scale_pixels(split: Split, feed: Feed) -> Any:
    """All images of a split that fits into memory as the model gets them: uint8, or float32 as `feed` says."""
    images = split.read()
    if feed.pixel_scale is not None:
        factor, offset = (np.float32(number) for number in feed.pixel_scale)
        images = images.astype(np.float32) * factor + offset
    return images if feed.shape is None else images.reshape(-1, *feed.shape)


def encode_labels(labels: Any, feed: Feed) -> Any:
    """Labels in memory as the loss wants them, in the structure of the model's outputs."""
    if isinstance(labels, Mapping):
        named = {
            name: np.eye(feed.one_hot[name], dtype=np.float32)[values] if name in feed.one_hot else values
            for name, values in labels.items()
        }
        return tuple(named[name] for name in feed.outputs) if feed.outputs else named
    return np.eye(feed.num_classes, dtype=np.float32)[labels] if feed.labels is Labels.ONE_HOT else labels
