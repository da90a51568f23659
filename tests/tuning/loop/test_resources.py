"""What a search may use, and where its trials run then."""

from __future__ import annotations

import pytest

from tuning.errors import InputError
from tuning.executors.interface import Workplace
from tuning.executors.places.in_process import InThisProcess
from tuning.executors.places.processes import LocalProcesses
from tuning.loop.resources import Resources


@pytest.fixture
def workplace(tiny, search_data):
    return Workplace(builder=tiny, training=search_data.training, validation=search_data.validation)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"workers": -1}, "workers must be 0 or more, got -1"),
        ({"trial_timeout": 0.0}, r"trial_timeout must be above 0, got 0\.0"),
        ({"trial_timeout": -5}, "trial_timeout must be above 0, got -5"),
        ({"keep_states": -1}, "keep_states must be 0 or more, got -1"),
    ],
    ids=str,
)
def test_numbers_below_their_least_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        Resources(**values)


def test_no_workers_train_in_this_process(workplace, tmp_path):
    assert isinstance(Resources(workers=0).executor(workplace, tmp_path), InThisProcess)


@pytest.mark.parametrize(("asked", "workers"), [(1, 1), (3, 3), (None, 2)])
def test_workers_are_processes_as_many_as_asked_for_or_as_the_machine_has_room_for(
    workplace, tmp_path, monkeypatch, asked, workers
):
    monkeypatch.setattr("tuning.executors.places.processes.default_workers", lambda: 2)
    executor = Resources(workers=asked).executor(workplace, tmp_path)
    executor.close()
    assert isinstance(executor, LocalProcesses)
    assert executor.workers == workers


def test_a_place_is_named(workplace, tmp_path):
    assert isinstance(Resources(place="in_process", workers=2).executor(workplace, tmp_path), InThisProcess)


def test_an_unknown_place_is_refused():
    with pytest.raises(InputError, match="unknown executor mainframe: choose one of in_process, processes"):
        Resources(place="mainframe")


def test_a_place_of_the_caller_s_own_gets_what_trials_share_and_a_folder(workplace, tmp_path):
    given = []

    def make(*arguments):
        given.append(arguments)
        return InThisProcess(workplace)

    made = Resources(make_executor=make).executor(workplace, tmp_path)
    assert given == [(workplace, tmp_path)]
    assert isinstance(made, InThisProcess)
