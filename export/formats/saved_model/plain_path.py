"""A folder under a name that TensorFlow does not take for a pattern: it looks for a SavedModel's weights with one."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def plain_path(path: Path) -> Iterator[Path]:
    """The absolute path, or as long as the block lasts a link to it if `*`, `?`, `[` or `]` is part of it."""
    absolute = path.resolve()
    if not set(str(absolute)) & set("*?[]"):
        yield absolute
        return
    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder) / absolute.name.translate(dict.fromkeys(map(ord, "*?[]"), "_"))
        link.symlink_to(absolute, target_is_directory=absolute.is_dir())
        yield link
