"""The code of a model file's own layers, and whether code inside the file may be run: `--code`, `--allow-lambda`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from export.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Code:
    """`files`: Python files as they were named; `allow_lambda`: whether the code of Lambda layers may be run."""

    files: tuple[str, ...] = ()
    allow_lambda: bool = False

    @property
    def is_given(self) -> bool:
        return bool(self.files) or self.allow_lambda


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
