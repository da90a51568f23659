"""Memory that TensorFlow keeps of a training."""

from __future__ import annotations

import gc

import pytest

from tuning.environment.graph_memory import forget_graphs
from tuning.settings import TrainingPlan, TrainingSettings
from tuning.training.train import Watch, train


def graphs() -> int:
    return sum(type(thing).__name__ == "FuncGraph" for thing in gc.get_objects())


@pytest.mark.slow
def test_no_graph_of_a_training_outlives_its_model(hypermodel, small_split, small_configuration):
    forget_graphs()
    before = graphs()
    plan = TrainingPlan(hyperparameters=small_configuration, settings=TrainingSettings(epochs=1), seed=1)
    train(hypermodel, plan, training=small_split[0], validation=small_split[1], watch=Watch(should_stop=lambda: True))
    forget_graphs()

    assert graphs() == before
