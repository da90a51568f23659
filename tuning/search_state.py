"""What the events of a search so far amount to: a function of its journal, for a given config and space."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

from tuning.builder import ModelBuilder
from tuning.errors import InputError
from tuning.journal import Event, Suggestion
from tuning.oracles import OracleDriver, Proposal, Waiting
from tuning.records import SearchConfig, SearchResult, TrialRecord
from tuning.settings import Configuration, TrainingSettings


@dataclass(kw_only=True)
class SearchState:
    """The suggestions and trials so far, and what comes next. `config` leaves nothing open."""

    builder: ModelBuilder
    config: SearchConfig
    driver: OracleDriver
    suggestions: dict[str, Suggestion] = field(default_factory=dict)
    trials: list[TrialRecord] = field(default_factory=list)
    pending: Suggestion | None = None
    _proposal: Proposal | Waiting | None = None

    @property
    def best(self) -> TrialRecord | None:
        return self.result("").winner

    def result(self, stopped_by: str) -> SearchResult:
        return SearchResult(trials=tuple(self.trials), stopped_by=stopped_by)

    def next_suggestion(self) -> Suggestion | None:
        """What to try next, enqueued configurations first; None when the oracle has no more."""
        trial_id = f"{len(self.suggestions):04d}"
        if len(self.suggestions) < len(self._enqueued):
            configuration, settings = self._enqueued[len(self.suggestions)]
            epochs = self._epochs if settings is None else settings.epochs
            return Suggestion(
                trial_id=trial_id, oracle_id="", hyperparameters=self.builder.check(configuration), epochs=epochs
            )
        self._proposal = self._proposal if self._proposal is not None else self.driver.propose()
        if not isinstance(self._proposal, Proposal):
            return None
        by_oracle_id = {given.oracle_id: given for given in self.suggestions.values()}
        continued = by_oracle_id.get(self._proposal.continues) if self._proposal.continues else None
        return Suggestion(
            trial_id=trial_id,
            oracle_id=self._proposal.oracle_id,
            hyperparameters=self._proposal.hyperparameters,
            epochs=self._proposal.epochs if self._proposal.epochs is not None else self._epochs,
            initial_epoch=continued.epochs if continued is not None else 0,
            parent=continued.trial_id if continued is not None else "",
        )

    def replay(self, event: Event) -> None:
        """Take up an event, whether it just happened or was read from the journal."""
        if isinstance(event, Suggestion):
            if event != self.next_suggestion():
                raise InputError(
                    f"the journal's trial {event.trial_id} is not what this search suggests there: it was written with "
                    "other settings or library versions; start a new run"
                )
            self.suggestions[event.trial_id] = self.pending = event
            self._proposal = None
            return
        if self.pending is None or event.trial_id != self.pending.trial_id:
            raise InputError(
                f"the journal holds a result of trial {event.trial_id}, which was not under way there: restore the "
                "file or start a new run"
            )
        suggestion = self.pending
        if suggestion.oracle_id:
            self.driver.tell(suggestion.oracle_id, event)
        self.trials.append(event)
        self.pending = None

    def settings(self, suggestion: Suggestion) -> TrainingSettings:
        """How the suggestion is trained: an enqueued one may bring its own settings."""
        number = int(suggestion.trial_id)
        own = self._enqueued[number][1] if number < len(self._enqueued) else None
        return dataclasses.replace(
            own if own is not None else self.builder.trial_settings(suggestion.epochs),
            objective=self.config.objective,
            balance_classes=self.config.balance_classes,
        )

    @property
    def _epochs(self) -> int:
        assert self.config.epochs is not None
        return self.config.epochs

    @property
    def _enqueued(self) -> tuple[tuple[Configuration, TrainingSettings | None], ...]:
        return self.config.enqueued if self.config.enqueued is not None else ()
