"""Check published artifacts again, from the artifacts folder alone."""

from __future__ import annotations

import _entry  # isort: skip

import argparse
from pathlib import Path

from export.artifact import Format, Kind, choose_targets, read_manifest
from export.errors import InputError
from scripts.parts.published import published_folder, require_runtimes


def build_parser() -> _entry.Parser:
    parser = _entry.parser(
        "Check published files again: no byte changed, and the same answers as the Keras model on the images that lie "
        "beside them. Needs no data, and TensorFlow only for the SavedModel."
    )
    parser.add_argument("folder", nargs="?", type=Path, help="artifacts folder (default: that of --run)")
    parser.add_argument("--run", metavar="NAME", help="the run to verify (default: the newest exported one)")
    parser.add_argument(
        "--format", action="append", default=[], metavar="NAME", help=f"{', '.join(Format)} or all (default: all there)"
    )
    return parser


def run(arguments: argparse.Namespace) -> _entry.Outcome:
    if arguments.folder is not None and arguments.run is not None:
        raise InputError("give a folder or --run, not both")
    folder = published_folder(arguments, arguments.folder)
    asked = {target.format for target in choose_targets(arguments.format, [])}
    published = {artifact.target.format for artifact in read_manifest(folder).artifacts}
    formats = asked & published if "all" in (arguments.format or ["all"]) else asked
    require_runtimes(formats, "rich")
    from rich.markup import escape

    from export.verification import verify_folder
    from scripts.parts.tables import print_verification
    from scripts.parts.terminal import make_console

    console = make_console(json_output=arguments.json)
    verification = verify_folder(folder, formats=formats)
    print_verification(console, verification)
    console.print(
        f"{escape(str(folder))}: " + ("[green]all as published[/]" if verification.passed else "[red]not the same[/]")
    )
    can_classify = read_manifest(folder).description.kind is Kind.CLASSIFIER
    return _entry.Outcome(
        result={"folder": str(folder), **verification.as_json()},
        passed=verification.passed,
        next_command=_entry.command("predict.py", "--artifacts", folder, "PICTURE.png", runs=_entry.DEFAULT_RUNS)
        if verification.passed and can_classify
        else "",
    )


if __name__ == "__main__":
    _entry.main(build_parser(), run, requires=["numpy", "filelock"])
