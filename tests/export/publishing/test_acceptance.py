"""What the installed onnxruntime opens is found out by trying, and what it would refuse is refused before."""

from __future__ import annotations

import onnxruntime
import pytest

from export.artifact import DEFAULT_OPSET, ONNX_IR_VERSION
from export.errors import InputError
from export.formats.targets import NEWEST_OPSET
from export.publishing.acceptance import Accepted, accepted, require_accepted


def test_the_installed_runtime_opens_all_that_is_written() -> None:
    found = accepted()

    assert found.ir >= ONNX_IR_VERSION
    assert found.opset >= NEWEST_OPSET
    require_accepted(NEWEST_OPSET)


def test_there_is_an_end_to_what_it_opens() -> None:
    assert accepted().ir < 63
    assert accepted().opset < 63


@pytest.mark.parametrize("found", [Accepted(ir=ONNX_IR_VERSION - 1, opset=26), Accepted(ir=13, opset=16)])
def test_a_runtime_that_would_refuse_the_file_is_named(found: Accepted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("export.publishing.acceptance.accepted", lambda: found)

    message = (
        f"onnxruntime {onnxruntime.__version__} opens files up to IR {found.ir} and opset {found.opset} but a file"
    )
    with pytest.raises(
        InputError, match=f"{message} with IR 8 and opset 17 was asked for: install a newer onnxruntime"
    ):
        require_accepted(DEFAULT_OPSET)
