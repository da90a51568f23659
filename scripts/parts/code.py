"""The code that a model is made of: what `--code` and `--allow-lambda` say, and what its run knows."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from export.errors import InputError
from scripts import _entry

if TYPE_CHECKING:
    import keras

    from export.own_code import OwnCode
    from tuning.run_folder import RunFolder


@dataclass(frozen=True, kw_only=True)
class Code:
    """`files`: Python files as they were named; `allow_lambda`: whether the code of Lambda layers may be run.
    `built_by`: what built the model, where a run knows it.
    """

    files: tuple[str, ...] = ()
    allow_lambda: bool = False
    built_by: BuiltBy | None = None

    @property
    def is_given(self) -> bool:
        return bool(self.files) or self.allow_lambda

    def of_run(self, recorded: Mapping[str, Any] | None, folder: RunFolder) -> Code:
        """The same with what built the model of a run, if that is code of a user's own.

        `recorded`: the `model` part of run.json; `folder`: where the model is. The packages of a search are needed.
        """
        from tuning.run_folder import read_json
        from tuning.trained import TrainedModel

        if recorded is None or recorded["source"] is None:
            return self
        _entry.hand_over(_entry.TUNING_PACKAGES)
        trained = TrainedModel.from_json(read_json(folder.training))
        built_by = BuiltBy(recorded["source"], recorded["digest"], trained.hyperparameters)
        return replace(self, built_by=built_by)

    def load(self) -> OwnCode:
        """Run the code. Raises InputError for what can't be run, and where it does not build the model any more."""
        from export.own_code import OwnCode

        if self.built_by is None:
            return OwnCode(objects=load_objects(self.files), trusted=self.allow_lambda)
        # Whoever has the user's own builder run can have run what that put into the model.
        objects = load_objects([self.built_by.source, *self.files])
        return OwnCode(objects={**objects, **self.built_by.objects()}, trusted=True, rebuild=self.built_by.rebuild)


@dataclass(frozen=True)
class BuiltBy:
    """The user's code that built a model: FILE.py:NAME or package.module:NAME, its sha256 then, and for which
    hyperparameters."""

    source: str
    digest: str
    hyperparameters: Mapping[str, Any]

    def objects(self) -> dict[str, Any]:
        """The classes and functions that the model is made of, wherever the code has them from."""
        from tuning.custom_objects import custom_objects_of

        return custom_objects_of(self._built())

    def rebuild(self) -> keras.Model:
        """The model with new weights. Raises InputError if the code changed: weights alone don't show it."""
        from tuning.user_code import code_digest

        model = self._built()
        if code_digest(self.source) != self.digest:
            raise InputError(
                f"{self.source} changed since the model was trained, of which only the weights could be kept: restore "
                "it, or train the model again"
            )
        return model

    def _built(self) -> keras.Model:
        from tuning.errors import InputError as TuningError
        from tuning.rebuilding import rebuilt

        try:
            return rebuilt(self.source, self.hyperparameters)
        except TuningError as error:
            raise InputError(f"{error}, or export the file alone: --model FILE.keras --code FILE.py") from error


def add_code_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--code",
        action="append",
        default=[],
        metavar="FILE.py",
        help="Python file that defines layers and functions of the model's own, registered with Keras or not; it is "
        "run, and may be repeated",
    )
    parser.add_argument(
        "--allow-lambda",
        action="store_true",
        help="run the Python code of Lambda layers, which is stored inside the model's file: whoever made the file can "
        "run anything on this machine with it",
    )


def read_code(arguments: argparse.Namespace) -> Code:
    """What the options say; nothing is run. Raises InputError for what is no Python file."""
    for file in arguments.code:
        if Path(file).suffix != ".py":
            raise InputError(f"--code must be a Python file, like layers.py, got {file}")
        if not Path(file).is_file():
            raise InputError(f"there is no file {file}: give --code the Python file that defines the model's layers")
    return Code(files=tuple(arguments.code), allow_lambda=arguments.allow_lambda)


def load_objects(sources: Sequence[str]) -> dict[str, Any]:
    """The classes and functions of all sources by name: files, or `FILE.py:NAME` and `package.module:NAME`.

    Raises InputError for one that can't be run, and for two classes of one name that Keras can't tell apart.
    """
    import keras

    found: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for source in sources:
        for name, value in _objects_of(source).items():
            other = found.setdefault(name, value)
            is_class = isinstance(value, type) and isinstance(other, type)
            if is_class and other is not value and keras.saving.get_registered_name(value) == name:
                raise InputError(
                    f"{origins[name]} and {source} define two classes of the name {name}: register each under a "
                    "package of its own with keras.saving.register_keras_serializable, or give one of the files"
                )
            found[name] = value
            origins[name] = source
    return found


def _objects_of(source: str) -> dict[str, Any]:
    from tuning.errors import InputError as TuningError
    from tuning.user_code import load_custom_objects

    try:
        return load_custom_objects(source)
    except TuningError as error:
        raise InputError(str(error)) from error
