"""What may be a class's name is one and the same at the door and in a published folder."""

from __future__ import annotations

import sys

from export.artifact import Description
from export.folder.manifest import _description_flaws
from tuning.plain_names import flaw


def test_a_class_that_can_be_trained_can_be_published_and_no_other() -> None:
    characters = tuple(map(chr, range(sys.maxunicode + 1)))
    published = Description(
        class_names=characters, dataset="d", dataset_digest="", accuracy=None, source_digest="0" * 64
    )

    refused = list(_description_flaws(published))

    assert refused == [f"the class name {one!r} {flaw(one)}" for one in characters if flaw(one)]
    assert len(refused) > 2000
