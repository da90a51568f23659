"""Search: configurations from an oracle, one training each, everything in the journal before it counts."""

from __future__ import annotations

import contextlib
import math
import time
from dataclasses import dataclass, field
from typing import Protocol

from tuning.budget import Budget
from tuning.dataset import Split
from tuning.errors import InputError
from tuning.hypermodel import TunableClassifier
from tuning.journal import Event, Journal, Suggestion
from tuning.oracles import OracleDriver, Proposal, make_oracle
from tuning.records import (
    Epoch,
    Plan,
    SearchConfig,
    SearchResult,
    Status,
    TrainingSettings,
    TrialRecord,
)
from tuning.retrain import wanted_epochs
from tuning.run_folder import RunFolder, write_trials_csv
from tuning.seeds import derive_seed
from tuning.trial import Training, Watch, train

TRIAL_IMAGES = 100_000
FEWEST_EPOCHS, MOST_EPOCHS = 2, 20
HYPERBAND_EPOCHS = 9


def default_epochs(examples: int, algorithm: str) -> int:
    """Epochs of a trial on so many training images: fewer images are shown more often, 2 to 20 times.

    Hyperband gives them to its best configurations only, and needs 9 or more to have three rounds of a third each.
    """
    epochs = min(max(math.ceil(TRIAL_IMAGES / examples), FEWEST_EPOCHS), MOST_EPOCHS)
    return max(epochs, HYPERBAND_EPOCHS) if algorithm == "hyperband" else epochs


class Observer(Protocol):
    """Who wants to follow a search.

    Told of a trial before it starts, of each of its epochs, and of its end once that is in the journal; `best` is the
    best trial so far, None while none has a result. An exception ends the search.
    """

    def trial_started(self, suggestion: Suggestion) -> None: ...

    def epoch_finished(self, trial_id: str, epoch: Epoch) -> None: ...

    def trial_finished(self, trial: TrialRecord, best: TrialRecord | None) -> None: ...


class Silent:
    """Follows nothing."""

    def trial_started(self, suggestion: Suggestion) -> None: ...

    def epoch_finished(self, trial_id: str, epoch: Epoch) -> None: ...

    def trial_finished(self, trial: TrialRecord, best: TrialRecord | None) -> None: ...


@dataclass(frozen=True, kw_only=True, eq=False)
class SearchData:
    """What a search may see: never the test set."""

    training: Split
    validation: Split

    @property
    def retraining_ratio(self) -> float:
        """How many times more images retraining has than a trial."""
        return (len(self.training) + len(self.validation)) / len(self.training)


def search(
    hypermodel: TunableClassifier,
    config: SearchConfig,
    data: SearchData,
    folder: RunFolder,
    *,
    budget: Budget,
    observer: Observer,
) -> SearchResult:
    """Try configurations until `config.max_trials`, the budget or the space is used up.

    Goes on where the folder's journal ends: finished trials are not trained again, a suggestion without a result is
    trained first, and the oracle continues as if nothing had happened. Interrupted by an exception, everything
    finished so far is in the journal. Raises InputError for enqueued configurations outside the space and for a
    journal that another search wrote.
    """
    journal = Journal(folder.journal)
    space = hypermodel.hyperparameters()
    oracle = make_oracle(config.algorithm, space=space, seed=config.seed, epochs=config.epochs)
    with contextlib.closing(OracleDriver(oracle)) as driver:
        state = _State(hypermodel=hypermodel, config=config, driver=driver)
        for event in journal.read():
            state.replay(event)
        if state.trials:
            # A crash may have come between the last trial's result and its row.
            write_trials_csv(folder.trials_csv, state.trials)
        runner = _Runner(hypermodel=hypermodel, config=config, data=data, folder=folder, observer=observer)
        while True:
            if state.pending is None:
                if len(state.suggestions) >= config.max_trials:
                    return state.result("max_trials")
                if not runner.has_time(budget, state):
                    return state.result("budget")
                suggestion = state.next_suggestion()
                if suggestion is None:
                    return state.result("space")
                journal.append(suggestion)
                state.replay(suggestion)
            elif not runner.has_time(budget, state):
                return state.result("budget")
            assert state.pending is not None
            trial = runner.run(state.pending, budget, state)
            journal.append(trial)
            state.replay(trial)
            write_trials_csv(folder.trials_csv, state.trials)
            observer.trial_finished(trial, state.best)


@dataclass(kw_only=True)
class _State:
    """What the events so far amount to: a function of the journal, for a given config and space."""

    hypermodel: TunableClassifier
    config: SearchConfig
    driver: OracleDriver
    suggestions: dict[str, Suggestion] = field(default_factory=dict)
    trials: list[TrialRecord] = field(default_factory=list)
    pending: Suggestion | None = None
    _proposal: Proposal | None = None

    @property
    def best(self) -> TrialRecord | None:
        return self.result("").winner

    def result(self, stopped_by: str) -> SearchResult:
        return SearchResult(trials=tuple(self.trials), stopped_by=stopped_by)

    def next_suggestion(self) -> Suggestion | None:
        """What to try next, enqueued configurations first; None when the oracle has no more."""
        trial_id = f"{len(self.suggestions):04d}"
        if len(self.suggestions) < len(self.config.enqueued):
            configuration, settings = self.config.enqueued[len(self.suggestions)]
            epochs = self.config.epochs if settings is None else settings.epochs
            return Suggestion(
                trial_id=trial_id, oracle_id="", hyperparameters=self.hypermodel.check(configuration), epochs=epochs
            )
        self._proposal = self._proposal if self._proposal is not None else self.driver.propose()
        if self._proposal is None:
            return None
        by_oracle_id = {given.oracle_id: given.trial_id for given in self.suggestions.values()}
        return Suggestion(
            trial_id=trial_id,
            oracle_id=self._proposal.oracle_id,
            hyperparameters=self._proposal.hyperparameters,
            epochs=self._proposal.epochs if self._proposal.epochs is not None else self.config.epochs,
            initial_epoch=self._proposal.initial_epoch,
            parent=by_oracle_id[self._proposal.parent] if self._proposal.parent else "",
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
        if number < len(self.config.enqueued):
            own = self.config.enqueued[number][1]
            if own is not None:
                return own
        return TrainingSettings(epochs=suggestion.epochs)


@dataclass(frozen=True, kw_only=True)
class _Runner:
    """Runs one suggestion in this process."""

    hypermodel: TunableClassifier
    config: SearchConfig
    data: SearchData
    folder: RunFolder
    observer: Observer

    def has_time(self, budget: Budget, state: _State) -> bool:
        """Whether another trial is worth starting: half a usual trial fits. The first one always is."""
        if not state.trials:
            return True
        usual = sorted(trial.seconds for trial in state.trials)[len(state.trials) // 2]
        return self._search_seconds(budget, state) > usual / 2

    def run(self, suggestion: Suggestion, budget: Budget, state: _State) -> TrialRecord:
        """Train it. An exception of the training makes the trial FAILED, with the reason."""
        self.observer.trial_started(suggestion)
        plan = Plan(
            hyperparameters=suggestion.hyperparameters,
            settings=state.settings(suggestion),
            seed=derive_seed(self.config.seed, "trial", int(suggestion.trial_id)),
            initial_epoch=suggestion.initial_epoch,
            initial_weights=self._weights(suggestion.parent) if suggestion.parent else "",
        )
        started = time.perf_counter()
        end = started + min(self._search_seconds(budget, state), budget.trial_limit())
        watch = Watch(
            on_epoch=lambda epoch: self.observer.epoch_finished(suggestion.trial_id, epoch),
            should_stop=lambda: time.perf_counter() > end,
        )
        try:
            training = train(
                self.hypermodel, plan, training=self.data.training, validation=self.data.validation, watch=watch
            )
        # A trial can fail in as many ways as a framework has; each costs this trial alone and is put on record.
        except Exception as error:  # noqa: BLE001
            return _record(suggestion, plan, None, reason=f"{type(error).__name__}: {error}", started=started)
        if state.driver.can_continue_trials:
            self.folder.weights.mkdir(exist_ok=True)
            training.model.save_weights(self._weights(suggestion.trial_id))
        return _record(suggestion, plan, training, reason=_reason(training), started=started)

    def _search_seconds(self, budget: Budget, state: _State) -> float:
        return budget.remaining_for_search(
            state.best,
            examples_ratio=self.data.retraining_ratio,
            epochs=wanted_epochs(len(self.data.training) + len(self.data.validation)),
        )

    def _weights(self, trial_id: str) -> str:
        return str(self.folder.weights / f"{trial_id}.weights.h5")


def _reason(training: Training) -> str:
    if training.diverged:
        return f"the loss became NaN or infinite in epoch {len(training.epochs)}"
    return "its share of the time budget was used up" if training.stopped else ""


def _record(
    suggestion: Suggestion, plan: Plan, training: Training | None, *, reason: str, started: float
) -> TrialRecord:
    if training is None or training.diverged:
        status = Status.FAILED
    else:
        status = Status.STOPPED if training.stopped else Status.COMPLETED
    return TrialRecord(
        trial_id=suggestion.trial_id,
        hyperparameters=plan.hyperparameters,
        settings=plan.settings,
        seed=plan.seed,
        status=status,
        reason=reason,
        epochs=() if training is None else training.epochs,
        result_epoch=0 if training is None else training.result_epoch,
        parameters=0 if training is None else training.model.count_params(),
        seconds=time.perf_counter() - started,
    )
