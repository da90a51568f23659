"""Whatever somebody makes of the files of a run, they are read or refused in one sentence."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scripts.options.model import ModelChoice
from tuning.data.array_options import ArrayOptions
from tuning.data.sources.paths.npz import load_npz
from tuning.errors import InputError
from tuning.files.bounded_files import read_toml
from tuning.loop.journal import Journal, SearchBegan, Suggestion
from tuning.runs.recorded_data import describe_dataset, load_recorded_dataset
from tuning.runs.run_folder import RunFolder
from tuning.runs.trained import TrainedModel
from tuning.runs.training_file import read_trained
from tuning.space.ranges import Choices, IntRange
from tuning.space.space_file import ranges_from

SEEDS = 300
VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    10**60,
    1.5,
    "",
    "x",
    "\0",
    [],
    {},
    [[1]],
    {"a": [1]},
    2**70,
    "../../x",
    -0.5,
)
SPACE = """
learning_rate = {low = 1e-4, high = 1e-2, log = true}
dense_units = [64, 128]
dropout = 0.2
num_filters_1 = {low = 8, high = 128, step = 8}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """The run's folder, with the data set beside it."""
    path = tmp_path_factory.mktemp("runs") / "first"
    path.mkdir()
    images, labels = np.zeros((12, 4, 4), np.uint8), np.arange(12) % 2
    np.savez(path.parent / "data.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    return RunFolder(path=path)


@pytest.fixture(scope="module")
def record(folder: RunFolder) -> dict[str, Any]:
    data = folder.path.parent / "data.npz"
    dataset = describe_dataset(load_npz(data, options=ArrayOptions()), validation=2, path=data)
    options = {"model": None, "space": {"dropout": 0.2}, "batch_size": "32,64", "callback": [], "class_weight": None}
    winner = {"trial_id": "0000", "hyperparameters": {"dropout": 0.2}, "val_loss": 0.1, "val_accuracy": None}
    return {
        "command": "tune",
        "options": options,
        "dataset": dataset.as_json(),
        "model": {"source": None, "digest": None, "pixel_scale": [1.0, 0.0], "kind": "classifier"},
        "config": {
            "algorithm": "random",
            "max_trials": 1,
            "epochs": 1,
            "budget": "1s",
            "seed": 0,
            "searched": {"max_trials": 1, "budget": "1s", "stopped_by": "budget"},
        },
        "seed": 0,
        "status": "finished",
        "winner": {**winner, "parameters": 3},
        "test": {"accuracy": 0.5, "ci95": [0.1, 0.9], "looks": 1},
        "seconds": {"search": 1.0, "retrain": 2.0},
    }


def with_another_value(data: Any, draw: random.Random) -> Any:
    """The same with one part, anywhere in it, replaced, renamed, repeated or removed."""
    changed = copy.deepcopy(data)
    inside, places = changed, []
    while isinstance(inside, dict | list) and inside and (not places or draw.random() < 0.7):
        key = draw.choice(list(inside)) if isinstance(inside, dict) else draw.randrange(len(inside))
        places.append((inside, key))
        inside = inside[key]
    owner, key = places[-1]
    how = draw.randrange(4)
    if how == 0:
        del owner[key]
    elif how == 1 and isinstance(owner, dict):
        owner[f"{key}x"] = owner.pop(key)
    else:
        owner[key] = draw.choice(VALUES)
    return changed


def with_other_bytes(content: bytes, draw: random.Random) -> bytes:
    """The same with a few bytes changed."""
    changed = bytearray(content)
    for _ in range(draw.randint(1, 4)):
        changed[draw.randrange(len(changed))] = draw.choice(b'\0"{}[],:09e-.N\xff\n')
    return bytes(changed)


def mutated(data: Any, seed: int) -> bytes:
    draw = random.Random(seed)
    content = json.dumps(with_another_value(data, draw)).encode()
    return with_other_bytes(content, draw) if seed % 3 == 0 else content


def outcomes(read: Callable[[], object], write: Callable[[int], object]) -> set[str]:
    found = set()
    for seed in range(SEEDS):
        write(seed)
        found.add(_outcome(read))
    return found


def _outcome(read: Callable[[], object]) -> str:
    try:
        read()
    except InputError:
        return "refused"
    return "read"


def test_a_mutated_record_is_read_or_refused(folder: RunFolder, record: dict[str, Any]) -> None:
    def read() -> None:
        found = folder.read()
        ModelChoice.from_options(found.options)
        load_recorded_dataset(found.dataset)

    assert outcomes(read, lambda seed: folder.run_json.write_bytes(mutated(record, seed))) == {"read", "refused"}


def test_a_mutated_journal_is_read_or_refused(folder: RunFolder, make_trial: Any, tmp_path: Path) -> None:
    journal = Journal(tmp_path / "trials.jsonl")
    ranges = {"dense_units": Choices(values=(64, 128)), "filters": IntRange(low=8, high=128, step=8)}
    trial = make_trial()
    journal.append(SearchBegan(facts={"seed": 0}))
    journal.append(
        Suggestion(trial_id=trial.trial_id, oracle_id="a", hyperparameters={"dense_units": 64}, ranges=ranges, epochs=2)
    )
    journal.append(trial)
    lines = [json.loads(line) for line in (tmp_path / "trials.jsonl").read_bytes().splitlines()]

    def read() -> None:
        for found in (*journal.trials(), *journal.repeats()):
            assert found.has_result in (True, False)
        journal.ranges()

    def write(seed: int) -> None:
        changed = [json.dumps(line).encode() for line in lines]
        changed[seed % 3] = mutated(lines[seed % 3], seed)
        (tmp_path / "trials.jsonl").write_bytes(b"\n".join(changed) + b"\n")

    assert outcomes(read, write) == {"read", "refused"}


def test_a_mutated_training_is_read_or_refused(make_trial: Any, tmp_path: Path) -> None:
    trial = make_trial()
    trained = TrainedModel(
        hyperparameters=trial.hyperparameters,
        settings=trial.settings,
        seed=trial.seed,
        examples=12,
        parameters=trial.parameters,
        epochs=trial.epochs,
        result_epoch=0,
        seconds=1.0,
    ).as_json()
    path = tmp_path / "training.json"

    assert outcomes(lambda: read_trained(path), lambda seed: path.write_bytes(mutated(trained, seed))) == {
        "read",
        "refused",
    }


def test_a_mutated_space_file_is_read_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "space.toml"

    def write(seed: int) -> None:
        path.write_bytes(with_other_bytes(SPACE.encode(), random.Random(seed)))

    assert outcomes(lambda: ranges_from(read_toml(path)), write) == {"read", "refused"}
