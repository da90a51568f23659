"""What trials are ranked by, as a user writes it."""

from __future__ import annotations

import pytest

from tuning.errors import InputError
from tuning.ranking.objective import parse_objective, parse_objectives, require_reported
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
    with pytest.raises(InputError, match=f"whether more of {text} is better has to be given: `objective` {text}:max"):
        parse_objective(text)


@pytest.mark.parametrize("text", ["", ":max", "val_loss:up", "val_loss:"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="`objective` must be NAME, NAME:min or NAME:max, like val_accuracy, got"):
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


@pytest.mark.parametrize(
    ("text", "costs"),
    [("val_loss", ()), ("val_loss,params", ("params",)), ("val_loss:min,macs,params", ("macs", "params"))],
)
def test_costs_stand_after_the_metric(text: str, costs: tuple[str, ...]) -> None:
    assert parse_objectives(text) == (VALIDATION_LOSS, costs)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("params", "`objective` must begin with a metric, like val_loss,params, got params"),
        ("macs,val_loss", "`objective` must begin with a metric, like val_loss,macs, got macs,val_loss"),
        (
            "val_loss,val_accuracy",
            "`objective` takes one metric and after it costs, params or macs, like val_loss,para",
        ),
        ("val_loss,", "takes one metric and after it costs, params or macs, like val_loss,params, got val_loss,$"),
        ("val_loss,params,params", "`objective` names params more than once: name it once, got val_loss,params,params"),
        ("val_mine,params", "whether more of val_mine is better has to be given"),
    ],
)
def test_other_costs_are_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_objectives(text)
