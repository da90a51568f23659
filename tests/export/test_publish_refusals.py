"""What the gate refuses before it writes anything, and wrong files that it does not let through."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from export._publish import publish
from export.artifact import Format
from export.errors import InputError
from export.formats.format import offered_formats
from export.formats.writer import write
from export.publishing import writing

FAULTS = ["one channel × 1.01", "float16 weights", "dense layer × 1.001"]


@pytest.fixture
def artifacts(tmp_path: Path) -> Path:
    """Where to publish: a folder that is not there yet, in an empty one."""
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "artifacts"


def visible(folder: Path) -> list[str]:
    """What lies in a folder but lock files, which stay so that two processes never lock different ones."""
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")


def test_a_folder_with_files_of_somebody_else_is_refused(
    request_for: Callable[..., Any], artifacts: Path, examples: Any
) -> None:
    artifacts.mkdir()
    (artifacts / "thesis.txt").write_text("precious", encoding="utf-8")

    with pytest.raises(InputError, match="holds files that no export put there: choose an empty or a new folder"):
        publish(request_for(artifacts, "onnx"), *examples)

    assert visible(artifacts) == ["thesis.txt"]


def test_a_file_in_the_place_of_the_folder_is_refused(
    request_for: Callable[..., Any], artifacts: Path, examples: Any
) -> None:
    artifacts.write_text("a file", encoding="utf-8")

    with pytest.raises(InputError, match="artifacts"):
        publish(request_for(artifacts, "onnx"), *examples)

    assert visible(artifacts.parent) == ["artifacts"]
    assert artifacts.read_text(encoding="utf-8") == "a file"


def test_nothing_to_export_is_refused(request_for: Callable[..., Any], artifacts: Path, examples: Any) -> None:
    request = dataclasses.replace(request_for(artifacts), targets=())

    with pytest.raises(InputError, match="nothing to export: name at least one format"):
        publish(request, *examples)


@pytest.mark.parametrize("opset", [12, 19])
def test_an_unknown_opset_is_refused(
    request_for: Callable[..., Any], artifacts: Path, examples: Any, opset: int
) -> None:
    with pytest.raises(InputError, match=f"--opset must be 13 to 18, got {opset}"):
        publish(request_for(artifacts, opset=opset), *examples)


def test_images_of_another_size_are_refused(request_for: Callable[..., Any], artifacts: Path, examples: Any) -> None:
    with pytest.raises(InputError, match=r"takes images of \(28, 28, 1\) but the data has 300 of \(27, 28, 1\)"):
        publish(request_for(artifacts), examples[0][:, 1:], examples[1])


def test_no_images_are_refused(request_for: Callable[..., Any], artifacts: Path, examples: Any) -> None:
    with pytest.raises(InputError, match=r"takes images of \(28, 28, 1\) but the data has 0 of"):
        publish(request_for(artifacts), examples[0][:0], examples[1][:0])


def test_images_that_are_not_uint8_are_refused(request_for: Callable[..., Any], artifacts: Path, examples: Any) -> None:
    with pytest.raises(InputError, match="float32"):
        publish(request_for(artifacts), examples[0].astype(np.float32) / 255, examples[1])


def test_fewer_labels_than_images_are_refused(request_for: Callable[..., Any], artifacts: Path, examples: Any) -> None:
    with pytest.raises(InputError, match="labels"):
        publish(request_for(artifacts, "onnx"), examples[0], examples[1][:-1])

    assert visible(artifacts.parent) == []


def test_another_number_of_class_names_is_refused(
    request_for: Callable[..., Any], artifacts: Path, examples: Any, subject: Any
) -> None:
    nine = dataclasses.replace(subject, class_names=tuple("012345678"))

    with pytest.raises(InputError, match="has 10 classes but the data has 9"):
        publish(request_for(artifacts, about=nine), *examples)


def test_a_label_beyond_the_models_classes_is_refused(
    request_for: Callable[..., Any], artifacts: Path, examples: Any
) -> None:
    with pytest.raises(InputError, match="has 10 classes but the data has"):
        publish(request_for(artifacts), examples[0], np.where(examples[1] == 9, 10, examples[1]))


def test_a_model_whose_answers_are_no_probabilities_is_refused(
    request_for: Callable[..., Any], artifacts: Path, examples: Any, tmp_path: Path
) -> None:
    image = keras.Input((28, 28, 1), dtype="uint8")
    scores = keras.layers.Dense(10, activation="relu")(keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(image)))
    keras.Model(image, scores).save(tmp_path / "scores.keras")

    with pytest.raises(InputError, match=r"scores\.keras gives answers through relu from 0 to .* do not sum to 1"):
        publish(request_for(artifacts, model=tmp_path / "scores.keras"), *examples)

    assert visible(artifacts.parent) == []


def test_a_model_that_now_and_then_answers_no_probabilities_is_refused(
    request_for: Callable[..., Any], artifacts: Path, examples: Any, tmp_path: Path
) -> None:
    image = keras.Input((28, 28, 1), dtype="uint8")
    pixels = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(image))
    model = keras.Model(image, keras.layers.Activation("relu")(keras.layers.Dense(10)(pixels)))
    kernel = np.zeros((784, 10), np.float32)
    kernel[:, 0] = 1.0
    model.set_weights([kernel, np.zeros(10, np.float32)])
    model.save(tmp_path / "late.keras")
    images = np.zeros((300, 28, 28, 1), np.uint8)
    images[:, 0, 0] = 255
    images[299, 0, 1] = 255

    with pytest.raises(InputError, match="answers that are no probabilities: they must be 0 or more and sum to 1"):
        publish(request_for(artifacts, model=tmp_path / "late.keras"), images, examples[1])


def test_a_classifier_without_labels_is_refused(
    request_for: Callable[..., Any], artifacts: Path, examples: Any
) -> None:
    with pytest.raises(InputError, match="a classifier is verified with labels: give them or export the model with"):
        publish(request_for(artifacts), examples[0])


@pytest.mark.slow
def test_a_model_that_answers_nan_is_refused(
    request_for: Callable[..., Any], artifacts: Path, examples: Any, save_layers: Callable[..., Path]
) -> None:
    path = save_layers()
    model = keras.models.load_model(path)
    model.set_weights([np.full_like(weight, np.nan) for weight in model.get_weights()])
    model.save(path)

    with pytest.raises(InputError, match=r"answers 300 of 300 inputs with NaN or infinity \(probabilities\): train it"):
        publish(request_for(artifacts, model=path), *examples)

    assert visible(artifacts.parent) == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", offered_formats())
@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_file_is_not_published(
    request_for: Callable[..., Any],
    artifacts: Path,
    examples: Any,
    plant_fault: Callable[[str], Any],
    monkeypatch: pytest.MonkeyPatch,
    kind: Format,
    fault: str,
) -> None:
    faulty = plant_fault(fault)
    # What is written from was made of the right model.
    monkeypatch.setattr(
        writing,
        "write",
        lambda serving, folder, options: write(faulty, folder, dataclasses.replace(options, source=None)),
    )

    verification = publish(request_for(artifacts, kind), *examples)

    assert not verification.passed
    assert visible(artifacts.parent) == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", offered_formats())
def test_a_wrong_file_among_right_ones_leaves_the_folder_as_it_was(
    request_for: Callable[..., Any],
    published_copy: Path,
    examples: Any,
    plant_fault: Callable[[str], Any],
    snapshot: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    kind: Format,
) -> None:
    # All scores a thousandth larger: no class changes, whatever the model.
    faulty = plant_fault("dense layer × 1.001")
    before = snapshot(published_copy)

    def write_one_wrongly(serving: Any, folder: Path, options: Any) -> Any:
        wrong = options.target.format is kind
        # What is written from was made of the right model.
        return (
            write(faulty, folder, dataclasses.replace(options, source=None))
            if wrong
            else write(serving, folder, options)
        )

    monkeypatch.setattr(writing, "write", write_one_wrongly)
    verification = publish(request_for(published_copy), *examples)

    results = verification.record.results
    assert [result.format for result in results if not result.passed] == [kind]
    assert {parity.label_flips for parity in verification.parities} == {0}
    assert not verification.passed
    assert verification.record.passed is False
    assert snapshot(published_copy) == before
    assert visible(published_copy.parent) == ["artifacts"]
