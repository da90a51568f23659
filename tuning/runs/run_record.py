"""What `run.json` says about a run: written at its start, completed as it continues, compared when it is resumed.

Standard library only. What an older release left out has a default here; what is missing, unknown or of another kind
is refused by the name of its field.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Self, cast

from tuning.data.array_options import ArrayOptions
from tuning.data.folder_options import FolderOptions
from tuning.files.json_record import JsonRecord
from tuning.ranking.selection import Selection
from tuning.records import StopReason, TrialRecord
from tuning.settings import Configuration, TrainingPlan

VERSION = 1
"""Of the record. A record without one is of the first."""


class RunStatus(StrEnum):
    """How far a run is: a search under way or over, the model under way, trained, or tested; or why there is none."""

    SEARCHING = "searching"
    SEARCHED = "searched"
    RETRAINING = "retraining"
    EVALUATING = "evaluating"
    FINISHED = "finished"
    FAILED = "failed"

    @property
    def has_model(self) -> bool:
        """Whether the model is trained and written."""
        return self in (RunStatus.EVALUATING, RunStatus.FINISHED)


class RunCommand(StrEnum):
    """What made a run: tune.py, train.py, or a program by `tuning.complete`."""

    TUNE = "tune"
    TRAIN = "train"
    COMPLETE = "complete"


class RecordedKind(StrEnum):
    """Whether a model's outputs are the probabilities of classes."""

    CLASSIFIER = "classifier"
    OUTPUTS = "outputs"


@dataclass(frozen=True, kw_only=True)
class RecordedDataset(JsonRecord):
    """The data of a run, and how it is read again: a folder of pictures, an npz file at `path`, or by its `name`.

    `fallback_reason`: why not MNIST. `image_shape`: None where the examples are no images. `train` does not count the
    `validation` examples. `arrays`: None of a run that recorded no options. `sample_weight`: an array with the weights
    of the training examples, or the weights of their classes; None: all count alike.
    """

    name: str
    path: str | None
    folder: FolderOptions | None = None
    arrays: ArrayOptions | None = None
    sample_weight: str | None = None
    digest: str
    fallback_reason: str | None = None
    class_names: tuple[str, ...] = ()
    image_shape: tuple[int, ...] | None = None
    input_shapes: Mapping[str, tuple[int, ...]] = dataclasses.field(default_factory=dict)
    skipped: tuple[str, ...] = ()
    train: int
    validation: int
    test: int


@dataclass(frozen=True, kw_only=True)
class RecordedModel(JsonRecord):
    """Where the model comes from, and what its exported files have to know.

    `source`: FILE.py:NAME or package.module:NAME of a user's code, with its sha256; None: built in, or handed over by a
    program. `pixel_scale`: (factor, offset) of pixel × factor + offset; None: uint8 pixels as they are.
    """

    source: str | None
    digest: str | None
    pixel_scale: tuple[float, float] | None
    kind: RecordedKind


@dataclass(frozen=True, kw_only=True)
class EndedSearch(JsonRecord):
    """What a search that ended was allowed, and what ended it: a later command may allow more.

    `budget`: a duration like 8m, or none. `repeats_left`: trainings with other seeds that there was no time for.
    `expected`: trial → the objective that was expected of it in the end.
    """

    max_trials: int
    budget: str
    stopped_by: StopReason
    repeats_left: int = 0
    expected: Mapping[str, float] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class SearchSection(JsonRecord):
    """What a search is asked for, as on the command line. `epochs` of a trial; `searched_space` as the model builder
    describes it. `searched`: None until the search ended; `retraining_epochs`: None until there is a winner.
    """

    _OMITTED: ClassVar[tuple[str, ...]] = ("folds", "searched", "retraining_epochs")

    algorithm: str
    max_trials: int
    epochs: int
    min_epochs: int = 1
    max_parameters: int | None = None
    finalists: int = 3
    repeats: int = 2
    folds: int | None = None
    workers: int | None = None
    trial_timeout: str | None = None
    keep_states: str = "2GB"
    tensorboard: bool = False
    budget: str
    seed: int
    baselines: bool = False
    first: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    earlier: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    objective: str = "val_loss"
    model: str | None = None
    pixel_scale: str | None = None
    batch_size: str | None = None
    class_weight: str | None = None
    callback: tuple[str, ...] = ()
    retrain_with: str | None = None
    space: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    searched_space: Any = None
    searched: EndedSearch | None = None
    retraining_epochs: int | None = None


@dataclass(frozen=True, kw_only=True)
class TrainSection(JsonRecord):
    """Which configuration train.py trains, by name or not, and all that determines the training."""

    baseline: str | None = None
    trial: str | None = None
    plan: TrainingPlan


@dataclass(frozen=True, kw_only=True)
class RecordedWinner(JsonRecord):
    """The configuration that the model is trained with; `trial_id`: None where it is no trial's. Results are those on
    the validation examples, None where there is no finite number.
    """

    trial_id: str | None
    hyperparameters: Configuration
    val_loss: float | None
    val_accuracy: float | None
    parameters: int

    @classmethod
    def of(cls, trial: TrialRecord) -> Self:
        """Of a trial that has a result."""
        return cls(
            trial_id=trial.trial_id,
            hyperparameters=dict(trial.hyperparameters),
            val_loss=trial.val_loss,
            val_accuracy=trial.val_accuracy,
            parameters=trial.parameters,
        )


@dataclass(frozen=True, kw_only=True)
class FinalTest(JsonRecord):
    """The looks at the test set, and what the last one showed.

    `accuracy` (0 to 1) and its 95 % Wilson interval: None of a model without classes, which has `metrics`, and until
    the model is measured.
    """

    _OMITTED: ClassVar[tuple[str, ...]] = ("metrics",)

    accuracy: float | None
    ci95: tuple[float, float] | None
    metrics: Mapping[str, float] | None = None
    looks: int


@dataclass(frozen=True, kw_only=True)
class RunSeconds(JsonRecord):
    """Wall time of the search, over all commands, and of the retraining."""

    search: float = 0.0
    retrain: float = 0.0


@dataclass(frozen=True, kw_only=True)
class WrittenModel(JsonRecord):
    """The name of the model's file, and why it holds weights alone; None if it holds the model."""

    file: str
    why_weights_only: str | None


@dataclass(frozen=True, kw_only=True)
class ModelOptions(JsonRecord):
    """The options of the command line that say what the model is, as they were given."""

    model: str | None = None
    pixel_scale: str | None = None
    batch_size: str | None = None
    space: Mapping[str, Any] | str | None = None
    class_weight: str | None = None
    callback: tuple[str, ...] | None = None
    retrain_with: str | None = None


@dataclass(frozen=True, kw_only=True)
class RunRecord(JsonRecord):
    """A run of any command; see `SearchRun` and `TrainRun`.

    `options`: those of the command line that repeat the run. `seed`: everything random derives from it. `versions` of
    Python and of the libraries that decide what a training gives. `finished_at`: UTC, as ISO 8601 text.
    """

    _OMITTED: ClassVar[tuple[str, ...]] = ("saved", "finished_at")

    command: RunCommand
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    dataset: RecordedDataset
    model: RecordedModel | None = None
    config: JsonRecord
    seed: int
    versions: Mapping[str, str] = dataclasses.field(default_factory=dict)
    status: RunStatus
    winner: RecordedWinner | None = None
    test: FinalTest | None = None
    seconds: RunSeconds = dataclasses.field(default_factory=RunSeconds)
    selection: Selection | None = None
    saved: WrittenModel | None = None
    finished_at: str | None = None
    version: int = VERSION

    @property
    def model_options(self) -> ModelOptions:
        """Raises FieldError for one of another kind."""
        names = {field.name for field in dataclasses.fields(ModelOptions)}
        given = {name: value for name, value in self.options.items() if name in names}
        return ModelOptions.from_json(given, place="options")

    @classmethod
    def from_json(cls, data: Any, *, place: str = "") -> Self:
        if cls is RunRecord and isinstance(data, Mapping):
            kind = TrainRun if data.get("command") == RunCommand.TRAIN else SearchRun
            return cast("Self", kind.from_json(data, place=place))
        record = super().from_json(data, place=place)
        record.model_options  # noqa: B018 checked where the record is read
        return record


@dataclass(frozen=True, kw_only=True)
class SearchRun(RunRecord):
    """A run of tune.py or of a program: a search, then the winner trained on everything and tested once."""

    config: SearchSection


@dataclass(frozen=True, kw_only=True)
class TrainRun(RunRecord):
    """A run of train.py: one configuration, trained and tested once."""

    config: TrainSection
