"""What is known of a model that was trained to its end and saved.

Standard library only; `as_json` and `from_json` are inverse to each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tuning.files.field_types import with_checked_fields
from tuning.records import Epoch, finite_or_text
from tuning.settings import Configuration, TrainingSettings, as_json


@dataclass(frozen=True, kw_only=True)
class Promise:
    """What a trial reached on examples that it had not seen, and its retrained model on ones that it was trained on.

    Values of `objective`; `standard_error` is that of their difference. A model that is much worse on what it knows
    than its trial was on what was new to it did not learn what the trial did: then the promise is not kept.
    """

    objective: str
    trial: float
    retrained: float
    standard_error: float
    examples: int
    is_kept: bool

    def as_json(self) -> dict[str, Any]:
        numbers = ("trial", "retrained", "standard_error")
        return {**as_json(self), **{name: finite_or_text(getattr(self, name)) for name in numbers}}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Promise:
        numbers = ("trial", "retrained", "standard_error")
        return with_checked_fields(cls(**{**data, **{name: float(data[name]) for name in numbers}}))


@dataclass(frozen=True, kw_only=True)
class TrainedModel:
    """A model that was trained to its end and saved: how, on how many images, and its learning curve.

    `why_weights_only`: why it is kept as weights and not as a `.keras` file, else empty. `promise`: whether it keeps
    what its trial promised; None where it is no trial's, or nothing can be compared.
    """

    hyperparameters: Configuration
    settings: TrainingSettings
    seed: int
    examples: int
    parameters: int
    epochs: tuple[Epoch, ...]
    result_epoch: int
    seconds: float
    why_weights_only: str = ""
    promise: Promise | None = None

    def as_json(self) -> dict[str, Any]:
        return as_json(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> TrainedModel:
        promise = data.get("promise")
        made = cls(
            **{
                **data,
                "promise": None if promise is None else Promise.from_json(promise),
                "settings": TrainingSettings.from_json(data["settings"]),
                "epochs": tuple(Epoch.from_json(epoch) for epoch in data["epochs"]),
            }
        )
        return with_checked_fields(made)
