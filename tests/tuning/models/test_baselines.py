"""Published configurations: complete, named, and found by name. That the space holds them is tested with the space."""

from __future__ import annotations

import pytest

from tuning.errors import InputError
from tuning.models.baselines import BASELINES, baseline


def test_there_are_five_baselines_each_under_its_own_name():
    assert len(BASELINES) == 5
    assert [entry.name for entry in BASELINES.values()] == list(BASELINES)


@pytest.mark.parametrize("name", list(BASELINES))
def test_a_baseline_is_found_by_its_name(name):
    assert baseline(name) is BASELINES[name]


def test_an_unknown_baseline_is_refused_with_the_names_of_all():
    with pytest.raises(InputError, match="unknown baseline lenet: choose one of simple-32, keras-curves, bn-32-64"):
        baseline("lenet")


@pytest.mark.parametrize("entry", BASELINES.values(), ids=BASELINES.keys())
def test_a_baseline_says_what_it_has_to_reach_and_where(entry):
    assert 0.97 < entry.accuracy < 1
    assert entry.metric in ("test", "validation")
    assert entry.description


@pytest.mark.parametrize("entry", BASELINES.values(), ids=BASELINES.keys())
def test_a_baseline_describes_exactly_its_own_blocks(entry):
    blocks = {name for name in entry.hyperparameters if name.startswith("num_filters_")}
    assert blocks == {f"num_filters_{block}" for block in range(1, entry.hyperparameters["num_blocks"] + 1)}
