"""What is printed of a verification: for classifiers labels and accuracy, for other models each output."""

from __future__ import annotations

import io

import numpy as np
import pytest

from export.artifact import Artifact, Format, Target, Variant
from export.comparison.output_parity import OutputParity, compare_outputs
from export.comparison.parity import Parity, compare
from export.comparison.ring_result import SENSITIVITY, RingResult
from export.comparison.tolerance import Tolerance
from export.verification import Verification
from scripts.terminal.console import Console
from scripts.terminal.verification_table import print_verification, tell_looser


def printed(parity: Parity | OutputParity, *failures: str, ring: str = "stress") -> str:
    target = Target(format=Format.ONNX, variant=Variant.FLOAT32)
    artifact = Artifact(target=target, files={}, size_bytes=1500, inputs=(), outputs=())
    text = io.StringIO()
    verification = Verification(
        artifacts=(artifact,),
        parities=(parity,),
        rings=((RingResult(ring=ring, failures=failures),),),
        answers={},
        stability_radius=0.125,
    )
    print_verification(Console(text, width=200), verification)
    return text.getvalue()


@pytest.mark.parametrize(("candidate", "verdict"), [([0.25, 0.75], "same"), ([0.26, 0.74], "DIFFERS")])
def test_a_classifiers_row_tells_labels_and_accuracy(candidate: list[float], verdict: str) -> None:
    reference = np.array([[0.25, 0.75]], np.float32)

    text = printed(compare(reference, np.array([candidate], np.float32), np.array([1]), tolerance=Tolerance()))

    assert all(word in text for word in ("model.onnx", "1.5 kB", "on 1 images", "100.00%", verdict, "below 1.2e-01"))
    assert ("also passed: stress" in text) is (verdict == "same")
    assert ("model.onnx: test set: a probability differs by 1.00e-02" in text) is (verdict == "DIFFERS")


def test_a_failure_of_another_ring_is_told_and_decides() -> None:
    reference = np.array([[0.25, 0.75]], np.float32)

    text = printed(compare(reference, reference, np.array([1]), tolerance=Tolerance()), "white differs")

    assert "DIFFERS" in text
    assert "model.onnx: stress: white differs" in text


def test_a_check_that_was_only_blind_does_not_say_that_the_file_differs() -> None:
    same = np.array([[0.25, 0.75]], np.float32)
    still = {"still": np.array([2.0, 2.0], np.float32)}

    of_labels = printed(compare(same, same, np.array([1]), tolerance=Tolerance()), "it is blind", ring=SENSITIVITY)
    of_outputs = printed(compare_outputs(still, still))

    assert "not judged" in of_labels
    assert "model.onnx: sensitivity: it is blind" in of_labels
    assert "not judged" in of_outputs
    assert "DIFFERS" not in of_labels + of_outputs
    assert "also passed" not in of_labels + of_outputs


def test_a_file_that_differs_differs_where_the_check_was_blind_too() -> None:
    reference, other = np.array([[0.25, 0.75]], np.float32), np.array([[0.26, 0.74]], np.float32)

    text = printed(compare(reference, other, np.array([1]), tolerance=Tolerance()), "blind", ring=SENSITIVITY)

    assert "DIFFERS" in text
    assert "not judged" not in text


def test_looser_rules_and_files_that_were_not_taken_are_told() -> None:
    text = io.StringIO()
    console = Console(text, width=200)

    tell_looser(console, {Variant.INT8: {"agreement": 0.99}})
    print_verification(
        console,
        Verification(
            artifacts=(), parities=(), rings=(), answers={}, stability_radius=None, passed_over={"model.onnx": "larger"}
        ),
    )

    assert "looser limits than the default for int8: agreement 0.99" in text.getvalue()
    assert "model.onnx was not taken: larger" in text.getvalue()


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
