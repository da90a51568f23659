"""A model builder for simulated trainings: it asks for hyperparameters, and builds nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras_tuner as kt

from tuning.settings import TrainingSettings
from tuning.space.drawing import complete


class Asking:
    """Asks by `ask(hp)`."""

    name = "the program"
    fixed: Mapping[str, Any] = {}
    own_fit = None
    keeps_validation = asks_by_building = augments = False
    probed = None
    reports = ("loss", "accuracy", "val_loss", "val_accuracy")

    def __init__(self, ask: Callable[[kt.HyperParameters], None]) -> None:
        self._ask = ask

    def ask(self, hp: kt.HyperParameters) -> None:
        self._ask(hp)

    def described_space(self) -> dict[str, str]:
        return {name: str(domain) for name, domain in complete(self, {}).ranges.items()}

    def default_configuration(self) -> Mapping[str, Any]:
        return complete(self, {}).values

    def check(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        return complete(self, values).values

    # A simulated training builds nothing.
    build_model = feed_of = custom_objects_of = check

    def trial_settings(self, epochs: int) -> TrainingSettings:
        return TrainingSettings(epochs=epochs)

    def retraining_settings(self, winner: Any, *, epochs_to_best: Any, examples: int) -> TrainingSettings:
        return winner.settings
