"""What an OpenVINO model is made of: standard operators, each marked to be computed in float32, and its own constants.

Read from the bytes, without openvino, which reads hostile files less carefully than any other runtime: an ONNX file
called `model.xml` is loaded, too many constants are ignored, and deep nesting ends the process.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from export.errors import InputError
from export.formats.openvino.ir_file import CONSTANTS, GRAPH, IrFile, read_ir
from export.formats.openvino.operators import OPERATORS
from export.formats.structure import Structure

IR_VERSION = 11
DTYPES = {
    "f64": "<f8",
    "f32": "<f4",
    "f16": "<f2",
    "i64": "<i8",
    "i32": "<i4",
    "i16": "<i2",
    "i8": "i1",
    "u64": "<u8",
    "u32": "<u4",
    "u16": "<u2",
    "u8": "u1",
    "boolean": "u1",
}
"""The element types that constants may have, as numpy calls them."""
MARKS = ("precise", "DisablePrecisionConversion")
"""What keeps an operator in float32: for runtimes until 2026.3, and from 2026.4."""
_KNOWN_MARKS = frozenset((*MARKS, "fused_names", "decompression", "old_api_map_order"))
_SECTIONS = frozenset(("info", "model_info", "Runtime_version"))
_OPSET = re.compile(r"opset[1-9][0-9]?")
_ALIGNMENT = 64
"""So many bytes at most lie between two constants."""


@dataclass(frozen=True, kw_only=True)
class StoredConstant:
    """A constant of the graph. `offset`, `size_bytes`: where its values lie in the file of constants."""

    name: str
    number: str
    element_type: str
    shape: tuple[int, ...]
    offset: int
    size_bytes: int

    @property
    def is_whole(self) -> bool:
        """Whether its type is known and its shape fills its bytes."""
        dtype = DTYPES.get(self.element_type)
        sizes = min([self.offset, self.size_bytes, *self.shape])
        return dtype is not None and sizes >= 0 and math.prod(self.shape) * np.dtype(dtype).itemsize == self.size_bytes

    def values(self, constants: bytes | bytearray) -> np.ndarray:
        """A view of its values in the bytes of the file of constants."""
        dtype = np.dtype(DTYPES[self.element_type])
        return np.frombuffer(constants, dtype, math.prod(self.shape), self.offset).reshape(self.shape)


def read(path: Path) -> Structure:
    """The structure. Raises InputError for a folder of another kind."""
    return judge(path, read_ir(path))


def judge(path: Path, ir: IrFile) -> Structure:
    """The structure of a model that was read already. Raises InputError if a part of it is not what it should be."""
    try:
        constants = stored_constants(ir.net)
        unsafe = tuple(_unsafe_parts(ir, constants))
        faults = () if unsafe else tuple(_faults(ir, constants))
        version = int(ir.net.get("version", "0"))
    except (KeyError, ValueError, OverflowError) as error:
        raise InputError(f"{path} is not an OpenVINO model ({error!r}): export it again") from error
    weights = [one for one in constants if math.prod(one.shape) > 1]
    return Structure(
        operators=Counter(layer.get("type", "") for layer in ir.net.iter("layer")),
        faults=faults,
        versions={"ir": version},
        weight_bits=frozenset({"f32": 32, "f16": 16, "i8": 8}.get(one.element_type, 0) for one in weights) - {0},
        unsafe=unsafe,
    )


def stored_constants(net: Element) -> list[StoredConstant]:
    """Every constant, in the order of the graph. Raises ValueError or KeyError for one that lacks what it needs."""
    found = []
    for layer in net.iter("layer"):
        data = layer.find("data")
        if layer.get("type") != "Const" or data is None:
            continue
        found.append(
            StoredConstant(
                name=layer.attrib["name"],
                number=layer.attrib["id"],
                element_type=data.attrib["element_type"],
                shape=tuple(int(size) for size in data.attrib["shape"].split(",") if size.strip()),
                offset=int(data.attrib["offset"]),
                size_bytes=int(data.attrib["size"]),
            )
        )
    return found


def _unsafe_parts(ir: IrFile, constants: Sequence[StoredConstant]) -> Iterator[str]:
    layers = list(ir.net.iter("layer"))
    if ir.net.get("version") != str(IR_VERSION):
        yield f"its IR has version {ir.net.get('version')} but must have {IR_VERSION}"
    if {part.tag for part in ir.net} - {"layers", "edges", "rt_info"} or len(layers) != len(ir.net.findall("layers/*")):
        yield "it holds graphs inside of operators, or other parts"
    unknown = sorted({layer.get("type", "") for layer in layers} - OPERATORS)
    if unknown:
        yield f"it uses operators that may do more than compute ({', '.join(unknown)})"
    if not all(_OPSET.fullmatch(layer.get("version", "")) for layer in layers):
        yield "it uses operators of no standard set"
    marks = {mark.get("name", "") for mark in ir.net.iter("attribute")}
    if marks - _KNOWN_MARKS:
        yield f"its operators have marks that are not known ({', '.join(sorted(marks - _KNOWN_MARKS))})"
    sections = {section.tag for section in ir.net.findall("rt_info/*")}
    if sections - _SECTIONS:
        yield f"it brings options for its runtime ({', '.join(sorted(sections - _SECTIONS))})"
    if not all(one.is_whole and one.offset + one.size_bytes <= len(ir.constants) for one in constants):
        yield f"{GRAPH} declares constants that {CONSTANTS} does not hold"
    elif _unused_bytes(constants, len(ir.constants)) > _ALIGNMENT * (len(constants) + 1):
        yield f"{CONSTANTS} holds more than the constants that {GRAPH} declares"


def _faults(ir: IrFile, constants: Sequence[StoredConstant]) -> Iterator[str]:
    # Its ReLU makes 0 of NaN, so that no answer would show it.
    floats = [one for one in constants if one.element_type in ("f64", "f32", "f16")]
    broken = [one.name for one in floats if np.isnan(one.values(ir.constants)).any()]
    if broken:
        yield f"some of its constants are not numbers ({', '.join(broken[:3])})"
    unmarked = [layer for layer in ir.net.iter("layer") if computes(layer) and not _marks(layer) >= set(MARKS)]
    if unmarked:
        names = ", ".join(layer.get("name", "") for layer in unmarked[:3])
        yield f"some of its operators may be computed in fewer bits than they have ({names})"


def computes(layer: Element) -> bool:
    """Whether the operator takes or gives floating-point numbers; one that only restores a float16 constant does not
    count."""
    ports = {port.get("precision") for port in layer.iter("port")}
    if layer.get("type") == "Convert" and ports == {"FP16", "FP32"}:
        return False
    return layer.get("type") not in ("Parameter", "Result", "Const") and bool(ports & {"FP64", "FP32", "FP16"})


def _marks(layer: Element) -> set[str | None]:
    return {mark.get("name") for mark in layer.iter("attribute")}


def _unused_bytes(constants: Sequence[StoredConstant], size_bytes: int) -> int:
    end = unused = 0
    for first, last in sorted((one.offset, one.offset + one.size_bytes) for one in constants):
        unused += max(0, first - end)
        end = max(end, last)
    return unused + size_bytes - end


def find_invalid(path: Path) -> list[str]:
    """What the format's own package says against the file: there is no such check beside loading it."""
    return []
