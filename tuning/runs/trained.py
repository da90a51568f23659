"""What is known of a model that was trained to its end and saved. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass

from tuning.files.json_record import JsonRecord
from tuning.records import AnyNumber, Epoch
from tuning.settings import Configuration, TrainingSettings


@dataclass(frozen=True, kw_only=True)
class Promise(JsonRecord):
    """What a trial reached on examples that it had not seen, and its retrained model on ones that it was trained on.

    Values of `objective`; `standard_error` is that of their difference. A model that is much worse on what it knows
    than its trial was on what was new to it did not learn what the trial did: then the promise is not kept.
    """

    objective: str
    trial: AnyNumber
    retrained: AnyNumber
    standard_error: AnyNumber
    examples: int
    is_kept: bool


@dataclass(frozen=True, kw_only=True)
class TrainedModel(JsonRecord):
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
