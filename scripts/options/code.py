"""The code that a model is made of: what the options say, and what its run names, which only a trusted run has run."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from export.errors import InputError
from scripts import _entry
from tuning.plain_names import readable

if TYPE_CHECKING:
    import keras

    from export.model.own_code import OwnCode
    from tuning.runs.run_folder import RunFolder


@dataclass(frozen=True, kw_only=True)
class Code:
    """`files`: Python files as they were named; `allow_lambda`: whether the code of Lambda layers may be run.
    `named`: the code that the model's run says built it; `built_by`: the same, where it may be run.
    """

    files: tuple[str, ...] = ()
    allow_lambda: bool = False
    named: CodeFromRecord | None = None
    built_by: BuiltBy | None = None

    @property
    def is_given(self) -> bool:
        return bool(self.files) or self.allow_lambda

    @property
    def is_left_out(self) -> bool:
        """Whether a run names code that built the model, which was not allowed to be run."""
        return self.named is not None and self.built_by is None

    @property
    def line(self) -> str:
        """One line on the code that the run names; empty if it names none."""
        if self.named is None:
            return ""
        source, record = readable(self.named.source), readable(str(self.named.record))
        if self.built_by is not None:
            return f"runs {source}, which built the model as {record} says"
        return (
            f"{source} built the model, as {record} says, and is not run: --trust allows it, if whoever made that "
            "folder may run anything on this machine, and --code names a file of your own"
        )

    def of_run(self, run: RunFolder, folder: RunFolder, *, trusted: bool = True) -> Code:
        """The same with what built the model of a run, if that is code of a user's own.

        `folder`: where the model is, that of the run or of one of its trials. Unless the run is `trusted`, its code is
        to be run only where `files` name it. The packages of a search are needed for that. Raises InputError if the
        record can't be read.
        """
        recorded = run.read().model
        if recorded is None or recorded.source is None:
            return self
        source, digest = recorded.source, recorded.digest
        code = replace(self, named=CodeFromRecord(source, run.run_json))
        if not (trusted or self._names(source)):
            return code
        _entry.hand_over(_entry.TUNING_PACKAGES)
        from tuning.runs.training_file import read_trained

        hyperparameters = read_trained(folder.training).hyperparameters
        return replace(code, built_by=BuiltBy(source, digest, hyperparameters, is_trusted=trusted))

    def load(self) -> OwnCode:
        """Run the code. Raises InputError for what can't be run, and where it does not build the model any more."""
        from export.model.own_code import OwnCode

        built_by = self.built_by
        if built_by is None:
            return OwnCode(objects=load_objects(self.files), trusted=self.allow_lambda)
        objects = load_objects([built_by.source, *self.files])
        return OwnCode(
            objects={**objects, **built_by.objects()},
            # Whoever has the user's own builder run can have run what that put into the model.
            trusted=self.allow_lambda or built_by.is_trusted,
            rebuild=built_by.rebuild,
        )

    def _names(self, source: str) -> bool:
        """Whether the source is in one of the files that the user named."""
        place = source.rpartition(":")[0]
        return place.endswith(".py") and Path(place).resolve() in [Path(file).resolve() for file in self.files]


@dataclass(frozen=True)
class CodeFromRecord:
    """`source` as of BuiltBy; `record`: the run.json that names it."""

    source: str
    record: Path


@dataclass(frozen=True)
class BuiltBy:
    """The user's code that built a model: FILE.py:NAME or package.module:NAME, its sha256 then, and for which
    hyperparameters. `is_trusted`: whether the model's file may hold code too."""

    source: str
    digest: str | None
    hyperparameters: Mapping[str, Any]
    is_trusted: bool

    def objects(self) -> dict[str, Any]:
        """The classes and functions that the model is made of, wherever the code has them from."""
        from tuning.models.custom_objects import custom_objects_of

        return custom_objects_of(self._build())

    def rebuild(self) -> keras.Model:
        """The model with new weights. Raises InputError if the code changed: weights alone don't show it."""
        from tuning.plugins.user_code import code_digest

        model = self._build()
        if code_digest(self.source) != self.digest:
            raise InputError(
                f"{self.source} changed since the model was trained, of which only the weights could be kept: restore "
                "it, or train the model again"
            )
        return model

    def _build(self) -> keras.Model:
        from tuning.errors import InputError as TuningError
        from tuning.models.rebuilding import rebuild_model

        try:
            return rebuild_model(self.source, self.hyperparameters)
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


def add_trust_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--trust",
        action="store_true",
        help="treat a folder that is given as a path like that of a run of your own: run the Python code that the "
        "run.json beside it names, so that whoever made it can run anything on this machine",
    )


def is_trusted(arguments: argparse.Namespace) -> bool:
    """Whether the published folder belongs to a run of the user's own, or was said to be as good as one."""
    return arguments.folder is None or arguments.trust


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
    from tuning.plugins.user_code import load_custom_objects

    try:
        return load_custom_objects(source)
    except TuningError as error:
        raise InputError(str(error)) from error
