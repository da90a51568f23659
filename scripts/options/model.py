"""The `--model` argument and what goes with it → a model builder that is known to work on the data."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from scripts.options.declared import FILES, option
from tuning.errors import InputError
from tuning.files.bounded_files import parse_json, read_toml
from tuning.models.pixels import parse_pixel_scale

if TYPE_CHECKING:
    from scripts.terminal.console import Console
    from tuning.data.search_data import SearchData
    from tuning.runs.run_record import RecordedModel
    from tuning.training.builder import ModelBuilder


@dataclass(frozen=True, kw_only=True)
class ModelChoice:
    """What is asked of the model, texts as on the command line. None: not asked.

    `space`: what the file holds. `callback`: sources of factories.
    """

    model: str | None = option(
        "your own build(hp) function or keras_tuner.HyperModel; package.module:NAME too",
        metavar="FILE.py:NAME",
        otherwise="a built-in one",
    )
    pixel_scale: str | None = option(
        "pixel values that your model is made for: unit (0 to 1), signed (-1 to 1), raw (0 to 255) or FACTOR,OFFSET",
        metavar="SCALE",
        otherwise="raw, if it rescales or normalizes them itself",
    )
    space: Mapping[str, Any] = option(
        "hyperparameters to narrow, widen or fix: dropout = 0.2, dense_units = [64, 128], or num_filters_1 = {low = 8, "
        "high = 128, step = 8}",
        metavar="FILE.toml",
        default=dict,
    )
    batch_size: str | None = option("one is fixed, several are searched", metavar="N[,N…]")
    retrain_with: str | None = option(
        "your own HyperModel.fit, as a k-fold, only ranks the trials; Keras's model.fit trains the winner",
        metavar="fit",
    )
    class_weight: str | None = option("let every class weigh the same in the loss", metavar="balanced")
    callback: tuple[str, ...] = option(
        "a function that gets the trial and returns Keras callbacks for it; may be repeated",
        metavar="FILE.py:NAME",
        default=(),
        is_extensible=True,
    )

    def __post_init__(self) -> None:
        if self.retrain_with not in (None, "fit"):
            raise InputError(f"--retrain-with must be fit, got {self.retrain_with}")
        if self.model is None and self.retrain_with is not None:
            raise InputError("--retrain-with goes with --model: the built-in model has no fit of its own")
        if self.class_weight not in (None, "balanced"):
            raise InputError(f"--class-weight must be balanced, got {self.class_weight}")
        if self.model is None and self.pixel_scale is not None:
            raise InputError("--pixel-scale goes with --model: the built-in model rescales pixels itself")
        if self.pixel_scale is not None:
            parse_pixel_scale(self.pixel_scale)
        self.batch_sizes  # noqa: B018 checked here, before data is read

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Self:
        """The choice that options of the command line make, None for those that are not given; a file's path becomes
        absolute, so that the run resumes from any folder."""
        from tuning.plugins.user_code import resolve_source

        names = {field.name for field in dataclasses.fields(cls)}
        given = {name: value for name, value in options.items() if name in names and value is not None}
        if "model" in given:
            given["model"] = resolve_source(given["model"])
        if "callback" in given:
            given["callback"] = tuple(map(resolve_source, given["callback"]))
        for name in FILES.keys() & given.keys():
            if isinstance(given[name], str):
                given[name] = read_content(given[name], option=FILES[name])
        return cls(**given)

    def as_options(self) -> dict[str, Any]:
        """The same as options of the command line."""
        return {**dataclasses.asdict(self), "callback": list(self.callback)}

    @property
    def sources(self) -> tuple[str, ...]:
        """Whatever code of a user's own is run, wherever it was named: on the command line, in a file given by
        `--config`, or by the run that is resumed."""
        return (*(() if self.model is None else (self.model,)), *self.callback)

    @property
    def batch_sizes(self) -> tuple[int, ...]:
        """Raises InputError for anything but whole numbers from 1, with commas between them."""
        if self.batch_size is None:
            return ()
        texts = self.batch_size.split(",")
        if not all(text.isdecimal() and int(text) > 0 for text in texts):
            raise InputError(f"--batch-size must be whole numbers from 1, like 64 or 32,64,128, got {self.batch_size}")
        return tuple(dict.fromkeys(int(text) for text in texts))


def read_content(text: str, *, option: str) -> dict[str, Any]:
    """What a TOML file holds, or a search's folder for `from`; `text` is its path, or its content as JSON.

    Raises InputError.
    """
    from tuning.loop.earlier_results import read_earlier

    if not text.startswith("{"):
        return read_earlier(Path(text)) if option == "from" else read_toml(Path(text))
    try:
        content: dict[str, Any] = parse_json(text.encode("utf-8", "surrogateescape"))
    except ValueError as error:
        wanted = "a folder" if option == "from" else "a TOML file"
        raise InputError(f"--{option} must be {wanted}, got {text[:100]} ({error})") from error
    return content


def tell_code(console: Console, choice: ModelChoice) -> None:
    """Name the files that will be run, before they are."""
    for source in choice.sources:
        console.print(f"runs {source}")


def make_builder(choice: ModelChoice, data: SearchData) -> ModelBuilder:
    """The model builder that was asked for. Raises InputError if it can't be loaded or does not fit the data."""
    from tuning.space.space_file import ranges_from

    ranges = ranges_from(choice.space)
    if choice.model is None:
        return _built_in(choice, data, ranges)
    from tuning.models.user_model import UserModel, Wishes
    from tuning.plugins.user_code import load_object

    scale = None if choice.pixel_scale is None else parse_pixel_scale(choice.pixel_scale)
    wishes = Wishes(
        pixel_scale=scale,
        batch_sizes=choice.batch_sizes,
        ranges=ranges,
        retrain_with_fit=choice.retrain_with is not None,
    )
    code = load_object(choice.model)
    return UserModel(code, data, name=choice.model, wishes=wishes)


def _built_in(choice: ModelChoice, data: SearchData, ranges: Mapping[str, Any]) -> ModelBuilder:
    from tuning.models.built_in import ClassificationTask, TunableClassifier
    from tuning.models.network import adapt_ranges, default_ranges
    from tuning.space.ranges import Choices

    if not data.num_classes or not data.training.holds_images:
        raise InputError(
            f"{data.name} does not say which class an image shows: the built-in model needs one uint8 image and one "
            "whole number from 0 for each example, so give those, or --model"
        )
    if choice.batch_sizes:
        ranges = {**ranges, "batch_size": Choices(values=choice.batch_sizes)}
    task = ClassificationTask(image_shape=data.training.images.shape[1:], num_classes=data.num_classes)
    return TunableClassifier(task, ranges=adapt_ranges(default_ranges(task.image_shape), ranges))


def require_same_model(recorded: RecordedModel | None, asked: RecordedModel, folder: Path) -> None:
    """Raise InputError if the user's code is not the one that the run was started with."""
    if recorded != asked:
        raise InputError(
            f"{asked.source or 'the model'} changed since {folder} was started: restore it or start a new run"
        )
