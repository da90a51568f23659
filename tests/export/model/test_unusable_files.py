"""Files that can't be opened or run, or leave open what the contract states."""

from __future__ import annotations

import dataclasses
import importlib
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export.artifact import Format, Target, TensorSpec, Variant
from export.errors import InputError, VerificationError
from export.formats.format import offered_formats
from export.formats.metadata import read_metadata
from export.formats.runtime import RuntimeModel, check_contract, load
from export.formats.structure import require_safe

TARGETS = {kind: Target(format=kind, variant=Variant.FLOAT32) for kind in Format}
SINGLE_FILES = [Format.TFLITE, Format.ONNX]


@pytest.fixture(scope="module", params=offered_formats())
def kind(request: pytest.FixtureRequest) -> Format:
    return request.param


def test_a_missing_file_is_refused(kind: Format, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no .*: export the model first"):
        load(TARGETS[kind], tmp_path / TARGETS[kind].file)


def write_unrunnable(kind: Format, path: Path) -> None:
    """A file of the format that loads, and answers one image of 2×2 but not several."""
    import onnx
    import tensorflow as tf

    if kind is Format.OPENVINO:
        write_unrunnable(Format.ONNX, path.with_name("one.onnx"))
        path.mkdir()
        core = importlib.import_module("export.formats.openvino.quiet").openvino
        core.save_model(core.Core().read_model(path.with_name("one.onnx")), path / "model.xml", compress_to_fp16=False)
        return

    if kind is Format.ONNX:
        image = onnx.helper.make_tensor_value_info("image", onnx.TensorProto.UINT8, ["batch", 2, 2, 1])
        answer = onnx.helper.make_tensor_value_info("probabilities", onnx.TensorProto.FLOAT, ["batch", 4])
        shape = onnx.helper.make_tensor("shape", onnx.TensorProto.INT64, [2], [1, 4])
        nodes = [
            onnx.helper.make_node("Cast", ["image"], ["float"], to=onnx.TensorProto.FLOAT),
            onnx.helper.make_node("Reshape", ["float", "shape"], ["probabilities"]),
        ]
        graph = onnx.helper.make_graph(nodes, "one only", [image], [answer], [shape])
        opsets = [onnx.helper.make_opsetid("", 17)]
        onnx.save(onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
        return

    @tf.function(input_signature=[tf.TensorSpec((None, 2, 2, 1), tf.uint8, name="image")])
    def serve(image: Any) -> dict[str, Any]:
        return {"probabilities": tf.reshape(tf.cast(image, tf.float32), [1, 4])}

    module = tf.Module()
    module.serve = serve
    folder = path.with_name("plain")
    tf.saved_model.save(module, str(folder), signatures={"serving_default": serve})
    if kind is Format.SAVED_MODEL:
        folder.rename(path)
    else:
        path.write_bytes(tf.lite.TFLiteConverter.from_saved_model(str(folder)).convert())


def test_a_file_that_loads_and_does_not_run_says_so(kind: Format, tmp_path: Path) -> None:
    path = tmp_path / TARGETS[kind].file
    write_unrunnable(kind, path)
    model = load(TARGETS[kind], path)

    assert model(np.ones((1, 2, 2, 1), np.uint8)).shape == (1, 4)
    with pytest.raises(ValueError, match="can't run the file"):
        model(np.ones((2, 2, 2, 1), np.uint8))


def test_another_formats_file_is_refused(kind: Format, tmp_path: Path) -> None:
    path = tmp_path / TARGETS[kind].file
    path.write_text("a text of some length, and nothing else", encoding="utf-8")

    with pytest.raises(InputError, match=r"can't be opened .*: export it again"):
        load(TARGETS[kind], path)


def test_an_empty_folder_is_refused(kind: Format, tmp_path: Path) -> None:
    path = tmp_path / TARGETS[kind].file
    path.mkdir()

    with pytest.raises(InputError, match=r"can't be opened .*: export it again"):
        load(TARGETS[kind], path)


@pytest.mark.parametrize("single", SINGLE_FILES)
@pytest.mark.parametrize("share", [0.0, 0.0001, 0.001, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 0.9999])
def test_a_truncated_file_is_refused(published: Path, tmp_path: Path, single: Format, share: float) -> None:
    content = (published / TARGETS[single].file).read_bytes()
    path = tmp_path / TARGETS[single].file
    path.write_bytes(content[: int(len(content) * share)])

    with pytest.raises(InputError, match=r"can't be opened by .*: export it again"):
        load(TARGETS[single], path)


@pytest.mark.parametrize("single", SINGLE_FILES)
@pytest.mark.parametrize("size", [1, 8, 100, 5000])
def test_a_file_of_garbage_is_refused(tmp_path: Path, single: Format, size: int) -> None:
    path = tmp_path / TARGETS[single].file
    path.write_bytes(np.random.default_rng(size).bytes(size))

    with pytest.raises(InputError, match=r"can't be opened by .*: export it again"):
        load(TARGETS[single], path)


@pytest.mark.parametrize("single", SINGLE_FILES)
def test_a_right_beginning_followed_by_garbage_is_refused(published: Path, tmp_path: Path, single: Format) -> None:
    path = tmp_path / TARGETS[single].file
    path.write_bytes((published / TARGETS[single].file).read_bytes()[:8] + np.random.default_rng(0).bytes(5000))

    with pytest.raises(InputError, match=r"can't be opened by .*: export it again"):
        load(TARGETS[single], path)


@pytest.mark.parametrize("single", SINGLE_FILES)
def test_any_text_that_is_no_utf_8_is_refused_or_does_no_harm(published: Path, tmp_path: Path, single: Format) -> None:
    content = (published / TARGETS[single].file).read_bytes()
    path = tmp_path / TARGETS[single].file
    reasons = []
    for at in {found.start() for found in re.finditer(rb"[\w/.:-]{4,}", content) if found[0].isascii()}:
        path.write_bytes(content[:at] + b"\xc0" + content[at + 1 :])
        try:
            require_safe(single, path)
            load(TARGETS[single], path)
            read_metadata(single, path)
        except (InputError, VerificationError) as error:
            reasons.append(str(error))

    assert len(reasons) > 10
    assert not any("\n" in reason for reason in reasons)


@pytest.mark.parametrize(
    "name", ["saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"]
)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_saved_model_with_a_truncated_file_is_refused(published_copy: Path, name: str, share: float) -> None:
    path = published_copy / "saved_model" / name
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])

    with pytest.raises(InputError, match=r"can't be opened as a SavedModel .*: export it again"):
        load(TARGETS[Format.SAVED_MODEL], published_copy / "saved_model")


@pytest.mark.parametrize(
    "name", ["saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"]
)
def test_a_saved_model_that_lacks_a_file_is_refused(published_copy: Path, name: str) -> None:
    (published_copy / "saved_model" / name).unlink()

    with pytest.raises(InputError, match=r"can't be opened as a SavedModel .*: export it again"):
        load(TARGETS[Format.SAVED_MODEL], published_copy / "saved_model")


def test_a_saved_model_without_signature_is_refused(tmp_path: Path) -> None:
    import tensorflow as tf

    tf.saved_model.save(tf.Module(), str(tmp_path / "saved_model"))

    with pytest.raises(InputError, match=r"can't be opened as a SavedModel .*serving_default.*: export it again"):
        load(TARGETS[Format.SAVED_MODEL], tmp_path / "saved_model")


def test_a_size_that_the_file_leaves_open_is_a_match_for_outputs_only(kind: Format, tmp_path: Path) -> None:
    path = tmp_path / TARGETS[kind].file
    write_unrunnable(kind, path)
    model = load(TARGETS[kind], path)
    (output,) = model.outputs
    opened = [TensorSpec(name=output.name, dtype=output.dtype, shape=(None, None))]

    @dataclasses.dataclass(frozen=True)
    class Stating:
        inputs: Any
        outputs: Any

    check_contract(RuntimeModel(backend=Stating(model.inputs, opened)), model.inputs, [output])
    with pytest.raises(ValueError, match=r"it has the output .* but must have"):
        check_contract(RuntimeModel(backend=Stating(model.inputs, [output])), model.inputs, opened)
    with pytest.raises(ValueError, match=r"it has the input .* but must have"):
        check_contract(RuntimeModel(backend=Stating(opened, [output])), [output], [output])


def test_a_tflite_file_without_signature_is_refused(tmp_path: Path) -> None:
    import tensorflow as tf

    function = tf.function(lambda x: x + 1, input_signature=[tf.TensorSpec((None, 2), "float32")])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()])
    content = converter.convert()
    (tmp_path / "model.tflite").write_bytes(content.replace(b"serving_default", b"another_default"))

    with pytest.raises(InputError, match=r"model\.tflite lacks the signature serving_default: export it again"):
        load(TARGETS[Format.TFLITE], tmp_path / "model.tflite")
