"""Search: configurations from an oracle, one training each, everything in the journal before it counts."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from tuning.budget import Budget
from tuning.builder import ModelBuilder
from tuning.journal import Journal, Suggestion
from tuning.oracles import OracleDriver, make_oracle
from tuning.probing import as_builder, require_trainable
from tuning.records import Epoch, SearchConfig, SearchResult, Status, TrialRecord
from tuning.run_folder import RunFolder, write_trials_csv
from tuning.search_data import SearchData
from tuning.search_state import SearchState
from tuning.seeds import derive_seed
from tuning.settings import Plan
from tuning.trial import Training, Watch, train

if TYPE_CHECKING:
    import keras

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
    best trial so far, None while none has a result. An exception ends the search. `callbacks` makes Keras callbacks for
    a trial that starts; what they raise fails the trial.
    """

    def callbacks(self, suggestion: Suggestion) -> Sequence[keras.callbacks.Callback]: ...

    def trial_started(self, suggestion: Suggestion) -> None: ...

    def epoch_finished(self, trial_id: str, epoch: Epoch) -> None: ...

    def trial_finished(self, trial: TrialRecord, best: TrialRecord | None) -> None: ...


class Silent:
    """Follows nothing."""

    def callbacks(self, suggestion: Suggestion) -> Sequence[keras.callbacks.Callback]:
        return ()

    def trial_started(self, suggestion: Suggestion) -> None: ...

    def epoch_finished(self, trial_id: str, epoch: Epoch) -> None: ...

    def trial_finished(self, trial: TrialRecord, best: TrialRecord | None) -> None: ...


def search(
    model: Any,
    data: SearchData,
    folder: Path | str,
    config: SearchConfig | None = None,
    *,
    budget: Budget | None = None,
    observer: Observer | None = None,
) -> SearchResult:
    """Try configurations until `config.max_trials`, the budget or the space is used up; the best one is the winner.

    `model`: a `build(hp)` function, a `kt.HyperModel`, or a model builder of ours (`TunableClassifier`, `UserModel`).
    `folder` keeps the journal, `trials.jsonl`, and `trials.csv`. Goes on where the journal ends: finished trials are
    not trained again, a suggestion without a result is trained first, and the oracle continues as if nothing had
    happened. Interrupted by an exception, everything finished so far is in the journal. Raises InputError for a model
    that does not work on the data, enqueued configurations outside the space and a journal that another search wrote.
    """
    builder = as_builder(model, data)
    run = RunFolder(path=Path(folder))
    asked = _completed(config if config is not None else SearchConfig(), builder, data)
    space = builder.hyperparameters()
    with contextlib.closing(OracleDriver(make_oracle(asked, space))) as driver:
        asked = dataclasses.replace(asked, objective=driver.objective)
        require_trainable(builder, data, asked)
        run.path.mkdir(parents=True, exist_ok=True)
        state = SearchState(builder=builder, config=asked, driver=driver)
        following = observer if observer is not None else Silent()
        limit = budget if budget is not None else Budget(None)
        return _run(_Runner(builder=builder, config=asked, data=data, folder=run, observer=following), state, limit)


def _completed(config: SearchConfig, builder: ModelBuilder, data: SearchData) -> SearchConfig:
    """The config with what it leaves open: epochs by the number of images, and what to try first.

    That is the builder's default configuration, which grid search and a caller's own oracle leave out.
    """
    epochs = config.epochs
    if epochs is None:
        epochs = default_epochs(len(data.training), config.algorithm)
    enqueued = config.enqueued
    if enqueued is None:
        begins_by_itself = config.algorithm == "grid" or not isinstance(config.algorithm, str)
        enqueued = () if begins_by_itself else ((builder.default_configuration(), None),)
    return dataclasses.replace(config, epochs=epochs, enqueued=enqueued)


def _run(runner: _Runner, state: SearchState, budget: Budget) -> SearchResult:
    folder = runner.folder
    journal = Journal(folder.journal)
    for event in journal.read():
        state.replay(event)
    if state.trials:
        # A crash may have come between the last trial's result and its row.
        write_trials_csv(folder.trials_csv, state.trials)
    while True:
        if state.pending is None:
            if len(state.suggestions) >= state.config.max_trials:
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
        runner.observer.trial_finished(trial, state.best)


@dataclass(frozen=True, kw_only=True)
class _Runner:
    """Runs one suggestion in this process."""

    builder: ModelBuilder
    config: SearchConfig
    data: SearchData
    folder: RunFolder
    observer: Observer

    def has_time(self, budget: Budget, state: SearchState) -> bool:
        """Whether another trial is worth starting: half a usual trial fits. The first one always is."""
        if not state.trials:
            return True
        usual = sorted(trial.seconds for trial in state.trials)[len(state.trials) // 2]
        return self._search_seconds(budget, state) > usual / 2

    def run(self, suggestion: Suggestion, budget: Budget, state: SearchState) -> TrialRecord:
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
            callbacks=lambda: self.observer.callbacks(suggestion),
        )
        try:
            training = train(
                self.builder, plan, training=self.data.training, validation=self.data.validation, watch=watch
            )
        # A trial can fail in as many ways as a framework has; each costs this trial alone and is put on record.
        except Exception as error:  # noqa: BLE001
            return _record(suggestion, plan, None, reason=f"{type(error).__name__}: {error}", started=started)
        if state.driver.pauses:
            self.folder.weights.mkdir(exist_ok=True)
            training.model.save_weights(self._weights(suggestion.trial_id))
        return _record(suggestion, plan, training, reason=_reason(training), started=started)

    def _search_seconds(self, budget: Budget, state: SearchState) -> float:
        training, _ = self.data.for_retraining(keeps_validation=self.builder.keeps_validation)
        best, wanted = state.best, 1
        if best is not None:
            wanted = self.builder.retraining_settings(best, examples=len(training)).epochs
        return budget.remaining_for_search(best, examples_ratio=len(training) / len(self.data.training), epochs=wanted)

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
        hyperparameters=plan.hyperparameters if training is None else training.hyperparameters,
        settings=plan.settings,
        seed=plan.seed,
        status=status,
        reason=reason,
        epochs=() if training is None else training.epochs,
        result_epoch=0 if training is None else training.result_epoch,
        parameters=0 if training is None else training.model.count_params(),
        seconds=time.perf_counter() - started,
        initial_epoch=plan.initial_epoch,
    )
