"""From a format to its code: one folder each, in which the same files do the same work.

| file | holds | imports |
| --- | --- | --- |
| `writer` | `write(source, path, options)` | whatever it is made with |
| `runtime` | `load(path, threads, optimized)` → Backend | numpy and the runtime |
| `structure` | `read(path)` → Structure | what reads its bytes |
| `tensors` | `open_tensors(path)` → TensorReader; not where layers can't be read | numpy and the runtime |
| `metadata` | `read(path)` → texts by name | numpy and the runtime |
| `alone` | `answer(path, inputs)`, run where nothing of this project can be imported | the runtime |
| `weights` | `read(path)`, `write(path, changed)` | what reads and writes its bytes |
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from export.artifact import Format

_FOLDERS = {
    Format.SAVED_MODEL: "export.formats.saved_model",
    Format.TFLITE: "export.formats.tflite",
    Format.ONNX: "export.formats.onnx",
}


def load_part(kind: Format, name: str) -> Any:
    """The module of that name in the format's folder. Imported when it is asked for: a user of one format has no more
    than its runtime.

    Raises ImportError if a package is missing.
    """
    return import_module(f"{_FOLDERS[kind]}.{name}")


def part_file(kind: Format, name: str) -> Path:
    """Where that module lies, for a process that imports nothing of this project."""
    return Path(__file__).parent / _FOLDERS[kind].rpartition(".")[2] / f"{name}.py"
