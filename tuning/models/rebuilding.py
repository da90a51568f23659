"""The model that a user's code built for a run, built again: for a file that Keras alone can't load."""

from __future__ import annotations

import keras

from tuning.errors import InputError
from tuning.failures import describe_failure
from tuning.models.user_hypermodel import hypermodel_of
from tuning.plugins.user_code import load_object
from tuning.settings import Configuration
from tuning.space.recording import RecordingHyperParameters, answering


def rebuild_model(source: str, hyperparameters: Configuration) -> keras.Model:
    """The model of these hyperparameters, with new weights. `source`: FILE.py:NAME or package.module:NAME.

    Raises InputError if the code builds no such model any more.
    """
    hypermodel = hypermodel_of(load_object(source), source)
    hp = RecordingHyperParameters(answering(hyperparameters))
    try:
        hypermodel.declare_hyperparameters(hp)
        return hypermodel.build(hp)
    # A user's code may raise anything.
    except (Exception, SystemExit) as error:
        raise InputError(
            f"{source} does not build the model of the run any more ({describe_failure(error)}): restore it"
        ) from error
