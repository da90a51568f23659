"""Hyperband: many short trainings, the best third of them longer, and so on (Li et al., JMLR 2018).

Keras Tuner's own repeats configurations, and one failed trial keeps its bracket from ever reaching the last rung.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Self

from tuning.oracles.algorithms.halving import FACTOR
from tuning.oracles.base import EARLIER_TRIAL, EPOCHS, WAITING, Proposed, UnrepeatedOracle, Waiting
from tuning.records import SearchConfig
from tuning.settings import Objective


@dataclass(frozen=True, kw_only=True)
class BracketPlan:
    """A bracket as it is meant to be: `size` configurations, trained up to the first of `epochs`, then the next."""

    size: int
    epochs: tuple[int, ...]


@dataclass(kw_only=True)
class Bracket:
    """A bracket under way. `rungs[i]` holds the ids of the trials that were trained up to `plan.epochs[i]`."""

    plan: BracketPlan
    rungs: list[list[str]] = field(default_factory=list)

    @property
    def has_room(self) -> bool:
        return len(self.rungs[0]) < self.plan.size


def plan_brackets(epochs: int) -> list[BracketPlan]:
    """The brackets of one round, from the one that stops most trials early to the one that stops none."""
    last = 0
    while FACTOR ** (last + 1) <= epochs:
        last += 1
    return [
        BracketPlan(
            size=-(-(last + 1) * FACTOR**halvings // (halvings + 1)),
            epochs=tuple(epochs // FACTOR**left for left in range(halvings, -1, -1)),
        )
        for halvings in range(last, -1, -1)
    ]


class HyperbandOracle(UnrepeatedOracle):
    """Brackets of successive halving, over and over. A promotion continues the trial that it names.

    `epochs`: what the best configurations get, 1 or more. The losers of a rung stay as they are. A third of a rung is
    promoted, at least one, of those with a result: a failed trial starves no rung. While a rung waits for running
    trials, the next bracket begins. What a bracket lacks when the space is used up, or when nothing new is wanted, it
    continues without.
    """

    pauses = True
    fewest_epochs = FACTOR**2

    def __init__(self, objective: Objective, *, seed: int, epochs: int) -> None:
        super().__init__(objective, seed=seed)
        self.epochs = epochs
        self._draws = True
        self._plans = plan_brackets(epochs)

    @classmethod
    def of(cls, config: SearchConfig, *, seed: int) -> Self:
        """Configurations get `config.epochs` epochs at most."""
        return cls(config.objective, seed=seed, epochs=config.epochs if config.epochs is not None else 1)

    def propose(self, *, new: bool = True) -> Proposed | Waiting | None:
        """WAITING where a promotion depends on trials that are running."""
        self._draws = new
        brackets = self._brackets()
        promotion = self._promotion([bracket for bracket in brackets if not bracket.has_room])
        if promotion is not None:
            return promotion
        drawing = self.drawing() if new else None
        if drawing is not None:
            return Proposed(what=drawing, decided={EPOCHS: brackets[-1].plan.epochs[0]})
        promotion = self._promotion(brackets)
        return WAITING if promotion is None and self.ongoing_trials else promotion

    def continuable(self, oracle_ids: Iterable[str]) -> set[str]:
        return self.promotable().intersection(oracle_ids)

    def promotable(self) -> set[str]:
        """The trials that ended and may be promoted yet: their rung is not decided, or decided in their favour."""
        found: set[str] = set()
        for bracket in self._brackets():
            grows = bracket.has_room and self._draws
            for rung, following in zip(bracket.rungs, bracket.rungs[1:], strict=False):
                promoted = {self.trials[trial_id].hyperparameters.values[EARLIER_TRIAL] for trial_id in following}
                ended = [trial_id for trial_id in rung if self.trials[trial_id].status == "COMPLETED"]
                is_open = grows or any(self.trials[trial_id].status == "RUNNING" for trial_id in rung)
                winners = ended if is_open else [trial.trial_id for trial in self._winners(rung)]
                found |= set(winners) - promoted
                grows = is_open or not self._is_through(rung, following)
        return found

    def _brackets(self) -> list[Bracket]:
        """The position of every trial so far, in brackets in order; the last one has room."""
        brackets: list[Bracket] = []
        places: dict[str, tuple[Bracket, int]] = {}
        for trial_id, trial in self.trials.items():
            earlier = trial.hyperparameters.values.get(EARLIER_TRIAL)
            if earlier is not None:
                bracket, rung = places[earlier][0], places[earlier][1] + 1
            else:
                bracket, rung = self._with_room(brackets), 0
            bracket.rungs[rung].append(trial_id)
            places[trial_id] = bracket, rung
        self._with_room(brackets)
        return brackets

    def _with_room(self, brackets: list[Bracket]) -> Bracket:
        if not brackets or not brackets[-1].has_room:
            plan = self._plans[len(brackets) % len(self._plans)]
            brackets.append(Bracket(plan=plan, rungs=[[] for _ in plan.epochs]))
        return brackets[-1]

    def _promotion(self, brackets: list[Bracket]) -> Proposed | None:
        """The next promotion in a bracket that gets no more configurations, the oldest first."""
        for bracket in brackets:
            for rung, epochs in enumerate(bracket.plan.epochs[1:]):
                winner = self._winner(bracket.rungs[rung], bracket.rungs[rung + 1])
                if winner is not None:
                    decided = {EPOCHS: epochs, EARLIER_TRIAL: winner.trial_id}
                    return Proposed(what=self.points[winner.trial_id], decided=decided)
                if not self._is_through(bracket.rungs[rung], bracket.rungs[rung + 1]):
                    break
        return None

    def _winners(self, trial_ids: list[str]) -> list[Any]:
        """The third of a rung that is promoted, best first; none while a trial of it runs."""
        trials = [self.trials[trial_id] for trial_id in trial_ids]
        if any(trial.status == "RUNNING" for trial in trials):
            return []
        ranked = sorted((trial for trial in trials if trial.status == "COMPLETED"), key=self.rank)
        return ranked[: max(len(trials) // FACTOR, 1)]

    def _winner(self, rung: list[str], following: list[str]) -> Any:
        promoted = {self.trials[trial_id].hyperparameters.values[EARLIER_TRIAL] for trial_id in following}
        waiting = [trial for trial in self._winners(rung) if trial.trial_id not in promoted]
        return waiting[0] if waiting else None

    def _is_through(self, rung: list[str], following: list[str]) -> bool:
        """Whether the next rung gets no more trials."""
        return bool(following) and len(following) == len(self._winners(rung))


ALGORITHM = HyperbandOracle
