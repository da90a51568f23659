"""Write a run's model as SavedModel, TFLite and ONNX, verify every file, and only then publish them."""

from __future__ import annotations

from typing import TYPE_CHECKING

# A command is run as a file: its own folder is where Python looks first.
if TYPE_CHECKING:
    from scripts import _entry
else:
    import _entry

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

from export.artifact import DEFAULT_OPSET, Subject, Variant
from export.errors import InputError, UnusableError, UnwritableError
from export.formats.format import writing_modules
from export.formats.targets import AUTO, check_opset, choose_targets
from scripts.commands.promise import add_promise_argument, promise_note
from scripts.options.code import Code, add_code_arguments, read_code
from scripts.options.data import DataChoice, load_run_dataset, tell_fallback
from scripts.options.limits import add_limit_arguments, read_limits
from scripts.options.resuming import how_to_resume
from scripts.options.serving import How, read_how, serving_options
from scripts.options.signing import add_sign_argument, read_sign
from scripts.options.targets import add_format_argument, add_variant_argument, require_formats
from scripts.options.tolerances import add_tolerance_arguments, calibration_examples, read_tolerances

if TYPE_CHECKING:
    from scripts.terminal.console import Console
    from tuning.data.dataset import Dataset

PACKAGES = ("numpy", *writing_modules(), "sklearn", "PIL", "filelock", "rich")


def build_parser() -> _entry.Parser:
    parser = _entry.parser(
        "Export a run, or any Keras model, as SavedModel, TFLite and ONNX. Every file is verified on all test images "
        "from its written bytes; all that was asked for is published, or nothing."
    )
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--run", metavar="NAME", help="the run to export (default: the newest finished one)")
    source.add_argument(
        "--model", type=Path, metavar="FILE.keras", help="any Keras model, .h5 files too; needs --dataset or --data"
    )
    add_code_arguments(parser)
    parser.add_argument(
        "--trial", metavar="ID", help="another trial of the run than the winner; trained first, unless it was already"
    )
    parser.add_options(DataChoice)
    add_format_argument(parser, default="all")
    add_variant_argument(
        parser, default=Variant.FLOAT32, more=f"; or {AUTO}, of each format the smallest file within its tolerance"
    )
    parser.add_argument(
        "--opset", type=int, default=DEFAULT_OPSET, metavar="N", help=f"of ONNX (default: {DEFAULT_OPSET})"
    )
    add_tolerance_arguments(parser)
    add_limit_arguments(parser)
    add_promise_argument(parser)
    parser.add_argument(
        "--pixel-scale",
        metavar="SCALE",
        help="what a model of numbers was trained on: unit (0 to 1), signed (-1 to 1), raw (0 to 255) or FACTOR,OFFSET "
        "(default: raw pixels, if it begins with a Rescaling or Normalization of its own)",
    )
    parser.add_argument(
        "--no-wrap",
        action="store_true",
        help="export the model as it is, without scaling before it or a softmax behind it",
    )
    parser.add_argument(
        "--outputs-only",
        action="store_true",
        help="the model is no classifier of single images: verify its outputs as they are",
    )
    add_sign_argument(parser)
    parser.add_argument("--output", type=Path, metavar="DIR", help="where to (default: the run's artifacts folder)")
    return parser


def run(arguments: argparse.Namespace) -> _entry.CommandOutcome:
    from scripts.terminal.console import make_console

    console = make_console(json_output=arguments.json)
    targets = choose_targets(arguments.format, arguments.variant)
    require_formats({target.format for target in targets})
    check_opset(arguments.opset)
    signer = read_sign(arguments)
    tolerances = read_tolerances(arguments)
    limits = read_limits(arguments)
    source = _any_model(arguments) if arguments.model is not None else _run(arguments, console)
    dataset = source.dataset
    folder = arguments.output if arguments.output is not None else source.folder

    from export.formats.writer import prepare

    # Another process loads TensorFlow while this one does.
    prepare(targets)
    _entry.load_tensorflow()
    from export._publish import publish
    from export.comparison.tolerance import list_looser
    from export.publishing.request import ExportRequest
    from scripts.commands.advice import add_command, print_advice
    from scripts.terminal.console import red, yellow
    from scripts.terminal.verification_table import print_verification, tell_looser

    test = dataset.test.for_verification()
    subject = Subject(
        class_names=dataset.class_names, dataset=dataset.name, dataset_digest=dataset.digest, note=source.note
    )
    request = ExportRequest(
        model=source.model,
        targets=targets,
        smallest=AUTO in arguments.variant,
        tolerances=tolerances,
        calibration=calibration_examples(dataset) if any(target.variant.is_calibrated for target in targets) else None,
        folder=folder,
        subject=subject,
        serving=serving_options(source.how, source.code),
        opset=arguments.opset,
        accuracy=source.accuracy,
        limits=limits,
        signer=signer,
    )
    labels = test.labels if request.serving.as_classifier else None
    try:
        with _entry.writing_to(folder), console.status("loading the model") as status:
            verification = publish(request, test.read(), labels, on_step=status.update)
    except (UnwritableError, UnusableError) as error:
        raise add_command(error, arguments.variant) from error
    print_verification(console, verification)
    tell_looser(console, list_looser(request.tolerances))
    tell_fallback(console, dataset)
    result = {"folder": str(folder), **verification.record.as_json()}
    if not verification.passed:
        why = ", as a wrong file would have gone undetected" if verification.only_blind else ""
        console.print(red(f"nothing was published{why}: "), f"{folder} is as it was")
        print_advice(console, verification, targets, arguments.variant)
        return _entry.CommandOutcome(result=result, passed=False)
    for sentence in verification.left:
        console.print(yellow("note: "), sentence)
    console.print(f"published in {folder}")
    return _entry.CommandOutcome(
        result=result, next_command=_entry.command("verify.py", folder, runs=_entry.DEFAULT_RUNS)
    )


@dataclass(frozen=True, kw_only=True)
class ExportJob:
    """What is exported: model file, how it is served, the code it needs, data, a note for the files' readers, and the
    default folder.

    `accuracy`: what the run measured on its test images.
    """

    model: Path
    how: How
    code: Code
    dataset: Dataset
    note: str
    folder: Path
    accuracy: float | None = None


def _run(arguments: argparse.Namespace, console: Console) -> ExportJob:
    """A run's model, on the run's own data."""
    from tuning.runs.run_folder import newest_finished, open_run
    from tuning.runs.run_record import RunStatus

    if DataChoice.of(arguments).is_asked:
        raise InputError("--dataset and --data go with --model: a run is verified on its own data")
    folder = open_run(arguments.runs, arguments.run) if arguments.run is not None else newest_finished(arguments.runs)
    record = folder.read()
    if record.status is not RunStatus.FINISHED:
        again = how_to_resume(record, folder, runs=arguments.runs)
        raise InputError(f"{folder.path} is not finished: complete it with {again}")
    how = read_how(arguments, record.model, path=folder.path)
    code = read_code(arguments)
    console.print(f"run: {folder.path}")
    dataset = load_run_dataset(record, runs=arguments.runs)
    reason = dataset.fallback_reason
    exported = folder
    if arguments.trial is not None:
        from scripts.commands.trial_model import folder_of_trial

        exported = folder_of_trial(arguments, folder, record, dataset, console)
    code = code.of_run(folder, exported)
    if code.line:
        console.print(code.line)
    notes = [f"trained on {dataset.name} instead of MNIST: {reason}"] if reason else []
    notes.append(promise_note(exported, accept_worse=arguments.accept_worse))
    return ExportJob(
        model=exported.written_model,
        how=how,
        code=code,
        dataset=dataset,
        note="; ".join(filter(None, notes)),
        folder=exported.artifacts,
        # Only the winner was measured on the test images.
        accuracy=record.test.accuracy if exported is folder and record.test is not None else None,
    )


def _any_model(arguments: argparse.Namespace) -> ExportJob:
    """A model file, on the data asked for."""
    from export.model.stored_model import open_stored

    if arguments.trial is not None:
        raise InputError("--trial is one of a run: leave it out, or --model")
    if arguments.data is None and arguments.dataset is None:
        raise InputError("--model needs --dataset or --data: the images that the files are verified on")
    if arguments.accept_worse:
        raise InputError("--accept-worse is about a run: leave it out, or --model")
    how = read_how(arguments, None, path=arguments.model)
    code = read_code(arguments)
    # Whatever is wrong with it is reported before a framework is loaded.
    open_stored(arguments.model)
    dataset = DataChoice.of(arguments).load(runs=arguments.runs)
    reason = dataset.fallback_reason
    return ExportJob(
        model=arguments.model,
        how=how,
        code=code,
        dataset=dataset,
        note=f"verified on {dataset.name}: {reason}" if reason else "",
        folder=arguments.model.with_name(f"{arguments.model.stem}_artifacts"),
    )


if __name__ == "__main__":
    # Another trial than the winner may have to be trained first.
    trains = any(word.partition("=")[0] == "--trial" for word in sys.argv)
    _entry.main(build_parser(), run, requires=[*PACKAGES, *(_entry.TUNING_PACKAGES if trains else ())])
