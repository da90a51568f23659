"""Every stock layer and ten networks in every format, by this project and by Keras's own `model.export`, side by side.

A file counts as valid if it answers like the Keras model, by the rule of `export.comparison.parity`; "wrong" are files
that were written without an error and do not.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

SCRIPTS = Path(__file__).resolve().parent.parent
sys.path[0] = str(SCRIPTS.parent)

# Conversion leaks memory and can end the process: a child converts this many models.
MODELS_PER_CHILD = 12
FORMATS = {"saved_model": "tf_saved_model", "tflite": "litert", "onnx": "onnx"}
"""Our name of the format → Keras's, of those that Keras writes without sending what it does."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench layers", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="cases to try (default: all)")
    parser.add_argument("--results", type=Path, metavar="FILE", help="keep results there, and skip what it holds")
    parser.add_argument("--readme", action="store_true", help="print the table of the README and do nothing else")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if arguments.child:
        for name in arguments.names:
            print(json.dumps({"name": name, **measure(name)}), flush=True)
        return 0
    from scripts.benches.model_zoo.cases import CASES
    from scripts.benches.model_zoo.matrix import readme_section
    from scripts.benches.model_zoo.models import NETWORKS

    if arguments.readme:
        print(readme_section())
        return 0
    names = arguments.names or [*CASES, *NETWORKS]
    results = _kept(arguments.results)
    waiting = [name for name in names if name not in results]
    chunks = [waiting[at : at + MODELS_PER_CHILD] for at in range(0, len(waiting), MODELS_PER_CHILD)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for finished in pool.map(lambda chunk: list(_in_child(chunk)), chunks):
            for result in finished:
                results[result["name"]] = result
                _tell(result)
                if arguments.results is not None:
                    with arguments.results.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(result) + "\n")
    for title, chosen in (("layers", CASES), ("networks", NETWORKS)):
        _summarize(title, [results[name] for name in names if name in chosen])
    return 1 if any(verdict == "wrong" for result in results.values() for verdict in result["ours"].values()) else 0


def measure(name: str) -> dict[str, dict[str, str]]:
    """Verdicts by format, of our files and of Keras's."""
    import keras

    from export.formats.format import offered_formats
    from scripts.benches.model_zoo.models import build_model, image_shape, make_images

    images = make_images(image_shape(name))
    with tempfile.TemporaryDirectory() as folder:
        build_model(name).save(Path(folder) / "model.keras")
        return {
            "ours": {kind: _ours(Path(folder), kind, images) for kind in offered_formats()},
            "keras": {
                kind: _keras(keras.models.load_model(Path(folder) / "model.keras"), Path(folder), kind, images)
                for kind in FORMATS
            },
        }


def _ours(folder: Path, kind: str, images: Any) -> str:
    import keras
    import numpy as np

    from export._publish import publish
    from export.artifact import Subject
    from export.errors import InputError, VerificationError
    from export.formats.targets import choose_targets
    from export.publishing.request import ExportRequest

    model, output = folder / "model.keras", folder / f"ours_{kind}"
    subject = Subject(class_names=tuple("0123456789"), dataset="patches", dataset_digest="")
    request = ExportRequest(model=model, targets=choose_targets([kind], []), folder=output, subject=subject)
    try:
        passed = publish(request, images, np.zeros(len(images), np.int64)).passed
    except (InputError, VerificationError):
        passed = False
    if not passed:
        return "refused"
    expected = np.asarray(keras.models.load_model(model, compile=False)(images, training=False))
    return _judge(lambda: _published_answers(output, images), expected)


def _published_answers(folder: Path, images: Any) -> Any:
    from export.folder.manifest import read_manifest
    from export.formats.runtime import load, predict

    (artifact,) = read_manifest(folder).artifacts
    return predict(load(artifact.target, folder / artifact.target.file), images)


def _keras(model: Any, folder: Path, kind: str, images: Any) -> str:
    import numpy as np

    expected = np.asarray(model(images, training=False))
    path = folder / {"saved_model": "keras_saved_model", "tflite": "keras.tflite", "onnx": "keras.onnx"}[kind]
    try:
        model.export(str(path), format=FORMATS[kind], verbose=False)
    except Exception:  # noqa: BLE001 whatever another exporter raises counts as a failure that it reported
        return "failed"
    return _judge(lambda: _foreign_answers(kind, path, images), expected)


def _foreign_answers(kind: str, path: Path, images: Any) -> Any:
    """What a file with names of its own answers in the format's runtime."""
    import numpy as np

    if kind == "saved_model":
        import tensorflow as tf

        loaded = tf.saved_model.load(str(path))
        function = loaded.signatures["serving_default"]
        (name,) = function.structured_input_signature[1]
        return next(iter(function(**{name: tf.constant(images)}).values())).numpy()
    if kind == "onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        return session.run(None, {session.get_inputs()[0].name: images})[0]
    from ai_edge_litert.interpreter import Interpreter

    run = Interpreter(str(path)).get_signature_runner()
    (name,) = run.get_input_details()
    return np.asarray(next(iter(run(**{name: images}).values())))


def _judge(answer: Callable[[], Any], expected: Any) -> str:
    import numpy as np

    from export.comparison.parity import compare
    from export.comparison.tolerance import Tolerance

    try:
        parity = compare(expected, answer(), np.zeros(len(expected), np.int64), tolerance=Tolerance())
    except Exception:  # noqa: BLE001 a written file that its runtime does not run is wrong, whatever it raises
        return "wrong"
    return "valid" if parity.passed else "wrong"


def _in_child(names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Results of the names, from as many children as it takes; a crash counts against the model at which it came."""
    from export.formats.format import offered_formats

    left = list(names)
    while left:
        command = [sys.executable, __file__, "--child", *left]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        results = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        yield from results
        left = left[len(results) :]
        if left:
            print(
                f"{left[0]} ended its process: {(done.stderr.strip().splitlines() or ['without a word'])[-1]}",
                flush=True,
            )
            ours, keras = (dict.fromkeys(kinds, "crashed") for kinds in (offered_formats(), FORMATS))
            yield {"name": left.pop(0), "ours": ours, "keras": keras}


def _kept(path: Path | None) -> dict[str, Any]:
    if path is None or not path.exists():
        return {}
    results = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return {result["name"]: result for result in results}


def _tell(result: dict[str, Any]) -> None:
    odd = [f"{who} {kind} {said}" for who in ("ours", "keras") for kind, said in result[who].items() if said != "valid"]
    print(f"{result['name']:<44} {', '.join(odd) or 'valid'}", flush=True)


def _summarize(title: str, results: Sequence[dict[str, Any]]) -> None:
    for who in ("ours", "keras"):
        for kind in results[0][who] if results else ():
            counts = Counter(result[who].get(kind, "not tried") for result in results)
            verdicts = ", ".join(f"{count} {verdict}" for verdict, count in counts.most_common())
            print(f"{title:<9} {kind:<12} {who:<6} of {len(results)}: {verdicts}")


if __name__ == "__main__":
    raise SystemExit(main())
