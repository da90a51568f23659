"""Npz files of published folders that declare what is not there are refused before anything of them is read."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import pytest

from export.bounded_npz import read_npz
from scripts.attacks.hostile_npz import NPZ, described, shaped, write_npz

DAMAGED = (OSError, ValueError, EOFError, NotImplementedError, zipfile.BadZipFile, zlib.error)


@pytest.mark.parametrize("name", [name for name in NPZ if "GiB" not in name and "MiB" not in name])
def test_a_hostile_file_is_refused(name: str, tmp_path: Path) -> None:
    make, _ = NPZ[name]

    with pytest.raises(DAMAGED):
        read_npz(make(tmp_path / "a.npz"))


def test_a_description_that_no_parser_takes_is_refused(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "a.npz", {"x_train.npy": described(b"-" * 9_000 + b"1")})

    with pytest.raises(ValueError, match=r"the description of x_train\.npy can't be read"):
        read_npz(path)


@pytest.mark.parametrize("shape", ["(True, 8, 8)", "(-1, -64)"])
def test_a_shape_of_other_things_than_whole_numbers_from_zero_is_refused(tmp_path: Path, shape: str) -> None:
    path = write_npz(tmp_path / "a.npz", {"x_train.npy": shaped(shape)})

    with pytest.raises(ValueError, match=r"x_train\.npy declares the shape"):
        read_npz(path)
