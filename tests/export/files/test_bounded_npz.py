"""npz files are read only if their sizes are those of the arrays that they hold, before anything is unpacked."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from export.files.bounded_npz import read_npz


def npy(array: np.ndarray) -> bytes:
    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue()


def header(shape: str, descr: str = "'|u1'") -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".ljust(117).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """`write(method, NAME=content)`: an archive of these members."""

    def call(method: int = zipfile.ZIP_DEFLATED, **members: bytes) -> Path:
        with zipfile.ZipFile(tmp_path / "x.npz", "w", method) as archive:
            for name, content in members.items():
                archive.writestr(f"{name}.npy", content)
        return tmp_path / "x.npz"

    return call


def test_what_numpy_writes_is_read(tmp_path: Path) -> None:
    arrays = {"a": np.arange(6).reshape(2, 3), "b/c": np.zeros((0, 2), np.float32), "d": np.array(3.5)}
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "x.npz", allow_pickle=False, **arrays)

        found = read_npz(tmp_path / "x.npz")

        assert set(found) == set(arrays)
        for name, array in arrays.items():
            np.testing.assert_array_equal(found[name], array)
            assert found[name].dtype == array.dtype


def test_zeros_are_honest(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "x.npz", allow_pickle=False, a=np.zeros((1000, 28, 28), np.uint8))

    assert read_npz(tmp_path / "x.npz")["a"].shape == (1000, 28, 28)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (header("(1000000, 1000000)"), r"declares \(1000000, 1000000\) of uint8 but has"),
        (header("(2,)") + b"123", r"declares \(2,\) of uint8 but has"),
        (header("(1,)", "'|O'") + b"12345678", "holds Python objects"),
        (b"\x93NUMPY\x07\x00" + bytes(200), "no array of a version that numpy writes"),
        (b"no array at all", "magic string"),
    ],
)
def test_an_array_that_is_not_what_it_says_is_refused(write: Callable[..., Path], content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_npz(write(a=content))


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_another_packing_is_refused(write: Callable[..., Path], method: int) -> None:
    with pytest.raises(ValueError, match="is packed in a way that numpy does not use"):
        read_npz(write(method, a=npy(np.arange(3))))


def test_a_size_that_no_packing_reaches_is_refused(write: Callable[..., Path]) -> None:
    path = write(a=npy(np.arange(3)))
    content = bytearray(path.read_bytes())
    at = content.index(b"PK\x01\x02") + 24
    content[at : at + 4] = (1 << 30).to_bytes(4, "little")
    path.write_bytes(content)

    with pytest.raises(ValueError, match="can't have the 1073741824 bytes that it declares"):
        read_npz(path)


def test_what_unpacks_to_far_more_is_refused(write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("export.files.bounded_npz._HARMLESS_BYTES", 1 << 20)

    with pytest.raises(ValueError, match="bytes unpack to 2097280, which is no honest file"):
        read_npz(write(a=npy(np.zeros(2 << 20, np.uint8))))


def test_two_arrays_of_one_name_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("a.npy", npy(np.array(0)))
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("a.npy", npy(np.array(1)))

    with pytest.raises(ValueError, match="two of one name"):
        read_npz(tmp_path / "x.npz")


def test_arrays_in_one_place_are_refused(write: Callable[..., Path]) -> None:
    path = write(zipfile.ZIP_STORED, a=npy(np.arange(100)), b=npy(np.arange(100)))
    content = bytearray(path.read_bytes())
    first = content.index(b"PK\x01\x02")
    entries = content[first : content.index(b"PK\x05\x06")]
    # What lies in the second place is cut out, and both entries point to the first.
    start = content.index(b"PK\x03\x04", 4)
    head = bytes(content[:start])
    second = entries.index(b"PK\x01\x02", 4)
    entries[second + 42 : second + 46] = (0).to_bytes(4, "little")
    end = bytearray(content[content.index(b"PK\x05\x06") :])
    end[12:20] = len(entries).to_bytes(4, "little") + start.to_bytes(4, "little")
    path.write_bytes(head + bytes(entries) + bytes(end))

    with pytest.raises(ValueError, match="its arrays overlap"):
        read_npz(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")
def test_what_never_ends_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.npz")

    with pytest.raises(ValueError, match="it is not a regular file"):
        read_npz(tmp_path / "x.npz")
