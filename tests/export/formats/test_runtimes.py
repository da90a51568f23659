"""One suite for every format: a loaded artifact answers the contract's images as Keras does and refuses all else."""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export.artifact import Format, Target, TensorSpec, Variant
from export.formats.format import offered_formats
from export.formats.runtime import BATCH, answer_all, check_contract, load, predict

TARGETS = {kind: Target(format=kind, variant=Variant.FLOAT32) for kind in Format}
SINGLE_FILES = [Format.TFLITE, Format.ONNX]
CLOSE = 1e-5
ANSWER_ALONE = """
import importlib.machinery, sys
allowed = {"numpy", *sys.argv[2].split(",")}
class Blocked(importlib.machinery.PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        installed = spec is not None and "site-packages" in str(spec.origin)
        return None if installed and name.partition(".")[0] not in allowed else spec
sys.meta_path[:] = [finder for finder in sys.meta_path if finder is not importlib.machinery.PathFinder] + [Blocked]
from pathlib import Path
import numpy as np
from export.artifact import Format
from export.verification import verify_folder
for name in ("tensorflow", "keras", "onnx", "tf2onnx"):
    try:
        __import__(name)
    except ModuleNotFoundError:
        continue
    sys.exit(f"{name} could be imported")
verification = verify_folder(Path(sys.argv[1]), formats=[Format(sys.argv[3])])
print(verification.passed, [artifact.target.file for artifact in verification.artifacts])
"""
LOAD_WITHOUT = """
import sys
sys.modules[sys.argv[1]] = None
from pathlib import Path
from export.artifact import Format, Target, Variant
from export.errors import InputError
from export.formats.runtime import load
try:
    load(Target(format=Format(sys.argv[2]), variant=Variant.FLOAT32), Path(sys.argv[3]))
except InputError as error:
    print(error)
"""


@pytest.fixture(scope="module", params=offered_formats())
def kind(request: pytest.FixtureRequest) -> Format:
    return request.param


@pytest.fixture(scope="module")
def loaded(kind: Format, published: Path) -> Any:
    return load(TARGETS[kind], published / TARGETS[kind].file)


@pytest.fixture(scope="module")
def images(examples: Any) -> np.ndarray:
    return examples[0]


def test_the_input_is_the_contracts(loaded: Any) -> None:
    assert loaded.inputs == (TensorSpec(name="image", dtype="uint8", shape=(None, 28, 28, 1)),)


def test_the_output_is_the_contracts(loaded: Any) -> None:
    assert loaded.outputs == (TensorSpec(name="probabilities", dtype="float32", shape=(None, 10)),)


@pytest.mark.parametrize("batch", [1, 3, 250])
def test_any_batch_is_answered_as_keras_does(
    loaded: Any, images: np.ndarray, keras_answers: Callable[..., np.ndarray], batch: int
) -> None:
    answers = loaded(images[:batch])

    assert answers.shape == (batch, 10)
    assert answers.dtype == np.float32
    np.testing.assert_allclose(answers, keras_answers(images[:batch]), rtol=0, atol=CLOSE)


def test_batches_of_changing_size_are_answered_one_after_another(
    loaded: Any, images: np.ndarray, keras_answers: Callable[..., np.ndarray]
) -> None:
    for batch in (7, 1, 20, 2):
        np.testing.assert_allclose(loaded(images[:batch]), keras_answers(images[:batch]), rtol=0, atol=CLOSE)


def test_rows_sum_to_one(loaded: Any, images: np.ndarray) -> None:
    answers = loaded(images)

    assert (answers >= 0).all()
    np.testing.assert_allclose(answers.sum(axis=1), 1, rtol=0, atol=CLOSE)


def test_extreme_images_are_answered(loaded: Any, keras_answers: Callable[..., np.ndarray]) -> None:
    extremes = np.stack([np.zeros((28, 28, 1), dtype=np.uint8), np.full((28, 28, 1), 255, dtype=np.uint8)])

    np.testing.assert_allclose(loaded(extremes), keras_answers(extremes), rtol=0, atol=CLOSE)


def test_an_answer_stays_as_it_is_when_the_next_one_is_given(loaded: Any, images: np.ndarray) -> None:
    first = loaded(images[:5])
    kept = first.copy()

    loaded(images[5:10])

    np.testing.assert_array_equal(first, kept)


def test_the_images_stay_as_they_are(loaded: Any, images: np.ndarray) -> None:
    asked = images[:5].copy()
    asked.flags.writeable = False

    loaded(asked)

    np.testing.assert_array_equal(asked, images[:5])


def test_a_view_of_other_images_is_answered_like_its_copy(loaded: Any, images: np.ndarray) -> None:
    view = images[:40:2, ::-1, ::-1]

    np.testing.assert_array_equal(loaded(view), loaded(np.ascontiguousarray(view)))


def test_more_images_than_a_batch_are_answered_in_order(loaded: Any, images: np.ndarray) -> None:
    many = np.concatenate([images, images, images])[: BATCH + 7]

    answers = predict(loaded, many)

    assert answers.shape == (BATCH + 7, 10)
    np.testing.assert_allclose(answers[-7:], loaded(many[-7:]), rtol=0, atol=CLOSE)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int8", "int32", "bool", "object"])
def test_another_dtype_is_refused(loaded: Any, images: np.ndarray, dtype: str) -> None:
    with pytest.raises(ValueError, match=f"image must be a uint8 array, got {dtype}"):
        loaded(images[:2].astype(dtype))


@pytest.mark.parametrize(
    "shape",
    [(2, 27, 28, 1), (2, 28, 28, 3), (2, 28, 28), (28, 28, 1), (2, 784), (2, 1, 28, 28), (1, 2, 28, 28, 1), (784,), ()],
)
def test_another_shape_or_layout_is_refused(loaded: Any, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"image must have shape \(batch, 28, 28, 1\) with a batch of 1 or more, got"):
        loaded(np.zeros(shape, dtype=np.uint8))


def test_a_batch_of_nothing_is_refused(loaded: Any) -> None:
    with pytest.raises(ValueError, match=r"with a batch of 1 or more, got \(0, 28, 28, 1\)"):
        loaded(np.zeros((0, 28, 28, 1), dtype=np.uint8))


def test_no_images_are_not_predicted(loaded: Any) -> None:
    with pytest.raises(ValueError, match="there must be at least one image, got none"):
        predict(loaded, np.zeros((0, 28, 28, 1), dtype=np.uint8))


def test_a_list_is_refused(loaded: Any, images: np.ndarray) -> None:
    with pytest.raises(ValueError, match="image must be a uint8 array, got list"):
        loaded(images[:2].tolist())


def two_in_two_out(folder: Path) -> Path:
    """A SavedModel that answers `x` and the whole numbers `n` with `twice` and `next`."""
    import tensorflow as tf

    signature = [tf.TensorSpec((None, 2), "float32", name="x"), tf.TensorSpec((None, 3), "int64", name="n")]
    function = tf.function(lambda x, n: {"twice": x * 2, "next": n + 1}, input_signature=signature)
    signatures = {"serving_default": function.get_concrete_function()}
    tf.saved_model.save(tf.Module(), str(folder), signatures=signatures)
    return folder


def write_two_in_two_out(kind: Format, path: Path) -> None:
    import onnx
    import tensorflow as tf

    if kind is Format.SAVED_MODEL:
        two_in_two_out(path)
        return
    if kind is Format.TFLITE:
        converter = tf.lite.TFLiteConverter.from_saved_model(str(two_in_two_out(path.with_name("plain"))))
        path.write_bytes(converter.convert())
        return
    float32, int64, shapes = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64, (["batch", 2], ["batch", 3])
    inputs = [
        onnx.helper.make_tensor_value_info("x", float32, shapes[0]),
        onnx.helper.make_tensor_value_info("n", int64, shapes[1]),
    ]
    outputs = [
        onnx.helper.make_tensor_value_info("twice", float32, shapes[0]),
        onnx.helper.make_tensor_value_info("next", int64, shapes[1]),
    ]
    nodes = [
        onnx.helper.make_node("Add", ["x", "x"], ["twice"]),
        onnx.helper.make_node("Add", ["n", "one"], ["next"]),
    ]
    one = onnx.helper.make_tensor("one", int64, [1], [1])
    graph = onnx.helper.make_graph(nodes, "two", inputs, outputs, [one])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    if kind is Format.ONNX:
        onnx.save(model, path)
        return
    from export.formats.openvino.quiet import openvino

    made = openvino.Core().read_model(io.BytesIO(model.SerializeToString()))
    openvino.save_model(made, path / "model.xml", compress_to_fp16=False)


@pytest.fixture(scope="module")
def two(kind: Format, tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("two") / TARGETS[kind].file
    write_two_in_two_out(kind, path)
    return load(TARGETS[kind], path)


def test_several_inputs_and_outputs_keep_their_names(two: Any) -> None:
    specs = {spec.name: (spec.dtype, spec.shape) for spec in (*two.inputs, *two.outputs)}

    assert specs == {
        "x": ("float32", (None, 2)),
        "n": ("int64", (None, 3)),
        "twice": ("float32", (None, 2)),
        "next": ("int64", (None, 3)),
    }


def test_several_inputs_are_answered_in_batches(two: Any) -> None:
    rng = np.random.default_rng(0)
    x, n = rng.normal(size=(BATCH + 3, 2)).astype(np.float32), rng.integers(0, 9, (BATCH + 3, 3))

    answers = answer_all(two, {"n": n, "x": x})

    np.testing.assert_array_equal(answers["twice"], 2 * x)
    np.testing.assert_array_equal(answers["next"], n + 1)
    assert (answers["twice"].dtype, answers["next"].dtype) == (np.float32, np.int64)


@pytest.mark.parametrize("names", [["x"], ["x", "m"], ["x", "n", "m"], []])
def test_other_inputs_than_the_files_are_refused(two: Any, names: list[str]) -> None:
    with pytest.raises(ValueError, match=r"the inputs must be (x, n|n, x), got"):
        two.answer({name: np.zeros((1, 2), np.float32) for name in names})


def test_inputs_of_different_length_are_refused(two: Any) -> None:
    with pytest.raises(ValueError, match=r"every input must have as many examples, got \[1, 2\]"):
        two.answer({"x": np.zeros((1, 2), np.float32), "n": np.zeros((2, 3), np.int64)})


def test_other_names_than_the_contracts_are_no_match(two: Any, loaded: Any) -> None:
    check_contract(two, two.inputs[::-1], two.outputs[::-1])

    with pytest.raises(ValueError, match=r"it has the inputs n, x but must have image"):
        check_contract(two, loaded.inputs, loaded.outputs)
    with pytest.raises(ValueError, match=r"it has the outputs next, twice but must have probabilities"):
        check_contract(two, two.inputs, loaded.outputs)


def test_another_dtype_than_the_contracts_is_no_match(two: Any) -> None:
    wanted = [TensorSpec(name=spec.name, dtype="uint8", shape=spec.shape) for spec in two.inputs]

    with pytest.raises(ValueError, match=r"it has the input TensorSpec.* but must have TensorSpec.*uint8"):
        check_contract(two, wanted, two.outputs)


def test_a_folder_whose_name_looks_like_a_pattern_is_no_obstacle(
    kind: Format, published: Path, tmp_path: Path, images: np.ndarray, keras_answers: Callable[..., np.ndarray]
) -> None:
    folder = shutil.copytree(published, tmp_path / "old [v2] *?")

    answers = load(TARGETS[kind], folder / TARGETS[kind].file)(images)

    np.testing.assert_allclose(answers, keras_answers(images), rtol=0, atol=1e-5)


@pytest.mark.parametrize("single", SINGLE_FILES)
@pytest.mark.parametrize("threads", [1, 2])
def test_a_number_of_threads_changes_no_answer(
    published: Path, images: np.ndarray, keras_answers: Callable[..., np.ndarray], single: Format, threads: int
) -> None:
    model = load(TARGETS[single], published / TARGETS[single].file, threads=threads)

    np.testing.assert_allclose(model(images), keras_answers(images), rtol=0, atol=CLOSE)


def test_a_saved_model_takes_no_number_of_threads(published: Path) -> None:
    with pytest.raises(ValueError, match="so threads must be None, got 2"):
        load(TARGETS[Format.SAVED_MODEL], published / "saved_model", threads=2)


def test_two_models_loaded_at_once_keep_apart(kind: Format, published: Path, tmp_path: Path, images: Any) -> None:
    path = published / TARGETS[kind].file
    first, second = load(TARGETS[kind], path), load(TARGETS[kind], path)

    answers = first(images[:3]), second(images[3:6]), first(images[:3])

    np.testing.assert_array_equal(answers[0], answers[2])
    assert not np.array_equal(answers[0], answers[1])


@pytest.mark.parametrize("single", SINGLE_FILES)
def test_a_loaded_file_answers_after_it_was_removed(
    published: Path, tmp_path: Path, images: np.ndarray, loaded: Any, single: Format
) -> None:
    path = Path(shutil.copy(published / TARGETS[single].file, tmp_path))
    model = load(TARGETS[single], path)

    path.unlink()

    np.testing.assert_allclose(model(images[:3]), loaded(images[:3]), rtol=0, atol=CLOSE)


@pytest.mark.parametrize(
    ("module", "package", "format_name"),
    [
        ("tensorflow", "tensorflow", "saved_model"),
        ("ai_edge_litert", "ai-edge-litert", "tflite"),
        ("onnxruntime", "onnxruntime", "onnx"),
    ],
)
def test_a_runtime_that_is_not_installed_is_named(
    published: Path,
    child: Callable[..., subprocess.CompletedProcess[str]],
    module: str,
    package: str,
    format_name: str,
) -> None:
    path = published / TARGETS[Format(format_name)].file

    done = child(LOAD_WITHOUT, module, format_name, path)

    assert (done.returncode, done.stdout.strip()) == (
        0,
        f"{path} needs {package}, which is not installed: pip install {package}",
    ), done.stderr


@pytest.mark.parametrize(
    ("allowed", "format_name"),
    [("onnxruntime,flatbuffers,google,packaging", "onnx"), ("ai_edge_litert,flatbuffers", "tflite")],
)
def test_a_file_answers_where_only_numpy_and_its_runtime_are_installed(
    published: Path, child: Callable[..., subprocess.CompletedProcess[str]], allowed: str, format_name: str
) -> None:
    done = child(ANSWER_ALONE, published, allowed, format_name)

    assert (done.returncode, done.stdout.strip()) == (0, f"True ['model.{format_name}']"), done.stderr
