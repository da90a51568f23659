"""Whether a file of a coarser number type holds any weight of that type: converters leave what they can't, or won't."""

from __future__ import annotations

from pathlib import Path

from export.artifact import Target, Variant
from export.formats.structure import read_structure


def note_on_weights(target: Target, path: Path) -> str:
    """What a reader of the written file has to know of its weights; empty if they are what the number type says."""
    bits = target.variant.bits
    if target.variant is Variant.FLOAT32 or bits in read_structure(target.format, path).weight_bits:
        return ""
    why = (
        "TFLite's converter keeps weights of fewer than 1,024 numbers as they are"
        if target.variant is Variant.DYNAMIC
        else "the converter found none that it could make smaller"
    )
    same = Target(format=target.format, variant=Variant.FLOAT32).file
    return f"no weight of {target.file} has {bits} bits, so that it computes with the numbers of {same}: {why}"
