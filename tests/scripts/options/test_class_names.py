"""What may be a class's name is one and the same at the door and in a published folder."""

from __future__ import annotations

import sys

from export.folder.manifest import _CONTROL
from tuning.plain_names import flaw


def test_a_class_that_can_be_trained_can_be_published_and_no_other() -> None:
    characters = list(map(chr, range(sys.maxunicode + 1)))

    assert [one for one in characters if _CONTROL.search(one)] == [one for one in characters if flaw(one)]
