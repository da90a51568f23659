"""What the Keras model answered survives on disk, and what is damaged is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from export.comparison.reference import Reference, read_reference, write_reference
from export.errors import VerificationError


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_truncated_reference_is_refused(published_copy: Path, share: float) -> None:
    content = (published_copy / "reference.npz").read_bytes()
    (published_copy / "reference.npz").write_bytes(content[: int(len(content) * share)])

    with pytest.raises(VerificationError, match="can't be read"):
        read_reference(published_copy / "reference.npz")


@pytest.mark.parametrize("missing", ["images", "labels", "probabilities"])
def test_a_reference_that_lacks_a_part_is_refused(published_copy: Path, missing: str) -> None:
    with np.load(published_copy / "reference.npz") as archive:
        arrays = {name: archive[name] for name in archive.files if name != missing}
    np.savez(published_copy / "reference.npz", **arrays)

    with pytest.raises(VerificationError, match=f"can't be read .*{missing}"):
        read_reference(published_copy / "reference.npz")


def test_a_reference_with_python_objects_is_not_loaded(published_copy: Path) -> None:
    np.savez(
        published_copy / "reference.npz",
        images=np.array([{}], dtype=object),
        labels=np.array([0]),
        probabilities=np.array([0]),
    )

    with pytest.raises(VerificationError, match=r"can't be read .*images.npy holds Python objects"):
        read_reference(published_copy / "reference.npz")


def test_a_reference_survives_being_written(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    reference = Reference(
        inputs={"image": rng.integers(0, 256, (5, 4, 3, 1), dtype=np.uint8)},
        labels=np.arange(5, dtype=np.int64),
        outputs={"probabilities": rng.random((5, 2), dtype=np.float32)},
    )

    write_reference(tmp_path / "reference.npz", reference, {"model.onnx": reference.outputs})
    read = read_reference(tmp_path / "reference.npz")

    for found, expected in (
        (read.inputs["image"], reference.inputs["image"]),
        (read.labels, reference.labels),
        (read.probabilities, reference.probabilities),
    ):
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == expected.dtype


def test_a_reference_of_other_models_survives_being_written(tmp_path: Path) -> None:
    reference = Reference(
        inputs={"a": np.arange(6, dtype=np.int32).reshape(3, 2), "b": np.ones((3, 4), np.float32)},
        outputs={"c": np.arange(3, dtype=np.float32)},
    )

    write_reference(tmp_path / "reference.npz", reference, {"model.onnx": reference.outputs})
    read = read_reference(tmp_path / "reference.npz")

    assert read.labels is None
    assert (list(read.inputs), list(read.outputs)) == (["a", "b"], ["c"])
    np.testing.assert_array_equal(read.inputs["a"], reference.inputs["a"])
    assert read.inputs["a"].dtype == np.int32
    with np.load(tmp_path / "reference.npz") as archive:
        assert sorted(archive) == ["inputs/a", "inputs/b", "model.onnx/c", "outputs/c"]


def test_stress_inputs_and_their_answers_survive_being_written(tmp_path: Path) -> None:
    reference = Reference(
        inputs={"image": np.zeros((2, 2, 2, 1), np.uint8)},
        outputs={"probabilities": np.full((2, 2), 0.5, np.float32)},
        labels=np.zeros(2, np.int64),
        stress_inputs={"image": np.full((3, 2, 2, 1), 255, np.uint8)},
        stress_outputs={"probabilities": np.full((3, 2), 0.25, np.float32)},
    )

    write_reference(tmp_path / "reference.npz", reference, {})
    read = read_reference(tmp_path / "reference.npz")

    np.testing.assert_array_equal(read.stress_inputs["image"], reference.stress_inputs["image"])
    np.testing.assert_array_equal(read.stress_outputs["probabilities"], reference.stress_outputs["probabilities"])


def test_the_first_examples_are_a_reference_of_their_own() -> None:
    reference = Reference(
        inputs={"image": np.arange(5, dtype=np.uint8).reshape(5, 1, 1, 1)},
        outputs={"probabilities": np.full((5, 2), 0.5, np.float32)},
        labels=np.arange(5, dtype=np.int64),
    )

    first = reference.first(3)

    assert first.examples == 3
    assert first.labels is not None
    assert first.labels.tolist() == [0, 1, 2]
    assert first.inputs["image"].ravel().tolist() == [0, 1, 2]
