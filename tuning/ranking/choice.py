"""Who gets into the final of a search, and who wins it."""

from __future__ import annotations

import dataclasses

from tuning.ranking.pareto import front, pick
from tuning.ranking.selection import finalists, select
from tuning.records import SearchConfig, SearchResult, TrialRecord


def finalists_of(trials: tuple[TrialRecord, ...], config: SearchConfig) -> tuple[TrialRecord, ...]:
    """The best trials, which are trained again with other seeds. Where costs count, the best of the front."""
    return finalists(front(trials, config.costs) if config.costs else trials, config.finalists)


def result_of(
    trials: tuple[TrialRecord, ...], repeats: tuple[TrialRecord, ...], config: SearchConfig, *, stopped_by: str
) -> SearchResult:
    """The result of a search with these trials: the finalist with the best mean over its repeats wins.

    Where costs count, the smallest one within a standard error of the best.
    """
    chosen = finalists_of(trials, config)
    if not chosen:
        return SearchResult(trials=trials, stopped_by=stopped_by)
    selection = select(chosen, repeats)
    if config.costs:
        repeated = [trial for trial in chosen if trial.trial_id in selection.means]
        error = selection.standard_error if repeated else selection.noise
        smallest = pick(
            repeated if repeated else chosen,
            config.costs,
            standard_error=error if error is not None else 0.0,
            means=selection.means,
        )
        assert smallest is not None
        selection = dataclasses.replace(selection, winner=smallest.trial_id)
    return SearchResult(trials=trials, stopped_by=stopped_by, repeats=repeats, selection=selection)
