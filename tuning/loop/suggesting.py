"""What a search tries next, and what is to be recorded of a configuration that was drawn for it."""

from __future__ import annotations

from tuning.loop.journal import Event, Repetition, Suggestion
from tuning.loop.search_state import SearchState
from tuning.oracles.base import Waiting
from tuning.oracles.driver import Proposal
from tuning.records import TrialRecord, TrialStatus
from tuning.space.drawing import BuildOutcome, Drawing, Drawn
from tuning.space.points import Point


def next_up(state: SearchState, *, new: bool = True) -> Suggestion | Drawing | Waiting | None:
    """Enqueued configurations first, then what the oracle wants; None when there is no more.

    A configuration that is yet to be drawn continues with `events_of`. `new` False: only one that resumes.
    """
    number = state.numbered
    if new and number < len(state.enqueued):
        point, settings = state.enqueued[number]
        # What trains as the search's own trials do can teach the oracle.
        name = state.driver.next_id if settings is None and state.driver.traits.learns else None
        epochs = state.driver.traits.first_epochs if settings is None else settings.epochs
        return _make_suggestion(state, point, oracle_id=name, epochs=epochs)
    asked = state.driver.ask(new=new and state.drawn < state.config.max_trials)
    return _suggest(state, asked) if isinstance(asked, Proposal) else asked


def events_of(state: SearchState, drawn: Drawn) -> tuple[Event, ...]:
    """The suggestion that was drawn as `next_up` said.

    A trial whose configuration is impossible, or whose model can't be built, has ended by that. What an oracle of the
    caller's own asked for before is no trial.
    """
    driver = state.driver
    earlier = _trial_like(state, drawn.point) if driver.traits.is_caller_s else None
    is_told = drawn.outcome is not BuildOutcome.IMPOSSIBLE or driver.traits.is_caller_s
    proposal = driver.accept(drawn.point) if is_told else None
    if earlier is not None and proposal is not None and not proposal.continues:
        state.proposed = proposal.oracle_id
        return (Repetition(oracle_id=proposal.oracle_id, trial_id=earlier),)
    suggestion = _make_suggestion(state, drawn.point) if proposal is None else _suggest(state, proposal)
    if drawn.outcome is BuildOutcome.POSSIBLE:
        return (suggestion,)
    return suggestion, _end_untried(state, suggestion, drawn)


def _end_untried(state: SearchState, suggestion: Suggestion, drawn: Drawn) -> TrialRecord:
    plan = state.plan(suggestion)
    return TrialRecord(
        trial_id=suggestion.trial_id,
        hyperparameters=plan.hyperparameters,
        settings=plan.settings,
        seed=plan.seed,
        status=TrialStatus.SKIPPED if drawn.outcome is BuildOutcome.IMPOSSIBLE else TrialStatus.FAILED,
        reason=drawn.reason,
        epochs=(),
        result_epoch=0,
        parameters=0,
        seconds=0.0,
    )


def _suggest(state: SearchState, proposal: Proposal) -> Suggestion:
    state.proposed = proposal.oracle_id
    return _make_suggestion(
        state,
        proposal.point,
        oracle_id=proposal.oracle_id,
        epochs=proposal.epochs,
        trial_id=state.trial_of[proposal.continues] if proposal.continues else None,
    )


def _make_suggestion(
    state: SearchState,
    point: Point,
    *,
    oracle_id: str | None = None,
    epochs: int | None = None,
    trial_id: str | None = None,
) -> Suggestion:
    return Suggestion(
        trial_id=trial_id if trial_id is not None else f"{state.numbered:04d}",
        oracle_id=oracle_id,
        hyperparameters=point.values,
        ranges=point.ranges,
        epochs=epochs if epochs is not None else state.epochs,
    )


def _trial_like(state: SearchState, point: Point) -> str | None:
    """The trial that the same configuration was suggested for, if there is one."""
    if not state.driver.space.is_taken(point.values):
        return None
    alike = (each for each in state.suggestions.values() if each.hyperparameters == point.values)
    return next((each.trial_id for each in alike if not each.repeat_of), None)
