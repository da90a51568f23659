"""What is printed of a verification: for classifiers labels and accuracy, for other models each output."""

from __future__ import annotations

import io

import numpy as np
import pytest
from rich.console import Console

from export.artifact import Artifact, Format, Target, Variant
from export.parity import OutputParity, Parity, Tolerance, compare, compare_outputs
from export.verification import Verification
from scripts.parts.tables import print_verification


def printed(parity: Parity | OutputParity) -> str:
    target = Target(format=Format.ONNX, variant=Variant.FLOAT32)
    artifact = Artifact(target=target, files={}, size_bytes=1500, inputs=(), outputs=())
    text = io.StringIO()
    verification = Verification(artifacts=(artifact,), parities=(parity,), answers={}, stability_radius=None)
    print_verification(Console(file=text, width=200), verification)
    return text.getvalue()


@pytest.mark.parametrize(("candidate", "verdict"), [([0.25, 0.75], "same"), ([0.26, 0.74], "DIFFERS")])
def test_a_classifiers_row_tells_labels_and_accuracy(candidate: list[float], verdict: str) -> None:
    reference = np.array([[0.25, 0.75]], np.float32)

    text = printed(compare(reference, np.array([candidate], np.float32), np.array([1]), tolerance=Tolerance()))

    assert all(word in text for word in ("model.onnx", "1.5 kB", "1 of 1", "100.00%", verdict, "no label changed"))


@pytest.mark.parametrize(("added", "verdict"), [(0.0, "same"), (1.0, "DIFFERS")])
def test_other_models_have_a_row_for_each_output(added: float, verdict: str) -> None:
    reference = {"age[0]": np.array([1.0, 50.0], np.float32), "still": np.array([2.0, 2.0], np.float32)}

    text = printed(compare_outputs(reference, {**reference, "age[0]": reference["age[0]"] + np.float32(added)}))

    age, still = (next(line for line in text.splitlines() if name in line) for name in ("age[0]", "still"))
    assert verdict in age
    assert "50" in age
    assert "proves nothing" in still
    assert "proves nothing" not in age
    assert "largest differences on 2 examples" in text
    assert "accuracy" not in text
