"""Builders whose space is what they say while they run."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .kinds import ALL_OF_IT, SHARED, Kind

HEAD = "import keras\nimport keras_tuner as kt\nimport numpy as np\nfrom shared import L, net\n\n\n"


def trials_of(run: Path) -> list[dict[str, Any]]:
    """What was suggested, and trained to its end."""
    entries = list(map(json.loads, (run / "trials.jsonl").read_text(encoding="utf-8").splitlines()))
    ended = {entry["trial_id"] for entry in entries if entry["event"] == "finished" and entry["status"] == "completed"}
    suggested = {entry["trial_id"]: entry for entry in entries if entry["event"] == "suggested"}
    return [entry for trial_id, entry in suggested.items() if trial_id in ended]


def finds(count: int) -> Callable[[Path], None]:
    """All of a space: so many trials, each of other hyperparameters."""

    def check(run: Path) -> None:
        found = [json.dumps(trial["hyperparameters"], sort_keys=True) for trial in trials_of(run)]
        assert len(found) == len(set(found)) == count, found

    return check


def skips(count: int, reason: str) -> Callable[[Path], None]:
    """So many configurations were impossible, for this reason."""

    def check(run: Path) -> None:
        with (run / "trials.csv").open(encoding="utf-8", newline="") as file:
            skipped = [row for row in csv.DictReader(file) if row["status"] == "skipped"]
        assert len(skipped) == count
        assert all(reason in row["reason"] for row in skipped), skipped

    return check


def each(holds: Callable[[dict[str, Any]], bool]) -> Callable[[Path], None]:
    def check(run: Path) -> None:
        assert all(holds(trial["hyperparameters"]) for trial in trials_of(run)), trials_of(run)

    return check


def columns_are_unique(run: Path) -> None:
    with (run / "trials.csv").open(encoding="utf-8", newline="") as file:
        names = next(csv.reader(file))
    assert len(names) == len(set(names)), names


def space(code: str, check: Callable[[Path], None], *options: Any, files: dict[str, str] | None = None) -> Kind:
    return Kind(code=HEAD + code, files={"shared.py": SHARED, **(files or {})}, options=options, check=check)


KINDS = {
    "a loop that ends by a flag": space(
        """
def build(hp):
    hidden = []
    while len(hidden) < 2 and hp.Boolean(f"more_{len(hidden)}"):
        hidden.append(L.Conv2D(hp.Choice(f"filters_{len(hidden)}", [2, 3]), 3))
    return net(hidden)
""",
        finds(7),
        *ALL_OF_IT,
    ),
    "an optimizer with rates of its own behind two switches": space(
        """
def build(hp):
    if hp.Choice("optimizer", ["sgd", "adam"]) == "adam":
        optimizer = keras.optimizers.Adam(hp.Float("adam_rate", 1e-3, 1e-2, sampling="log"))
    else:
        momentum = hp.Float("momentum", 0.5, 0.9) if hp.Boolean("heavy") else 0.0
        optimizer = keras.optimizers.SGD(hp.Float("sgd_rate", 1e-2, 1e-1, sampling="log"), momentum)
    return net([], optimizer)
""",
        each(
            lambda values: (
                ("adam_rate" in values) == (values["optimizer"] == "adam")
                and ("momentum" in values) == values.get("heavy", False)
            )
        ),
        "--algorithm",
        "bayesian",
        "--max-trials",
        6,
    ),
    "choices that depend on another choice": space(
        """
def build(hp):
    kernel = hp.Choice("kernel", [1, 3])
    return net([L.Conv2D(hp.Choice("filters", [2, 3] if kernel == 3 else [4, 6, 8]), kernel)])
""",
        finds(5),
        *ALL_OF_IT,
    ),
    "a real range that ends at another value": space(
        """
def build(hp):
    most = hp.Float("most", 0.2, 0.6)
    return net([L.Dropout(hp.Float("least", 0.0, most)), L.Dropout(most)])
""",
        each(lambda values: values["least"] <= values["most"]),
        "--algorithm",
        "halving",
        "--max-trials",
        4,
    ),
    "one name with other ranges in other branches": space(
        """
def build(hp):
    if hp.Boolean("wide"):
        return net([L.Dense(hp.Int("units", 16, 32, step=8))])
    return net([L.Dense(hp.Int("units", 2, 3))])
""",
        finds(5),
        *ALL_OF_IT,
    ),
    "a name that turns up late": space(
        """
def build(hp):
    units = hp.Int("units", 2, 5)
    return net([L.Dense(units, activation=hp.Choice("activation", ["relu", "tanh"]) if units == 5 else None)])
""",
        finds(5),
        *ALL_OF_IT,
    ),
    "conditions declared for Keras Tuner": space(
        """
def build(hp):
    hp.Choice("pool", ["none", "max"])
    with hp.conditional_scope("pool", ["max"]):
        size = hp.Int("size", 2, 3)
    hp.Fixed("seed", 7)
    hp.Choice("rate", [0.1, 0.2], parent_name="pool", parent_values=["none"])
    return net([L.MaxPooling2D(size)] if hp.get("pool") == "max" else [L.Dropout(hp.get("rate"))])
""",
        finds(4),
        *ALL_OF_IT,
    ),
    "combinations that it calls impossible": space(
        """
def build(hp):
    if hp.Choice("blocks", [1, 2]) * hp.Choice("units", [2, 4]) > 6:
        raise kt.errors.FailedTrialError("too large for the device")
    return net([L.Dense(hp.get("units")) for _ in range(hp.get("blocks"))])
""",
        skips(1, "too large for the device"),
        *ALL_OF_IT,
    ),
    "combinations that Keras can't build": space(
        """
def build(hp):
    return net([L.Conv2D(2, hp.Choice("kernel", [3, 5, 9]))])
""",
        skips(1, "shared.py line 11: ValueError: Computed output size would be zero or negative"),
        *ALL_OF_IT,
    ),
    "hyperparameters called as the table's own columns": space(
        """
def build(hp):
    hp.Choice("status", ["new", "old"])
    hp.Choice("reason", [1, 2])
    return net([L.Dense(hp.Int("parameters", 2, 4)), L.Dropout(hp.Float("loss", 0, 0.5))])
""",
        columns_are_unique,
        "--max-trials",
        2,
    ),
    "ranges of every kind, with numbers of numpy": space(
        """
def build(hp):
    rate = hp.Choice("rate", list(np.logspace(-3, -2, 3)), ordered=False)
    share = hp.Float("share", 1e-2, 0.5, sampling="reverse_log")
    units = hp.Int("units", np.int64(2), np.int64(64), sampling="log")
    hp.Int("even", 2, 8, step=2, sampling="log")
    return net([L.Dense(units), L.Dropout(hp.Float("drop", 0, 0.5, step=0.25) * share)], keras.optimizers.Adam(rate))
""",
        each(lambda values: set(values) == {"rate", "share", "units", "even", "drop"}),
        "--algorithm",
        "tpe",
        "--max-trials",
        3,
    ),
    "a space that a file narrows and a batch size that is searched": space(
        """
def build(hp):
    return net([L.Dense(hp.Int("units", 2, 64)), L.Dropout(hp.Float("drop", 0.0, 0.5))])
""",
        finds(4),
        *ALL_OF_IT,
        "--space",
        "space.toml",
        "--batch-size",
        "8,16",
        files={"space.toml": "units = [4, 100]\ndrop = 0.1\n"},
    ),
}
