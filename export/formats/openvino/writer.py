"""Keras model → OpenVINO folder, by way of ONNX: read, lowered, marked, named."""

from __future__ import annotations

import importlib
import io
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from export.artifact import Variant
from export.errors import InputError, VerificationError
from export.formats.onnx.converter import CONVERTER, ConversionError
from export.formats.onnx.writer import convert
from export.formats.openvino import FACTS
from export.formats.openvino.identity import is_float
from export.formats.openvino.ir_file import GRAPH
from export.formats.openvino.lowering import keep_nan, lower
from export.formats.openvino.metadata import SECTION
from export.formats.openvino.quiet import openvino
from export.formats.openvino.structure import read
from export.formats.runtime import one_line

if TYPE_CHECKING:
    from export.formats.source import ModelSource
    from export.formats.writer import WriteOptions

_WRITTEN = '<attribute name="DisablePrecisionConversion" version="0" value="dynamic:f16" />'
_MARKS = '<attribute name="precise" version="0" />' + _WRITTEN.replace("dynamic:f16", "dynamic:bf16,f16")
"""What openvino writes for a marked operator, and what keeps it in float32 in every version of the runtime."""


def write(source: ModelSource, path: Path, options: WriteOptions) -> None:
    """Write the folder `path`, with the description in the graph's section `model_info`.

    Raises InputError if the model can't be converted, VerificationError if what was made can't be published.
    """
    content = _onnx(source, options.target.variant)
    try:
        model = openvino.Core().read_model(io.BytesIO(content))
        names = [port.get_any_name() for port in model.outputs]
        _tidy(model)
        if options.target.variant is not Variant.INT8:
            keep_nan(model)
            # What becomes simpler by the one may have to be done again by the other.
            lower(model)
            _tidy(model)
            lower(model)
        _mark(model)
        _name(model)
        for port, name in zip(model.outputs, names, strict=True):
            port.get_tensor().set_names({name})
        for key, text in options.description.as_metadata().items():
            model.set_rt_info(text, [SECTION, key])
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir()
        openvino.save_model(model, path / GRAPH, compress_to_fp16=options.target.variant is Variant.FLOAT16)
    except RuntimeError as error:
        raise InputError(f"the model can't be written as {FACTS.title}: {one_line(error)}") from error
    graph = (path / GRAPH).read_text(encoding="utf-8")
    (path / GRAPH).write_text(graph.replace(_WRITTEN, _MARKS), encoding="utf-8", newline="\n")
    flaws = read(path).flaws
    if flaws:
        raise VerificationError(f"{path.name} can't be published: {'; '.join(flaws)}")


def _onnx(source: ModelSource, variant: Variant) -> bytes:
    """The ONNX file that the folder is made of. float16 is float32 with rounded constants."""
    content = source.once(convert)
    if variant is not Variant.INT8:
        return content
    if source.calibration is None:
        raise InputError("int8 OpenVINO needs training examples to find its ranges: give data that has some")
    try:
        return CONVERTER.make("int8", content=content, calibration=dict(source.calibration), is_narrow=True)
    except ConversionError as error:
        raise InputError(f"the model can't be written as int8 {FACTS.title}: {error}") from error


def _tidy(model: Any) -> None:
    """OpenVINO's own simplifications, of those that its converters do."""
    passes = importlib.import_module("openvino._offline_transformations")
    passes.apply_moc_transformations(model, cf=True, smart_reshape=False)


def _mark(model: Any) -> None:
    """Say of each operator that computes with floating-point numbers that it is to be computed in float32."""
    for op in model.get_ordered_ops():
        if op.get_type_name() in ("Parameter", "Result", "Constant"):
            continue
        if any(map(is_float, [*op.outputs(), *op.input_values()])):
            op.get_rt_info()["precise_0"] = ""


def _name(model: Any) -> None:
    """Name what openvino named by counting, which differs from one call to the next, by where it goes."""
    ops = model.get_ordered_ops()
    known = {name for op in ops for output in op.outputs() for name in output.get_names()}
    used = set(known)
    given: set[str] = set()
    # Readers first: their names make those of what they read.
    for op in reversed(ops):
        own = op.get_friendly_name()
        if op.get_type_name() == "Result" or own in known or own in given:
            continue
        tensors = [name for output in op.outputs() for name in sorted(output.get_names())]
        readers = sorted(
            (target.get_node().get_friendly_name(), target.get_index())
            for output in op.outputs()
            for target in output.get_target_inputs()
        )
        base = tensors[0] if tensors else f"{readers[0][0]}:{readers[0][1]}" if readers else op.get_type_name()
        name, number = base, 1
        while name in used:
            number += 1
            name = f"{base}~{number}"
        used.add(name)
        given.add(name)
        op.set_friendly_name(name)
