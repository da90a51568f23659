"""The openvino package without its telemetry.

`import openvino` imports `openvino_telemetry`, if that is installed, which writes into the user's home and sends what
is done. Both that and the converter that uses it are kept from being imported.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any, cast

SENDERS = ("openvino_telemetry", "openvino.tools.ovc")
"""Who sends, and who calls it."""

# None in the place of a module is Python's way to refuse its import, which openvino takes for not installed.
for _name in SENDERS:
    cast("dict[str, Any]", sys.modules).setdefault(_name, None)

openvino: Any = importlib.import_module("openvino")


def opset(number: int) -> Any:
    """Makers of the operators of that standard set."""
    return importlib.import_module(f"openvino.opset{number}")
