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
        self._announce(retraining)
        settings = retraining.plan.settings
        with TrainingProgress(self.console, settings, title="training", done=retraining.done) as progress:
            yield progress.epoch_finished

    def _announce(self, retraining: Retraining) -> None:
        from tuning.lifecycle.run_work import Stage

        epochs, wanted = retraining.plan.settings.epochs, retraining.part.wanted
        if retraining.part.stage is Stage.MEASURED:
            all_of_them = f"all {epochs}" if epochs == wanted else f"{epochs} of {wanted}"
            self.console.print(f"there is time for {all_of_them} epochs")
            return
        if retraining.trial_id is not None:
            validated = f" ({retraining.left_out} are left for its own fit to validate)" if retraining.left_out else ""
            examples = f"{'' if retraining.left_out else 'all '}{retraining.examples} training images{validated}"
            self.console.print(f"retraining trial {retraining.trial_id} on {examples}, {_how_long(retraining)}")
        if retraining.done:
            self.console.print(f"going on after epoch {retraining.done}")

    def training_finished(self, model: TrainedModel) -> None:
        if model.why_weights_only:
            self.console.print(
                yellow("note: "),
                f"no .keras file of this model loads again ({model.why_weights_only}): its weights are kept, and it is "
                f"exported with the code of {self._builder_name}",
            )


def _how_long(retraining: Retraining) -> str:
    from tuning.lifecycle.run_work import Stage

    epochs = count_of(retraining.plan.settings.epochs, "epoch")
    if retraining.part.stage is Stage.MEASURING:
        return f"as many epochs as there is time for, {retraining.plan.settings.epochs} at most"
    if retraining.plan.settings.epochs < retraining.part.wanted:
        epochs = f"{epochs} (of {retraining.part.wanted} wanted: the time allows no more)"
    return f"up to {epochs}, as long as the time lasts" if retraining.ends_in_time else epochs
