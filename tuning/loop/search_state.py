"""What the events of a search so far amount to: a function of its journal, for a given config and space."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tuning.errors import InputError
from tuning.loop.journal import AttemptLost, EpochReported, Event, Repetition, SearchBegan, Suggestion, steady_ranges
from tuning.oracles.driver import OracleDriver, Proposal
from tuning.records import Epoch, SearchConfig, TrialRecord, TrialStatus
from tuning.seeds import derive_seed
from tuning.settings import TrainingPlan, TrainingSettings
from tuning.space.points import Point
from tuning.space.ranges import Ranges
from tuning.training.builder import ModelBuilder


@dataclass(kw_only=True)
class SearchState:
    """The suggestions and trials so far, and what comes next. `config` leaves nothing open.

    `enqueued`: what is tried first, each with its own training settings or None for the search's. `under_way`:
    suggestions without a result, in their order. `lost`: attempts at those that were lost. `repeated_in_a_row`: how
    often an oracle of the caller's own just asked for configurations that were there. `trial_of`: the oracle's name for
    a proposal → its trial. `proposed`: the name of the proposal that is about to be recorded.
    """

    builder: ModelBuilder
    config: SearchConfig
    driver: OracleDriver
    enqueued: tuple[tuple[Point, TrainingSettings | None], ...] = ()
    suggestions: dict[str, Suggestion] = field(default_factory=dict)
    records: dict[str, TrialRecord] = field(default_factory=dict)
    under_way: dict[str, Suggestion] = field(default_factory=dict)
    lost: dict[str, list[AttemptLost]] = field(default_factory=dict)
    curves: dict[str, list[Epoch]] = field(default_factory=dict)
    began: bool = False
    _numbers: dict[str, int] = field(default_factory=dict)
    repeated_in_a_row: int = 0
    _verdicts: dict[str, list[bool]] = field(default_factory=dict)
    trial_of: dict[str, str] = field(default_factory=dict)
    _repetitions: dict[str, list[str]] = field(default_factory=dict)
    proposed: str = ""

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
        skipped = sum(trial.status is TrialStatus.SKIPPED for trial in self.trials)
        return self.numbered - skipped

    @property
    def skipped_in_a_row(self) -> int:
        """How many of the configurations that were drawn last were skipped, without a trained one between them."""
        ended = (self.records[trial_id] for trial_id in reversed(self._numbers) if trial_id in self.records)
        return sum(1 for _ in itertools.takewhile(lambda trial: trial.status is TrialStatus.SKIPPED, ended))

    @property
    def ranges(self) -> Ranges:
        """Name → range, of the hyperparameters that always had the same one."""
        return steady_ranges(self.suggestions.values())

    @property
    def is_judged(self) -> bool:
        """Whether a trial may be stopped early, and so has to wait for an answer."""
        return self.driver.traits.stops or bool(self.config.costs) or self.config.max_parameters is not None

    def header(self) -> SearchBegan:
        """What the sequence of trials depends on."""
        config = self.config
        enqueued = [[dict(point.values), None if own is None else own.as_json()] for point, own in self.enqueued]
        algorithm = config.algorithm if isinstance(config.algorithm, str) else type(config.algorithm).__name__
        facts: Mapping[str, Any] = {
            "algorithm": algorithm,
            "epochs": config.epochs,
            "parts": config.parts,
            "seed": config.seed,
            "objective": str(config.objective),
            "balance_classes": config.balance_classes,
            "min_epochs": config.min_epochs,
            "costs": list(config.costs),
            "max_parameters": config.max_parameters,
            "space": self.builder.described_space(),
            "enqueued": enqueued,
            "folds": config.folds,
            "earlier": _digest([result.as_json() for result in config.earlier]),
        }
        return SearchBegan(facts=facts)

    def replay(self, event: Event) -> None:
        """Take up an event, whether it just happened or was read from the journal.

        Raises InputError for an event that can't have happened there.
        """
        if isinstance(event, SearchBegan):
            self._begin(event)
        elif isinstance(event, Suggestion):
            self._suggest(event)
        elif isinstance(event, Repetition):
            self._repeat(event)
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
            oracle_id: trial_id
            for trial_id, record in self.records.items()
            if record.status is TrialStatus.PAUSED and (oracle_id := self.suggestions[trial_id].oracle_id) is not None
        }
        return {*self.under_way, *(paused[oracle_id] for oracle_id in self.driver.continuable(paused))}

    def goes_on(self, trial_id: str, number: int) -> bool:
        """Whether the oracle let the trial go on after the epoch of that number, which was reported."""
        return self._verdicts[trial_id][number - 1]

    def count_epochs(self, trial_id: str) -> int:
        """How many epochs of the trial are on record."""
        return len(self._verdicts.get(trial_id, ()))

    def settings(self, suggestion: Suggestion) -> TrainingSettings:
        """How the suggestion is trained: an enqueued one may bring its own settings, a repeat has its trial's."""
        if suggestion.repeat_of:
            return self.records[suggestion.repeat_of].settings
        number = self._number(suggestion.trial_id)
        own = self.enqueued[number][1] if number < len(self.enqueued) else None
        usual = dataclasses.replace(self.builder.trial_settings(self.epochs), parts=self.config.parts or 1)
        return dataclasses.replace(
            own if own is not None else usual,
            objective=self.config.objective,
            balance_classes=self.config.balance_classes,
        )

    def plan(self, suggestion: Suggestion) -> TrainingPlan:
        """Everything that determines the suggestion's training."""
        use: tuple[str | int, ...] = ("trial", self._number(suggestion.trial_id))
        if suggestion.repeat_of:
            again = [each.trial_id for each in self.suggestions.values() if each.repeat_of == suggestion.repeat_of]
            use = ("repeat", self._number(suggestion.repeat_of), again.index(suggestion.trial_id) + 1)
        return TrainingPlan(
            hyperparameters=suggestion.hyperparameters,
            settings=self.settings(suggestion),
            seed=derive_seed(self.config.seed, *use),
        )

    def _number(self, trial_id: str) -> int:
        """Which of the suggested trials it is, from 0; of one that is yet to be recorded, the next."""
        return self._numbers.get(trial_id, len(self._numbers))

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
        before = self.suggestions.get(event.trial_id)
        if event.oracle_id and event.oracle_id != self.proposed:
            continues = None if before is None else before.oracle_id
            if self._number(event.trial_id) >= len(self.enqueued) and not self.driver.traits.is_caller_s:
                _require_in_range(event)
            self._adopt(event.oracle_id, event.point, epochs=event.epochs, continues=continues)
        if event.oracle_id:
            self.trial_of[event.oracle_id] = event.trial_id
        if before is None and not event.repeat_of:
            self._numbers[event.trial_id] = len(self._numbers)
            self.driver.take(event.point)
        self.repeated_in_a_row = 0
        self.suggestions[event.trial_id] = self.under_way[event.trial_id] = event

    def _repeat(self, event: Repetition) -> None:
        if event.trial_id not in self.suggestions:
            raise InputError(
                f"the journal repeats trial {event.trial_id}, which is not there: restore the file or start a new run"
            )
        if event.oracle_id != self.proposed:
            self._adopt(event.oracle_id, self.suggestions[event.trial_id].point, epochs=None, continues=None)
        self.repeated_in_a_row += 1
        if event.trial_id in self.under_way:
            self._repetitions.setdefault(event.trial_id, []).append(event.oracle_id)
        else:
            self.driver.tell(event.oracle_id, self.records[event.trial_id])

    def _adopt(self, oracle_id: str, point: Point, *, epochs: int | None, continues: str | None) -> None:
        self.driver.adopt(Proposal(oracle_id=oracle_id, point=point, epochs=epochs, continues=continues))

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
        names = [suggestion.oracle_id, *self._repetitions.pop(record.trial_id, ())]
        for oracle_id in filter(None, names):
            self.driver.tell(oracle_id, record)
        # Behind those that finished before it, also where it resumes after a pause.
        self.records.pop(record.trial_id, None)
        self.records[record.trial_id] = record

    @property
    def numbered(self) -> int:
        """How many trials were suggested, skipped ones too."""
        return len(self._numbers)

    @property
    def epochs(self) -> int:
        """Of a trial that nothing else is said of; each may be a part of one that shows all images."""
        assert self.config.epochs is not None
        return self.config.epochs * (self.config.parts or 1)


def _digest(data: list[Any]) -> str:
    """A short name of the data; empty where there is none."""
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:16] if data else ""


def _require_in_range(event: Suggestion) -> None:
    """Of what was enqueued, a default may lie outside its range; nothing that an oracle of ours draws does."""
    outside = [name for name, domain in event.ranges.items() if not domain.contains(event.hyperparameters[name])]
    if outside:
        raise InputError(
            f"the journal's trial {event.trial_id} has {outside[0]} {event.hyperparameters[outside[0]]}, which is not "
            f"in its range ({event.ranges[outside[0]]}): restore the file or start a new run"
        )
