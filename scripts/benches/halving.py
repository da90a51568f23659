"""Validation loss against time: `halving` and `random` on the same configurations, at several budgets.

A pool of random configurations is trained to the end once, every epoch on record. Then each seed shuffles the pool, and
both algorithms are given the configurations in that order until a budget of seconds is used up: the rule that stops
trials is the real one, the epochs are the recorded ones. So many seeds cost one training of the pool.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent.parent
sys.path[0] = str(SCRIPTS.parent)
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from tuning.oracles.algorithms.halving import StoppingRule  # noqa: E402 the path comes first
from tuning.records import Epoch, SearchConfig, TrialRecord  # noqa: E402

BUDGETS = (5, 10, 20)


@dataclass(frozen=True, kw_only=True)
class BudgetResult:
    """The lowest validation loss of a search that had a budget, and how many configurations it tried."""

    val_loss: float
    trials: int


def train_pool(dataset_name: str, size: int, epochs: int | None, folder: Path) -> tuple[TrialRecord, ...]:
    """So many random configurations, each trained to its end; continues from what the folder holds already."""
    from tuning._search import search
    from tuning.data.search_data import SearchData
    from tuning.data.sources.by_name import load_dataset
    from tuning.models.built_in import ClassificationTask, TunableClassifier

    dataset = load_dataset(dataset_name)
    data = SearchData.of(dataset, seed=0)
    builder = TunableClassifier(ClassificationTask(image_shape=dataset.image_shape, num_classes=dataset.num_classes))
    config = SearchConfig(max_trials=size, epochs=epochs, enqueued=(), repeats=0)
    return search(builder, data, folder, config).trials


def replay(order: Sequence[TrialRecord], rule: StoppingRule | None, seconds: float) -> BudgetResult:
    """What a search with one worker finds in so many seconds of recorded epochs, taking trials in this order.

    `rule`: halving's own, None for a search that stops no trial. A stopped trial counts with what it reached.
    """
    reached: dict[int, list[float]] = defaultdict(list)
    best, tried, left = math.inf, 0, seconds
    for trial in order:
        if left <= 0:
            break
        tried += 1
        loss = math.inf
        for number, epoch in enumerate(_affordable(trial.epochs, left), start=1):
            left -= epoch.seconds
            loss = epoch.val_loss if epoch.val_loss is not None else math.inf
            if rule is not None and number in rule.rungs:
                reached[number].append(loss)
                if not rule.goes_on(loss, reached[number]):
                    break
        best = min(best, loss)
    return BudgetResult(val_loss=best, trials=tried)


def _affordable(epochs: Sequence[Epoch], seconds: float) -> Iterator[Epoch]:
    """The first epochs that fit into the time, and at least one: a search ends its last trial where the budget ends."""
    for number, epoch in enumerate(epochs):
        if number and seconds < epoch.seconds:
            return
        seconds -= epoch.seconds
        yield epoch


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench halving", description=__doc__)
    parser.add_argument("--dataset", default="digits")
    parser.add_argument("--pool", type=int, default=120, metavar="N", help="configurations (default: 120)")
    parser.add_argument("--epochs", type=int, metavar="N", help="of a full training (default: as tune.py)")
    parser.add_argument("--seeds", type=int, default=50, metavar="N", help="orders of the pool (default: 50)")
    parser.add_argument("--folder", type=Path, required=True, help="keeps the trained pool")
    arguments = parser.parse_args()
    pool = [
        trial
        for trial in train_pool(arguments.dataset, arguments.pool, arguments.epochs, arguments.folder)
        if trial.has_result
    ]
    epochs = pool[0].settings.epochs
    full = statistics.median(sum(epoch.seconds for epoch in trial.epochs) for trial in pool)
    print(f"{len(pool)} configurations of {epochs} epochs on {arguments.dataset}, a full training takes {full:.1f} s")
    rows = []
    for budget in BUDGETS:
        losses: dict[str, list[BudgetResult]] = {"random": [], "halving": []}
        for seed in range(arguments.seeds):
            order = random.Random(seed).sample(pool, len(pool))
            losses["random"].append(replay(order, None, budget * full))
            losses["halving"].append(replay(order, StoppingRule(epochs=epochs), budget * full))
        pairs = list(zip(losses["halving"], losses["random"], strict=True))
        wins = sum(halving.val_loss < drawn.val_loss for halving, drawn in pairs)
        ties = sum(halving.val_loss == drawn.val_loss for halving, drawn in pairs)
        for algorithm, outcomes in losses.items():
            values = sorted(outcome.val_loss for outcome in outcomes)
            low, _, high = statistics.quantiles(values, n=4)
            trials = statistics.median(outcome.trials for outcome in outcomes)
            print(
                f"{budget:>3} trainings  {algorithm:<8} median val_loss {statistics.median(values):.4f} "
                f"(quartiles {low:.4f} to {high:.4f})  {trials:.0f} configurations"
            )
            rows.append({"budget": budget, "algorithm": algorithm, "val_loss": [each.val_loss for each in outcomes]})
        print(f"               halving is better in {wins} of {len(pairs)}, equal in {ties}")
    (arguments.folder / "halving.json").write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
