"""What a person sees of a run, step by step."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from scripts.terminal.console import yellow
from scripts.terminal.progress import SearchProgress, TrainingProgress, count_of

if TYPE_CHECKING:
    from scripts.terminal.console import Console
    from tuning._search import PreparedSearch
    from tuning.lifecycle.run_work import Retraining
    from tuning.loop.observer import Observer
    from tuning.loop.resources import Resources
    from tuning.ranking.choice import SearchResult
    from tuning.records import Epoch
    from tuning.runs.run_folder import RunFolder
    from tuning.runs.trained import TrainedModel


class RunProgress:
    """Follows the training of a run's model. `builder_name` is how messages call its code."""

    def __init__(self, console: Console, folder: RunFolder, *, builder_name: str) -> None:
        self.console = console
        self.folder = folder
        self._builder_name = builder_name

    @contextlib.contextmanager
    def searching(self, search: PreparedSearch, resources: Resources) -> Iterator[Observer]:
        from tuning.loop.journal import Journal
        from tuning.records import TrialStatus

        def seconds_left() -> float:
            return resources.budget.remaining_for_search(None, examples_ratio=1.0, epochs=1)

        trials = Journal(self.folder.journal).trials()
        with SearchProgress(
            self.console,
            search.config,
            workers=resources.workers if resources.workers is not None else 1,
            search_seconds_left=seconds_left,
            done=[trial.trial_id for trial in trials if trial.status is not TrialStatus.SKIPPED],
        ) as progress:
            yield progress

    def search_finished(self, result: SearchResult, *, is_new: bool) -> None:
        from tuning.records import StopReason

        if not is_new:
            self.console.print(f"the search is over, with {count_of(len(result.trials), 'trial')} on record")
            return
        why = {
            StopReason.MAX_TRIALS: "all trials are done",
            StopReason.BUDGET: "the time is used up"
            if result.winner is None
            else "the rest of the time is for retraining",
            StopReason.SPACE: "the space has no more to try",
            StopReason.SKIPPED: "all that was drawn at last was impossible or had more parameters than allowed",
        }
        self.console.print(f"search ended after {count_of(len(result.trials), 'trial')}: {why[result.stopped_by]}")

    @contextlib.contextmanager
    def training(self, retraining: Retraining) -> Iterator[Callable[[Epoch], None]]:
        settings = retraining.plan.settings
        if retraining.trial_id is not None:
            fewer = (
                ""
                if settings.epochs == retraining.wanted
                else f" (of {retraining.wanted} wanted: the time allows no more)"
            )
            most = "up to " if retraining.ends_in_time else ""
            whole = "" if retraining.left_out else "all "
            validated = f" ({retraining.left_out} are left for its own fit to validate)" if retraining.left_out else ""
            self.console.print(
                f"retraining trial {retraining.trial_id} on {whole}{retraining.examples} training images{validated}, "
                f"{most}{count_of(settings.epochs, 'epoch')}{fewer}{', as long as the time lasts' if most else ''}"
            )
        if retraining.done:
            self.console.print(f"going on after epoch {retraining.done}")
        with TrainingProgress(self.console, settings, title="training", done=retraining.done) as progress:
            yield progress.epoch_finished

    def training_finished(self, model: TrainedModel) -> None:
        if model.why_weights_only:
            self.console.print(
                yellow("note: "),
                f"no .keras file of this model loads again ({model.why_weights_only}): its weights are kept, and it is "
                f"exported with the code of {self._builder_name}",
            )
