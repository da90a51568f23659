"""How arrays are read: what is remembered of it, and what runs meant that remembered nothing."""

from __future__ import annotations

import json

import pytest

from tuning.data.array_options import STRICT, ArrayOptions
from tuning.errors import InputError


@pytest.mark.parametrize("labels", ["auto", "classes", "numbers"])
def test_options_come_back_from_json(labels):
    options = ArrayOptions(seed=3, labels=labels)

    assert ArrayOptions.from_json(json.loads(json.dumps(options.as_json()))) == options


def test_a_run_without_options_read_the_exact_names_only():
    assert ArrayOptions(is_strict=True) == STRICT


def test_another_kind_of_labels_is_refused():
    with pytest.raises(InputError, match="labels must be one of auto, classes, numbers, got integers"):
        ArrayOptions(labels="integers")
