"""What must not be in a published TFLite file is found in its bytes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

from export.errors import InputError
from export.formats.tflite.structure import read


@pytest.fixture
def changed(published_copy: Path) -> Callable[[Callable[[Any], None]], Path]:
    """`changed(plant)`: the published TFLite file after `plant` changed what it holds."""

    def call(plant: Callable[[Any], None]) -> Path:
        path = published_copy / "model.tflite"
        model = flatbuffer_utils.read_model(str(path))
        plant(model)
        path.write_bytes(bytes(flatbuffer_utils.convert_object_to_bytearray(model)))
        return path

    return call


def set_code(name: bytes | None, code: int) -> Callable[[Any], None]:
    def plant(model: Any) -> None:
        operator = model.operatorCodes[-1]
        operator.builtinCode, operator.deprecatedBuiltinCode, operator.customCode = code, min(code, 127), name

    return plant


def test_a_right_file_is_without_fault_and_its_operators_are_counted(published: Path) -> None:
    found = read(published / "model.tflite")

    assert found.flaws == ()
    assert found.operators["CONV_2D"] == found.operators["SOFTMAX"] == 1
    assert found.versions == {"schema": 3}


def test_a_custom_operator_is_named(changed: Callable[..., Path]) -> None:
    path = changed(set_code(b"FlexErf", schema.BuiltinOperator.CUSTOM))

    assert read(path).flaws == ("it uses the custom operator FlexErf",)


def test_a_custom_operator_under_the_name_of_a_builtin_one_is_named(changed: Callable[..., Path]) -> None:
    path = changed(set_code(b"CONV_2D", schema.BuiltinOperator.CUSTOM))

    assert read(path).flaws == ("it uses the custom operator CONV_2D",)


@pytest.mark.parametrize("name", ["RANDOM_UNIFORM", "MULTINOMIAL", "RANDOM_STANDARD_NORMAL"])
def test_chance_is_named(changed: Callable[..., Path], name: str) -> None:
    path = changed(set_code(None, getattr(schema.BuiltinOperator, name)))

    assert read(path).flaws == (f"it draws random numbers ({name})",)


def test_weights_outside_of_the_graph_are_a_fault(changed: Callable[..., Path]) -> None:
    def plant(model: Any) -> None:
        model.buffers[1].offset, model.buffers[1].size = 4000, 16

    assert "some of its weights lie outside of its graph" in read(changed(plant)).flaws


def test_another_version_of_the_schema_is_a_fault(changed: Callable[..., Path]) -> None:
    def plant(model: Any) -> None:
        model.version = 4

    assert read(changed(plant)).flaws == ("its schema has version 4 but must have 3",)


@pytest.mark.parametrize("content", [b"PK\x03\x04 another kind", b"text" * 100])
def test_a_file_without_the_mark_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.tflite").write_bytes(content)

    with pytest.raises(InputError, match=r"model\.tflite is not a TFLite file \(it lacks the mark TFL3\): export it"):
        read(tmp_path / "model.tflite")


@pytest.mark.parametrize("size", [0, 3, 8, 40])
def test_a_cut_off_file_is_refused(published: Path, tmp_path: Path, size: int) -> None:
    (tmp_path / "model.tflite").write_bytes((published / "model.tflite").read_bytes()[:size])

    with pytest.raises(InputError, match=r"model\.tflite is not a TFLite file \(.*\): export it again"):
        read(tmp_path / "model.tflite")
