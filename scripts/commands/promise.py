"""A retrained model that did not learn what its trial did: reported after its training, and not published."""

from __future__ import annotations

from typing import TYPE_CHECKING

from export.errors import InputError, VerificationError

if TYPE_CHECKING:
    import argparse

    from scripts.terminal.console import Console
    from tuning.runs.run_folder import RunFolder


def add_promise_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--accept-worse",
        action="store_true",
        help="publish a run's model also where its retraining ended far below what its trial had promised",
    )


def tell_promise(console: Console, folder: RunFolder) -> bool:
    """Whether the retrained model keeps what its trial promised; why not, if it does not."""
    from scripts.terminal.console import red

    broken = _explain_broken(folder)
    if broken:
        advice = "search smaller learning rates or give it more epochs; export.py publishes it with --accept-worse only"
        console.print(red(f"{broken}: "), advice)
    return not broken


def promise_note(folder: RunFolder, *, accept_worse: bool) -> str:
    """What readers of the files have to know of the model in the folder, empty where it keeps its promise.

    Raises VerificationError where it does not and --accept-worse is not given, and InputError where there is nothing
    to accept.
    """
    broken = _explain_broken(folder)
    if broken and not accept_worse:
        raise VerificationError(
            f"{folder.path} is not published, as {broken}: search smaller learning rates or give it more epochs; "
            "--accept-worse publishes it as it is"
        )
    if accept_worse and not broken:
        raise InputError(f"the model in {folder.path} is no worse than its trial promised: leave out --accept-worse")
    return broken


def _explain_broken(folder: RunFolder) -> str:
    from tuning.runs.training_file import read_trained

    promise = read_trained(folder.training).promise
    if promise is None or promise.is_kept:
        return ""
    return (
        f"the retrained model did not learn what its trial did, {promise.objective.removeprefix('val_')} "
        f"{promise.retrained:.4g} on {promise.examples} examples that it was trained on where the trial had "
        f"{promise.trial:.4g} on examples that were new to it"
    )
