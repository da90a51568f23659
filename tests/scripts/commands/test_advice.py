"""The commands that are named where files can't be written or differ: complete, and only those that help."""

from __future__ import annotations

import dataclasses
import io
import shlex
import sys

import numpy as np
import pytest

from export.artifact import Artifact, Target, Variant
from export.comparison.parity import Parity, compare
from export.comparison.ring_result import SENSITIVITY, RingResult
from export.comparison.tolerance import TOLERANCES
from export.errors import UnusableError, UnwritableError
from export.formats.targets import choose_targets
from export.verification import Verification
from scripts import _entry
from scripts.commands.advice import add_command, print_advice
from scripts.terminal.console import Console

CALLED = ["/a b/export.py", "--model", "it's mine.keras", "--dataset", "digits"]
EVERY = choose_targets([], ["all"])


@pytest.fixture(autouse=True)
def _called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", CALLED)


def target(file: str) -> Target:
    return next(one for one in EVERY if one.file == file)


def parity(variant: Variant, flips: int, *, images: int = 355) -> Parity:
    """What is found of a file that changes so many labels, each of which its limit explains."""
    reference = np.tile(np.float32([0.500001, 0.499999]), (images, 1))
    candidate = reference.copy()
    candidate[:flips] = [0.499999, 0.500001]
    return compare(reference, candidate, np.zeros(images, np.int64), tolerance=TOLERANCES[variant])


def advice(
    flips: dict[str, int], *, asked: list[str] | None = None, variants: tuple[str, ...] = (), **failing: str
) -> str:
    """What is printed where the files changed so many labels; `failing`: rings of model.tflite and model.onnx."""
    targets = [target(file) for file in flips]
    text = io.StringIO()
    verification = Verification(
        artifacts=tuple(Artifact(target=one, files={}, size_bytes=1, inputs=(), outputs=()) for one in targets),
        parities=tuple(parity(one.variant, count) for one, count in zip(targets, flips.values(), strict=True)),
        rings=tuple(
            (RingResult(ring=failing[one.format], failures=("it failed",)),) if one.format in failing else ()
            for one in targets
        ),
        answers={},
        stability_radius=None,
    )
    console = Console(text, width=1000)
    print_advice(console, verification, targets if asked is None else [target(file) for file in asked], variants)
    return text.getvalue()


CALL = shlex.join(["python", *CALLED])


@pytest.mark.parametrize("kind", [UnwritableError, UnusableError])
def test_a_refusal_names_the_command_that_writes_the_others(kind: type[UnwritableError]) -> None:
    refused = add_command(kind("no TFLite", writable=choose_targets(["saved_model", "onnx"], [])), [])

    assert type(refused) is kind
    command = f"{CALL} --format saved_model --format onnx"
    assert str(refused) == f"no TFLite; this command writes saved_model and model.onnx: {command}"


def test_a_refusal_where_nothing_else_can_be_written_names_no_command() -> None:
    assert str(add_command(UnwritableError("nothing", writable=[]), [])) == "nothing"


@pytest.mark.parametrize("given", [["--format", "tflite", "--variant=all"], ["--variant", "int8", "--format=all"]])
def test_what_was_asked_for_is_replaced_and_the_rest_repeated(
    given: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [CALLED[0], *given, *CALLED[1:], "--no-wrap"])
    writable = choose_targets(["onnx"], ["float16", "int8"])

    refused = add_command(UnwritableError("no", writable=writable), ["int8"])

    command = f"{CALL} --no-wrap --format onnx --variant float16 --variant int8"
    assert str(refused).endswith(f"this command writes model_float16.onnx and model_int8.onnx: {command}")


def test_only_what_the_command_writes_is_said_to_be_written() -> None:
    writable = [target("saved_model"), target("model_float16.onnx")]

    refused = add_command(UnwritableError("no", writable=writable), ["all"])

    assert str(refused) == f"no; this command writes saved_model: {CALL} --format saved_model"


def test_whoever_wants_the_smallest_files_gets_them_of_the_other_formats() -> None:
    writable = choose_targets(["onnx"], ["float32", "int8"])

    refused = add_command(UnwritableError("no", writable=writable), ["auto"])

    assert str(refused).endswith(f"this command writes the smallest onnx: {CALL} --format onnx --variant auto")


def test_the_same_command_is_called_as_it_was_without_what_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["export.py", "--agreement", "99", "--run=a", "--agreement=98", "--json"])

    assert _entry.same_command("--x", "y z", without=["--agreement"]) == "python export.py --run=a --json --x 'y z'"


def test_one_variant_fewer_and_the_smallest_and_the_share_are_offered_where_counts_alone_failed() -> None:
    lines = advice(
        {"model.tflite": 0, "model_float16.tflite": 1, "model_int8.tflite": 5}, variants=("all",)
    ).splitlines()

    assert lines == [
        f"without what failed: {CALL} --format tflite --variant float32 --variant float16",
        f"of each format the smallest file within its tolerance: {CALL} --variant auto",
        f"if so many changed labels are fine: {CALL} --agreement 98.59 --accuracy-loss 1.41",
    ]


def test_the_share_that_is_offered_lets_the_file_pass() -> None:
    for flips in range(3, 300):
        words = shlex.split(advice({"model_int8.tflite": flips}).splitlines()[-1])
        share, loss = float(words[words.index("--agreement") + 1]), float(words[words.index("--accuracy-loss") + 1])
        found = parity(Variant.INT8, flips)
        rules = {"agreement": share / 100, "agreement_images": 0, "accuracy_loss": loss / 100, "loss_images": 0}

        loosened = dataclasses.replace(TOLERANCES[Variant.INT8], **rules)
        assert dataclasses.replace(found, tolerance=loosened).passed, flips


def test_no_share_is_offered_where_something_else_failed_too() -> None:
    text = advice({"model.onnx": 0, "model_int8.tflite": 5}, tflite="stress")

    assert "--agreement" not in text
    assert "--variant auto" in text


def test_a_float32_file_that_differs_is_only_left_out() -> None:
    text = advice({"model.tflite": 1, "model.onnx": 0})

    assert text.splitlines() == [f"without what failed: {CALL} --format onnx"]


def test_nothing_is_offered_around_a_check_that_is_blind() -> None:
    assert advice({"model.tflite": 0, "model.onnx": 0}, onnx=SENSITIVITY) == ""


def test_nothing_is_offered_where_what_was_published_earlier_fails() -> None:
    assert advice({"model.tflite": 1, "model.onnx": 0}, asked=["model.onnx"]) == ""


def test_whoever_asked_for_the_smallest_is_not_told_to() -> None:
    assert "auto" not in advice({"model_int8.tflite": 5}, variants=("auto",))
