"""What is printed of a finished search, at a hundred columns."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from scripts.terminal.console import Console
from scripts.terminal.insight_tables import print_importance, print_trials
from tuning.ranking.selection import select
from tuning.records import Epoch, TrialRecord, TrialStatus
from tuning.settings import Objective, TrainingSettings

EPOCH = Epoch(loss=0.5, accuracy=0.8, val_loss=0.4, val_accuracy=0.875, learning_rate=0.01, seconds=2.0)


def trial(trial_id: str, val_loss: float, **values: object) -> TrialRecord:
    usual = TrialRecord(
        trial_id=trial_id,
        hyperparameters={"learning_rate": 0.00123456 + val_loss, "pooling": "max", "num_filters": 8},
        settings=TrainingSettings(epochs=1),
        seed=0,
        status=TrialStatus.COMPLETED,
        reason="",
        epochs=(replace(EPOCH, val_loss=val_loss),),
        result_epoch=0,
        parameters=12345,
        seconds=3.0,
    )
    return replace(usual, **values)  # type: ignore[arg-type]


TRIALS = [trial(f"{index:04}", loss) for index, loss in enumerate([0.3, 0.1, 0.2, 0.4, 0.6, 0.5])]


@pytest.fixture
def console() -> Console:
    return Console(io.StringIO(), width=100)


def told(console: Console) -> list[str]:
    assert isinstance(console._file, io.StringIO)
    return console._file.getvalue().splitlines()


def first_words(console: Console) -> list[str]:
    return [line.split()[0] for line in told(console) if line[:1].isdigit()]


def test_the_best_trials_stand_first(console: Console) -> None:
    print_trials(console, TRIALS, count=3)

    assert first_words(console) == ["0001", "0002", "0000"]
    assert told(console)[0].split() == ["trial", "val_loss", "accuracy", "parameters", "epochs", "seconds"]
    assert told(console)[1].split() == ["0001", "0.1000", "87.50%", "12,345", "1", "3.0"]


def test_only_what_tells_the_shown_trials_apart_is_listed(console: Console) -> None:
    print_trials(console, TRIALS, count=2)

    assert told(console)[2].strip() == "learning_rate=0.101"


def test_a_single_trial_needs_nothing_to_be_told_apart(console: Console) -> None:
    print_trials(console, TRIALS[:1])

    assert len(told(console)) == 2


def test_repeats_come_with_their_spread_and_the_taken_trial_first(console: Console) -> None:
    repeats = [
        trial("a", 0.25, repeat_of="0001"),
        trial("b", 0.27, repeat_of="0001"),
        trial("c", 0.2, repeat_of="0002"),
        trial("d", 0.2, repeat_of="0002", status=TrialStatus.FAILED),
        trial("e", 0.2, repeat_of="0000", status=TrialStatus.FAILED),
    ]

    print_trials(console, TRIALS, selection=select(TRIALS, repeats))

    assert first_words(console)[:3] == ["0002", "0001", "0000"]
    lines = told(console)
    assert [line.split()[-1] == "taken" for line in lines if line[:1].isdigit()] == [True, *[False] * 4]
    assert "0.2000 (1 failed)" in lines[1]
    assert "0.2600 ± 0.0141" in lines[3]
    assert " (1 failed)" in lines[5]


def test_no_line_is_wider_than_a_hundred_columns(console: Console) -> None:
    hyperparameters = {f"a_rather_long_name_{number}": number for number in range(8)}
    wide = [
        trial(
            f"{index:04}",
            0.1 + index,
            hyperparameters={name: value + index for name, value in hyperparameters.items()},
            macs=123_456_789 - index,
            parameters=123_456_789 - index,
            seconds=86_400.0,
        )
        for index in range(4)
    ]
    repeats = [trial(str(value), value, repeat_of="0001") for value in (0.25, 0.3, 0.4)]

    print_trials(console, wide, selection=select(wide, repeats), costs=("params", "macs"))

    assert max(map(len, told(console))) <= 100
    assert any("a_rather_long_name_7" in line for line in told(console))


def test_with_costs_the_front_is_told_from_small_to_large(console: Console) -> None:
    sized = [replace(each, parameters=size) for each, size in zip(TRIALS, [20, 90, 40, 80, 10, 70], strict=True)]
    repeats = [trial("a", 0.1, repeat_of="0003")]

    print_trials(console, sized, selection=select(sized, repeats), costs=("params",))

    assert first_words(console) == ["0004", "0000", "0002", "0001", "0003"]
    assert told(console)[-1] == "trials that no other beats in val_loss and params at once"


@pytest.mark.parametrize(("macs", "text"), [(950, "950"), (12_345, "12.3k"), (743_040, "743k"), (2 * 10**9, "2G")])
def test_multiply_accumulates_are_short(console: Console, macs: int, text: str) -> None:
    print_trials(console, [trial("0000", 0.1, macs=macs), trial("0001", 0.2)])

    assert told(console)[1].split()[4] == text
    assert told(console)[3].split()[4] == "?"


def test_an_accuracy_that_ranks_is_told_once(console: Console) -> None:
    settings = TrainingSettings(epochs=1, objective=Objective(name="val_accuracy", maximize=True))

    print_trials(console, [trial("0000", 0.00001, settings=settings)])

    assert told(console)[0].split() == ["trial", "val_accuracy", "parameters", "epochs", "seconds"]


def test_brackets_are_told_as_they_are(console: Console) -> None:
    print_trials(console, [trial("0000", 0.1, hyperparameters={"layers": "[8,8]"}), trial("0001", 0.2)])

    assert told(console)[2].strip() == "layers=[8,8]"


def test_nothing_is_printed_of_nothing(console: Console) -> None:
    print_trials(console, [trial("0000", 0.1, status=TrialStatus.FAILED)])
    print_importance(console, {})

    assert told(console) == []


def test_the_six_most_important_have_a_bar(console: Console) -> None:
    print_importance(console, {**{f"x{number}": 0.05 for number in range(10)}, "rate": 0.5})

    assert len(told(console)) == 6
    assert told(console)[0] == f"rate  {'█' * 12}{' ' * 12}   50%"
    assert told(console)[1].split() == ["x0", "█▎", "5%"]


def test_what_hardly_mattered_has_no_bar(console: Console) -> None:
    print_importance(console, {"rate": 0.996, "pooling": 0.004})

    assert [line.split()[0] for line in told(console)] == ["rate"]
