"""Is a configuration worth its training? Asked when its model is built, and after every epoch."""

from __future__ import annotations

from tuning.loop.attempt import Attempt
from tuning.loop.search_state import SearchState
from tuning.ranking.pareto import MOST_SKIPPED_IN_A_ROW, costs_of, explain_no_gain
from tuning.records import TrialRecord


def reason_to_skip(state: SearchState, attempt: Attempt) -> str:
    """Why a model that is built is not trained: it is too large, or no gain for its size is in sight; else empty."""
    config = state.config
    if config.max_parameters is not None and attempt.parameters > config.max_parameters:
        return f"it has {attempt.parameters} parameters, more than {config.max_parameters}"
    if not config.costs or state.skipped_in_a_row >= MOST_SKIPPED_IN_A_ROW:
        return ""
    return explain_no_gain(attempt.plan.hyperparameters, attempt.costs(config.costs), state.trials)


def reason_to_stop(state: SearchState, attempt: Attempt, number: int) -> str:
    """Why a trial is not trained on after its epoch of that number, else empty.

    Where costs count, it continues as long as no smaller trial was as good after as many epochs (non-dominated trials
    survive a rung: Schmucker et al., Multi-objective Asynchronous Successive Halving, 2021).
    """
    if state.goes_on(attempt.trial_id, number):
        return ""
    if state.config.costs and not any(_was_better_and_smaller(trial, state, attempt, number) for trial in state.trials):
        return ""
    return f"it was not among the best after {number} epoch{'' if number == 1 else 's'}"


def _was_better_and_smaller(trial: TrialRecord, state: SearchState, attempt: Attempt, number: int) -> bool:
    objective, names = state.config.objective, state.config.costs
    if not trial.has_result or len(trial.epochs) < number:
        return False
    theirs = trial.epochs[number - 1].value(objective.name)
    own = state.curves[attempt.trial_id][number - 1].value(objective.name)
    if theirs is None or own is None or objective.rank(theirs) > objective.rank(own):
        return False
    limits = attempt.costs(names).values()
    return all(limit is not None and cost <= limit for cost, limit in zip(costs_of(trial, names), limits, strict=True))
