"""The versions that decide what is written and how it answers.

Standard library only.
"""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from export.artifact import Format
from export.formats.format import facts


def installed_versions() -> dict[str, str]:
    """Python's, and those of every distribution that writes or runs a format and is installed here, by name."""
    versions = {"python": platform.python_version()}
    for name in dict.fromkeys(name for kind in Format for name in (*facts(kind).recorded, "numpy")):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions
