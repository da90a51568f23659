"""What a search found, as tables: its best trials, and which hyperparameters mattered."""

from __future__ import annotations

import statistics
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from scripts.terminal.console import bold, dim, green
from scripts.terminal.progress import describe
from tuning.ranking.pareto import front
from tuning.ranking.selection import Finalist, Selection, finalists
from tuning.records import TrialRecord

if TYPE_CHECKING:
    from scripts.terminal.console import Console

WIDEST = 100
SHOWN_SHARES = 6
LEAST_SHARE = 0.005
BAR = 24
_EIGHTHS = " ▏▎▍▌▋▊▉"


def print_trials(
    console: Console,
    trials: Sequence[TrialRecord],
    *,
    count: int = 5,
    selection: Selection | None = None,
    costs: Sequence[str] = (),
) -> None:
    """At most `count` trials, best first, the one that was taken before all, with the hyperparameters that differ.

    With `costs`, of the trials that no other beats, from the smallest to the largest.
    """
    taken = selection.winner if selection is not None else ""
    shown = _choose_shown(trials, count, selection, costs)
    if not shown:
        return
    repeats = {each.trial_id: each for each in selection.finalists} if selection is not None else {}
    has_macs = "macs" in costs or any(trial.macs is not None for trial in shown)
    rows = [_cells(trial, repeats.get(trial.trial_id), has_macs=has_macs) for trial in shown]
    names = [name for name in rows[0] if any(row[name] for row in rows)]
    widths = {name: max(len(name), *(len(row[name]) for row in rows)) for name in names}
    console.print(bold(_line({name: name for name in names}, widths)))
    for trial, row in zip(shown, rows, strict=True):
        console.print(_line(row, widths), green("  taken" if trial.trial_id == taken else ""))
        apart = {name: value for name, value in trial.hyperparameters.items() if _tells_apart(name, shown)}
        for line in textwrap.wrap(describe(apart), min(console.width, WIDEST) - 4, break_on_hyphens=False):
            console.print("    ", dim(line))
    if costs:
        metric = trials[0].settings.objective.name
        console.print(dim(f"trials that no other beats in {metric} and {' and '.join(costs)} at once"))


def print_importance(console: Console, shares: Mapping[str, float]) -> None:
    """A bar for each of the hyperparameters that mattered most, six at most; `shares` as in `Importance`."""
    top = sorted(shares.items(), key=lambda pair: -pair[1])[:SHOWN_SHARES]
    top = [(name, share) for name, share in top if share >= LEAST_SHARE]
    width = max((len(name) for name, _ in top), default=0)
    for name, share in top:
        console.print(f"{name.ljust(width)}  {_bar(share)}  {share:4.0%}")


def _choose_shown(
    trials: Sequence[TrialRecord], count: int, selection: Selection | None, costs: Sequence[str]
) -> list[TrialRecord]:
    """By the means over repeats where there are some, then by first values."""
    searched = finalists(trials, len(trials))
    means = selection.means if selection is not None else {}
    taken = selection.winner if selection is not None else ""

    def place(trial: TrialRecord) -> tuple[bool, bool, float]:
        mean = means.get(trial.trial_id)
        rank = trial.rank if mean is None else trial.settings.objective.rank(mean)
        return trial.trial_id != taken, mean is None, rank

    if not costs:
        return sorted(searched, key=place)[:count]
    unbeaten = front(searched, costs)
    best = sorted(unbeaten, key=place)[:count]
    others = [trial for trial in searched if trial.trial_id == taken and trial not in unbeaten]
    return [*(trial for trial in unbeaten if trial in best), *others]


def _cells(trial: TrialRecord, finalist: Finalist | None, *, has_macs: bool) -> dict[str, str]:
    objective, result = trial.settings.objective, trial.epochs[trial.result_epoch]
    is_accuracy = objective.name == "val_accuracy"
    accuracy = result.val_accuracy
    return {
        "trial": trial.trial_id,
        objective.name: _value(trial.value),
        **({} if is_accuracy else {"accuracy": "" if accuracy is None else f"{accuracy:.2%}"}),
        "expected": _value(trial.expected) if trial.expected is not None and not trial.is_whole else "",
        "repeats": "" if finalist is None else _repeats(finalist),
        "parameters": f"{trial.parameters:,}",
        "macs": _count(trial.macs) if has_macs else "",
        "epochs": f"{trial.passes:.2g}",
        "seconds": f"{trial.seconds:.1f}",
    }


def _line(row: Mapping[str, str], widths: Mapping[str, int]) -> str:
    (first, width), *others = widths.items()
    return "  ".join([row[first].ljust(width), *(row[name].rjust(width) for name, width in others)])


def _repeats(finalist: Finalist) -> str:
    """Mean ± standard deviation."""
    failed = f" ({finalist.failed} failed)" if finalist.failed else ""
    if finalist.mean is None:
        return failed.strip()
    if len(finalist.repeats) < 2:
        return _value(finalist.mean) + failed
    spread = statistics.stdev(finalist.repeats)
    shown = f"{spread:.4f}" if 0.0001 <= spread < 1000 else f"{spread:.1e}"
    return f"{_value(finalist.mean)} ± {shown}{failed}"


def _value(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.4f}" if value == 0 or 0.001 <= abs(value) < 1000 else f"{value:.2e}"


def _count(number: int | None) -> str:
    if number is None:
        return "?"
    for size, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= size:
            return f"{number / size:.3g}{unit}"
    return str(number)


def _tells_apart(name: str, trials: Sequence[TrialRecord]) -> bool:
    return len({repr(trial.hyperparameters.get(name)) for trial in trials}) > 1


def _bar(share: float) -> str:
    eighths = round(min(max(share, 0.0), 1.0) * BAR * 8)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (_EIGHTHS[rest] if rest else "")).ljust(BAR)
