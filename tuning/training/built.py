"""A compiled model with what it was built of."""

from __future__ import annotations

from dataclasses import dataclass

import keras

from tuning.settings import Configuration, Feed
from tuning.space.recording import RecordingHyperParameters


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What a configuration says of its training, beside what the compiled model holds.

    `label_smoothing`: the share of a label, 0 to 1, that is spread over all classes; needs one-hot labels, and
    validation labels are never smoothed. `augmentation`: the strength of random affine changes, 0 for none and 1 for
    light ones. `averages`: validated and delivered is an average of the weights, unless the learning rate falls from
    the start.
    """

    batch_size: int
    label_smoothing: float = 0.0
    augmentation: float = 0.0
    averages: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Built:
    """A compiled model, the hyperparameters that it was built of, and how examples are handed to it."""

    model: keras.Model
    hp: RecordingHyperParameters
    feed: Feed
    recipe: Recipe

    @property
    def hyperparameters(self) -> Configuration:
        """Those that were asked for so far; a training of its owner's own may ask for more."""
        return self.hp.point.values
