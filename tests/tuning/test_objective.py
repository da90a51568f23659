"""What trials are ranked by, as a user writes it."""

from __future__ import annotations

import pytest

from tuning.errors import InputError
from tuning.objective import parse_objective, require_reported
from tuning.settings import VALIDATION_LOSS, Objective


@pytest.mark.parametrize(
    ("text", "maximize"),
    [
        ("val_loss", False),
        ("val_accuracy", True),
        ("val_auc", True),
        ("val_f1_score", True),
        ("val_sparse_top_k_categorical_accuracy", True),
        ("val_mean_absolute_error", False),
        ("val_mse", False),
        ("val_mine:max", True),
        ("val_accuracy:min", False),
    ],
)
def test_a_metric_is_read_with_its_direction(text: str, maximize: bool) -> None:
    assert parse_objective(text) == Objective(name=text.partition(":")[0], maximize=maximize)


@pytest.mark.parametrize("text", ["val_mine", "val_accuracy_loss"])
def test_a_direction_that_the_name_does_not_tell_is_asked_for(text: str) -> None:
    with pytest.raises(InputError, match=f"whether more of {text} is better has to be told: --objective {text}:max"):
        parse_objective(text)


@pytest.mark.parametrize("text", ["", ":max", "val_loss:up", "val_loss:"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="--objective must be NAME, NAME:min or NAME:max, like val_accuracy, got"):
        parse_objective(text)


def test_the_nearest_reported_metric_is_suggested() -> None:
    objective = Objective(name="val_acuracy", maximize=True)

    with pytest.raises(InputError, match=r"it reports loss, val_accuracy but not val_acuracy: did you mean val_accur"):
        require_reported(objective, ["val_accuracy", "loss"], "it")


def test_a_rank_is_lower_where_the_value_is_better() -> None:
    accuracy = Objective(name="val_accuracy", maximize=True)

    assert accuracy.rank(0.9) < accuracy.rank(0.8)
    assert VALIDATION_LOSS.rank(0.1) < VALIDATION_LOSS.rank(0.2)
    assert (str(accuracy), str(VALIDATION_LOSS)) == ("val_accuracy:max", "val_loss:min")
