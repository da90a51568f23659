"""Files of a user's that would hang, never end or take all memory are refused before they are read."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tuning.errors import InputError
from tuning.files.bounded_files import LARGEST_TOML, parse_json, parse_toml, read_bounded, read_toml, regular_size


@pytest.fixture
def sparse(tmp_path: Path) -> Path:
    """A file of 3 GiB that takes no place on the disk."""
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(3 << 30)
    return path


def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(InputError, match=r"pipe is a pipe and not a file: give one"):
        read_bounded(tmp_path / "pipe", limit=10, give="give one")


def test_a_link_to_an_endless_device_is_refused(tmp_path: Path) -> None:
    (tmp_path / "zeros").symlink_to("/dev/zero")

    with pytest.raises(InputError, match=r"zeros is a device and not a file: give one"):
        read_bounded(tmp_path / "zeros", limit=10, give="give one")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r" is a folder and not a file: give one"):
        regular_size(tmp_path, give="give one")


@pytest.mark.parametrize("name", ["a" * 4000, "/".join(["b" * 200] * 20)])
def test_a_path_that_is_too_long_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=r"(can't be opened \(File name too long\)|there is no file .*): give one"):
        regular_size(Path(name), give="give one")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no file .*none: give one"):
        regular_size(tmp_path / "none", give="give one")


def test_a_link_to_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ring").symlink_to("ring")

    with pytest.raises(InputError, match=r"ring can't be opened \(.*\): give one"):
        regular_size(tmp_path / "ring", give="give one")


def test_a_name_with_a_null_character_is_refused() -> None:
    with pytest.raises(InputError, match=r"can't be opened \(.*null.*\): give one"):
        regular_size(Path("a\0b"), give="give one")


def test_a_large_file_is_refused_by_its_size(sparse: Path) -> None:
    with pytest.raises(InputError, match=r"large has 3,221,225,472 bytes but 10 are the most that such a file"):
        read_bounded(sparse, limit=10, give="give one")


def test_what_can_not_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(b"x")

    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(InputError, match=r"a can't be opened \(Permission denied\): give one"):
        read_bounded(tmp_path / "a", limit=10, give="give one")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b".".join([b"a"] * 50_000) + b" = 1", r"a line in it holds more than 1,000 dots"),
        (b".".join([b'"=,"'] * 5_000) + b" = 1", r"a line in it holds more than 1,000 dots"),
        (b".".join([b"a"] * 500) + b" = 1", r"it is nested more than 200 deep"),
        (b"a = " + b"[" * 5_000, r"it is nested more than 200 deep"),
        (b"a = " + b"[" * 250 + b"]" * 250, r"it is nested more than 200 deep"),
        (b"a = " + b"{a = " * 2_000, r"it is nested more than 200 deep"),
        (b"a = " + b"9" * 5_000, r"[Ii]nteger|digits"),
        (b"a = " + b"9" * 200, r"a whole number of more than 100 digits"),
        (b"a = 0x" + b"f" * 5_000, r"a whole number of more than 100 digits"),
        (b'a = "b\\u0000c"', r"text in it holds a null character"),
        (b"\xff\xfe", r"utf-8"),
    ],
    ids=range(11),
)
def test_toml_that_no_honest_file_holds_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_bytes(content)

    with pytest.raises(InputError, match=rf"a\.toml can't be read as TOML \(.*({message}).*\): fix it there"):
        read_toml(tmp_path / "a.toml")


def test_toml_that_is_too_large_is_refused(sparse: Path) -> None:
    with pytest.raises(InputError, match=rf"has 3,221,225,472 bytes but {LARGEST_TOML:,} are the most"):
        read_toml(sparse)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[" * 100_000, r"it is nested more than 200 deep"),
        (b"[" * 250 + b"]" * 250, r"it is nested more than 200 deep"),
        (b'{"a":' * 100_000, r"it is nested more than 200 deep"),
        (b"[" + b"[]," * 1_000_001 + b"1]", r"it holds more than 1,000,000 objects and lists"),
        (b"9" * 5_000, r"digits"),
        (b"-" + b"9" * 200, r"a whole number of more than 100 digits"),
        (b'{"a": NaN}', r"it holds the number nan"),
        (b'{"a": -Infinity}', r"it holds the number -inf"),
        (b'{"a": 1e999}', r"it holds the number inf"),
        (b"\xff", r"utf-8"),
    ],
    ids=range(10),
)
def test_json_that_no_honest_file_holds_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_json(content)


HONEST = b"""
max-trials = 20
objective = "val_loss"
[space]
learning_rate = {low = 1e-4, high = 1e-2, log = true}
dense_units = [64, 128]
"""


@pytest.mark.parametrize("parse", [parse_toml, parse_json])
def test_mutated_bytes_are_parsed_or_a_value_error(parse: Callable[[bytes], object]) -> None:
    honest = HONEST if parse is parse_toml else b'{"a": [1, 2.5, "x"], "b": {"c": null, "d": true}}'

    outcomes = [_outcome(parse, mutated(honest, seed)) for seed in range(1_000)]

    assert set(outcomes) == {"parsed", "ValueError"}


def _outcome(parse: Callable[[bytes], object], content: bytes) -> str:
    try:
        parse(content)
    except ValueError:
        return "ValueError"
    return "parsed"


def mutated(content: bytes, seed: int) -> bytes:
    """The bytes with some changed, removed, repeated or put in, by the seed."""
    draw = random.Random(seed)
    changed = bytearray(content)
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(len(changed) + 1)
        end = min(at + draw.randint(0, 8), len(changed))
        piece = draw.choice([b"", draw.randbytes(2), bytes(changed[at:end]) * 3, b"9" * 400, b"[{", b"1e999", b"NaN"])
        changed[at:end] = piece
    return bytes(changed)
