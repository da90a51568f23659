"""How far a file is from its reference, measured by another way than the product's: a bare session and float64.

What a verification is to be held against must not be computed by the verification itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Distance:
    """`difference`: largest |Δ probability|; `times_limit`: how many times what is allowed; both infinite for answers
    that are missing or not finite. `flips`: labels that changed, beyond those allowed."""

    difference: float
    times_limit: float
    flips: int

    @property
    def above(self) -> bool:
        """Whether a verification must refuse the file."""
        return not self.times_limit <= 1 or self.flips > 0


BROKEN = Distance(difference=float("inf"), times_limit=float("inf"), flips=0)


def distance(kind: str, path: Path, reference: Path, tolerance: Mapping[str, Any]) -> Distance:
    """How far the classifier `path` is from `reference`, an npz file with `images` and `probabilities`.

    `tolerance`: what `parity.json` says of the file: the most that a probability, a logarithm of one by the largest of
    them, and the number of changed labels may differ. None: the logarithms are not compared; labels may change where
    the two largest probabilities lie closer together than twice what a probability may differ.
    """
    ask = ASK[kind]
    with np.load(reference) as archive:
        images, expected = archive["images"], archive["probabilities"].astype(np.float64)
    try:
        found = np.asarray(ask(path, images)).astype(np.float64)
    except Exception:  # noqa: BLE001 a file that its runtime does not run is wrong, whatever it raises
        return BROKEN
    if found.shape != expected.shape or not np.isfinite(found).all():
        return BROKEN
    difference = float(np.max(np.abs(found - expected)))
    ratios = [difference / tolerance["probability"]]
    if tolerance["logit"] is not None:
        logs, reference_logs = (np.log(np.maximum(rows, 1e-30)) for rows in (found, expected))
        allowed = tolerance["logit"] * max(1.0, float(np.max(np.abs(reference_logs))))
        ratios.append(float(np.max(np.abs(logs - reference_logs))) / allowed)
    flipped = np.argmax(found, axis=1) != np.argmax(expected, axis=1)
    if tolerance["flips"] is None:
        ordered = np.sort(expected, axis=1)
        flips = int(np.sum(flipped & (ordered[:, -1] - ordered[:, -2] > 2 * tolerance["probability"])))
    else:
        flips = max(int(np.sum(flipped)) - tolerance["flips"], 0)
    return Distance(difference=difference, times_limit=max(ratios), flips=flips)


def _ask_onnx(path: Path, images: np.ndarray) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    (answer,) = session.run(["probabilities"], {"image": images})
    return answer


def _ask_tflite(path: Path, images: np.ndarray) -> Any:
    from ai_edge_litert.interpreter import Interpreter

    run = Interpreter(model_content=path.read_bytes()).get_signature_runner("serving_default")
    return run(image=images)["probabilities"]


def _ask_saved_model(path: Path, images: np.ndarray) -> Any:
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path))
    return loaded.signatures["serving_default"](image=tf.constant(images))["probabilities"]


def _ask_openvino(path: Path, images: np.ndarray) -> Any:
    # Without what it would send home.
    from export.formats.openvino.quiet import openvino

    return openvino.Core().compile_model(str(path / "model.xml"), "CPU")({"image": images})["probabilities"]


ASK: Mapping[str, Callable[[Path, np.ndarray], Any]] = {
    "onnx": _ask_onnx,
    "tflite": _ask_tflite,
    "saved_model": _ask_saved_model,
    "openvino": _ask_openvino,
}
"""Format → what the file answers to all images at once, in its plain runtime."""
