"""A model as its owner has it → a model builder that is known to work on the data, before anything is written."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tuning.builder import ModelBuilder
from tuning.dataset import Split
from tuning.errors import InputError
from tuning.hypermodel import TunableClassifier
from tuning.objective import require_reported
from tuning.own_fit import scaled_pixels
from tuning.records import SearchConfig
from tuning.search_data import SearchData, sample
from tuning.settings import Plan
from tuning.trial import Training, Watch, train
from tuning.user_code import describe_failure
from tuning.user_model import PROBED_EXAMPLES, UserModel

SAME = 1e-4


def as_builder(model: Any, data: SearchData) -> ModelBuilder:
    """`model` itself if it is a model builder; of a `build(hp)` function or a `kt.HyperModel`, one made of it.

    Raises InputError as `UserModel` does.
    """
    if isinstance(model, TunableClassifier | UserModel):
        return model
    return UserModel(model, data)


def require_trainable(builder: ModelBuilder, data: SearchData, config: SearchConfig) -> None:
    """Train the default configuration for an epoch on a few images, and save it, to see that all of that works.

    The built-in model is known. Raises InputError, in one sentence, if it does not work, if the model does not report
    the objective, and for Hyperband if the user's own fit does not let it choose the epochs.
    """
    if config.balance_classes and not data.num_classes:
        raise InputError(f"{data.name} has no classes that could weigh the same: leave out --class-weight")
    if not isinstance(builder, UserModel):
        require_reported(config.objective, ("loss", "accuracy", "val_loss", "val_accuracy"), builder.name)
        return
    if builder.proved_for == config:
        return
    few = sample(data.training, PROBED_EXAMPLES)
    outcome = _trained(builder, few, config)
    last = outcome.epochs[-1]
    named = [name for name in ("loss", "accuracy", "val_loss", "val_accuracy") if last.value(name) is not None]
    require_reported(config.objective, [*named, *last.metrics], builder.name)
    _require_loadable(builder, outcome.model, few)
    if config.algorithm == "hyperband" and builder.own_fit is not None and "epochs" in builder.own_fit.decides:
        raise InputError(
            f"fit of {builder.name} sets its epochs by itself, which hyperband has to do: choose another --algorithm"
        )
    builder.proved_for = config


def _trained(builder: UserModel, few: Split, config: SearchConfig) -> Training:
    settings = dataclasses.replace(
        builder.trial_settings(1),
        objective=config.objective,
        balance_classes=config.balance_classes,
        # Whether there is a best epoch to keep is what is found out here.
        keep_best=False,
    )
    plan = Plan(hyperparameters=builder.default_configuration(), settings=settings, seed=1)
    try:
        return train(builder, plan, training=few, validation=few, watch=Watch())
    except InputError:
        raise
    # A training can fail in as many ways as a framework and a user's code have.
    except Exception as error:
        raise InputError(
            f"{builder.name} can't be trained on the data ({describe_failure(error, builder.name)}): mend it there"
        ) from error


def _require_loadable(builder: UserModel, model: keras.Model, few: Split) -> None:
    """Raise InputError unless the model can be saved, and loaded again with the same answers."""
    images = scaled_pixels(few, builder.feed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        try:
            model.save(path)
            loaded = keras.models.load_model(
                path, custom_objects=builder.custom_objects, safe_mode=False, compile=False
            )
            before, after = (keras.tree.flatten(each(images, training=False)) for each in (model, loaded))
        # A layer without get_config, an unregistered class and a Lambda each fail in a way of their own.
        except Exception as error:
            raise InputError(
                f"the model of {builder.name} can't be saved and loaded again "
                f"({describe_failure(error, builder.name)}): give its own layers a get_config, and define them there"
            ) from error
    for first, second in zip(before, after, strict=True):
        if not np.allclose(first, second, rtol=SAME, atol=SAME, equal_nan=True):
            raise InputError(
                f"the model of {builder.name} answers differently after it was saved and loaded: let its own layers "
                "keep everything in weights and get_config"
            )
