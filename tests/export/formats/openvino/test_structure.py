"""OpenVINO models of others are judged by their bytes: what is not of an export is refused before openvino reads it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from export.artifact import Format
from export.errors import InputError
from export.formats.format import is_installed

if not is_installed(Format.OPENVINO):
    pytest.skip("openvino is not installed", allow_module_level=True)

from export.formats.openvino.quiet import openvino, opset
from export.formats.openvino.runtime import load
from export.formats.openvino.structure import MARKS, read

set1 = opset(1)
MARK = "".join(f'<attribute name="{name}" version="0" value="dynamic:bf16,f16" />' for name in MARKS)


def save(path: Path, model: object) -> Path:
    path.mkdir(exist_ok=True)
    openvino.save_model(model, path / "model.xml", compress_to_fp16=False)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A product with a constant and a ReLU, both marked."""
    numbers = set1.parameter([-1, 3], np.float32, name="x")
    product = set1.relu(set1.matmul(numbers, np.arange(6, dtype=np.float32).reshape(3, 2), False, False))
    product.output(0).set_names({"y"})
    numbers.output(0).set_names({"x"})
    path = save(tmp_path / "openvino", openvino.Model([set1.result(product)], [numbers], "model"))
    edit(path, lambda text: text.replace("<input>", f"<rt_info>{MARK}</rt_info><input>"))
    return path


def edit(folder: Path, change: Callable[[str], str]) -> None:
    path = folder / "model.xml"
    text = path.read_text(encoding="utf-8")
    changed = change(text)
    assert changed != text
    path.write_text(changed, encoding="utf-8")


def test_what_was_written_is_safe(folder: Path) -> None:
    found = read(folder)

    assert found.flaws == ()
    assert found.operators == {"Parameter": 1, "Const": 1, "MatMul": 1, "ReLU": 1, "Result": 1}
    assert found.weight_bits == {32}
    assert found.versions == {"ir": 11}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: text.replace('type="ReLU"', 'type="RandomUniform"'), r"may do more than compute \(RandomUniform"),
        (lambda text: text.replace('type="ReLU" version="opset1"', 'type="ReLU" version="extension"'), "no standard"),
        (lambda text: text.replace('version="11"', 'version="10"', 1), "has version 10 but must have 11"),
        (lambda text: text.replace("</net>", "<statistics /></net>"), "inside of operators, or other parts"),
        (lambda text: text.replace("<input>", "<body><layers><layer /></layers></body><input>", 1), "graphs inside"),
        (lambda text: text.replace('name="precise"', 'name="strange"'), r"marks that are not known \(strange\)"),
        (lambda text: text.replace("<rt_info>\n\t\t<", "<rt_info><runtime_options /><"), "brings options for its"),
        (lambda text: text.replace('size="24"', 'size="23"'), "constants that model.bin does not hold"),
        (lambda text: text.replace('offset="0"', 'offset="-8"'), "constants that model.bin does not hold"),
        (lambda text: text.replace('offset="0"', 'offset="1"'), "constants that model.bin does not hold"),
        (lambda text: text.replace('shape="3, 2"', 'shape="3, 20"'), "constants that model.bin does not hold"),
        (lambda text: text.replace('element_type="f32" shape="3', 'element_type="string" shape="3'), "does not hold"),
    ],
)
def test_a_graph_that_no_export_writes_is_not_opened(folder: Path, change: Callable[[str], str], says: str) -> None:
    edit(folder, change)

    assert len(read(folder).unsafe) >= 1
    with pytest.raises(InputError, match=f"is not opened: .*{says}"):
        load(folder, None, True)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: text.replace('<?xml version="1.0"?>', '<?xml version="1.0"?><!DOCTYPE net>'), "does not begin"),
        (lambda text: text.replace("<layers>", "<!-- --><layers>"), "holds more than elements"),
        (lambda text: text.replace("<layers>", "<?x y?><layers>"), "holds more than elements"),
        (lambda text: text.replace("<layers>", f"{'<a>' * 50}{'</a>' * 50}<layers>"), "nested too deeply"),
        (lambda text: text[:500], "is no XML"),
        (lambda text: "ONNX" + text, "does not begin with"),
        (lambda text: text.replace(' offset="0"', ""), r"is not an OpenVINO model \(KeyError\('offset'\)\)"),
        (lambda text: text.replace('size="24"', 'size="many"'), "is not an OpenVINO model"),
    ],
)
def test_a_file_that_is_no_graph_is_refused(folder: Path, change: Callable[[str], str], says: str) -> None:
    edit(folder, change)

    with pytest.raises(InputError, match=says):
        read(folder)


def test_constants_that_nothing_declares_are_refused(folder: Path) -> None:
    with (folder / "model.bin").open("ab") as file:
        file.write(b"\0" * 1000)

    assert read(folder).unsafe == ("model.bin holds more than the constants that model.xml declares",)


@pytest.mark.parametrize("name", ["model.xml", "model.bin"])
def test_a_missing_file_is_refused(folder: Path, name: str) -> None:
    (folder / name).unlink()

    with pytest.raises(InputError, match=r"can't be opened as an OpenVINO model \(No such file"):
        read(folder)


def test_a_constant_that_is_not_a_number_is_a_fault(folder: Path) -> None:
    (folder / "model.bin").write_bytes(np.full(6, np.nan, np.float32).tobytes())

    assert [fault.partition(" (")[0] for fault in read(folder).faults] == ["some of its constants are not numbers"]


@pytest.mark.parametrize("mark", MARKS)
def test_an_operator_without_a_mark_is_a_fault(folder: Path, mark: str) -> None:
    edit(folder, lambda text: text.replace(f'name="{mark}"', 'name="fused_names"', 1))

    assert [fault.partition(" (")[0] for fault in read(folder).faults] == [
        "some of its operators may be computed in fewer bits than they have"
    ]
