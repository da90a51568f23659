"""Names, locks and writes of a run folder."""

from __future__ import annotations

import json
import math
import signal
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from run_records import run_json, run_record

from tuning.errors import InputError
from tuning.files.atomic import finite_or_none, read_json, write_bytes, write_json
from tuning.runs.run_folder import RunFolder, fresh_name, make_fresh, newest_finished, now, open_run, run_of

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("name", ["a", "7", "mnist-1", "v1.2_final-", "A" * 100])
def test_a_letter_or_digit_and_what_may_follow_is_a_name(tmp_path, name):
    folder = open_run(tmp_path, name)
    assert (folder.path, folder.name) == (tmp_path / name, name)
    assert not folder.exists


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../a", "a/b", "/tmp/a", "a\\b", ".hidden", "-a", "_a", "a b", "a\n", "é", "a\0", "~", "C:"]
)
def test_a_path_or_anything_else_is_no_name(tmp_path, name):
    with pytest.raises(InputError, match=r"the run name .* must be a letter or digit, then letters, digits, '\.', '_'"):
        open_run(tmp_path, name)


@given(name=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]*", fullmatch=True))
def test_every_name_is_one_folder_right_in_the_runs(name):
    folder = open_run(Path("runs"), name)
    assert folder.path.parent == Path("runs")
    assert len(folder.path.parts) == 2


def test_everything_lies_where_the_layout_says(tmp_path):
    folder = open_run(tmp_path, "a")
    names = {
        "run_json": "run.json",
        "journal": "trials.jsonl",
        "trials_csv": "trials.csv",
        "model": "model.keras",
        "training": "training.json",
        "evaluation": "evaluation.json",
        "artifacts": "artifacts",
    }
    assert {name: getattr(folder, name) for name in names} == {
        name: tmp_path / "a" / path for name, path in names.items()
    }


def test_a_fresh_name_has_the_first_free_number(tmp_path):
    assert fresh_name(tmp_path / "none", "mnist") == "mnist-1"
    for name in ("mnist-1", "mnist-2", "mnist-4", "digits-3"):
        (tmp_path / name).mkdir()
    assert fresh_name(tmp_path, "mnist") == "mnist-3"


def record(runs, name, **content):
    (runs / name).mkdir(parents=True)
    write_json(runs / name / "run.json", run_json(**content))


def test_the_newest_run_is_the_one_that_finished_last_and_not_the_one_written_last(tmp_path):
    record(tmp_path, "c", status="finished", finished_at="2024-01-02T00:00:00+00:00")
    record(tmp_path, "a", status="finished", finished_at="2024-01-03T00:00:00+00:00")
    record(tmp_path, "b", status="finished", finished_at="2024-01-01T00:00:00+00:00")
    record(tmp_path, "d", status="searching")
    (tmp_path / "e").mkdir()
    assert newest_finished(tmp_path).name == "a"


def test_the_newest_published_run_is_one_with_artifacts(tmp_path):
    record(tmp_path, "a", status="finished", finished_at="2024-01-01T00:00:00+00:00")
    record(tmp_path, "b", status="finished", finished_at="2024-01-02T00:00:00+00:00")
    (tmp_path / "a" / "artifacts").mkdir()
    assert newest_finished(tmp_path, published=True).name == "a"


@pytest.mark.parametrize(
    ("published", "message"),
    [
        (False, r"there is no finished run in .*: start one with `tune\.py`"),
        (True, r"there is no exported run in .*: export one with `export\.py`"),
    ],
)
def test_without_any_such_run_it_says_how_to_get_one(tmp_path, published, message):
    record(tmp_path, "d", status="searching")
    with pytest.raises(InputError, match=message):
        newest_finished(tmp_path, published=published)


def test_a_missing_runs_folder_holds_no_run(tmp_path):
    with pytest.raises(InputError, match="there is no finished run in"):
        newest_finished(tmp_path / "none")


def test_times_sort_as_texts():
    first, second = now(), now()
    assert first <= second
    assert datetime.fromisoformat(first).utcoffset() == timedelta(0)
    assert len(first) == len(second)


def test_a_run_that_was_never_started_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match=r"there is no run .*a: runs lie in the folder given by `runs`"):
        open_run(tmp_path, "a").read()


def test_what_was_written_is_read(tmp_path):
    record(tmp_path, "a", status="searching", seed=0)
    assert open_run(tmp_path, "a").read() == run_record(status="searching", seed=0)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\xff", b'{"a": 1'])
def test_a_file_that_is_no_json_is_refused(tmp_path, content):
    (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(InputError, match=r"run\.json can't be read as JSON \(.+\): restore it or start a new run"):
        read_json(tmp_path / "run.json")


@pytest.mark.parametrize(("content", "kind"), [("[]", "list"), ("null", "NoneType"), ("3", "int")])
def test_json_that_is_no_object_is_refused(tmp_path, content, kind):
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(InputError, match=rf"run\.json must hold a JSON object, got {kind}"):
        read_json(tmp_path / "run.json")


HOLD = """
import sys
from pathlib import Path
from tuning.runs.run_folder import RunFolder
with RunFolder(path=Path(sys.argv[1])).lock(state=None):
    print("locked", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock of the run in `tmp_path`."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "locked\n"
    yield process
    process.kill()
    process.communicate()


def test_a_run_that_another_process_writes_is_refused(tmp_path, holder):
    with (
        pytest.raises(InputError, match="is being written by another process: wait for it or stop it"),
        RunFolder(path=tmp_path).lock(state=None),
    ):
        pass


def test_the_lock_of_a_killed_process_is_free(tmp_path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with RunFolder(path=tmp_path).lock(state=None):
        assert holder.returncode == -signal.SIGKILL


def test_a_lock_is_released_by_an_exception_too(tmp_path):
    folder = RunFolder(path=tmp_path)
    with pytest.raises(KeyboardInterrupt), folder.lock(state=None):
        raise KeyboardInterrupt
    with folder.lock(state=None):
        assert tmp_path.exists()


def test_a_run_that_another_process_wrote_since_it_was_looked_at_is_refused(tmp_path):
    folder = RunFolder(path=tmp_path)
    before = folder.state()
    write_json(folder.run_json, {"status": "finished"})
    message = "was written by another process meanwhile: run the command again"
    with pytest.raises(InputError, match=message), folder.lock(state=before):
        pass
    with folder.lock(state=folder.state()):
        assert folder.exists


def test_a_fresh_folder_is_nobody_elses(tmp_path, monkeypatch):
    names = iter(["mnist-1", "mnist-2"])
    (tmp_path / "mnist-1").mkdir()
    monkeypatch.setattr("tuning.runs.run_folder.fresh_name", lambda runs, stem: next(names))
    folder = make_fresh(tmp_path, "mnist")
    assert folder.path == tmp_path / "mnist-2"
    assert folder.path.is_dir()


def test_json_is_replaced_whole(tmp_path):
    for content in ({"a": 1, "long": "x" * 10_000}, {"b": [None, 0.5, "é"]}):
        write_json(tmp_path / "run.json", content)
    assert json.loads((tmp_path / "run.json").read_text(encoding="utf-8")) == {"b": [None, 0.5, "é"]}
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


@pytest.mark.parametrize("content", [{"a": float("nan")}, {"a": float("inf")}])
def test_what_json_has_no_word_for_leaves_the_old_file(tmp_path, content):
    write_json(tmp_path / "run.json", {"old": True})
    with pytest.raises(ValueError, match="Out of range float values are not JSON compliant"):
        write_json(tmp_path / "run.json", content)
    assert read_json(tmp_path / "run.json") == {"old": True}


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from tuning.files.atomic import write_json

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (50, hard))
try:
    write_json(Path(sys.argv[1]), {"new": "x" * int(sys.argv[2])})
    outcome = "written"
except OSError as error:
    outcome = type(error).__name__
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
print(outcome)
"""


@pytest.mark.parametrize("size", [100, 50_000])
def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path, size):
    write_json(tmp_path / "run.json", {"old": True})
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path / "run.json"), str(size)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "OSError\n"
    assert read_json(tmp_path / "run.json") == {"old": True}
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


def test_bytes_for_a_folder_that_is_missing_are_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_bytes(tmp_path / "none" / "file", b"content")


@pytest.mark.parametrize(
    ("value", "expected"), [(0.5, 0.5), (0.0, 0.0), (None, None), (math.nan, None), (math.inf, None)]
)
def test_json_gets_none_for_what_it_has_no_word_for(value, expected):
    assert finite_or_none(value) == expected


def test_a_model_belongs_to_its_run_also_where_it_is_a_trials(tmp_path: Path) -> None:
    run = RunFolder(path=tmp_path / "mine")
    run.path.mkdir()
    trial = RunFolder(path=run.trial("0003"))

    assert run_of(run) is None
    assert run_of(trial) is None
    write_json(run.run_json, {})
    assert run_of(run) == run
    assert run_of(trial) == run
    assert run_of(RunFolder(path=run.path / "other" / "0003")) is None


def test_the_written_model_is_whichever_file_there_is(tmp_path: Path) -> None:
    run = RunFolder(path=tmp_path)

    assert run.written_model == run.model
    run.model_weights.touch()
    assert run.written_model == run.model_weights
    run.model.touch()
    assert run.written_model == run.model
