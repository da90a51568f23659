"""Check published artifacts again, from the artifacts folder alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

# A command is run as a file: its own folder is where Python looks first.
if TYPE_CHECKING:
    from scripts import _entry
else:
    import _entry

import argparse
from pathlib import Path

from export.artifact import Artifact, Format, ModelKind
from export.errors import InputError, UnrunnableError, VerificationError
from export.folder.manifest import Manifest
from export.formats.format import readable_formats
from export.formats.targets import choose_targets
from scripts.commands.published import published_folder, require_runtimes
from scripts.options.code import add_code_arguments, add_trust_argument, read_code
from scripts.options.limits import add_limit_arguments, read_limits
from scripts.options.signing import add_signed_by_argument, read_published, read_signed_by, tell_signature
from scripts.options.targets import add_format_argument
from scripts.terminal.console import Console, Part, bold, green, make_console, red, yellow

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from export.apart.limits import Limits
    from export.verification import Verification


def build_parser() -> _entry.Parser:
    parser = _entry.parser(
        "Check published files again: no byte changed, the same answers as the Keras model on the images that lie "
        "beside them, and all that is checked at an export. Needs no data, of packages numpy and the files' runtimes, "
        "and TensorFlow only for the SavedModel."
    )
    parser.add_argument("folder", nargs="?", type=Path, help="artifacts folder (default: that of --run)")
    parser.add_argument("--run", metavar="NAME", help="the run to verify (default: the newest exported one)")
    add_format_argument(parser, default="all there")
    deeper = parser.add_mutually_exclusive_group()
    deeper.add_argument("--bisect", action="store_true", help="name the first layer at which a failing file goes wrong")
    deeper.add_argument(
        "--self-test",
        action="store_true",
        help="verify the verification: plant faults of many kinds in files of the run's model, each must be caught",
    )
    add_code_arguments(parser)
    add_trust_argument(parser)
    add_signed_by_argument(parser)
    add_limit_arguments(parser)
    return parser


def run(arguments: argparse.Namespace) -> _entry.CommandOutcome:
    if arguments.folder is not None and arguments.run is not None:
        raise InputError("give a folder or --run, not both")
    key = read_signed_by(arguments)
    limits = read_limits(arguments)
    folder = published_folder(arguments, arguments.folder)
    manifest = read_published(folder, key)
    if arguments.self_test:
        from scripts.commands.self_test import run_self_test

        return run_self_test(arguments, folder, manifest, key)
    if read_code(arguments).is_given or arguments.trust:
        raise InputError(
            "--code, --allow-lambda and --trust go with --self-test: published files need no code of the model's"
        )
    asked = {target.format for target in choose_targets(arguments.format, [], everything=tuple(Format))}
    published = {artifact.target.format for artifact in manifest.artifacts}
    formats = asked & published if "all" in (arguments.format or ["all"]) else asked
    require_runtimes(formats)
    from export.bisection import changed_artifacts
    from export.verification import verify_folder
    from scripts.terminal.verification_table import print_verification, tell_looser

    console = make_console(json_output=arguments.json)
    tell_signature(console, folder, key)
    try:
        with console.status("verifying") as status:
            verification = verify_folder(
                folder, manifest=manifest, formats=formats, limits=limits, on_step=status.update
            )
    except VerificationError as error:
        if not arguments.bisect:
            advice = "" if isinstance(error, UnrunnableError) else _advice(folder, formats)
            raise VerificationError(f"{error}{advice}") from error
        console.print(red(str(error)))
        return _bisect(console, folder, manifest, changed_artifacts(folder, manifest, formats), limits)
    print_verification(console, verification)
    tell_looser(console, manifest.looser)
    console.print(f"{folder}: ", _answer(verification))
    differs = not verification.passed and not verification.only_blind
    if arguments.bisect and differs:
        failed = [artifact for artifact in verification.artifacts if verification.failures_of(artifact)]
        return _bisect(console, folder, manifest, failed, limits)
    next_command = ""
    if differs:
        next_command = _entry.command("verify.py", folder, "--bisect", runs=_entry.DEFAULT_RUNS)
    elif verification.passed and manifest.description.kind is ModelKind.CLASSIFIER:
        next_command = _entry.command("predict.py", "--artifacts", folder, "PICTURE.png", runs=_entry.DEFAULT_RUNS)
    return _entry.CommandOutcome(
        result={
            "folder": str(folder),
            **({} if key is None else {"signed_by": key.fingerprint}),
            **verification.record.as_json(),
        },
        passed=verification.passed,
        next_command=next_command,
    )


def _answer(verification: Verification) -> Part:
    if verification.passed:
        return green("all as published")
    if verification.only_blind:
        return yellow("not judged: a wrong file would have gone undetected")
    return red("not the same")


def _advice(folder: Path, formats: Collection[Format]) -> str:
    """What shows where a changed file goes wrong, if anything does."""
    if not set(readable_formats()) & set(formats):
        return ""
    command = _entry.command("verify.py", folder, "--bisect", runs=_entry.DEFAULT_RUNS)
    return f"; {command} tells at which layer it goes wrong"


def _bisect(
    console: Console, folder: Path, manifest: Manifest, artifacts: Sequence[Artifact], limits: Limits
) -> _entry.CommandOutcome:
    """Compare each of the files, which failed or were changed, and name the layer."""
    from export.bisection import bisect_apart

    findings = [bisect_apart(folder, manifest, artifact, limits=limits) for artifact in artifacts]
    for finding in findings:
        console.print(bold(f"{finding['file']}: "), finding["comparison"])
        console.print(bold(f"{finding['file']}: "), finding["sentence"])
    return _entry.CommandOutcome(result={"folder": str(folder), "passed": False, "bisected": findings}, passed=False)


if __name__ == "__main__":
    _entry.main(build_parser(), run, requires=["numpy"])
