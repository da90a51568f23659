"""What a published folder says about itself is looked at before anything of it is shown."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from export.errors import InputError
from scripts.parts import signing


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("\x1b[31mcat", r"names the class \\x1b\[31mcat, which holds control characters: remove .* and export again"),
        ("\u202ecat", r"names the class \\u202ecat, which holds control characters"),
        ("\ud800", r"names the class \\ud800, which is not UTF-8"),
        (7, "names the class 7, which is no text"),
    ],
)
def test_a_class_name_that_could_not_have_been_published_is_refused(
    name: Any, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    description = SimpleNamespace(class_names=("dog", name))
    monkeypatch.setattr(signing, "read_manifest", lambda folder: SimpleNamespace(description=description))

    with pytest.raises(InputError, match=told):
        signing.read_published(tmp_path, None)
