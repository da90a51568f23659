"""What a person sees while a command works: a progress bar, one line a trial, tables."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tuning.records import Configuration, Epoch, SearchConfig, TrainingSettings, TrialRecord

if TYPE_CHECKING:
    from tuning.journal import Suggestion


MOST_EPOCH_LINES = 12


def make_console(*, json_output: bool) -> Console:
    """Where people read: stdout, or stderr when stdout belongs to the JSON result."""
    return Console(file=sys.stderr if json_output else sys.stdout, highlight=False, soft_wrap=True)


def describe(configuration: Configuration) -> str:
    """A configuration in one line: name=value, numbers to three digits."""
    return " ".join(f"{name}={_short(value)}" for name, value in configuration.items())


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def counted(number: int, noun: str) -> str:
    """`1 trial`, `2 trials`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


class SearchProgress:
    """A line for each finished trial and, on a terminal, a bar with the best so far and when it will end."""

    def __init__(self, console: Console, config: SearchConfig, *, search_seconds_left: Callable[[], float]) -> None:
        self._console = console
        self._config = config
        self._seconds_left = search_seconds_left
        self._trials: list[TrialRecord] = []
        self._bar = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[best]}"),
            TextColumn("{task.fields[end]}"),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task("search", total=config.max_trials, best="", end="")

    def __enter__(self) -> SearchProgress:
        self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.stop()

    def trial_started(self, suggestion: Suggestion) -> None:
        done = int(suggestion.trial_id)
        self._bar.update(self._task, completed=done, description=f"trial {suggestion.trial_id}", end=self._end(done))

    def epoch_finished(self, trial_id: str, epoch: Epoch) -> None:
        accuracy = f" {epoch.val_accuracy:.2%}" if epoch.val_accuracy is not None else ""
        self._bar.update(self._task, description=f"trial {trial_id}{accuracy}")

    def trial_finished(self, trial: TrialRecord, best: TrialRecord | None) -> None:
        self._trials.append(trial)
        self._console.print(_trial_line(trial, is_best=best is trial))
        best_text = f"best {best.val_accuracy:.2%} (trial {best.trial_id})" if best is not None else ""
        done = int(trial.trial_id) + 1
        self._bar.update(self._task, completed=done, best=best_text, end=self._end(done))

    def _end(self, done: int) -> str:
        left = self._seconds_left()
        if self._trials:
            mean = sum(trial.seconds for trial in self._trials) / len(self._trials)
            left = min(left, mean * (self._config.max_trials - done))
        return "" if math.isinf(left) else f"search ends about {_clock_after(left)}"


def _loss(value: float) -> str:
    """Four decimals, or two digits where those would show next to nothing."""
    return f"{value:.4f}" if value == 0 or value >= 0.001 else f"{value:.1e}"


def _clock_after(seconds: float) -> str:
    return (datetime.now() + timedelta(seconds=max(seconds, 0))).strftime("%H:%M:%S")


def _trial_line(trial: TrialRecord, *, is_best: bool) -> str:
    number = f"trial {trial.trial_id}"
    if not trial.has_result:
        return f"{number}  [red]failed[/]: {escape(trial.reason)}"
    facts = f"val_loss {_loss(trial.val_loss)}  val_accuracy {trial.val_accuracy:.2%}  {trial.seconds:5.1f} s"
    note = " [green]best so far[/]" if is_best else ""
    stopped = f" [yellow](stopped: {escape(trial.reason)})[/]" if trial.reason else ""
    return f"{number}  {facts}{note}{stopped}\n            [dim]{describe(trial.hyperparameters)}[/]"


class TrainingProgress:
    """At most twelve lines for the epochs of a training; on a terminal also a bar with the time it will end."""

    def __init__(self, console: Console, settings: TrainingSettings, *, title: str, done: int = 0) -> None:
        """`done`: epochs that an earlier command already trained."""
        self._console = console
        self._settings = settings
        self._done = done
        self._lines_apart = math.ceil(settings.epochs / MOST_EPOCH_LINES)
        self._bar = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[end]}"),
            console=console,
            disable=not console.is_terminal,
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
        validation = ""
        if epoch.val_loss is not None and epoch.val_accuracy is not None:
            validation = f"  val_loss {_loss(epoch.val_loss)}  val_accuracy {epoch.val_accuracy:.2%}"
        if self._done % self._lines_apart and self._done != self._settings.epochs:
            return
        self._console.print(
            f"epoch {self._done:>3}/{self._settings.epochs}  loss {_loss(epoch.loss)}  accuracy {epoch.accuracy:.2%}"
            f"{validation}  {epoch.seconds:.1f} s"
        )
