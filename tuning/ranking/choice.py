"""Who gets into the final of a search, and who wins it."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from tuning.ranking.contenders import contenders
from tuning.ranking.pareto import front, pick
from tuning.ranking.selection import Selection, finalists, select
from tuning.records import SearchConfig, StopReason, TrialRecord, TrialStatus
from tuning.space.ranges import Ranges


@dataclass(frozen=True, kw_only=True)
class SearchResult:
    """All trials in the order in which they finished, and what their best ones did with other seeds.

    `selection`: None if no trial has a result. `repeats_left`: those that there was no time for. `ranges`: of the
    hyperparameters that always had the same one.
    """

    trials: tuple[TrialRecord, ...]
    stopped_by: StopReason
    repeats: tuple[TrialRecord, ...] = ()
    selection: Selection | None = None
    ranges: Ranges = dataclasses.field(default_factory=dict)
    repeats_left: int = 0

    @property
    def winner(self) -> TrialRecord | None:
        """The trial that the selection chose."""
        if self.selection is None:
            return None
        return next(trial for trial in self.trials if trial.trial_id == self.selection.winner)

    @property
    def winner_curves(self) -> tuple[TrialRecord, ...]:
        """The whole trainings of the winner with other seeds, or itself if there are none."""
        own = [
            repeat for repeat in self.repeats if self.winner is not None and repeat.repeat_of == self.winner.trial_id
        ]
        judged = tuple(repeat for repeat in own if repeat.has_result and repeat.status is not TrialStatus.STOPPED)
        return judged if judged or self.winner is None else (self.winner,)


def finalists_of(
    trials: tuple[TrialRecord, ...], config: SearchConfig, *, repeated: Collection[str] = ()
) -> tuple[TrialRecord, ...]:
    """The best trials, which are trained again with other seeds. Where costs count, the best of the front.

    Who was `repeated` stays among them, whatever is expected of others since.
    """
    best = finalists(front(trials, config.costs) if config.costs else trials, config.finalists)
    names = {*repeated, *(trial.trial_id for trial in best)}
    return finalists([trial for trial in trials if trial.trial_id in names], len(names))


def repeats_wanted(
    trials: tuple[TrialRecord, ...], repeats: tuple[TrialRecord, ...], config: SearchConfig, *, begun: Sequence[str]
) -> list[tuple[TrialRecord, int]]:
    """The finalists that may still win, best first, and how many more repeats each gets; empty where one is left.

    `begun`: the trials of all repeats, one entry each, those that run included.
    """
    racing = contenders(finalists_of(trials, config, repeated=begun), repeats)
    wanted = [(trial, config.repeats - begun.count(trial.trial_id)) for trial in racing] if len(racing) > 1 else []
    return [(trial, number) for trial, number in wanted if number > 0]


def result_of(
    trials: tuple[TrialRecord, ...], repeats: tuple[TrialRecord, ...], config: SearchConfig, *, stopped_by: StopReason
) -> SearchResult:
    """The result of a search with these trials: the best of the finalists wins, by the mean over its repeats.

    Where repeats can't tell others from it, the smallest of them: the one standard error rule (Breiman et al.,
    Classification and Regression Trees, 1984). Small is what the costs say, else the number of parameters.
    """
    chosen = finalists_of(trials, config, repeated=[each.repeat_of for each in repeats if each.repeat_of])
    if not chosen:
        return SearchResult(trials=trials, stopped_by=stopped_by)
    selection = select(chosen, repeats)
    repeated = [trial for trial in chosen if trial.trial_id in selection.means]
    if config.folds is not None:
        # Means over other folds can't be compared.
        counts = {each.trial_id: len(each.repeats) for each in selection.finalists}
        repeated = [trial for trial in repeated if counts[trial.trial_id] == max(counts.values())]
    if repeated or config.costs:
        error = selection.standard_error if repeated else selection.noise
        smallest = pick(
            repeated if repeated else chosen,
            config.costs if config.costs else ("params",),
            standard_error=error if error is not None else 0.0,
            means=selection.means,
        )
        assert smallest is not None
        selection = dataclasses.replace(selection, winner=smallest.trial_id)
    return SearchResult(trials=trials, stopped_by=stopped_by, repeats=repeats, selection=selection)
