"""Plans as earlier releases wrote them."""

from __future__ import annotations

import pytest

from tuning.settings import TrainingPlan, TrainingSettings


@pytest.mark.parametrize(
    ("hyperparameters", "setting", "expected"),
    [
        ({"num_blocks": 1}, True, {"num_blocks": 1, "augmentation": 1.0}),
        ({"num_blocks": 1}, False, {"num_blocks": 1, "augmentation": 0.0}),
        ({"units": 3}, False, {"units": 3}),
        ({"num_blocks": 1}, None, {"num_blocks": 1}),
    ],
)
def test_what_was_a_setting_is_a_hyperparameter_of_the_built_in_model(hyperparameters, setting, expected):
    data = TrainingPlan(hyperparameters=hyperparameters, settings=TrainingSettings(epochs=1), seed=1).as_json()
    if setting is not None:
        data["settings"]["augmentation"] = setting

    assert TrainingPlan.from_json(data).hyperparameters == expected


@pytest.mark.parametrize("name", ["epochs", "parts"])
def test_a_training_has_one_epoch_of_one_part_at_least(name):
    with pytest.raises(ValueError, match=f"{name} must be 1 or more, got 0"):
        TrainingSettings(**{"epochs": 1, name: 0})
