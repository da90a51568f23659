"""What an earlier search found, ours or Keras Tuner's, as a later one can use it."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tuning.errors import InputError
from tuning.files.bounded_files import LARGEST_JSON, parse_json, read_bounded
from tuning.loop.journal import Journal
from tuning.records import EarlierResult, TrialRecord
from tuning.runs.run_folder import RunFolder
from tuning.settings import Objective

MOST_RESULTS = 100
"""More hardly add anything, and each takes a run of the model's code to see whether it lies in the space."""
SHOWN_EPOCHS = 8
_ORACLE, _TRIALS = "oracle.json", "trial_*/trial.json"
_OWN_NAMES = "tuner/"


def read_earlier(folder: Path) -> dict[str, Any]:
    """The results of a run's folder, or of a project folder of Keras Tuner, as plain values that JSON has.

    `{"name": …, "trials": [{"hyperparameters": {…}, "curve": [[passes, {metric: value}], …]}]}`; passes over all
    images, None where that is not known. Raises InputError for another folder, and where no trial has a result.
    """
    run = RunFolder(path=folder)
    if run.journal.is_file():
        trials = [_as_plain(trial) for trial in Journal(run.journal).trials() if trial.has_result]
    elif (folder / _ORACLE).is_file():
        trials = list(_keras_tuner_trials(folder))
    else:
        raise InputError(f"{folder} is neither the folder of a run nor a project folder of Keras Tuner: give one")
    if not trials:
        raise InputError(f"no trial in {folder} has a result: give another folder")
    return {"name": folder.name, "trials": trials}


def results_in(content: Mapping[str, Any], objective: Objective) -> tuple[EarlierResult, ...]:
    """What `read_earlier` gave, as far as it reports the objective: the best ones, and others from all over.

    Raises InputError for anything else, and if no trial reports the objective.
    """
    if not content:
        return ()
    try:
        found = [
            EarlierResult(
                hyperparameters=dict(trial["hyperparameters"]),
                curve=tuple(_values(trial["curve"], objective)),
            )
            for trial in content["trials"]
        ]
        name = str(content["name"])
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"earlier results must be those of a search's folder, got others ({error!r})") from error
    reported = [result for result in found if result.curve]
    if not reported:
        raise InputError(f"no trial of {name} reports {objective.name}: give another folder or another objective")
    reported.sort(key=lambda result: objective.rank(result.curve[-1][1]))
    half = MOST_RESULTS // 2
    others = reported[half:]
    return (*reported[:half], *others[:: max(math.ceil(len(others) / half), 1)])


def _values(curve: Iterable[Any], objective: Objective) -> Iterator[tuple[float | None, float]]:
    for passes, metrics in curve:
        value = metrics.get(objective.name)
        if value is not None and math.isfinite(value):
            yield None if passes is None else float(passes), float(value)


def _as_plain(trial: TrialRecord) -> dict[str, Any]:
    """A trial of ours, with a few epochs of its curve."""
    last = len(trial.epochs)
    numbers = sorted({max(round(last ** (step / SHOWN_EPOCHS)), 1) for step in range(SHOWN_EPOCHS + 1)})
    curve = []
    for number in numbers:
        epoch = trial.epochs[number - 1]
        known = {"val_loss": epoch.val_loss, "val_accuracy": epoch.val_accuracy, **epoch.metrics}
        shown = {name: value for name, value in known.items() if value is not None and math.isfinite(value)}
        curve.append([number / trial.settings.parts, shown])
    return {"hyperparameters": dict(trial.hyperparameters), "curve": curve}


def _keras_tuner_trials(folder: Path) -> Iterator[dict[str, Any]]:
    """Keras Tuner keeps one value of each metric: that of the best epoch, of each execution of a trial."""
    for path in sorted(folder.glob(_TRIALS)):
        try:
            data = parse_json(read_bounded(path, limit=LARGEST_JSON, give="give another folder"))
            values = data["hyperparameters"]["values"]
            observed = {
                name: statistics.fmean(metric["observations"][0]["value"])
                for name, metric in data["metrics"]["metrics"].items()
                if metric["observations"]
            }
            is_completed = data["status"] == "COMPLETED"
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"{path} is not a trial of Keras Tuner ({error!r}): give another folder") from error
        if is_completed and observed:
            passes = values.get(f"{_OWN_NAMES}epochs")
            yield {
                "hyperparameters": {name: value for name, value in values.items() if not name.startswith(_OWN_NAMES)},
                "curve": [[passes, {name: value for name, value in observed.items() if math.isfinite(value)}]],
            }
