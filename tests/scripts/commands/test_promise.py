"""What is told of a promise, and that a model which breaks it is published only by who accepts that."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from export.errors import InputError, VerificationError
from scripts.commands.promise import promise_note, tell_promise
from scripts.terminal.console import Console
from tuning.runs.run_folder import RunFolder
from tuning.runs.trained import Promise

TrainedRun = Callable[..., RunFolder]
BROKEN = (
    "the retrained model did not learn what its trial did, accuracy 0.21 on 1442 examples that it was trained on where "
    "the trial had 0.87 on examples that were new to it"
)


def promise(*, is_kept: bool) -> Promise:
    return Promise(
        objective="val_accuracy", trial=0.87, retrained=0.21, standard_error=0.02, examples=1442, is_kept=is_kept
    )


@pytest.mark.parametrize("made", [None, promise(is_kept=True)], ids=["none", "kept"])
def test_of_a_promise_that_is_kept_nothing_is_said(made: Promise | None, trained_run: TrainedRun) -> None:
    output = io.StringIO()
    folder = trained_run(promise=made)

    assert tell_promise(Console(output), folder)
    assert promise_note(folder, accept_worse=False) == ""
    assert output.getvalue() == ""
    with pytest.raises(InputError, match="is no worse than its trial promised: leave out --accept-worse"):
        promise_note(folder, accept_worse=True)


def test_a_broken_promise_is_told_and_keeps_the_model_from_being_published(trained_run: TrainedRun) -> None:
    output = io.StringIO()
    folder = trained_run(promise=promise(is_kept=False))

    assert not tell_promise(Console(output, width=1000), folder)
    assert output.getvalue().startswith(f"{BROKEN}: search smaller learning rates")
    with pytest.raises(
        VerificationError, match=f"is not published, as {BROKEN}: search smaller .*; --accept-worse pub"
    ):
        promise_note(folder, accept_worse=False)
    assert promise_note(folder, accept_worse=True) == BROKEN
