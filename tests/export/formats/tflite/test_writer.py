"""What is written as TFLite: operators, description, and the same bytes each time."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

from export.artifact import Format
from export.errors import InputError
from export.formats.tflite import writer as tflite_writer
from export.formats.writer import WriteOptions, write
from export.model.serving import ServingModel

WRITE_TFLITE = """
import hashlib, pathlib, sys
from export.artifact import Description, Format, Target, Variant
from export.model.serving import load_serving_model
from export.formats.writer import WriteOptions, write
target = Target(format=Format.TFLITE, variant=Variant.FLOAT32)
description = Description(class_names=("a",), dataset="d", dataset_digest="d", accuracy=0.5, source_digest="s")
options = WriteOptions(target=target, description=description, opset=17)
write(load_serving_model(pathlib.Path(sys.argv[1])), pathlib.Path(sys.argv[2]), options)
print(hashlib.sha256((pathlib.Path(sys.argv[2]) / target.file).read_bytes()).hexdigest())
"""


class SimpleConverter:
    """A converter of TFLite whose `convert` is given."""

    def __init__(self, convert: Callable[..., Any]) -> None:
        self.target_spec = tf.lite.TargetSpec()
        self.convert = convert


@pytest.fixture(scope="module")
def tflite_file(serving: ServingModel, tmp_path_factory: pytest.TempPathFactory, options: Any) -> Path:
    folder = tmp_path_factory.mktemp("tflite")
    write(serving, folder, options(Format.TFLITE))
    return folder / "model.tflite"


def test_whatever_the_tflite_converter_raises_becomes_one_sentence(
    serving: ServingModel, tmp_path: Path, options: Callable[..., WriteOptions], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("no such\n thing")

    monkeypatch.setattr("tensorflow.lite.TFLiteConverter.from_saved_model", lambda path: SimpleConverter(fail))

    message = "the model can't be written as float32 TFLite with builtin operators: no such thing"
    with pytest.raises(InputError, match=message):
        write(serving, tmp_path, options(Format.TFLITE))


def test_tflite_describes_itself(tflite_file: Path, description: Any) -> None:
    model = flatbuffer_utils.read_model(str(tflite_file))

    (entry,) = [entry for entry in model.metadata if entry.name == tflite_writer.METADATA_NAME.encode()]
    text = bytes(model.buffers[entry.buffer].data).decode()

    assert tflite_writer.METADATA_NAME == "description"
    assert json.loads(text) == description.as_metadata()


def test_tflite_holds_builtin_operators_only(tflite_file: Path) -> None:
    codes = flatbuffer_utils.read_model(str(tflite_file)).operatorCodes

    assert codes
    assert not [code for code in codes if code.customCode is not None]
    assert schema.BuiltinOperator.CUSTOM not in {max(code.builtinCode, code.deprecatedBuiltinCode) for code in codes}


def test_no_random_operator_is_in_the_tflite_file(tflite_file: Path) -> None:
    names = {value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
    codes = flatbuffer_utils.read_model(str(tflite_file)).operatorCodes

    operators = [names[max(code.builtinCode, code.deprecatedBuiltinCode)] for code in codes]

    assert not [operator for operator in operators if "RANDOM" in operator or "MULTINOMIAL" in operator]


@pytest.mark.slow
def test_tflite_gives_the_same_bytes_again(serving: ServingModel, tmp_path: Path, options: Any) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()

    digests = [write(serving, folder, options(Format.TFLITE)).files for folder in (first, second)]

    assert digests[0] == digests[1]


@pytest.mark.slow
def test_tflite_gives_the_same_bytes_in_another_process(
    model_file: Path, tmp_path: Path, child: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    runs = [child(WRITE_TFLITE, model_file, tmp_path, PYTHONHASHSEED=seed) for seed in ("0", "1")]

    assert [run.returncode for run in runs] == [0, 0], runs[0].stderr
    assert len({run.stdout for run in runs}) == 1
