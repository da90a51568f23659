"""Npz files that numpy does not write: what they declare is not there, or far more than it."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np

MAGIC = b"\x93NUMPY"
_IMAGES, _LABELS = np.zeros((40, 8, 8), np.uint8), np.arange(40) % 2


def member(array: np.ndarray) -> bytes:
    """The bytes of an array as numpy stores it."""
    stored = io.BytesIO()
    np.save(stored, array)
    return stored.getvalue()


def described(text: bytes, *, version: int = 1, length: int | None = None) -> bytes:
    """An array whose description is this text, with `length` written before it, and 64 bytes of numbers."""
    form = "<H" if version == 1 else "<I"
    return MAGIC + bytes([version, 0]) + struct.pack(form, len(text) if length is None else length) + text + bytes(64)


def shaped(shape: str, *, dtype: str = "'|u1'") -> bytes:
    """An array that is said to have this shape and dtype, as Python writes them."""
    return described(f"{{'descr': {dtype}, 'fortran_order': False, 'shape': {shape}, }}\n".encode())


def write_npz(path: Path, parts: Mapping[str, bytes], *, method: int = zipfile.ZIP_DEFLATED) -> Path:
    """An archive of these members, with right images and labels under the names that are not given."""
    usual = {"x_train.npy": member(_IMAGES), "y_train.npy": member(_LABELS)}
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in {**usual, **parts}.items():
            archive.writestr(name, content)
    return path


def patched(path: Path, *, local: tuple[int, bytes], central: tuple[int, bytes]) -> Path:
    """The archive with bytes of its first member's two entries replaced, each at a place in the entry."""
    content = bytearray(path.read_bytes())
    for sign, (at, new) in ((b"PK\x03\x04", local), (b"PK\x01\x02", central)):
        start = content.index(sign) + at
        content[start : start + len(new)] = new
    path.write_bytes(content)
    return path


def _with_images(make: Callable[[], bytes]) -> Callable[[Path], Path]:
    """An archive whose images are what `make` gives when it is written."""
    return lambda path: write_npz(path, {"x_train.npy": make()})


def _damaged(path: Path, method: int) -> Path:
    """Packed by this method, a part of it overwritten."""
    random = np.random.default_rng(0).integers(0, 255, (40, 8, 8)).astype(np.uint8)
    write_npz(path, {"x_train.npy": member(random)}, method=method)
    content = bytearray(path.read_bytes())
    content[200:260] = bytes(60)
    path.write_bytes(content)
    return path


def _single(path: Path) -> Path:
    path.write_bytes(shaped("(1000000000000,)"))
    return path


def _twice(path: Path) -> Path:
    with zipfile.ZipFile(write_npz(path, {}), "a") as archive:
        archive.writestr("x_train", member(_IMAGES))
    return path


def _in_one_place(path: Path) -> Path:
    """Both entries of the list mean the first member."""
    content = bytearray(write_npz(path, {}).read_bytes())
    second = content.index(b"PK\x01\x02", content.index(b"PK\x01\x02") + 4)
    content[second + 42 : second + 46] = bytes(4)
    path.write_bytes(content)
    return path


def _long_list(path: Path) -> Path:
    """A list of contents of 3 GiB, which takes no place on the disk."""
    content = write_npz(path, {}).read_bytes()
    end = bytearray(content[content.index(b"PK\x05\x06") :])
    size = 3 << 30
    struct.pack_into("<HHI", end, 8, 0xFFFF, 0xFFFF, size)
    struct.pack_into("<I", end, 16, 0)
    with path.open("wb") as file:
        file.truncate(size)
        file.seek(size)
        file.write(end)
    return path


NPZ: dict[str, tuple[Callable[[Path], Path], str]] = {
    **{
        f"an array of shape {shape}": (
            _with_images(partial(shaped, shape)),
            said,
        )
        for shape, said in {
            "(1000000000000,)": "1,000,000,000,000 bytes, but holds 64",
            "(1000000000000, 28, 28)": "but holds 64",
            "(2, 9223372036854775807)": "but holds 64",
            "(-1, 28, 28)": r"has shape \(-1",
            "(1000000000000, 0)": "but holds nothing",
            "28": "can't be read as npz",
            "('a', 28)": "can't be read as npz",
            "(True, 8, 8)": "has shape",
            f"({'9' * 5000},)": "can't be read as npz",
            "(1.0, 28)": "can't be read as npz",
            "(((((((((28)))))))),)": "images must|shape",
        }.items()
    },
    **{
        f"an array of dtype {dtype}": (
            _with_images(partial(shaped, "(1000000000, 2)", dtype=dtype)),
            said,
        )
        for dtype, said in {
            "'|S0'": "but holds nothing",
            "'<U0'": "but holds nothing",
            "'|V0'": "but holds nothing",
            "'|V2000000000'": "but holds 64",
            "'|O'": "Python objects",
            "[('a', '|O')]": "Python objects",
            "[('a', '<f8', (1000000000,))]": "can't be read as npz",
            "'nonsense'": "can't be read as npz",
            "7": "can't be read as npz",
        }.items()
    },
    **{
        f"a description of {what}": (_with_images(made), said)
        for what, (made, said) in {
            "2 GiB, as it says": (lambda: described(b"{}", version=2, length=1 << 31), "2,147,483,648 bytes"),
            "300 MiB in 300 kB": (lambda: described(b" " * (300 << 20), version=2), "314,572,800 bytes"),
            "9,000 brackets": (lambda: described(b"(" * 9_000), "can't be read"),
            "9,000 minus signs": (lambda: described(b"-" * 9_000 + b"1"), "can't be read"),
            "nothing": (lambda: described(b""), "can't be read"),
            "a call of a function": (lambda: described(b"__import__('os').abort()"), "can't be read"),
            "other keys": (lambda: described(b"{'shape': (1,)}"), "can't be read"),
            "an unknown version": (lambda: described(b"{}", version=9), "can't be read"),
        }.items()
    },
    **{
        f"damaged {name}": (partial(_damaged, method=method), said)
        for name, method, said in (
            ("deflate", zipfile.ZIP_DEFLATED, "can't be read as npz"),
            ("LZMA", zipfile.ZIP_LZMA, "packed as numpy does not pack"),
            ("bzip2", zipfile.ZIP_BZIP2, "packed as numpy does not pack"),
        )
    },
    "2 GiB of zeros in bzip2": (
        lambda path: write_npz(path, {"x_train.npy": bytes(1 << 29)}, method=zipfile.ZIP_BZIP2),
        "packed as numpy does not pack",
    ),
    "members in deflate64": (
        lambda path: patched(write_npz(path, {}), local=(8, b"\x09\0"), central=(10, b"\x09\0")),
        "packed as numpy does not pack",
    ),
    "members that are encrypted": (
        lambda path: patched(write_npz(path, {}), local=(6, b"\x01\0"), central=(8, b"\x01\0")),
        "is encrypted",
    ),
    "a size that can't be in so few bytes": (
        lambda path: patched(write_npz(path, {}), local=(22, b"\0\0\0\x7f"), central=(24, b"\0\0\0\x7f")),
        "can't have 2,130,706,432 bytes in",
    ),
    "one member twice": (_twice, "holds x_train twice"),
    "members in one place": (_in_one_place, "can't be read as npz"),
    "a member that is larger than the file": (
        lambda path: patched(write_npz(path, {}), local=(18, b"\0\0\0\x7f"), central=(20, b"\0\0\0\x7f")),
        "more than the file",
    ),
    "a list of contents of 3 GiB": (_long_list, "its list of contents has|can't be read as npz"),
    "a text for an array": (lambda path: write_npz(path, {"x_train.npy": b"hello"}), "is no array"),
    "a single array of 1e12 bytes": (
        _single,
        "holds a single array",
    ),
}
"""What a file holds → what makes it, and what is said of it."""
