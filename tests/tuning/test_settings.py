"""Plans as earlier releases wrote them."""

from __future__ import annotations

import pytest

from tuning.settings import Schedule, TrainingPlan, TrainingSettings


@pytest.mark.parametrize(
    ("schedule", "setting", "added"),
    [
        (Schedule.WARMUP_COSINE, True, {"augmentation": 1.0}),
        (Schedule.WARMUP_COSINE, False, {"augmentation": 0.0}),
        (Schedule.CONSTANT, False, {}),
        (Schedule.WARMUP_COSINE, None, {}),
    ],
)
def test_what_was_a_setting_is_a_hyperparameter_of_the_built_in_model(schedule, setting, added):
    settings = TrainingSettings(epochs=1, schedule=schedule)
    data = TrainingPlan(hyperparameters={"units": 3}, settings=settings, seed=1).as_json()
    if setting is not None:
        data["settings"]["augmentation"] = setting

    assert TrainingPlan.from_json(data).hyperparameters == {"units": 3, **added}


@pytest.mark.parametrize("name", ["epochs", "parts"])
def test_a_training_has_one_epoch_of_one_part_at_least(name):
    with pytest.raises(ValueError, match=f"{name} must be 1 or more, got 0"):
        TrainingSettings(**{"epochs": 1, name: 0})
