"""Which hyperparameters the objective depended on, as far as the trials of a search show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestRegressor
from sklearn.inspection import permutation_importance
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from tuning.files.json_record import JsonRecord
from tuning.records import TrialRecord
from tuning.space.distance import Scale, observed_scales

FEWEST_TRIALS = 10
TREES = 100
PERMUTATIONS = 5
SEED = 0


@dataclass(frozen=True, kw_only=True)
class Importance(JsonRecord):
    """`shares`: hyperparameter → its share of all importance, summing to 1, the largest first; empty if not known.

    `explained`: the share of the objective's order that the hyperparameters explain for trials that were not looked at,
    1 or less. `reason`: why there are no shares, in a few words.
    """

    shares: Mapping[str, float] = field(default_factory=dict)
    explained: float | None = None
    reason: str = ""


def importance(trials: Sequence[TrialRecord]) -> Importance:
    """The permutation importance of each hyperparameter for the order of the trials' objectives.

    A random forest (Breiman, Machine Learning 2001) learns the order, and a hyperparameter is as important as the
    forest is worse with its values shuffled between the trials. What the forest does not explain of trials left out of
    its trees (R² of 0 or less) is taken for noise, and nothing is said of it. Numbers that span more than a factor of
    ten are taken on a logarithmic scale; a word is one hyperparameter however many columns it becomes; a hyperparameter
    that a configuration lacks has a value of its own. The same trials give the same shares.
    """
    ranked = [trial for trial in trials if trial.has_result and not trial.repeat_of]
    if len(ranked) < FEWEST_TRIALS:
        return Importance(reason=f"it takes {FEWEST_TRIALS} trials with a result, there are {len(ranked)}")
    table = _table(ranked)
    if not table:
        return Importance(reason="all trials have the same hyperparameters")
    _, order = np.unique([trial.rank for trial in ranked], return_inverse=True)
    if not order.any():
        return Importance(reason="all trials have the same result")
    columns = list(table.values())
    values = np.stack([column.values for column in columns], axis=1)
    forest = RandomForestRegressor(n_estimators=TREES, oob_score=True, random_state=SEED)
    model = make_pipeline(FunctionTransformer(_encode, kw_args={"columns": columns}), forest)
    model.fit(values, order)
    explained = float(forest.oob_score_)
    found = permutation_importance(model, values, order, n_repeats=PERMUTATIONS, random_state=SEED)
    gains = np.maximum(found.importances_mean, 0.0)
    if explained <= 0 or not gains.any():
        return Importance(explained=explained, reason="the hyperparameters do not explain which trials are better")
    shares = dict(zip(table, (gains / gains.sum()).tolist(), strict=True))
    return Importance(shares=dict(sorted(shares.items(), key=lambda pair: -pair[1])), explained=explained)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Column:
    """A hyperparameter's value for each trial: its place from 0 to 1, or for words their number; NaN where absent."""

    values: NDArray[np.float64]
    words: int


def _table(trials: Sequence[TrialRecord]) -> dict[str, _Column]:
    """The hyperparameters that vary, by name."""
    configurations = [trial.hyperparameters for trial in trials]
    scales = observed_scales(configurations)
    names = dict.fromkeys(name for configuration in configurations for name in configuration)
    columns = {name: _column(name, configurations, scales.get(name)) for name in names}
    return {name: column for name, column in columns.items() if len(np.unique(column.values)) > 1}


def _column(name: str, configurations: Sequence[Mapping[str, Any]], scale: Scale | None) -> _Column:
    if scale is not None:
        places = [scale.place(float(each[name])) if name in each else np.nan for each in configurations]
        return _Column(values=np.array(places), words=0)
    words = sorted({repr(each[name]) for each in configurations if name in each})
    numbers = [float(words.index(repr(each[name]))) if name in each else np.nan for each in configurations]
    return _Column(values=np.array(numbers), words=len(words))


def _encode(values: NDArray[np.float64], *, columns: Sequence[_Column]) -> NDArray[np.float64]:
    """(trials, hyperparameters) → (trials, columns): one column for each word, and one for absence."""
    parts: list[NDArray[np.float64]] = []
    for column, given in zip(columns, values.T, strict=True):
        absent = np.isnan(given)
        if column.words:
            parts += [(given == word).astype(float) for word in range(column.words)]
        else:
            parts.append(np.where(absent, -1.0, given))
        parts.append(absent.astype(float))
    return np.stack(parts, axis=1)
