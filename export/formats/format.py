"""From a format to its code: one folder each, of the format's own name, in which the same files do the same work.

| file | holds | imports |
| --- | --- | --- |
| `__init__` | `FACTS` | the standard library |
| `writer` | `write(source, path, options)` | whatever it is made with |
| `runtime` | `load(path, threads, optimized)` → Backend | numpy and the runtime |
| `structure` | `read(path)` → Structure | what reads its bytes |
| `metadata` | `read(path)` → texts by name | numpy and the runtime |
| `weights` | `read(path)`, `write(path, changed)` | what reads and writes its bytes |
| `alone` | `answer(path, inputs)`, run where nothing of this project can be imported | the runtime |
| `tensors` | `open_tensors(path)` → TensorReader; only where layers can be looked into | numpy and the runtime |
| `converter` | `CONVERTER`, only where a process of its own converts | the standard library |
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from export.artifact import Format
from export.errors import InputError
from export.formats.facts import FormatFacts


def facts(kind: Format) -> FormatFacts:
    """What is known of the format. Nothing but the standard library is imported for it."""
    found: FormatFacts = import_module(f"export.formats.{kind}").FACTS
    return found


def load_part(kind: Format, name: str) -> Any:
    """The module of that name in the format's folder. Imported when it is asked for: a user of one format has no more
    than its runtime.

    Raises ImportError if a package is missing.
    """
    return import_module(f"export.formats.{kind}.{name}")


def part_file(kind: Format, name: str) -> Path:
    """Where that module lies, for a process that imports nothing of this project."""
    return Path(__file__).parent / kind / f"{name}.py"


def has_part(kind: Format, name: str) -> bool:
    """Whether the format has such a module."""
    return part_file(kind, name).is_file()


def is_installed(kind: Format) -> bool:
    """Whether the format's runtime can be imported here."""
    return find_spec(facts(kind).module) is not None


def how_to_install(kind: Format) -> str:
    """The command that brings the format's runtime."""
    return f"pip install {facts(kind).package}"


def require_installed(kind: Format, what: object) -> None:
    """Raise InputError unless the format's runtime, which `what` needs, can be imported here."""
    if not is_installed(kind):
        raise InputError(f"{what} needs {facts(kind).package}, which is not installed: {how_to_install(kind)}")


def writing_modules() -> tuple[str, ...]:
    """What has to be importable to write and verify the formats that every installation has."""
    found = [facts(kind) for kind in Format if not facts(kind).is_optional]
    return tuple(dict.fromkeys(name for one in found for name in (one.module, *one.writer_modules)))


def usual_formats() -> tuple[Format, ...]:
    """Those that every installation has."""
    return tuple(kind for kind in Format if not facts(kind).is_optional)


def offered_formats() -> tuple[Format, ...]:
    """All formats but the optional ones whose packages are not installed here."""
    return tuple(kind for kind in Format if not facts(kind).is_optional or is_installed(kind))


def by_loading_order() -> tuple[Format, ...]:
    """All formats, the one that loads fastest first."""
    return tuple(sorted(Format, key=lambda kind: facts(kind).loading_order))


def readable_formats() -> tuple[Format, ...]:
    """Those whose files can be looked into, layer by layer."""
    return tuple(kind for kind in by_loading_order() if has_part(kind, "tensors"))
