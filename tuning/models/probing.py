"""A model as its owner has it → a model builder that is known to work on the data, before anything is written."""

from __future__ import annotations

import dataclasses
from typing import Any

from tuning.data.dataset import Split
from tuning.data.search_data import SearchData
from tuning.environment.keras_settings import require_tensorflow
from tuning.errors import InputError
from tuning.failures import describe_failure
from tuning.models.user_model import UserModel
from tuning.ranking.objective import require_reported
from tuning.records import SearchConfig
from tuning.settings import TrainingPlan
from tuning.training.builder import ModelBuilder
from tuning.training.saving import what_can_be_kept
from tuning.training.train import Training, Watch, train


def as_builder(model: Any, data: SearchData) -> ModelBuilder:
    """`model` itself if it is a model builder; of a `build(hp)` function or a `kt.HyperModel`, one made of it.

    Raises InputError as `UserModel` does.
    """
    require_tensorflow()
    if isinstance(model, ModelBuilder):
        return model
    return UserModel(model, data)


def require_trainable(builder: ModelBuilder, data: SearchData, config: SearchConfig) -> None:
    """Train the default configuration for an epoch on a few images, and save it, to see that all of that works.

    Not where that is known to work. Raises InputError, in one sentence, if it does not work, and if the model does not
    report the objective.
    """
    if config.balance_classes and not (data.num_classes and data.training.has_classes):
        raise InputError(f"{data.name} has no classes that could weigh the same: leave out `balance_classes`")
    few = builder.probed
    if few is None:
        require_reported(config.objective, builder.reports, builder.name)
        return
    plan = _probing_plan(builder, config)
    outcome = _train(builder, plan, few)
    last = outcome.epochs[-1]
    named = [name for name in ("loss", "accuracy", "val_loss", "val_accuracy") if last.value(name) is not None]
    require_reported(config.objective, [*named, *last.metrics], builder.name)
    what_can_be_kept(builder, plan, outcome.model, few)


def why_no_pause(builder: ModelBuilder) -> str:
    """Why a training can't pause and go on with what it learned: a `fit` of the user's own; empty if it can.

    What its `fit` decides is known once `require_trainable` has tried it.
    """
    own_fit = builder.own_fit
    if own_fit is None:
        return ""
    if own_fit.ranks_only:
        return f"fit of {builder.name} starts over with each call"
    return f"fit of {builder.name} sets its epochs by itself" if "epochs" in own_fit.decides else ""


def _probing_plan(builder: ModelBuilder, config: SearchConfig) -> TrainingPlan:
    settings = dataclasses.replace(
        builder.trial_settings(1),
        objective=config.objective,
        balance_classes=config.balance_classes,
        # Whether there is a best epoch to keep is what is found out here.
        keep_best=False,
    )
    return TrainingPlan(hyperparameters=builder.default_configuration(), settings=settings, seed=1)


def _train(builder: ModelBuilder, plan: TrainingPlan, few: Split) -> Training:
    try:
        return train(builder, plan, training=few, validation=few, watch=Watch())
    except InputError:
        raise
    # A training can fail in as many ways as a framework and a user's code have.
    except Exception as error:
        raise InputError(
            f"{builder.name} can't be trained on the data ({describe_failure(error)}): fix it there"
        ) from error
