"""What every script shares: the import path, the hand-over to `.venv`, errors → exit codes, `--json`.

Output that can't be written changes none of these codes; only `--help` into a closed pipe ends with 141.

Imported first by each script, by the plain name `_entry`, and needs nothing but Python itself.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import gc
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).resolve().parent.parent

# Python puts the script's own folder first, where `import export` would find export.py instead of the package.
sys.path[:] = [str(ROOT), *(entry for entry in sys.path if Path(entry or ".").resolve() != ROOT / "scripts")]

# `scripts._entry` and the `_entry` that a script imports are one module.
sys.modules["scripts._entry"] = sys.modules[__name__]

from scripts import _temporary as temporary  # noqa: E402 found by the path above
from scripts.options.declared import OptionParser  # noqa: E402
from scripts.terminal import output  # noqa: E402 found by the path above
from scripts.terminal.field_names import with_options  # noqa: E402
from scripts.terminal.program import call_of, how_to_install, quote  # noqa: E402
from tuning.environment.keras_settings import shield  # noqa: E402
from tuning.plain_names import readable  # noqa: E402

shield(os.environ)
# Else onnxruntime keeps an identity of this machine in the user's home, and sends it with what it notes.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

DONE, ANSWER_IS_NO, BAD_INPUT, OUR_ERROR, INTERRUPTED = 0, 1, 2, 70, 130

TUNING_PACKAGES = (
    "numpy",
    "tensorflow",
    "keras_tuner",
    "sklearn",
    "PIL",
    "filelock",
    "rich",
    "cloudpickle",
    "psutil",
)
DEFAULT_RUNS = Path("runs")

_HANDED_OVER = "KERAS_TUNE_EXPORT_HANDED_OVER"
_DISK_ERRORS = {
    errno.ENOSPC: "the disk is full: free some space",
    errno.EDQUOT: "the disk quota is used up: free some space",
    errno.EROFS: "the folder is read-only: choose another one",
    errno.EACCES: "permission is denied: choose another folder",
    errno.EPERM: "permission is denied: choose another folder",
    errno.EFBIG: "the file would be larger than allowed: raise the limit or choose another folder",
    errno.ENOTDIR: "there is a file where a folder is needed: choose another folder",
    errno.EEXIST: "there is a file where a folder is needed: choose another folder",
    errno.EISDIR: "there is a folder where a file is needed: give a file",
    errno.ELOOP: "a link is in its place: remove it",
    errno.ENAMETOOLONG: "the name is too long: choose a shorter one",
}


@dataclass(frozen=True, kw_only=True)
class CommandOutcome:
    """What a command leaves: its result as JSON, whether the answer is yes, and the command that comes next.

    `refused`: sentences on those of several inputs that were bad, while the others gave the result.
    """

    result: Mapping[str, Any]
    passed: bool = True
    next_command: str = ""
    refused: Sequence[str] = ()


class Parser(OptionParser):
    """Tells a bad argument in one sentence and leaves with exit code 2."""

    def error(self, message: str) -> NoReturn:
        raise SystemExit(_refuse(f"{message}; see {self.prog} --help"))

    def print_help(self, file: Any = None) -> None:
        super().print_help(file)
        failure = output.failure_of(sys.stdout)
        if failure is not None:
            raise SystemExit(output.BROKEN_PIPE if failure.errno == errno.EPIPE else _unwritten(failure))


def parser(description: str) -> Parser:
    """A parser with what every script takes: `--runs` and `--json`."""
    made = Parser(prog=readable(quote(call_of())), description=description, allow_abbrev=False)
    made.add_argument(
        "--runs",
        type=Path,
        default=DEFAULT_RUNS,
        metavar="DIR",
        help=f"folder of the runs (default: {DEFAULT_RUNS})",
    )
    made.add_argument("--json", action="store_true", help="print the result as one JSON object, all else on stderr")
    return made


def command(script: str, *words: object, runs: Path) -> str:
    """How to call another script from where this one was called: the same path to it, the same runs."""
    given = [] if runs == DEFAULT_RUNS else ["--runs", str(runs)]
    return quote([*call_of(script), *map(str, words), *given])


def same_command(*words: str, without: Collection[str]) -> str:
    """How to call this command again, without some of its options that take a value, and with these words behind it."""
    kept, given = [], iter(sys.argv[1:])
    for word in given:
        option, equals, _ = word.partition("=")
        if option not in without:
            kept.append(word)
        elif not equals:
            next(given, None)
    return quote([*call_of(), *kept, *words])


def main(made: Parser, run: Callable[[argparse.Namespace], CommandOutcome], *, requires: Sequence[str]) -> NoReturn:
    """Parse, hand over to `.venv` if a package is missing, run, and leave with the exit code that fits."""
    output.make_lasting()
    arguments = _parse(made)
    try:
        hand_over(requires)
        code = _guard(run, arguments)
    except _HandOverError as other:
        temporary.remove_ended()
        other.take_over()
    raise SystemExit(code)


class _HandOverError(BaseException):
    """Ends everything that a command has begun, its temporary folder too, which would else outlive its lock."""

    def __init__(self, command: Sequence[str]) -> None:
        super().__init__()
        self._command = list(command)

    def take_over(self) -> NoReturn:
        """Run the command in the place of this one."""
        environment = {**os.environ, _HANDED_OVER: "1"}
        if os.name == "nt":
            raise SystemExit(subprocess.run(self._command, env=environment, check=False).returncode)
        os.execve(self._command[0], self._command, environment)


def _parse(made: Parser) -> argparse.Namespace:
    """The arguments, with those of the file that `--config` names, if the command has that option."""
    words = sys.argv[1:]
    if "config" in made.options:
        from scripts.options.config_file import with_config
        from tuning.errors import InputError

        try:
            words = with_config(made, words)
        except InputError as error:
            raise SystemExit(_refuse(str(error))) from error
        except Exception as error:
            raise SystemExit(_own_error()) from error
    return made.parse_args(words)


def hand_over(requires: Sequence[str], *, remedy: str = "", or_else: str = "") -> None:
    """Go on in the project's `.venv` unless this Python has every package; leave with 2 if there is none.

    `remedy`: the command that installs them. `or_else`: what a user may do instead of
    installing everything.
    """
    missing = [name for name in requires if importlib.util.find_spec(name) is None]
    if not missing:
        return
    python = ROOT / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if os.environ.get(_HANDED_OVER) or not python.exists():
        remedy = remedy if remedy else how_to_install(ROOT)
        raise SystemExit(_refuse(f"{', '.join(missing)} can't be imported by {sys.executable}: {remedy}{or_else}"))
    raise _HandOverError([str(python), *sys.argv])


@contextlib.contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Let an error of the disk that names no file name this folder, or the temporary one where that is full."""
    try:
        yield
    except OSError as error:
        temporary.name_fuller(error, folder)
        raise


def load_tensorflow(*, trains_halves: bool = False) -> None:
    """Import TensorFlow quietly, with our choice of kernels, and of threads for a process that trains in halves."""
    from tuning.environment.cpu_kernels import kernel_choice
    from tuning.native_output import hold_back

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.update(kernel_choice(os.environ))

    with hold_back():
        from tuning.environment.keras_settings import take_defaults

        take_defaults()
        import tensorflow

        from tuning.environment import devices

        tensorflow.get_logger().setLevel("ERROR")
        if not devices.prepare_gpus() and trains_halves:
            devices.share_threads_between_halves()
    # All of it stays: looking through it in every garbage collection costs an export a twentieth of its time.
    gc.freeze()


def _guard(run: Callable[[argparse.Namespace], CommandOutcome], arguments: argparse.Namespace) -> int:
    from export.errors import InputError as ExportInputError
    from export.errors import VerificationError
    from scripts._interrupts import keep_interrupts
    from tuning.errors import InputError as TuningInputError
    from tuning.errors import TrainingError

    keep_interrupts()
    # A user's own code may print; the JSON result has stdout for itself.
    aside = output.stdout_aside() if arguments.json else contextlib.nullcontext()
    try:
        with aside, temporary.private_folder():
            outcome = run(arguments)
    except (ExportInputError, TuningInputError) as error:
        return _refuse(str(error))
    except (VerificationError, TrainingError) as error:
        _say(str(error))
        return ANSWER_IS_NO
    except KeyboardInterrupt as error:
        print(file=sys.stderr)  # the terminal shows ^C
        _say(f"interrupted: {str(error) or 'nothing was changed'}")
        return INTERRUPTED
    except OSError as error:
        sentence = temporary.full_temporary_folder(error)
        if sentence:
            return _refuse(sentence)
        if error.errno not in _DISK_ERRORS or error.filename is None:
            return _own_error()
        return _refuse(f"{error.filename} can't be written: {_DISK_ERRORS[error.errno]}")
    except Exception:  # noqa: BLE001 the last resort: reported as an internal error, kept with its traceback
        return _own_error()
    if arguments.json:
        # What json.dumps leaves as it is of what a terminal obeys.
        print(json.dumps(outcome.result, allow_nan=False).replace("\x7f", "\\u007f"))
    if outcome.next_command:
        print(f"next: {readable(outcome.next_command)}", file=sys.stderr if arguments.json else sys.stdout)
    failure = output.failure_of(sys.stdout)
    # Who reads the beginning and closes the pipe has read enough; a program that reads the result has not.
    if failure is not None and (arguments.json or failure.errno not in (errno.EPIPE, errno.EBADF)):
        _unwritten(failure)
    for sentence in outcome.refused:
        _refuse(sentence)
    if outcome.refused:
        return BAD_INPUT
    return DONE if outcome.passed else ANSWER_IS_NO


def _say(sentence: str) -> None:
    """On one line of stderr, with nothing in it that a terminal would obey."""
    # Keras writes parts of its messages in bold.
    plain = re.sub(r"\x1b\[[01]m", "", sentence)
    print(readable(with_options(" ".join(plain.split()))), file=sys.stderr)


def _refuse(sentence: str) -> int:
    _say(sentence)
    return BAD_INPUT


def _unwritten(failure: OSError) -> int:
    return _refuse(f"what belongs on standard output could not be written there ({failure.strerror})")


def _own_error() -> int:
    with tempfile.NamedTemporaryFile(
        "w", prefix="keras-tune-export-", suffix=".txt", delete=False, encoding="utf-8", errors="backslashreplace"
    ) as file:
        traceback.print_exc(file=file)
    kind, error = sys.exc_info()[:2]
    summary = " ".join(str(error).split())[:200]
    _say(f"internal error ({kind.__name__ if kind else ''}: {summary}); its traceback is in {file.name}")
    return OUR_ERROR
