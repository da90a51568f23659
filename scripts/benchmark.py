"""Measure published files, and Keras's own beside them: latency, throughput, load time, memory, size, accuracy."""

from __future__ import annotations

from typing import TYPE_CHECKING

# A command is run as a file: its own folder is where Python looks first.
if TYPE_CHECKING:
    from scripts import _entry
else:
    import _entry

import argparse
import os
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from export.artifact import BENCHMARK, BENCHMARK_TABLE, Format, ModelKind
from export.errors import InputError
from export.formats.targets import choose_targets
from scripts.commands.published import OR_CHOOSE, holds_weights_alone, keras_model_beside, published_folder
from scripts.options.code import Code, add_code_arguments, add_trust_argument, is_trusted, read_code
from scripts.options.limits import add_limit_arguments, read_limits
from scripts.options.serving import code_published
from scripts.options.signing import add_signed_by_argument, read_published, read_signed_by, tell_signature
from scripts.options.targets import add_format_argument, add_variant_argument, require_formats

if TYPE_CHECKING:
    from export.benchmark.candidate import KerasSource
    from export.folder.manifest import Manifest

KERAS_PACKAGES = ("tensorflow", "keras")
LEFT_OUT = "model.predict and model.export are left out"
WRAPPED = (
    "the published files also do the preprocessing and postprocessing, such as scaling pixels; for Keras's own it "
    "is done outside the measured time"
)


def build_parser() -> _entry.Parser:
    parser = _entry.parser(
        "Measure published files, model.predict and model.export's files: each in a process of its own on the CPU, "
        "all with as many threads, taking turns. Writes benchmark.json and benchmark.csv beside the files."
    )
    parser.add_argument("folder", nargs="?", type=Path, help="artifacts folder (default: that of --run)")
    parser.add_argument("--run", metavar="NAME", help="the run to measure (default: the newest exported one)")
    add_format_argument(parser, default="all there")
    add_variant_argument(parser, default="all there")
    parser.add_argument(
        "--model", type=Path, metavar="FILE.keras", help="the Keras model of the files (default: the one beside them)"
    )
    add_code_arguments(parser)
    add_trust_argument(parser)
    add_signed_by_argument(parser)
    add_limit_arguments(parser)
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="of every runtime (default: 1)")
    parser.add_argument("--repeats", type=int, default=15, metavar="N", help="rounds of turns, 3 or more (default: 15)")
    return parser


def run(arguments: argparse.Namespace) -> _entry.CommandOutcome:
    if arguments.folder is not None and arguments.run is not None:
        raise InputError("give a folder or --run, not both")
    code = read_code(arguments)
    key = read_signed_by(arguments)
    folder = published_folder(arguments, arguments.folder)
    manifest = read_published(folder, key)
    from export.benchmark.candidate import choose_artifacts

    variants = arguments.variant if arguments.variant else ["all"]
    artifacts = choose_artifacts(manifest, choose_targets(arguments.format, variants, everything=tuple(Format)))
    formats = {artifact.target.format for artifact in artifacts}
    require_formats(formats, "rich", or_else=OR_CHOOSE)
    from export.benchmark.measuring import BenchmarkPlan, measure
    from export.benchmark.session import Settings
    from export.benchmark.storing import save
    from scripts.terminal.benchmark_tables import print_benchmark
    from scripts.terminal.console import make_console
    from tuning.environment.cpu_kernels import kernel_choice

    console = make_console(json_output=arguments.json)
    settings = Settings(
        threads=arguments.threads,
        rounds=arguments.repeats,
        environment=kernel_choice(os.environ),
        limits=read_limits(arguments),
    )
    keras, code, notes = _keras_source(arguments, folder, manifest, code)
    tell_signature(console, folder, key)
    if code.built_by is not None:
        console.print(code.line)
    if keras is not None and manifest.description.wrapped:
        notes = (*notes, WRAPPED)
    plan = BenchmarkPlan(folder=folder, manifest=manifest, artifacts=artifacts, keras=keras, notes=notes)
    with console.status("reading the files") as status:
        benchmark = measure(plan, settings, on_step=status.update)
    print_benchmark(console, benchmark)
    with _entry.writing_to(folder):
        save(benchmark, folder)
    console.print(f"written to {folder / BENCHMARK} and {BENCHMARK_TABLE}")
    words = ["predict.py", "--artifacts", str(folder), "PICTURE.png"]
    if manifest.description.kind is not ModelKind.CLASSIFIER:
        words = ["verify.py", str(folder)]
    return _entry.CommandOutcome(
        result={"folder": str(folder), **benchmark.without_calls()},
        passed=benchmark.passed,
        next_command=_entry.command(*words, runs=_entry.DEFAULT_RUNS),
    )


def _keras_source(
    arguments: argparse.Namespace, folder: Path, manifest: Manifest, code: Code
) -> tuple[KerasSource | None, Code, tuple[str, ...]]:
    """The Keras model of the files with its code, and notes on what is not measured with them, or not run."""
    from export.benchmark.candidate import find_keras_source

    given: Path | None = arguments.model
    missing = [name for name in KERAS_PACKAGES if find_spec(name) is None]
    if given is not None:
        _entry.hand_over(KERAS_PACKAGES)
    elif missing:
        return None, code, (f"{LEFT_OUT}: {missing[0]} is not installed",)
    path = given if given is not None else keras_model_beside(folder, manifest)
    if path is None:
        where = f"{folder.absolute().parent} does not hold the Keras model that the files were made of"
        return None, code, (f"{LEFT_OUT}: {where}, so name it with --model",)
    # The process that loads it runs elsewhere.
    files = tuple(str(Path(file).resolve()) for file in code.files)
    code = code_published(folder, replace(code, files=files), trusted=is_trusted(arguments))
    if code.is_left_out and holds_weights_alone(path):
        return None, code, (f"{LEFT_OUT}: {path} holds weights alone, and {code.line}",)
    return find_keras_source(path, manifest, code.load), code, (code.line,) if code.is_left_out else ()


if __name__ == "__main__":
    _entry.main(build_parser(), run, requires=["numpy", "filelock"])
