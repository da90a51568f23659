"""OpenVINO model → what it says about itself, with the standard library alone."""

from __future__ import annotations

from pathlib import Path

from export.formats.metadata import as_texts
from export.formats.openvino.ir_file import read_ir

SECTION = "model_info"


def read(path: Path) -> dict[str, str]:
    """The texts of the graph's section `model_info`, which `openvino.Model.get_rt_info` gives too.

    Raises LookupError without that section.
    """
    found = read_ir(path).net.find(f"rt_info/{SECTION}")
    if found is None:
        raise LookupError(f"it has no section {SECTION}")
    return as_texts({item.tag: item.get("value", "") for item in found})
