"""Correct exports of twenty different models, five of each: the verification must raise no false alarm.

Fifteen models are built around a layer each, with weights of every size, five are small networks trained for a moment.
Each export is verified on other images, the ONNX files have another opset each, and what was published is verified
once more from its folder. Exits with 1 if one export was refused or did not pass.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

SCRIPTS = Path(__file__).resolve().parent.parent
sys.path[0] = str(SCRIPTS.parent)

from tuning.environment.cpu_kernels import kernel_choice  # noqa: E402 the path comes first

LAYERS = (
    "Conv1D causal",
    "Conv2D dilated",
    "Conv2D grouped",
    "Conv3D",
    "SeparableConv2D",
    "Conv2DTranspose",
    "AveragePooling2D",
    "GlobalMaxPooling2D",
    "BatchNormalization after pooling",
    "LayerNormalization",
    "Dense on every pixel",
    "UpSampling2D bilinear",
    "Concatenate",
    "MultiHeadAttention",
    "LSTM",
)
TRAINED = ("plain", "normalized", "dense", "separable", "residual")
OPSETS = (17, 13, 18, 15, 16)


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench exports", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="models to export (default: all twenty)")
    parser.add_argument("--repeats", type=int, default=5, metavar="N", help="exports of each model (default: 5)")
    parser.add_argument("--format", action="append", default=[], metavar="NAME", help="default: every format")
    parser.add_argument("--variant", action="append", default=[], metavar="NAME", help="default: float32")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), metavar="N", help="default: one a processor")
    parser.add_argument("--results", type=Path, metavar="FILE", help="keep results there, and skip what it holds")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.update(kernel_choice(os.environ))
    names = arguments.names or [*LAYERS, *TRAINED]
    unknown = [name for name in names if name not in (*LAYERS, *TRAINED)]
    if unknown or arguments.repeats < 1:
        known = ", ".join((*LAYERS, *TRAINED))
        parser.error(f"unknown model {unknown[0]}: choose among {known}" if unknown else "no exports")
    if arguments.child:
        for result in export_all(names[0], arguments):
            print(json.dumps(result), flush=True)
        return 0
    results = _kept(arguments.results)
    waiting = [name for name in names if any((name, number) not in results for number in range(arguments.repeats))]
    options = [
        *(part for name in arguments.format for part in ("--format", name)),
        *(part for name in arguments.variant for part in ("--variant", name)),
        *("--repeats", str(arguments.repeats)),
    ]
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for finished in pool.map(lambda name: _in_child(name, options, arguments.repeats), waiting):
            for result in finished:
                results[(result["name"], result["number"])] = result
                if arguments.results is not None:
                    with arguments.results.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(result) + "\n")
            alarms = [result["alarm"] for result in finished if result["alarm"]]
            print(f"{finished[0]['name']:<34} {'; '.join(alarms) or f'{len(finished)} passed'}", flush=True)
    counted = [result for (name, _), result in results.items() if name in names]
    alarms = [result for result in counted if result["alarm"]]
    files = sum(len(result["files"]) for result in counted)
    print(f"{len(counted)} exports of {len(names)} models, {files} files: {len(alarms)} false alarms")
    return 1 if alarms else 0


def export_all(name: str, arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """What became of each export of the model: the files that passed, and what was wrong, empty if nothing was."""
    import numpy as np

    from export.artifact import Subject
    from export.formats.targets import choose_targets
    from export.publishing.request import ExportRequest

    with tempfile.TemporaryDirectory() as work:
        model = Path(work) / "model.keras"
        images, labels = _save(name, model)
        for number in range(arguments.repeats):
            if number:
                images, labels = _other_images(name, images, labels, number)
            request = ExportRequest(
                model=model,
                folder=Path(work) / f"artifacts_{number}",
                subject=Subject(class_names=tuple("0123456789"), dataset="patches", dataset_digest=""),
                targets=choose_targets(arguments.format, arguments.variant),
                opset=OPSETS[number % len(OPSETS)],
            )
            files, alarm = _export(request, images, np.asarray(labels, np.int64))
            yield {"name": name, "number": number, "files": files, "alarm": alarm}


def _save(name: str, path: Path) -> tuple[Any, Any]:
    import numpy as np

    if name in TRAINED:
        from scripts.benches.planted_faults.models import train_model

        return train_model(name, path)
    from scripts.benches.model_zoo.models import IMAGE_SHAPE, build_model, make_images

    model, images = build_model(name), make_images(IMAGE_SHAPE)
    model.save(path)
    return images, np.asarray(model(images, training=False)).argmax(axis=1)


def _other_images(name: str, images: Any, labels: Any, number: int) -> tuple[Any, Any]:
    """Other images of the same kind: for trained models the same ones with other grey levels."""
    import numpy as np

    if name in TRAINED:
        dimmed = images.astype(np.float32) * (1 - 0.1 * number)
        return dimmed.astype(np.uint8), labels
    from scripts.benches.model_zoo.models import IMAGE_SHAPE, make_images

    return make_images(IMAGE_SHAPE, seed=number), labels


def _export(request: Any, images: Any, labels: Any) -> tuple[list[str], str]:
    from export._publish import publish
    from export.errors import InputError, VerificationError
    from export.verification import verify_folder

    try:
        verification = publish(request, images, labels)
        if verification.passed:
            formats = {artifact.target.format for artifact in verification.artifacts}
            verification = verify_folder(request.folder, formats=formats)
    except (InputError, VerificationError) as error:
        return [], " ".join(str(error).split())[:300]
    files = [artifact.target.file for artifact in verification.artifacts]
    failed = [file for file, parity in zip(files, verification.parities, strict=True) if not parity.passed]
    return files, f"{', '.join(failed)} did not pass" if failed else ""


def _in_child(name: str, options: Sequence[str], repeats: int) -> list[dict[str, Any]]:
    """Results of one model's exports; one that ends the process counts as an alarm."""
    command = [sys.executable, __file__, *options, "--child", "--", name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if len(found) < repeats:
        last = (done.stderr.strip().splitlines() or ["without a word"])[-1]
        found.append({"name": name, "number": len(found), "files": [], "alarm": f"its process ended: {last}"})
    return found


def _kept(path: Path | None) -> dict[tuple[str, int], Any]:
    if path is None or not path.exists():
        return {}
    results = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return {(result["name"], result["number"]): result for result in results}


if __name__ == "__main__":
    raise SystemExit(main())
