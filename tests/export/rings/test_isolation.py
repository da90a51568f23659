"""The file alone with its runtime: what needs more, crashes, or hangs is found out."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import helper

from export.artifact import Format
from export.formats.format import part_file
from export.rings import Candidate, isolated_process
from export.rings.checks import isolation


def test_a_right_file_of_every_format_passes(right: Candidate) -> None:
    result = isolation.check(right)

    assert result.failures == ()
    assert result.facts["max_abs_error"] <= 1e-5
    assert "numpy" in result.facts["packages"]
    assert not {"keras", "tf2onnx", "export", "tuning", "onnx"} & set(result.facts["packages"])


def test_a_folder_whose_name_looks_like_a_pattern_is_no_obstacle(right: Candidate, tmp_path: Path) -> None:
    folder = shutil.copytree(right.folder, tmp_path / "old [v2] *?")

    assert isolation.check(dataclasses.replace(right, folder=folder)).failures == ()


def isolated(tmp_path: Path, path: object, *allowed: str) -> subprocess.CompletedProcess[str]:
    np.savez(tmp_path / "inputs.npz", image=np.zeros((2, 6, 5, 1), np.uint8))
    child = Path(isolated_process.__file__).with_name("isolated.py")
    line = json.dumps([str(path), str(tmp_path / "inputs.npz"), str(tmp_path / "answers.npz")])
    command = [sys.executable, "-I", str(child), str(part_file(Format.ONNX, "alone")), json.dumps(allowed)]
    return subprocess.run(command, input=line, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(("forbidden", "allowed"), [("numpy", ["onnxruntime"]), ("onnxruntime", ["numpy"])])
def test_a_package_that_is_not_allowed_can_not_be_imported(
    planted: Callable[..., Candidate], tmp_path: Path, forbidden: str, allowed: list[str]
) -> None:
    done = isolated(tmp_path, planted().path, *allowed)

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"ImportError: {forbidden} may not be imported here"


def test_with_both_packages_it_answers(planted: Callable[..., Candidate], tmp_path: Path) -> None:
    path = planted().path

    done = isolated(tmp_path, path, *isolation._packages("onnxruntime"))

    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "answers.npz") as archive:
        assert archive["probabilities"].shape == (2, 3)


def test_a_file_that_needs_a_package_that_is_not_its_runtime_fails(
    planted: Callable[..., Candidate], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolation, "_packages", lambda name: frozenset({"numpy"}))

    (failure,) = isolation.check(planted()).failures

    assert failure == "the process ended with 1: ImportError: onnxruntime may not be imported here"


def test_a_file_that_its_runtime_refuses_fails(planted: Callable[..., Candidate]) -> None:
    candidate = planted()
    candidate.path.write_bytes(b"no model")

    (failure,) = isolation.check(candidate).failures

    assert failure.startswith("the process ended with 1: onnxruntime.capi.")


def test_a_process_that_dies_without_a_word_fails(
    planted: Callable[..., Candidate], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "child.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", encoding="utf-8")
    monkeypatch.setattr(isolated_process, "_CHILD", tmp_path / "child.py")
    isolated_process.stop_all()

    assert isolation.check(planted()).failures == ("the process ended with -11: without a word",)


def test_a_file_that_does_not_answer_in_time_fails(
    planted: Callable[..., Candidate], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolated_process, "SECONDS", 0.01)
    isolated_process.stop_all()

    assert isolation.check(planted()).failures == ("no answer within 0.01 s",)


@pytest.mark.slow
def test_one_process_answers_for_many_files_and_a_new_one_follows_an_error(planted: Callable[..., Candidate]) -> None:
    isolated_process.stop_all()
    packages = sorted(isolation._packages("onnxruntime"))

    first, second = isolation.check(planted()), isolation.check(planted())
    process = isolated_process.isolated_process(Format.ONNX, packages)
    broken = planted()
    broken.path.write_bytes(b"no model")
    third = isolation.check(broken)
    fourth = isolation.check(planted())

    assert (first.passed, second.passed, third.passed, fourth.passed) == (True, True, False, True)
    assert process.files == 3
    assert isolated_process.isolated_process(Format.ONNX, packages) is not process


@pytest.mark.slow
def test_a_process_makes_way_for_a_new_one_after_some_files(
    planted: Callable[..., Candidate], monkeypatch: pytest.MonkeyPatch
) -> None:
    isolated_process.stop_all()
    monkeypatch.setattr(isolated_process, "FILES", 1)
    packages = sorted(isolation._packages("onnxruntime"))

    isolation.check(planted())
    first = isolated_process.isolated_process(Format.ONNX, packages)

    assert first.can_go_on
    assert isolation.check(planted()).passed
    assert not first.can_go_on


def test_a_file_that_answers_something_else_fails(
    planted: Callable[..., Candidate], between: Callable[..., Any]
) -> None:
    more = helper.make_node("Mul", ["in", "factor"], ["out"])

    (failure, *_) = isolation.check(planted(between("logits", more, factor=np.array(1.01, np.float32)))).failures

    assert failure.startswith("a probability differs by ")


def test_answers_that_can_not_be_compared_fail(planted: Callable[..., Candidate], standard: Any) -> None:
    wider = {"probabilities": np.pad(standard.probabilities, [(0, 0), (0, 1)])}

    (failure,) = isolation.check(planted(reference=dataclasses.replace(standard, outputs=wider))).failures

    assert "must describe the same images and classes" in failure


def test_a_distribution_that_is_not_installed_brings_nothing() -> None:
    assert isolation._packages("no-such-distribution") == frozenset()
