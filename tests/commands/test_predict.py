"""predict.py and several pictures: every readable one is answered, the others are named with their reasons."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from refused import assert_refused

Script = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder with the readable pictures one.png and two.png, and empty.png and text.png, which are none."""
    stroke = np.pad(np.full((20, 4), 255, np.uint8), ((4, 4), (12, 12)))
    for name in ("one.png", "two.png"):
        Image.fromarray(stroke).save(tmp_path / name)
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.png").write_text("hello")
    return tmp_path


def test_readable_pictures_are_answered_and_the_others_named(script: Script, runs: Path, pictures: Path) -> None:
    done = script("predict.py", "one.png", "text.png", "missing.png", "two.png")

    assert done.returncode == 2
    assert [line.partition(":")[0] for line in done.stdout.splitlines()[:2]] == ["one.png", "two.png"]
    assert "answered by runs/first/artifacts/model.onnx" in done.stdout
    first, second = done.stderr.splitlines()
    assert first.startswith("text.png can't be read as a picture (")
    assert second == "there is no file missing.png: give a PNG or JPEG picture"


def test_json_holds_the_answers_and_the_failures(script: Script, runs: Path, pictures: Path) -> None:
    done = script("predict.py", "text.png", "one.png", "one.png", "empty.png", "--json")

    assert done.returncode == 2
    result = json.loads(done.stdout)
    assert [each["file"] for each in result["predictions"]] == ["one.png", "one.png"]
    assert [each["file"] for each in result["failed"]] == ["text.png", "empty.png"]
    assert all(each["reason"] in done.stderr for each in result["failed"])


def test_where_all_are_readable_none_has_failed(script: Script, runs: Path, pictures: Path) -> None:
    done = script("predict.py", "one.png", "two.png", "--json")

    assert done.returncode == 0
    assert json.loads(done.stdout)["failed"] == []


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_where_none_is_readable_nothing_is_answered(
    options: tuple[str, ...], script: Script, runs: Path, pictures: Path
) -> None:
    done = script("predict.py", "text.png", "missing.png", *options)

    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 2
    assert "answered by" not in done.stdout + done.stderr
    assert "next:" not in done.stdout + done.stderr


def test_a_single_picture_that_is_none_is_refused_in_one_sentence(script: Script, runs: Path, pictures: Path) -> None:
    done = script("predict.py", "text.png")

    assert_refused(done, "text.png can't be read as a picture")
    assert done.stdout == ""


def test_names_that_are_no_text_are_shown_readably(script: Script, runs: Path, pictures: Path) -> None:
    (pictures / "one.png").rename(pictures / "caf\udce9.png")

    done = script("predict.py", "caf\udce9.png", "no\udce9.png")

    assert done.returncode == 2
    assert done.stdout.startswith(r"caf\xe9.png: ")
    assert done.stderr == "there is no file no\\xe9.png: give a PNG or JPEG picture\n"
