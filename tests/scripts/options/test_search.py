"""What a search tries before its oracle is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scripts.options.search import SearchOptions, list_known_configurations
from tuning.errors import InputError


def test_the_default_is_tried_first_where_nothing_else_is_asked_for(hypermodel: Any) -> None:
    assert list_known_configurations(SearchOptions(), hypermodel) == ((hypermodel.default_configuration(), None),)


def test_configurations_of_a_file_come_first_and_are_completed_by_the_default(hypermodel: Any, tmp_path: Path) -> None:
    path = tmp_path / "first.toml"
    path.write_text("[[configuration]]\nlearning_rate = 0.004\n[[configuration]]\npooling = 'average'\n", "utf-8")

    first, second, last = list_known_configurations(SearchOptions.from_options({"first": str(path)}), hypermodel)

    default = hypermodel.default_configuration()
    assert first == ({**default, "learning_rate": 0.004}, None)
    assert second == ({**default, "pooling": "average"}, None)
    assert last == (default, None)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"learning_rate": 5.0}, r"configuration 1 of --first can't be tried \(learning_rate must be 0.0003 to 0.02"),
        ({"learning_rte": 0.01}, r"configuration 1 of --first can't be tried \(unknown hyperparameter learning_rte"),
    ],
    ids=str,
)
def test_a_configuration_outside_the_space_is_refused(values: dict[str, Any], message: str, hypermodel: Any) -> None:
    with pytest.raises(InputError, match=message):
        list_known_configurations(SearchOptions(first={"configuration": [values]}), hypermodel)


def test_what_is_no_list_of_configurations_is_refused_before_anything_is_loaded() -> None:
    with pytest.raises(InputError, match="what is to be tried first must be"):
        SearchOptions(first={"dropout": 0.1})


def test_the_options_of_a_run_hold_what_the_file_held() -> None:
    options = SearchOptions(first={"configuration": [{"dropout": 0.1}]})

    assert SearchOptions.from_options(options.as_options()) == options
