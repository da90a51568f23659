"""What a search found, reported when it is over: its best trials, what mattered, and what gives reason to doubt."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from scripts.commands.tune_job import TuneJob
from scripts.terminal.insight_tables import print_importance, print_trials

if TYPE_CHECKING:
    from scripts.terminal.console import Console
    from tuning.loop.budget import Budget
    from tuning.ranking.choice import SearchResult
    from tuning.runs.run_record import FinalTest, RecordedWinner

LARGEST_DROP = 0.1
LARGEST_REST = 0.1
MOST_REASONS = 3


def tell_insight(console: Console, job: TuneJob, result: SearchResult) -> None:
    """Print it; nothing where no trial has a result."""
    from scripts.terminal.console import bold, dim, yellow
    from tuning.ranking.importance import importance
    from tuning.ranking.insight import warnings
    from tuning.space.wished_names import never_asked_for

    if result.selection is None:
        return
    console.print()
    print_trials(console, result.trials, selection=result.selection, costs=job.search.config.costs)
    _tell_selection(console, job, result)
    if job.search.config.costs:
        console.print(dim("any of these can be exported: export.py --trial ID"))
    found = importance(result.trials)
    if found.shares:
        console.print()
        console.print(bold("what mattered"), dim(f" (explains {found.explained:.0%} of the ranking)"))
        print_importance(console, found.shares)
    known = [f"{number:04d}" for number in range(len(job.search.config.enqueued or ()))]
    for warning in warnings(result.trials, selection=result.selection, ranges=result.ranges, known=known):
        console.print(yellow("note: "), warning)
    for name in never_asked_for(job.options.space, (trial.hyperparameters for trial in result.trials)):
        console.print(yellow("note: "), f"--space has {name}, for which no configuration asked: is it spelled so?")
    console.print()


def tell_nothing_found(console: Console, job: TuneJob, result: SearchResult) -> None:
    """Why no trial has a result: the reasons of those that failed, else of those that were skipped."""
    from scripts.terminal.console import red
    from tuning.records import TrialStatus

    failed = [trial for trial in result.trials if trial.status is not TrialStatus.SKIPPED]
    largest = job.search.config.max_parameters
    if largest is not None and all(trial.parameters > largest for trial in result.trials):
        smallest = min(trial.parameters for trial in result.trials)
        console.print(red("every model was too large: "), f"the smallest one had {smallest} parameters")
        return
    reasons = list(dict.fromkeys(trial.reason for trial in failed or result.trials if trial.reason))
    more = f"; and {len(reasons) - MOST_REASONS} more, in trials.csv" if len(reasons) > MOST_REASONS else ""
    what = "every trial failed" if failed else "no configuration could be trained"
    console.print(red(f"{what}: "), f"{'; '.join(reasons[:MOST_REASONS])}{more}")


def _tell_selection(console: Console, job: TuneJob, result: SearchResult) -> None:
    from scripts.terminal.console import dim
    from scripts.terminal.progress import count_of

    chosen = result.selection
    assert chosen is not None
    objective = job.search.config.objective.name
    if not result.repeats:
        why = "there was no time to train the best again" if result.repeats_left else "no other came near the best"
        if len(chosen.finalists) < 2:
            why = "there is nothing to compare"
        if job.search.config.repeats == 0:
            why = "--repeats 0"
        console.print(dim(f"chosen by one training each: {why}"))
        return
    other = "with other seeds" if job.search.config.folds is None else "on other folds"
    said = f"chosen by {count_of(len(result.repeats), 'training')} {other}"
    if chosen.optimism is not None:
        first = chosen.finalists[0].trial_id
        flattered = "flattered" if chosen.optimism > 0 else "understated"
        said += f"; the first {objective} of trial {first} {flattered} it by {abs(chosen.optimism):.4f}"
    console.print(dim(said))


def tell_rest(console: Console, budget: Budget, result: SearchResult) -> None:
    """Why a command that found something ends before its time."""
    from tuning.records import StopReason

    if math.isinf(budget.seconds) or budget.remaining() < LARGEST_REST * budget.seconds + budget.finishing:
        return
    why = {
        StopReason.MAX_TRIALS: "all trials are done, and ",
        StopReason.SPACE: "the space has no more to try, and ",
        StopReason.SKIPPED: "all that was drawn at last was impossible or too large, and ",
        StopReason.BUDGET: "",
    }
    console.print(
        f"{budget.remaining():.0f} s of the time are left: {why[result.stopped_by]}more epochs of retraining would "
        "hardly help"
    )


def tell_collapse(console: Console, test: FinalTest, winner: RecordedWinner) -> None:
    """Retraining has no validation images to notice that its last steps went wrong."""
    from scripts.terminal.console import yellow

    if test.accuracy is None or winner.val_accuracy is None:
        return
    if test.accuracy < winner.val_accuracy - LARGEST_DROP:
        console.print(
            yellow("warning: "),
            f"the trial had {winner.val_accuracy:.2%} on its validation images, the retrained model does far worse: "
            "its training is unstable; search smaller learning rates or give it more epochs",
        )
