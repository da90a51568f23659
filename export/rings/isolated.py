"""The child process of the ring `isolation`: nothing but the standard library, numpy and one runtime.

Run as a file by its path, so that nothing of this project is on Python's path. It imports none of it.
"""

from __future__ import annotations

import importlib.machinery
import json
import os
import sys
from types import ModuleType
from typing import Any


class _Wall:
    """Finds nothing but refusals for packages that are not allowed."""

    def __init__(self, allowed: list[str]) -> None:
        self.allowed = {*allowed, *sys.stdlib_module_names}

    def find_spec(self, name: str, path: object = None, target: object = None) -> importlib.machinery.ModuleSpec | None:
        # What Python was built with lies in a module whose name depends on the platform.
        if name.partition(".")[0] in self.allowed or name.startswith("_sysconfigdata_"):
            return None
        return importlib.machinery.ModuleSpec(name, self)  # type: ignore[arg-type]

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> None:
        raise ImportError(f"{spec.name} may not be imported here")

    def exec_module(self, module: ModuleType) -> None:
        raise ImportError(f"{module.__name__} may not be imported here")


def _onnx(path: str, inputs: dict[str, Any]) -> dict[str, Any]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [node.name for node in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))


def _tflite(path: str, inputs: dict[str, Any]) -> dict[str, Any]:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(path, num_threads=1)
    answers: dict[str, Any] = interpreter.get_signature_runner("serving_default")(**inputs)
    return answers


def _saved_model(path: str, inputs: dict[str, Any]) -> dict[str, Any]:
    import tensorflow as tf

    # Before the first file only: it can't be changed once TensorFlow has begun to work.
    if tf.config.threading.get_intra_op_parallelism_threads() != 1:
        tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    loaded = tf.saved_model.load(path)
    with tf.device("/CPU:0"):
        answers = loaded.signatures["serving_default"](**{name: tf.constant(a) for name, a in inputs.items()})
    return {name: answer.numpy() for name, answer in answers.items()}


def main() -> None:
    """Arguments: format, JSON list of the packages allowed. Each line of standard input is a JSON list: file, npz file
    of inputs, npz file for the answers; each is answered with a line. An error ends the process."""
    kind, allowed = sys.argv[1:]
    sys.meta_path.insert(0, _Wall(json.loads(allowed)))
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # What a runtime prints must not get between the answers.
    told = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    import numpy as np

    answer = {"onnx": _onnx, "tflite": _tflite, "saved_model": _saved_model}[kind]
    for line in sys.stdin:
        path, inputs_path, answers_path = json.loads(line)
        with np.load(inputs_path, allow_pickle=False) as archive:
            inputs = {name: archive[name] for name in archive.files}
        np.savez(answers_path, **answer(path, inputs))
        print("done", file=told, flush=True)


if __name__ == "__main__":
    main()
