"""What a person sees while a command works: a progress bar, one line a trial, tables."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TimeElapsedColumn
from rich.text import Text

from scripts.terminal.console import Console, Part, bold, dim, green, red, yellow
from tuning.plain_names import readable
from tuning.records import Epoch, SearchConfig, TrialRecord, TrialStatus
from tuning.settings import Configuration, TrainingSettings

if TYPE_CHECKING:
    from tuning.loop.journal import AttemptLost, Suggestion
    from tuning.runs.run_record import FinalTest


MOST_EPOCH_LINES = 12


def describe(configuration: Configuration) -> str:
    """A configuration in one line: name=value, numbers to three digits."""
    return " ".join(f"{name}={_short(value)}" for name, value in configuration.items())


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def describe_test(test: FinalTest, *, examples: int) -> list[Part]:
    """How a model did on the test set, in one line: accuracy, or the metrics of a model that is no classifier."""
    if test.accuracy is None or test.ci95 is None:
        metrics = ", ".join(f"{name} {value:.4g}" for name, value in (test.metrics or {}).items())
        return [bold(f"test {metrics}"), f" on {examples} examples"]
    low, high = test.ci95
    errors = round((1 - test.accuracy) * examples)
    interval = f"95 % interval {low:.2%} to {high:.2%}"
    return [bold(f"test accuracy {test.accuracy:.2%}"), f" ({interval}; {errors} of {examples} wrong)"]


def count_of(number: int, noun: str) -> str:
    """`1 trial`, `2 trials`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


class _Words(ProgressColumn):
    """One of a task's fields, or its description, as the text that it is."""

    def __init__(self, field: str = "", *, style: str = "") -> None:
        super().__init__()
        self._field = field
        self._style = style

    def render(self, task: Task) -> Text:
        return Text(readable(task.fields[self._field] if self._field else task.description), self._style)


class SearchProgress:
    """A line for each finished trial and, on a terminal, a bar with what is under way and when it will end."""

    def __init__(
        self,
        console: Console,
        config: SearchConfig,
        *,
        workers: int,
        search_seconds_left: Callable[[], float],
        done: Iterable[str] = (),
    ) -> None:
        """`done`: trials that an earlier command finished, without skipped ones."""
        self._console = console
        self._config = config
        self._workers = workers
        self._seconds_left = search_seconds_left
        self._seconds: list[float] = []
        # A trial that is promoted ends more than once.
        self._done = set(done)
        self._repeats_are_told = False
        self._under_way: dict[str, str] = {}
        self._bar = Progress(
            _Words(style="bold"),
            BarColumn(),
            MofNCompleteColumn(),
            _Words("best"),
            _Words("end"),
            TimeElapsedColumn(),
            console=console.rich,
            disable=not console.rich.is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task("search", total=config.max_trials, completed=len(self._done), best="", end="")

    def __enter__(self) -> SearchProgress:
        self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.stop()

    def trial_started(self, suggestion: Suggestion) -> None:
        self._under_way[suggestion.trial_id] = ""
        if suggestion.repeat_of and not self._repeats_are_told:
            self._repeats_are_told = True
            self._console.print("the best are trained again, with other seeds:")
        self._show()

    def epoch_finished(self, trial_id: str, epoch: Epoch) -> None:
        self._under_way[trial_id] = f" {epoch.val_accuracy:.1%}" if epoch.val_accuracy is not None else ""
        self._show()

    def attempt_lost(self, lost: AttemptLost, *, tried_again: bool) -> None:
        self._under_way.pop(lost.trial_id, None)
        then = "it is tried once more" if tried_again else "it is given up"
        self._console.print(yellow(f"trial {lost.trial_id}: "), f"{lost.reason}; {then}")

    def trial_finished(self, trial: TrialRecord, best: TrialRecord | None) -> None:
        self._under_way.pop(trial.trial_id, None)
        for line in _trial_lines(trial, is_best=best is trial):
            self._console.print(*line)
        if trial.repeat_of:
            self._show()
            return
        if trial.status is not TrialStatus.SKIPPED:
            self._seconds.append(trial.seconds)
            self._done.add(trial.trial_id)
        best_text = f"best {_score(best)} (trial {best.trial_id})" if best is not None else ""
        self._show(best=best_text)

    def _show(self, **fields: Any) -> None:
        trials = ", ".join(f"{trial_id}{result}" for trial_id, result in self._under_way.items())
        described = f"trial {trials}" if trials else "search"
        self._bar.update(self._task, description=described, completed=len(self._done), end=self._end(), **fields)

    def _end(self) -> str:
        left = self._seconds_left()
        if self._seconds:
            mean = sum(self._seconds) / len(self._seconds)
            left = min(left, mean * (self._config.max_trials - len(self._done)) / max(self._workers, 1))
        return "" if math.isinf(left) else f"search ends about {_clock_after(left)}"


def _loss(value: float) -> str:
    """Four decimals, or two digits where those would show next to nothing."""
    return f"{value:.4f}" if value == 0 or value >= 0.001 else f"{value:.1e}"


def _clock_after(seconds: float) -> str:
    return (datetime.now() + timedelta(seconds=max(seconds, 0))).strftime("%H:%M:%S")


def _score(trial: TrialRecord) -> str:
    """The accuracy, which says more to people than a loss; without one, or ranked by something else, the objective."""
    objective = trial.settings.objective
    result = trial.epochs[trial.result_epoch]
    if objective.name in ("val_loss", "val_accuracy") and result.val_accuracy is not None:
        return f"{result.val_accuracy:.2%}"
    return f"{objective.name} {trial.value:.4g}"


def _results(trial: TrialRecord) -> str:
    result, objective = trial.epochs[trial.result_epoch], trial.settings.objective
    facts = [f"val_loss {_loss(result.val_loss)}"] if result.val_loss is not None else []
    if result.val_accuracy is not None:
        facts.append(f"val_accuracy {result.val_accuracy:.2%}")
    if objective.name not in ("val_loss", "val_accuracy"):
        facts.append(f"{objective.name} {trial.value:.4g}")
    return "  ".join(facts)


def _trial_lines(trial: TrialRecord, *, is_best: bool) -> list[list[Part]]:
    number = f"trial {trial.trial_id}  "
    if trial.status is TrialStatus.SKIPPED:
        return [[number, f"skipped: {trial.reason}"]]
    if not trial.has_result:
        return [[number, red("failed"), f": {trial.reason}"]]
    line: list[Part] = [number, f"{_results(trial)}  {trial.seconds:5.1f} s"]
    if trial.repeat_of:
        return [line]
    line.append(green(" best so far" if is_best else ""))
    if trial.status is TrialStatus.PAUSED:
        most = trial.settings.epochs // trial.settings.parts
        line.append(f" (after {trial.passes:.2g} of {count_of(most, 'epoch')})")
    elif trial.reason:
        line.append(yellow(f" (stopped: {trial.reason})"))
    return [line, [" " * 12, dim(describe(trial.hyperparameters))]]


class TrainingProgress:
    """At most twelve lines for the epochs of a training; on a terminal also a bar with the time it will end."""

    def __init__(self, console: Console, settings: TrainingSettings, *, title: str, done: int = 0) -> None:
        """`done`: epochs that an earlier command already trained."""
        self._console = console
        self._settings = settings
        self._done = done
        self._lines_apart = math.ceil(settings.epochs / MOST_EPOCH_LINES)
        self._bar = Progress(
            _Words(style="bold"),
            BarColumn(),
            MofNCompleteColumn(),
            _Words("end"),
            console=console.rich,
            disable=not console.rich.is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task(title, total=settings.epochs, completed=done, end="")

    def __enter__(self) -> TrainingProgress:
        self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.stop()

    def epoch_finished(self, epoch: Epoch) -> None:
        self._done += 1
        end = _clock_after(epoch.seconds * (self._settings.epochs - self._done))
        self._bar.update(self._task, completed=self._done, end=f"ends about {end}")
        losses = {"loss": epoch.loss, "val_loss": epoch.val_loss}
        accuracies = {"accuracy": epoch.accuracy, "val_accuracy": epoch.val_accuracy}
        facts = [f"{name} {_loss(value)}" for name, value in losses.items() if value is not None]
        facts += [f"{name} {value:.2%}" for name, value in accuracies.items() if value is not None]
        if self._done % self._lines_apart and self._done != self._settings.epochs:
            return
        self._console.print(f"epoch {self._done:>3}/{self._settings.epochs}  {'  '.join(facts)}  {epoch.seconds:.1f} s")
