"""Write a run's model as SavedModel, TFLite and ONNX, verify every file, and only then publish them."""

from __future__ import annotations

import _entry  # isort: skip

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from export.artifact import DEFAULT_OPSET, Description, Format, Variant, check_opset, choose_targets, digest_file
from export.errors import InputError
from scripts.parts.data import add_data_arguments, load_asked_dataset, tell_fallback

if TYPE_CHECKING:
    from rich.console import Console

    from tuning.dataset import Dataset


def build_parser() -> _entry.Parser:
    parser = _entry.parser(
        "Export a run, or any Keras model, as SavedModel, TFLite and ONNX. Every file is verified on all test images "
        "from its written bytes; all that was asked for is published, or nothing."
    )
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--run", metavar="NAME", help="the run to export (default: the newest finished one)")
    source.add_argument("--model", type=Path, metavar="FILE.keras", help="any Keras model; needs --dataset or --data")
    add_data_arguments(parser)
    parser.add_argument(
        "--format",
        action="append",
        default=[],
        metavar="NAME",
        help=f"{', '.join(Format)} or all; may be repeated (default: all)",
    )
    parser.add_argument(
        "--variant",
        action="append",
        default=[],
        metavar="NAME",
        help=f"{', '.join(Variant)} or all; may be repeated (default: {Variant.FLOAT32})",
    )
    parser.add_argument(
        "--opset", type=int, default=DEFAULT_OPSET, metavar="N", help=f"of ONNX (default: {DEFAULT_OPSET})"
    )
    parser.add_argument("--output", type=Path, metavar="DIR", help="where to (default: the run's artifacts folder)")
    return parser


def run(arguments: argparse.Namespace) -> _entry.Outcome:
    from scripts.parts.terminal import make_console

    console = make_console(json_output=arguments.json)
    targets = choose_targets(arguments.format, arguments.variant)
    check_opset(arguments.opset)
    if arguments.model is not None:
        model, dataset, description, default_folder = _any_model(arguments)
    else:
        model, dataset, description, default_folder = _run(arguments, console)
    folder = arguments.output if arguments.output is not None else default_folder

    _entry.load_tensorflow()
    from export.publish import ExportRequest, publish

    test = dataset.test.for_verification()
    with _entry.writing_to(folder), console.status("loading the model") as status:
        publication = publish(
            ExportRequest(model=model, targets=targets, folder=folder, description=description, opset=arguments.opset),
            test.images,
            test.labels,
            on_step=lambda step: status.update(step),
        )
    from scripts.parts.tables import print_verification

    print_verification(console, publication.verification)
    tell_fallback(console, dataset)
    result = {"folder": str(folder), **publication.verification.as_json()}
    if not publication.passed:
        console.print(f"[red]nothing was published:[/] {folder} is as it was")
        return _entry.Outcome(result=result, passed=False)
    console.print(f"published in {folder}")
    return _entry.Outcome(result=result, next_command=f"python scripts/verify.py {folder}")


def _run(arguments: argparse.Namespace, console: Console) -> tuple[Path, Dataset, Description, Path]:
    from tuning.run_folder import newest_finished, open_run
    from tuning.run_record import load_recorded_dataset

    if arguments.data is not None or arguments.dataset is not None:
        raise InputError("--dataset and --data go with --model: a run is verified on its own data")
    folder = open_run(arguments.runs, arguments.run) if arguments.run is not None else newest_finished(arguments.runs)
    record: dict[str, Any] = folder.read()
    if record.get("status") != "finished":
        raise InputError(
            f"{folder.path} is not finished: complete it with python scripts/tune.py --run {folder.name} --resume"
        )
    console.print(f"run: {folder.path}")
    dataset = load_recorded_dataset(record)
    reason = record["dataset"]["fallback_reason"]
    description = Description(
        class_names=dataset.class_names,
        dataset=dataset.name,
        dataset_digest=dataset.digest,
        accuracy=record["test"]["accuracy"],
        source_digest=digest_file(folder.model),
        note=f"trained on {dataset.name} instead of MNIST: {reason}" if reason else "",
    )
    return folder.model, dataset, description, folder.artifacts


def _any_model(arguments: argparse.Namespace) -> tuple[Path, Dataset, Description, Path]:
    if arguments.data is None and arguments.dataset is None:
        raise InputError("--model needs --dataset or --data: the images that the files are verified on")
    _entry.load_tensorflow()
    from export.serving import load_serving_model, reference_answers

    serving = load_serving_model(arguments.model)
    dataset = load_asked_dataset(arguments)
    test = dataset.test.for_verification()
    if test.images.shape[1:] != serving.input.shape[1:]:
        raise InputError(
            f"{arguments.model} takes images of {serving.input.shape[1:]} but {dataset.name} has "
            f"{test.images.shape[1:]}: give the data that the model was made for"
        )
    answered = reference_answers(serving, test.images).argmax(axis=1)
    description = Description(
        class_names=dataset.class_names,
        dataset=dataset.name,
        dataset_digest=dataset.digest,
        accuracy=float((answered == test.labels).mean()),
        source_digest=digest_file(arguments.model),
        note=f"verified on {dataset.name}: {dataset.fallback_reason}" if dataset.fallback_reason else "",
    )
    return arguments.model, dataset, description, arguments.model.with_name(f"{arguments.model.stem}_artifacts")


if __name__ == "__main__":
    _entry.main(build_parser(), run)
