"""Labels with names → the outputs of a model that they belong to, each as its loss wants it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from tuning.data.array_feeding import encode_labels
from tuning.errors import InputError
from tuning.failures import describe_failure
from tuning.models.losses import loss_name
from tuning.settings import Feed


def feed_of_outputs(
    model: keras.Model, answers: Any, labels: Mapping[str, np.ndarray], feed: Feed, *, name: str
) -> Feed:
    """The same feed, which hands labels to the outputs of their names.

    `answers`: what the model says to the examples, by which its outputs are known: a mapping, or a list of the outputs
    of a functional model. Raises InputError if they have other names, and if the losses don't take the labels; `name`
    is how messages call the model.
    """
    by_name = _by_name(model, answers)
    if by_name.keys() != labels.keys():
        found = ", ".join(sorted(by_name)) if by_name else "a single one without a name"
        raise InputError(
            f"the data has labels for {', '.join(labels)} but the outputs of {name} are {found}: name its outputs and "
            "the arrays, as y_train_NAME, alike"
        )
    order = list(by_name)
    one_hot = {
        key: int(by_name[key].shape[-1])
        for key, values in labels.items()
        if _are_classes(values) and _wants_one_hot(model.loss, order.index(key), order)
    }
    is_mapping = isinstance(answers, Mapping)
    made = Feed(
        pixel_scale=feed.pixel_scale, shape=feed.shape, outputs=() if is_mapping else tuple(by_name), one_hot=one_hot
    )
    if model.compiled:
        _require_finite_loss(model, answers, encode_labels(labels, made), name)
    return made


def _by_name(model: keras.Model, answers: Any) -> dict[str, Any]:
    if isinstance(answers, Mapping):
        return dict(answers)
    if isinstance(answers, list | tuple):
        return dict(zip(getattr(model, "output_names", ()), answers, strict=False))
    return {}


def _are_classes(values: np.ndarray) -> bool:
    return values.ndim == 1 and bool(np.issubdtype(values.dtype, np.integer))


def _wants_one_hot(losses: Any, number: int, order: Sequence[str]) -> bool:
    """Whether the loss of the output of that number is one for rows with a single 1."""
    loss = losses
    if isinstance(losses, Mapping):
        loss = losses.get(order[number])
    elif isinstance(losses, list | tuple):
        loss = losses[number] if len(losses) == len(order) else None
    named = "" if loss is None else loss_name(loss)
    return "categorical" in named and "sparse" not in named


def _require_finite_loss(model: keras.Model, answers: Any, labels: Any, name: str) -> None:
    try:
        loss = float(
            model.compute_loss(y=keras.tree.map_structure(keras.ops.convert_to_tensor, labels), y_pred=answers)
        )
        reason = "" if np.isfinite(loss) else "it is not a finite number"
    # A loss may be a function of the user's own.
    except Exception as error:  # noqa: BLE001
        reason = describe_failure(error)
    if reason:
        raise InputError(f"the losses of {name} don't take the labels of its outputs ({reason}): compile it for them")
