"""What the events of a search so far amount to: a function of its journal, for a given config and space."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tuning.builder import ModelBuilder
from tuning.errors import InputError
from tuning.journal import AttemptLost, EpochReported, Event, SearchBegan, Suggestion
from tuning.oracles import OracleDriver, Waiting
from tuning.records import Epoch, SearchConfig, Status, TrialRecord
from tuning.settings import Configuration, TrainingSettings


@dataclass(kw_only=True)
class SearchState:
    """The suggestions and trials so far, and what comes next. `config` leaves nothing open.

    `under_way`: suggestions without a result, in their order. `lost`: attempts at those that were lost.
    """

    builder: ModelBuilder
    config: SearchConfig
    driver: OracleDriver
    suggestions: dict[str, Suggestion] = field(default_factory=dict)
    records: dict[str, TrialRecord] = field(default_factory=dict)
    under_way: dict[str, Suggestion] = field(default_factory=dict)
    lost: dict[str, list[AttemptLost]] = field(default_factory=dict)
    curves: dict[str, list[Epoch]] = field(default_factory=dict)
    began: bool = False
    _verdicts: dict[str, list[bool]] = field(default_factory=dict)
    _trial_of: dict[str, str] = field(default_factory=dict)
    _proposed: str = ""

    @property
    def trials(self) -> tuple[TrialRecord, ...]:
        """How the trials ended so far, without those trained again."""
        return tuple(record for record in self.records.values() if not record.repeat_of)

    @property
    def repeats(self) -> tuple[TrialRecord, ...]:
        """How the trials ended that were trained again."""
        return tuple(record for record in self.records.values() if record.repeat_of)

    @property
    def best(self) -> TrialRecord | None:
        """The trial with the best objective so far, the earlier one on a tie."""
        return min((trial for trial in self.trials if trial.has_result), key=lambda trial: trial.rank, default=None)

    @property
    def drawn(self) -> int:
        """How many configurations were suggested, without repeats and skipped ones."""
        skipped = sum(trial.status is Status.SKIPPED for trial in self.trials)
        return self._numbered - skipped

    @property
    def skipped_in_a_row(self) -> int:
        """How many of the latest trials were skipped before anything else ended."""
        count = 0
        for trial in reversed(self.trials):
            if trial.status is not Status.SKIPPED:
                break
            count += 1
        return count

    @property
    def is_judged(self) -> bool:
        """Whether a trial may be told to end for what it is like, and so has to wait for an answer."""
        return self.driver.judges or bool(self.config.costs) or self.config.max_parameters is not None

    def header(self) -> SearchBegan:
        """What the sequence of trials depends on."""
        config = self.config
        enqueued = [[dict(values), None if own is None else own.as_json()] for values, own in self._enqueued]
        algorithm = config.algorithm if isinstance(config.algorithm, str) else type(config.algorithm).__name__
        facts: Mapping[str, Any] = {
            "algorithm": algorithm,
            "epochs": config.epochs,
            "seed": config.seed,
            "objective": str(config.objective),
            "balance_classes": config.balance_classes,
            "min_epochs": config.min_epochs,
            "costs": list(config.costs),
            "max_parameters": config.max_parameters,
            "space": self.builder.described_space(),
            "enqueued": enqueued,
        }
        return SearchBegan(facts=facts)

    def next_suggestion(self) -> Suggestion | Waiting | None:
        """What to try next, enqueued configurations first; None when there is no more."""
        trial_id = f"{self._numbered:04d}"
        if self._numbered < len(self._enqueued):
            configuration, settings = self._enqueued[self._numbered]
            epochs = self._epochs if settings is None else settings.epochs
            values = self.builder.check(configuration)
            # What trains as the search's own trials do can teach the oracle.
            name = self.driver.next_id if settings is None and self.driver.learns_from(values) else ""
            return Suggestion(trial_id=trial_id, oracle_id=name, hyperparameters=values, epochs=epochs)
        proposal = self.driver.propose(new=self.drawn < self.config.max_trials)
        if proposal is None or isinstance(proposal, Waiting):
            return proposal
        self._proposed = proposal.oracle_id
        return Suggestion(
            trial_id=self._trial_of[proposal.continues] if proposal.continues else trial_id,
            oracle_id=proposal.oracle_id,
            hyperparameters=proposal.hyperparameters,
            epochs=proposal.epochs if proposal.epochs is not None else self._epochs,
        )

    def replay(self, event: Event) -> None:
        """Take up an event, whether it just happened or was read from the journal.

        Raises InputError for an event that can't have happened there.
        """
        if isinstance(event, SearchBegan):
            self._begin(event)
        elif isinstance(event, Suggestion):
            self._suggest(event)
        elif event.trial_id not in self.under_way:
            raise InputError(
                f"the journal holds an event of trial {event.trial_id}, which was not under way there: restore the "
                "file or start a new run"
            )
        elif isinstance(event, EpochReported):
            self._report(event)
        elif isinstance(event, AttemptLost):
            self.lost.setdefault(event.trial_id, []).append(event)
        else:
            self._finish(event)

    def with_future(self) -> set[str]:
        """The trials that are under way, or paused and may go on yet: those whose states are of use."""
        paused = {
            self.suggestions[trial_id].oracle_id: trial_id
            for trial_id, record in self.records.items()
            if record.status is Status.PAUSED
        }
        return {*self.under_way, *(paused[oracle_id] for oracle_id in self.driver.continuable(paused))}

    def goes_on(self, trial_id: str, number: int) -> bool:
        """Whether the oracle let the trial go on after the epoch of that number, which was reported."""
        return self._verdicts[trial_id][number - 1]

    def reported(self, trial_id: str) -> int:
        """How many epochs of the trial are on record."""
        return len(self._verdicts.get(trial_id, ()))

    def settings(self, suggestion: Suggestion) -> TrainingSettings:
        """How the suggestion is trained: an enqueued one may bring its own settings, a repeat has its trial's."""
        if suggestion.repeat_of:
            return self.records[suggestion.repeat_of].settings
        number = int(suggestion.trial_id)
        own = self._enqueued[number][1] if number < len(self._enqueued) else None
        return dataclasses.replace(
            own if own is not None else self.builder.trial_settings(self._epochs),
            objective=self.config.objective,
            balance_classes=self.config.balance_classes,
        )

    def _begin(self, event: SearchBegan) -> None:
        asked = self.header().facts
        for name, value in event.facts.items():
            if asked.get(name) != value:
                raise InputError(
                    f"the journal was begun by a search with {name} {value} and can't go on with {asked.get(name)}: "
                    "ask for the same or start a new run"
                )
        self.began = True

    def _suggest(self, event: Suggestion) -> None:
        if not self.began or event.trial_id in self.under_way:
            raise InputError(
                f"the journal suggests trial {event.trial_id} where it can't have: restore the file or start a new run"
            )
        if event.oracle_id and event.oracle_id != self._proposed:
            before = self.suggestions.get(event.trial_id)
            continues = "" if before is None else before.oracle_id
            self.driver.adopt(event.oracle_id, event.hyperparameters, epochs=event.epochs, continues=continues)
        if event.oracle_id:
            self._trial_of[event.oracle_id] = event.trial_id
        self.suggestions[event.trial_id] = self.under_way[event.trial_id] = event

    def _report(self, event: EpochReported) -> None:
        verdicts = self._verdicts.setdefault(event.trial_id, [])
        if event.number != len(verdicts) + 1:
            raise InputError(
                f"the journal holds epoch {event.number} of trial {event.trial_id} after epoch {len(verdicts)}: "
                "restore the file or start a new run"
            )
        oracle_id = self.under_way[event.trial_id].oracle_id
        value = event.epoch.value(self.config.objective.name)
        verdicts.append(self.driver.report(oracle_id, event.number, value) if oracle_id else True)
        self.curves.setdefault(event.trial_id, []).append(event.epoch)

    def _finish(self, record: TrialRecord) -> None:
        suggestion = self.under_way.pop(record.trial_id)
        self.lost.pop(record.trial_id, None)
        if suggestion.oracle_id:
            self.driver.tell(suggestion.oracle_id, record)
        # Behind those that finished before it, also where it goes on after a pause.
        self.records.pop(record.trial_id, None)
        self.records[record.trial_id] = record

    @property
    def _numbered(self) -> int:
        return sum(not suggestion.repeat_of for suggestion in self.suggestions.values())

    @property
    def _epochs(self) -> int:
        assert self.config.epochs is not None
        return self.config.epochs

    @property
    def _enqueued(self) -> tuple[tuple[Configuration, TrainingSettings | None], ...]:
        return self.config.enqueued if self.config.enqueued is not None else ()
