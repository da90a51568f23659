"""Every format's file says about itself what the manifest says, read with its runtime alone."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from export.artifact import Format, Target, Variant
from export.errors import VerificationError
from export.folder.manifest import read_manifest
from export.formats.format import offered_formats
from export.formats.metadata import check_metadata, read_metadata

EVERY = list(offered_formats())
FILES = {kind: Target(format=kind, variant=Variant.FLOAT32).file for kind in Format}


@pytest.mark.parametrize("kind", EVERY)
def test_a_file_says_what_the_manifest_says(published: Path, kind: Format) -> None:
    description = read_manifest(published).description

    assert read_metadata(kind, published / FILES[kind]) == description.as_metadata()
    check_metadata(kind, published / FILES[kind], description)


@pytest.mark.parametrize("kind", EVERY)
def test_labels_in_another_order_are_named(published: Path, kind: Format) -> None:
    description = read_manifest(published).description
    wrong = dataclasses.replace(description, class_names=description.class_names[::-1])

    with pytest.raises(VerificationError, match=r'says that its labels is .*"0", "1".* but the manifest says .*"9"'):
        check_metadata(kind, published / FILES[kind], wrong)


@pytest.mark.parametrize("kind", [Format.ONNX, Format.TFLITE])
def test_a_truncated_file_says_nothing(published_copy: Path, kind: Format) -> None:
    path = published_copy / FILES[kind]
    path.write_bytes(path.read_bytes()[:100])

    with pytest.raises(VerificationError, match=r"does not say what it is .*: export the model again"):
        read_metadata(kind, path)


@pytest.mark.parametrize("text", ["", "[]", '{"labels": '])
def test_a_damaged_description_of_a_saved_model_says_nothing(published_copy: Path, text: str) -> None:
    (published_copy / "saved_model" / "assets.extra" / "description.json").write_text(text, encoding="utf-8")

    with pytest.raises(VerificationError, match="does not say what it is"):
        read_metadata(Format.SAVED_MODEL, published_copy / "saved_model")


def test_a_description_that_is_no_mapping_is_refused(published_copy: Path) -> None:
    (published_copy / "saved_model" / "assets.extra" / "description.json").write_text("[]", encoding="utf-8")

    with pytest.raises(VerificationError, match="the description must hold strings by name, got list"):
        read_metadata(Format.SAVED_MODEL, published_copy / "saved_model")


def test_a_tflite_file_without_the_entry_is_refused(serving: Any, tmp_path: Path) -> None:
    import tensorflow as tf

    function = tf.function(serving.serve, input_signature=serving.signature).get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], serving.model)
    (tmp_path / "model.tflite").write_bytes(converter.convert())

    with pytest.raises(VerificationError, match="LookupError: it has no metadata entry description"):
        read_metadata(Format.TFLITE, tmp_path / "model.tflite")


def test_an_onnx_file_without_metadata_is_refused(published_copy: Path) -> None:
    import onnx

    model = onnx.load(published_copy / "model.onnx")
    del model.metadata_props[:]
    (published_copy / "model.onnx").write_bytes(model.SerializeToString())

    with pytest.raises(VerificationError, match="says that its labels is 'nothing' but the manifest says"):
        check_metadata(Format.ONNX, published_copy / "model.onnx", read_manifest(published_copy).description)


@pytest.mark.parametrize("kind", [Format.ONNX, Format.TFLITE])
def test_the_runtime_alone_is_enough(published: Path, child: Callable[..., Any], kind: Format) -> None:
    code = """
import json, sys
from pathlib import Path
for name in ("tensorflow", "keras", "onnx"):
    sys.modules[name] = None
from export.artifact import Format
from export.formats.metadata import read_metadata
print(json.dumps(read_metadata(Format(sys.argv[1]), Path(sys.argv[2]))))
"""
    done = child(code, kind, published / FILES[kind])

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == read_manifest(published).description.as_metadata()
