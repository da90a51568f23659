"""The journal: what goes in comes out, whatever a crash or a full disk does to the last line."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from range_strategies import ranges

from tuning.errors import InputError
from tuning.loop.journal import AttemptLost, EpochReported, Journal, Repetition, SearchBegan, Suggestion

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def events(configurations, epoch_records, trial_records):
    """Strategy: whatever a journal can hold, in any order."""
    suggestions = st.builds(
        Suggestion,
        trial_id=st.text(max_size=6),
        oracle_id=st.none() | st.text(min_size=1, max_size=6),
        hyperparameters=configurations,
        ranges=st.dictionaries(st.text(max_size=6), ranges(), max_size=3),
        epochs=st.integers(),
        repeat_of=st.none() | st.text(min_size=1, max_size=6),
    )
    began = st.builds(SearchBegan, facts=st.dictionaries(st.text(max_size=6), st.integers() | st.text(max_size=6)))
    reported = st.builds(EpochReported, trial_id=st.text(max_size=6), number=st.integers(1), epoch=epoch_records)
    seconds = st.floats(0, 1e6)
    lost = st.builds(AttemptLost, trial_id=st.text(max_size=6), reason=st.text(max_size=6), seconds=seconds)
    repeated = st.builds(Repetition, oracle_id=st.text(max_size=6), trial_id=st.text(max_size=6))
    return st.lists(began | suggestions | repeated | reported | lost | trial_records, max_size=4)


@pytest.fixture
def suggestion():
    return Suggestion(trial_id="0000", oracle_id="a", hyperparameters={"learning_rate": 0.01}, ranges={}, epochs=2)


@pytest.fixture
def written(tmp_path, suggestion, make_trial):
    """A journal of four events, and the events."""
    events = [suggestion, make_trial(), replace(suggestion, trial_id="0001"), make_trial(trial_id="0001")]
    journal = Journal(tmp_path / "trials.jsonl")
    for event in events:
        journal.append(event)
    return tmp_path / "trials.jsonl", events


def append_all(path, events):
    for event in events:
        Journal(path).append(event)


@given(data=st.data())
def test_any_events_come_back_equal_and_in_order(data, events):
    written = data.draw(events)
    with tempfile.TemporaryDirectory() as folder:
        append_all(Path(folder) / "trials.jsonl", written)
        assert Journal(Path(folder) / "trials.jsonl").read() == written


@settings(max_examples=30)
@given(data=st.data())
def test_any_journal_cut_at_any_byte_loses_the_torn_event_alone_and_can_be_continued(data, events, make_trial):
    written = data.draw(events)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trials.jsonl"
        path.touch()
        append_all(path, written)
        content = path.read_bytes()
        length = data.draw(st.integers(0, len(content)))
        whole = content[:length].count(b"\n")
        path.write_bytes(content[:length])
        assert Journal(path).read() == written[:whole]
        Journal(path).append(make_trial())
        assert Journal(path).read() == [*written[:whole], make_trial()]


@pytest.mark.slow
def test_a_journal_cut_at_every_single_byte_can_be_read(written):
    path, events = written
    content = path.read_bytes()
    for length in range(len(content) + 1):
        path.write_bytes(content[:length])
        assert Journal(path).read() == events[: content[:length].count(b"\n")]


def test_a_journal_that_was_never_begun_holds_nothing(tmp_path):
    assert Journal(tmp_path / "trials.jsonl").read() == []
    assert list(tmp_path.iterdir()) == []


def test_reading_leaves_a_line_that_another_process_is_writing_alone(written):
    path, events = written
    path.write_bytes(path.read_bytes() + b'{"event": "sugg')
    before = path.read_bytes()
    assert Journal(path).read() == events
    assert path.read_bytes() == before


def test_the_next_event_takes_the_place_of_a_torn_line(written, make_trial):
    path, events = written
    path.write_bytes(path.read_bytes() + b'{"event": "sugg')
    Journal(path).append(make_trial())
    assert Journal(path).read() == [*events, make_trial()]


def test_an_event_is_one_line_whatever_its_texts_hold(tmp_path, make_trial):
    path = tmp_path / "trials.jsonl"
    Journal(path).append(make_trial(reason="first\nsecond\r\n\u2028third\x85", trial_id="é"))
    assert path.read_bytes().count(b"\n") == 1
    assert len(path.read_bytes().splitlines()) == 1


def test_nan_in_a_learning_curve_is_written_as_null(tmp_path, make_trial):
    path = tmp_path / "trials.jsonl"
    Journal(path).append(make_trial(float("nan")))
    assert b"NaN" not in path.read_bytes()
    assert not Journal(path).read()[0].has_result


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (b"garbage", "Expecting value"),
        (b'"\xff"', "can't decode byte"),
        (b"[]", "event must be one of search, suggested, "),
        (b"3", "event must be one of"),
        (b"{}", "event must be one of"),
        (b'{"event": "lunch"}', "event must be one of"),
        (b'{"event": "suggested", "ranges": {}, "colour": "red"}', "colour is unknown"),
        (b'{"event": "finished"}', "trial_id is missing"),
        (b"", "Expecting value"),
    ],
)
def test_a_line_that_is_no_event_is_named(written, line, complaint):
    path, _ = written
    lines = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join([lines[0], line, *lines[2:]]) + b"\n")
    message = rf"trials\.jsonl line 2 is not an event of a search \(.*{complaint}.*\): restore the file or start a new"
    with pytest.raises(InputError, match=message):
        Journal(path).read()


def test_a_journal_that_cannot_be_written_says_so(tmp_path, suggestion):
    with pytest.raises(FileNotFoundError):
        Journal(tmp_path / "missing" / "trials.jsonl").append(suggestion)


def test_what_json_has_no_word_for_is_not_written_at_all(written, suggestion):
    path, events = written
    with pytest.raises(ValueError, match="Out of range float values are not JSON compliant"):
        Journal(path).append(replace(suggestion, hyperparameters={"dropout": float("nan")}))
    assert Journal(path).read() == events


FULL_DISK = """
import contextlib, resource, signal, sys
from pathlib import Path
from tuning.loop.journal import AttemptLost, EpochReported, Journal, SearchBegan, Suggestion

path, room, size = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + room, hard))
try:
    Journal(path).append(
        Suggestion(trial_id="0002", oracle_id="b", hyperparameters={"text": "x" * size}, ranges={}, epochs=1)
    )
    outcome = "written"
except OSError as error:
    outcome = type(error).__name__
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
print(outcome)
"""


@pytest.mark.parametrize("size", [10, 300, 20_000])
@pytest.mark.parametrize("room", [0, 50])
def test_a_disk_that_is_full_in_the_middle_of_a_line_leaves_the_journal_as_it_was(written, make_trial, size, room):
    path, events = written
    before = path.read_bytes()
    command = [sys.executable, "-c", FULL_DISK, str(path), str(room), str(size)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "OSError\n"
    assert path.read_bytes() == before
    Journal(path).append(make_trial())
    assert Journal(path).read() == [*events, make_trial()]
