"""What a run's folder says of a model that was trained to its end."""

from __future__ import annotations

from pathlib import Path

from tuning.errors import InputError
from tuning.recorded import RESTORE
from tuning.run_folder import read_json
from tuning.trained import TrainedModel


def read_trained(path: Path) -> TrainedModel:
    """What `training.json` holds. Raises InputError if it holds something else."""
    content = read_json(path)
    try:
        return TrainedModel.from_json(content)
    except InputError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} does not describe a trained model ({error!r}): {RESTORE}") from error
