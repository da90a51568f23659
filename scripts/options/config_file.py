"""`--config run.toml`: options of the command line in a file, or those of an earlier run in its run.json."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scripts.options.declared import FILES
from tuning.errors import InputError
from tuning.files.bounded_files import LARGEST_JSON, parse_json, read_bounded, read_toml
from tuning.names import require_known

if TYPE_CHECKING:
    from scripts.options.declared import Option, OptionParser

# They say what to do with the options, not what they are.
_NOT_OPTIONS = ("config", "help", "json")


def add_config_argument(parser: OptionParser) -> None:
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="options in a TOML file (max-trials = 20), or the run.json of a run to repeat it; the command line "
        "takes precedence",
    )


def with_config(parser: OptionParser, words: Sequence[str]) -> list[str]:
    """The command line's words, behind those of the file given by `--config`.

    Raises InputError for a file that can't be read, an unknown option and a value that no option takes.
    """
    path = _path_in(words)
    if path is None:
        return list(words)
    options = _read(path)
    known = {name: option for name, option in parser.options.items() if name not in _NOT_OPTIONS}
    overridden = {name for name in known if _is_given(f"--{name}", words)}
    for names in parser.alternatives:
        if names & overridden:
            overridden |= names
    found: list[str] = []
    for field, value in options.items():
        if value is None:
            continue
        name = FILES.get(field, field).replace("_", "-")
        require_known(name, sorted(known), what=f"option in {path}")
        if name not in overridden:
            found += _words(known[name], value, path)
    return [*found, *words]


def _path_in(words: Sequence[str]) -> Path | None:
    """The file that `--config` names; the last one counts, as of any option."""
    finder = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    finder.add_argument("--config", type=Path)
    found: Path | None = finder.parse_known_args(list(words))[0].config
    return found


def _read(path: Path) -> Mapping[str, Any]:
    if path.suffix != ".json":
        return read_toml(path)
    from tuning.runs.run_record import RunCommand, RunRecord

    content = read_bounded(path, limit=LARGEST_JSON, give="give a TOML file or the run.json of a run")
    try:
        record = RunRecord.from_json(parse_json(content))
    except ValueError as error:
        raise InputError(f"{path} is not the run.json of a run ({error}): give one, or a TOML file") from error
    if record.command is RunCommand.COMPLETE:
        raise InputError(f"{path} was written by a program, which has no options: give that of another run")
    if record.command != Path(sys.argv[0]).stem:
        raise InputError(f"{path} was written by {record.command}.py: give it to that command")
    return record.options


def _words(option: Option, value: Any, path: Path) -> list[str]:
    if option.name in FILES.values() and isinstance(value, Mapping):
        try:
            return [f"--{option.name}={json.dumps(value)}"]
        except TypeError as error:
            raise InputError(
                f"{option.name} in {path} holds what no hyperparameter can be ({error}): fix it there"
            ) from error
    values = value if isinstance(value, list) else [value]
    kinds = (bool,) if option.is_flag else (int, float, str)
    wrong_kind = not all(isinstance(each, kinds) and (option.is_flag or not isinstance(each, bool)) for each in values)
    if wrong_kind or (isinstance(value, list) and not option.is_repeatable):
        wanted = (
            "true or false" if option.is_flag else "a list of strings" if option.is_repeatable else "text or a number"
        )
        raise InputError(f"{option.name} in {path} must be {wanted}, got {value!r}")
    if option.is_flag:
        return [f"--{option.name}"] if value else []
    return [f"--{option.name}={each}" for each in values]


def _is_given(option: str, words: Sequence[str]) -> bool:
    return any(word == option or word.startswith(f"{option}=") for word in words)
