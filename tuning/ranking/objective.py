"""`val_accuracy`, `val_f1:max` or `val_loss,params`, as a user writes it → Objective, and the costs beside it."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from tuning.errors import InputError
from tuning.ranking.metric import find_metric
from tuning.ranking.pareto import COSTS
from tuning.settings import Objective

DIRECTIONS = ("min", "max")
# Keras Tuner's own list calls F1 a number to minimize.
_MORE_IS_BETTER = {"accuracy", "acc", "auc", "precision", "recall", "sensitivity", "specificity", "f1", "fbeta", "iou"}
_LESS_IS_BETTER = {"loss", "error", "mse", "mae", "mape", "msle", "rmse", "crossentropy", "ce", "divergence", "hinge"}


def parse_objective(text: str) -> Objective:
    """A metric's name, with `:min` or `:max` where the name does not imply which of them is better.

    Raises InputError for another direction and for a metric whose direction has to be given.
    """
    name, colon, direction = text.partition(":")
    if not name or (colon and direction not in DIRECTIONS):
        raise InputError(f"`objective` must be NAME, NAME:min or NAME:max, like val_accuracy, got {text}")
    metric = find_metric(name)
    if metric is not None and not colon:
        direction = "max" if metric.maximize else "min"
    elif not colon:
        words = set(name.split("_"))
        more, less = bool(words & _MORE_IS_BETTER), bool(words & _LESS_IS_BETTER)
        if more == less:
            raise InputError(f"whether more of {name} is better has to be given: `objective` {name}:max or {name}:min")
        direction = "max" if more else "min"
    return Objective(name=name, maximize=direction == "max")


def parse_objectives(text: str) -> tuple[Objective, tuple[str, ...]]:
    """`val_loss,params` → the metric that trials are ranked by, and the costs that are to be low as well.

    Raises InputError as `parse_objective` does, and for anything but costs after the metric, each once.
    """
    metric, *costs = text.split(",")
    if metric in COSTS:
        raise InputError(f"`objective` must begin with a metric, like val_loss,{metric}, got {text}")
    for cost in costs:
        if cost not in COSTS:
            raise InputError(
                f"`objective` takes one metric and after it costs, {' or '.join(COSTS)}, like val_loss,params, "
                f"got {text}"
            )
        if costs.count(cost) > 1:
            raise InputError(f"`objective` names {cost} more than once: name it once, got {text}")
    return parse_objective(metric), tuple(costs)


def require_reported(objective: Objective, reported: Iterable[str], model: str) -> None:
    """Raise InputError unless the model reports the objective after an epoch; `model` is how errors call it."""
    names = sorted(reported)
    if objective.name in names:
        return
    near = get_close_matches(objective.name, names, n=1)
    hint = f"did you mean {near[0]}?" if near else "choose one of them, or add the metric in compile"
    raise InputError(f"{model} reports {', '.join(names)} but not {objective.name}: {hint}")
