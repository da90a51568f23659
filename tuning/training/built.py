"""A compiled model with what it was built of."""

from __future__ import annotations

from dataclasses import dataclass

import keras

from tuning.settings import Configuration, Feed
from tuning.space.recording import RecordingHyperParameters


@dataclass(frozen=True, kw_only=True, eq=False)
class Built:
    """A compiled model, the hyperparameters that it was built of, and how examples are handed to it."""

    model: keras.Model
    hp: RecordingHyperParameters
    feed: Feed
    batch_size: int

    @property
    def hyperparameters(self) -> Configuration:
        """Those that were asked for so far; a training of its owner's own may ask for more."""
        return self.hp.point.values
