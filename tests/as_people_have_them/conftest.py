"""What the tests of a user's own things share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from warm_scripts import WarmScripts


@pytest.fixture(scope="session")
def warm() -> Iterator[WarmScripts]:
    """The scripts in a process that has TensorFlow loaded."""
    scripts = WarmScripts()
    yield scripts
    scripts.close()
