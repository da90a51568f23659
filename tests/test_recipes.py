"""The recipes of CONTRIBUTING: one new file is found, used and checked, and no other file changes."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tuning.found import names_in

ROOT = Path(__file__).resolve().parent.parent
RECIPES = (ROOT / ".github" / "CONTRIBUTING.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| .* \| `((?:tuning|export)/[a-z_/]+)/(?:NAME|KIND)\.py` \| `([A-Z]+)`", re.MULTILINE)

ALGORITHM = """
from tuning.oracles.base import UnrepeatedOracle


class Shuffled(UnrepeatedOracle):
    '''Draws at random, as the base does.'''


ALGORITHM = Shuffled
"""
METRIC = """
from tuning.ranking.metric import Metric
from tuning.settings import Labels


def make(name, labels):
    import keras

    if labels is Labels.INTEGER:
        return keras.metrics.SparseTopKCategoricalAccuracy(k=3, name=name)
    return keras.metrics.TopKCategoricalAccuracy(k=3, name=name)


METRIC = Metric(maximize=True, make=make)
"""
NAMED = """
import numpy as np

from tuning.data.dataset import make_dataset
from tuning.data.sources.source import NamedSource


def load():
    labels = np.arange(60) % 2
    images = np.repeat(labels, 64).reshape(60, 8, 8).astype(np.uint8) * 200
    arrays = {"x_train": images[:40], "y_train": labels[:40], "x_test": images[40:], "y_test": labels[40:]}
    return make_dataset(arrays, name="bars", class_names=("dark", "bright"))


SOURCE = NamedSource(load=load)
"""
PATHS = """
import numpy as np

from tuning.data.dataset import make_dataset
from tuning.data.sources.source import PathSource


def load(reading):
    rows = np.loadtxt(reading.path, delimiter=",", dtype=np.uint8)
    images, labels = rows[:, 1:].reshape(-1, 2, 2), rows[:, 0].astype(np.int64)
    half = len(rows) // 2
    arrays = {"x_train": images[:half], "y_train": labels[:half], "x_test": images[half:], "y_test": labels[half:]}
    return make_dataset(arrays, name=reading.path.name)


SOURCE = PathSource(suffixes=(".csv",), load=load)
"""
EXECUTOR = """
from tuning.executors.places.in_process import InThisProcess


class Elsewhere(InThisProcess):
    '''As the one whose place it takes.'''


EXECUTOR = Elsewhere
"""

Add = Callable[[str, str, str], None]


def test_every_recipe_names_a_folder_whose_files_declare_what_it_says() -> None:
    recipes = dict(ROW.findall(RECIPES))

    assert set(recipes.values()) == {"ALGORITHM", "SOURCE", "METRIC", "EXECUTOR", "RING"}
    assert len(recipes) == 6
    for folder, attribute in recipes.items():
        package = folder.replace("/", ".")
        assert names_in(package), folder
        for name in names_in(package):
            assert f"\n{attribute} = " in (ROOT / folder / f"{name}.py").read_text(encoding="utf-8"), (folder, name)


def test_an_algorithm_is_one_file(add_file: Add) -> None:
    from tuning.oracles.by_name import algorithm_names, make_oracle
    from tuning.records import SearchConfig

    add_file("tuning/oracles/algorithms", "shuffled", ALGORITHM)

    assert "shuffled" in algorithm_names()
    assert type(make_oracle(SearchConfig(algorithm="shuffled"))).__name__ == "Shuffled"


@pytest.mark.slow
def test_a_metric_is_one_file(add_file: Add) -> None:
    from tuning.ranking.metric import make_metrics, reported_names
    from tuning.ranking.objective import parse_objectives
    from tuning.settings import Labels

    add_file("tuning/ranking/metrics", "top3", METRIC)

    objective, _costs = parse_objectives("val_top3")
    _, top3 = make_metrics(objective, Labels.INTEGER)
    top3.update_state(np.array([0, 3]), np.array([[0.4, 0.3, 0.2, 0.1]] * 2, np.float32))
    assert objective.maximize
    assert {"top3", "val_top3"} <= set(reported_names())
    assert float(top3.result()) == 0.5


def test_a_data_set_with_a_name_is_one_file(add_file: Add) -> None:
    from tuning.data.sources.by_name import dataset_names, load_dataset

    add_file("tuning/data/sources/named", "bars", NAMED)

    assert "bars" in dataset_names()
    assert load_dataset("bars").class_names == ("dark", "bright")


def test_a_kind_of_data_file_is_one_file(add_file: Add, tmp_path: Path) -> None:
    from tuning.data.folder_options import FolderOptions
    from tuning.data.sources.by_name import path_source
    from tuning.data.sources.source import Reading

    add_file("tuning/data/sources/paths", "csv", PATHS)
    path = tmp_path / "mine.csv"
    path.write_text("".join(f"{number % 2},{number},0,0,9\n" for number in range(40)), encoding="utf-8")

    dataset = path_source(path, is_folder=False).load(Reading(path=path, folder=FolderOptions(path=str(path))))

    assert (dataset.name, dataset.num_classes, dataset.image_shape) == ("mine.csv", 2, (2, 2, 1))


def test_an_executor_is_one_file(add_file: Add) -> None:
    from tuning.executors.by_name import executor_class, executor_names

    add_file("tuning/executors/places", "elsewhere", EXECUTOR)

    assert "elsewhere" in executor_names()
    assert executor_class("elsewhere").workers == 1
