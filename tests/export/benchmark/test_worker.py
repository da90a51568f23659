"""What the measured process does with a request, without the process around it."""

from __future__ import annotations

import io
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export.artifact import Format
from export.benchmark import worker
from export.benchmark.candidate import KerasSource, export_candidate, predict_candidate
from export.benchmark.messages import Burst, Failed, Finish, Inputs, LoadRequest, Opened, PeakMemory, Timed


def replies(*requests: object) -> list[Any]:
    asked, answered = io.BytesIO(b"".join(map(pickle.dumps, requests))), io.BytesIO()
    worker.serve(asked, answered)
    answered.seek(0)
    return [pickle.load(answered) for _ in requests]


@pytest.fixture
def inputs(tmp_path: Path, examples: tuple[np.ndarray, np.ndarray]) -> Inputs:
    np.save(tmp_path / "images.npy", examples[0][:300])
    return Inputs(names=("image",), paths=(tmp_path / "images.npy",))


def test_a_file_is_opened_timed_and_asked_everything(inputs: Inputs, published: Path, tmp_path: Path) -> None:
    candidate = export_candidate(Format.ONNX, published / "model.onnx")
    task = LoadRequest(candidate=candidate, inputs=inputs, threads=1, batches=(1, 400))

    opened, one, many, finished = replies(
        task, Burst(batch=1), Burst(batch=400), Finish(answers=tmp_path / "answers.npy")
    )

    assert isinstance(opened, Opened)
    assert opened.first_call_seconds > 0
    assert isinstance(one, Timed)
    assert isinstance(many, Timed)
    assert worker.FEWEST_CALLS <= len(one.calls) <= worker.MOST_CALLS
    assert np.median(many.calls) > np.median(one.calls)
    assert isinstance(finished, PeakMemory)
    assert finished.peak_memory_bytes is None or finished.peak_memory_bytes > 10 * 2**20
    assert np.load(tmp_path / "answers.npy").shape == (300, 10)


def test_a_file_that_can_t_be_opened_is_told(inputs: Inputs, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"no model")
    candidate = export_candidate(Format.ONNX, tmp_path / "model.onnx")

    (failed,) = replies(LoadRequest(candidate=candidate, inputs=inputs, threads=1, batches=(1,)))

    assert isinstance(failed, Failed)
    assert "can't be opened by onnxruntime" in failed.reason


def test_a_file_that_fails_on_these_inputs_is_told_with_the_error_s_kind(published: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "wrong.npy", np.zeros((3, 28, 28, 1), np.float32))
    candidate = export_candidate(Format.ONNX, published / "model.onnx")
    wrong = Inputs(names=("image",), paths=(tmp_path / "wrong.npy",))

    (failed,) = replies(LoadRequest(candidate=candidate, inputs=wrong, threads=1, batches=(1,)))

    assert isinstance(failed, Failed)
    assert failed.reason.startswith("ValueError: onnxruntime can't run the file")


def test_nothing_is_timed_before_it_was_opened() -> None:
    (failed,) = replies(Burst(batch=1))

    assert failed == Failed(reason="ValueError: nothing was opened yet that Burst could be about")


def test_model_predict_needs_to_know_its_model(keras_source: KerasSource, inputs: Inputs) -> None:
    (failed,) = replies(LoadRequest(candidate=predict_candidate(keras_source), inputs=inputs, threads=1, batches=(1,)))

    assert failed == Failed(reason="ValueError: model.predict needs the Keras model that it is about")


def test_a_burst_of_slow_calls_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "LONGEST_BURST_SECONDS", 0.0)
    asked = []

    def call(arrays: Sequence[np.ndarray]) -> np.ndarray:
        asked.append(arrays)
        return arrays[0]

    assert len(worker.time_calls(call, [np.zeros(1)])) == 1
    assert len(asked) == 2


def test_a_burst_of_quick_calls_ends_with_its_most() -> None:
    assert len(worker.time_calls(lambda arrays: arrays[0], [np.zeros(1)])) == worker.MOST_CALLS


def test_a_call_that_takes_no_time_by_the_clock_takes_a_nanosecond(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.perf_counter_ns", lambda: 5)

    assert set(worker.time_calls(lambda arrays: arrays[0], [np.zeros(1)])) == {1}
