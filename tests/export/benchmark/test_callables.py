"""Files of any maker are asked in the same way, whatever they call their inputs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from export.artifact import Format, Variant
from export.benchmark.callables import fitting_names, load_file
from export.benchmark.candidate import (
    KerasSource,
    choose_artifacts,
    export_candidate,
    predict_candidate,
    published_candidates,
)
from export.errors import InputError
from export.folder.manifest import read_manifest
from export.formats.targets import choose_targets


@pytest.mark.parametrize(
    ("wanted", "fitting"),
    [(["a", "b"], ["a", "b"]), (["b", "a"], ["a", "b"]), (["x", "y"], ["x", "y"]), (["args_0", "b"], ["args_0", "b"])],
)
def test_inputs_are_found_by_name_or_else_by_order(wanted: list[str], fitting: list[str]) -> None:
    assert fitting_names(wanted, ["a", "b"]) == fitting


def test_another_number_of_inputs_is_refused() -> None:
    with pytest.raises(ValueError, match="it has the inputs a, phantom but must have a"):
        fitting_names(["a", "phantom"], ["a"])


@pytest.mark.parametrize("name", ["onnx", "tflite"])
def test_a_file_answers_as_the_keras_model(
    name: str,
    published: Path,
    keras_answers: Callable[[np.ndarray], np.ndarray],
    examples: tuple[np.ndarray, np.ndarray],
) -> None:
    (artifact,) = choose_artifacts(read_manifest(published), choose_targets([name], ["all"]))
    (candidate,) = published_candidates(published, [artifact])

    loaded = load_file(candidate, ["image"], threads=1)

    np.testing.assert_allclose(loaded.call([examples[0]]), keras_answers(examples[0]), atol=1e-5)
    assert loaded.open_seconds > 0
    assert loaded.import_seconds >= 0


def test_the_keras_model_is_no_file_of_a_runtime(keras_source: KerasSource) -> None:
    with pytest.raises(ValueError, match="is no file of a runtime but a Keras model"):
        load_file(predict_candidate(keras_source), ["image"], threads=1)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"no model")
    candidate = export_candidate(Format.ONNX, tmp_path / "model.onnx")
    assert candidate.variant is Variant.FLOAT32

    with pytest.raises(InputError, match=r"model\.onnx can't be opened by onnxruntime"):
        load_file(candidate, ["image"], threads=1)
