"""A published folder is checked by itself alone: every byte, every file, every answer."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from export.artifact import Format, Target, Variant
from export.comparison.reference import Reference, read_reference, write_reference
from export.errors import InputError, VerificationError
from export.folder.manifest import read_manifest
from export.formats.format import offered_formats
from export.formats.writer import WriteOptions, write
from export.model.serving import load_serving_model
from export.self_test.planting import reseal
from export.verification import Verification, published_standard, verify_artifacts, verify_folder

FAULTS = ["one channel × 1.01", "float16 weights", "dense layer × 1.001"]
FILES = [
    "model.onnx",
    "model.tflite",
    *(f"openvino/model.{end}" for end in ("bin", "xml") if Format.OPENVINO in offered_formats()),
    "parity.json",
    "reference.npz",
    "saved_model/assets.extra/description.json",
    "saved_model/saved_model.pb",
    "saved_model/variables/variables.data-00000-of-00001",
    "saved_model/variables/variables.index",
]
TARGETS = {kind: Target(format=kind, variant=Variant.FLOAT32) for kind in Format}
EVERY = list(offered_formats())


@pytest.fixture
def options(model_file: Path, describe: Callable[[Path], Any]) -> Callable[[Format], WriteOptions]:
    return lambda kind: WriteOptions(target=TARGETS[kind], description=describe(model_file), opset=17)


def test_a_fresh_publication_passes(published: Path) -> None:
    verification = verify_folder(published, formats=EVERY)

    assert verification.passed
    assert [artifact.target.format for artifact in verification.artifacts] == EVERY
    assert [parity.examples for parity in verification.parities] == [300] * len(EVERY)


def test_verifying_again_gives_what_was_published(published: Path) -> None:
    found = json.loads(json.dumps(verify_folder(published, formats=EVERY).record.as_json()))

    content = json.loads((published / "parity.json").read_text(encoding="utf-8"))
    assert [result["sha256"] for result in found["results"]] == [result["sha256"] for result in content["results"]]
    assert found["stability_radius"] == content["stability_radius"]


def test_verifying_changes_nothing(published_copy: Path, snapshot: Callable[..., Any]) -> None:
    before = snapshot(published_copy)

    verify_folder(published_copy, formats=EVERY)

    assert snapshot(published_copy) == before
    assert [path.name for path in published_copy.parent.iterdir()] == ["artifacts"]


def test_a_folder_that_was_moved_elsewhere_passes(published_copy: Path, tmp_path: Path) -> None:
    moved = Path(shutil.move(published_copy, tmp_path / "a folder with spaces é"))

    assert verify_folder(moved, formats=EVERY).passed


def test_the_list_of_files_below_is_complete(published: Path) -> None:
    assert sorted(read_manifest(published).digests) == FILES


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("place", [0.0, 0.5, 1.0])
def test_a_changed_byte_is_named(published_copy: Path, name: str, place: float) -> None:
    content = bytearray((published_copy / name).read_bytes())
    content[int(place * (len(content) - 1))] ^= 1
    (published_copy / name).write_bytes(content)

    with pytest.raises(VerificationError, match=f"{name} was changed since it was published: export the model again"):
        verify_folder(published_copy, formats=EVERY)


@pytest.mark.parametrize("name", FILES)
def test_a_byte_too_many_is_named(published_copy: Path, name: str) -> None:
    with (published_copy / name).open("ab") as file:
        file.write(b"\0")

    with pytest.raises(VerificationError, match=f"{name} was changed since it was published"):
        verify_folder(published_copy, formats=EVERY)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(published_copy: Path, name: str) -> None:
    (published_copy / name).unlink()

    with pytest.raises(VerificationError, match=f"{name} is missing: export the model again"):
        verify_folder(published_copy, formats=EVERY)


@pytest.mark.parametrize("name", FILES)
def test_a_changed_file_of_a_format_that_is_not_run_is_named_all_the_same(published_copy: Path, name: str) -> None:
    (published_copy / name).write_bytes(b"changed")

    with pytest.raises(VerificationError, match=f"{name} was changed since it was published"):
        verify_folder(published_copy, formats=[Format.ONNX])


@pytest.mark.parametrize("name", ["foreign.txt", ".hidden", "model_int9.onnx", "saved_model/foreign", "deep/er/file"])
def test_a_foreign_file_is_named(published_copy: Path, name: str) -> None:
    (published_copy / name).parent.mkdir(parents=True, exist_ok=True)
    (published_copy / name).write_bytes(b"")

    with pytest.raises(VerificationError, match=f"{name} was not published by an export: move it elsewhere"):
        verify_folder(published_copy, formats=EVERY)


@pytest.mark.parametrize("kind", EVERY)
def test_only_the_formats_asked_for_are_run(published: Path, kind: Format) -> None:
    verification = verify_folder(published, formats=[kind])

    assert verification.passed
    assert [artifact.target.format for artifact in verification.artifacts] == [kind]
    assert list(verification.answers) == [TARGETS[kind].file]


@pytest.mark.slow
def test_a_format_that_was_not_published_is_refused(
    request_for: Callable[..., Any], tmp_path: Path, examples: Any
) -> None:
    from export._publish import publish

    publish(request_for(tmp_path / "artifacts", "onnx"), *examples)

    with pytest.raises(InputError, match=r"holds no tflite or saved_model: export it first with `export"):
        verify_folder(tmp_path / "artifacts", formats=[Format.TFLITE, Format.SAVED_MODEL])


def test_a_folder_without_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no .*manifest\.json"):
        verify_folder(tmp_path, formats=EVERY)


def test_a_folder_that_lost_its_manifest_is_refused(published_copy: Path) -> None:
    (published_copy / "manifest.json").unlink()

    with pytest.raises(InputError, match=r"there is no .*manifest\.json"):
        verify_folder(published_copy, formats=EVERY)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_truncated_manifest_is_refused(published_copy: Path, share: float) -> None:
    content = (published_copy / "manifest.json").read_bytes()
    (published_copy / "manifest.json").write_bytes(content[: int(len(content) * share)])

    with pytest.raises(InputError, match="can't be read as a manifest"):
        verify_folder(published_copy, formats=EVERY)


@pytest.mark.slow
@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_file_under_a_manifest_made_to_fit_is_still_caught(
    published_copy: Path,
    plant_fault: Callable[[str], Any],
    options: Callable[[Format], WriteOptions],
    kind: Format,
    fault: str,
) -> None:
    write(plant_fault(fault), published_copy, options(kind))
    reseal(published_copy)

    verification = verify_folder(published_copy, formats=EVERY)

    failed = [
        artifact.target.format
        for artifact, parity in zip(verification.artifacts, verification.parities, strict=True)
        if not parity.passed
    ]
    assert failed == [kind]
    assert not verification.passed


@pytest.mark.slow
@pytest.mark.parametrize("kind", EVERY)
def test_a_file_for_images_of_another_size_under_a_manifest_made_to_fit_is_still_caught(
    published_copy: Path, tmp_path: Path, options: Callable[[Format], WriteOptions], kind: Format
) -> None:
    image = keras.Input((8, 8, 1), dtype="uint8")
    answer = keras.layers.Dense(10, activation="softmax")(keras.layers.Flatten()(keras.layers.Rescaling(1.0)(image)))
    keras.Model(image, answer).save(tmp_path / "other.keras")
    write(load_serving_model(tmp_path / "other.keras"), published_copy, options(kind))
    reseal(published_copy)

    with pytest.raises(VerificationError, match=TARGETS[kind].file):
        verify_folder(published_copy, formats=EVERY)


@pytest.mark.slow
@pytest.mark.parametrize("kind", EVERY)
def test_a_file_with_other_classes_under_a_manifest_made_to_fit_is_still_caught(
    published_copy: Path, tmp_path: Path, options: Callable[[Format], WriteOptions], kind: Format
) -> None:
    image = keras.Input((28, 28, 1), dtype="uint8")
    answer = keras.layers.Dense(9, activation="softmax")(keras.layers.Flatten()(keras.layers.Rescaling(1.0)(image)))
    keras.Model(image, answer).save(tmp_path / "other.keras")
    write(load_serving_model(tmp_path / "other.keras"), published_copy, options(kind))
    reseal(published_copy)

    with pytest.raises(VerificationError, match=f"{TARGETS[kind].file} can't be compared with the Keras model: "):
        verify_folder(published_copy, formats=EVERY)


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04" + bytes(100), bytes(1000)])
def test_a_reference_that_cannot_be_read_is_refused(published_copy: Path, content: bytes) -> None:
    (published_copy / "reference.npz").write_bytes(content)
    reseal(published_copy)

    with pytest.raises(VerificationError, match=r"reference\.npz can't be read .*: export the model again"):
        verify_folder(published_copy, formats=[Format.ONNX])


def change_reference(folder: Path, change: Callable[[np.ndarray], np.ndarray]) -> None:
    """Other answers of the model, under a manifest made to fit."""
    reference = read_reference(folder / "reference.npz")
    wrong = Reference(
        inputs=reference.inputs,
        labels=reference.labels,
        outputs={"probabilities": change(reference.probabilities)},
        stress_inputs=reference.stress_inputs,
        stress_outputs=reference.stress_outputs,
    )
    write_reference(folder / "reference.npz", wrong, {})
    reseal(folder)


def test_a_reference_changed_under_a_manifest_made_to_fit_is_still_caught(published_copy: Path) -> None:
    def exchange_the_least(probabilities: np.ndarray) -> np.ndarray:
        order = np.argsort(probabilities, axis=1)
        changed = probabilities.copy()
        for one, other in ((0, 1), (1, 0)):
            values = np.take_along_axis(probabilities, order[:, [other]], axis=1)
            np.put_along_axis(changed, order[:, [one]], values, axis=1)
        return changed

    change_reference(published_copy, exchange_the_least)

    verification = verify_folder(published_copy, formats=EVERY)

    assert [parity.passed for parity in verification.parities] == [False] * len(EVERY)


def test_a_reference_that_makes_the_model_better_than_it_is_is_caught(published_copy: Path) -> None:
    change_reference(published_copy, lambda probabilities: np.roll(probabilities, 1, axis=0))

    with pytest.raises(VerificationError, match=r"says that the accuracy is .* but the stored answers give 0\.\d+"):
        verify_folder(published_copy, formats=EVERY)


def test_nan_in_the_reference_never_passes(published_copy: Path) -> None:
    standard = published_standard(published_copy, read_manifest(published_copy))
    standard.reference.probabilities[7] = np.nan

    with pytest.raises(VerificationError, match="the reference's answers to 1 of 300 images are not finite"):
        verify_artifacts(published_copy, read_manifest(published_copy).artifacts, standard)


def test_verifying_nothing_does_not_pass() -> None:
    verification = Verification(artifacts=(), parities=(), rings=(), answers={}, stability_radius=1.0)

    assert not verification.passed
