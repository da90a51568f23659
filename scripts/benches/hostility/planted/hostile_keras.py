"""Keras files that Keras does not write: what they declare is not there, or far more than it."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"


def _with_part(name: str, make: Callable[[], bytes]) -> Callable[[Path], Path]:
    """The archive with what `make` gives in the place of this part, when it is written."""
    return lambda path: rewrite(path, {name: make()})


def rewrite(path: Path, parts: dict[str, bytes], *, method: int = zipfile.ZIP_DEFLATED) -> Path:
    """The archive with these parts in the place of its own of the same names."""
    with zipfile.ZipFile(path) as archive:
        old = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in {**old, **parts}.items():
            archive.writestr(name, content)
    return path


def spread(path: Path, name: str, blocks: Iterable[bytes], *, method: int = zipfile.ZIP_DEFLATED) -> Path:
    """The archive with one part that is written block by block, as it may be larger than the memory."""
    rewrite(path, {})
    with zipfile.ZipFile(path) as archive:
        old = {other: archive.read(other) for other in archive.namelist() if other != name}
    with zipfile.ZipFile(path, "w", method, compresslevel=1) as archive:
        for other, content in old.items():
            archive.writestr(other, content)
        with archive.open(name, "w", force_zip64=True) as part:
            for block in blocks:
                part.write(block)
    return path


def lying(path: Path) -> Path:
    """A configuration of 600 MiB, which is said to have 100 bytes."""
    spread(path, CONFIG, [b" " * (1 << 20)] * 600)
    content = bytearray(path.read_bytes())
    for sign, name_at, size_at in ((b"PK\x01\x02", 46, 24),):
        at = 0
        while (at := content.find(sign, at)) >= 0:
            if content[at + name_at : at + name_at + len(CONFIG)] == CONFIG.encode():
                struct.pack_into("<I", content, at + size_at, 100)
            at += 4
    path.write_bytes(content)
    return path


def nested(depth: int) -> bytes:
    """A configuration of lists in each other."""
    return b'{"class_name": "Sequential", "config": {"layers": ' + b"[" * depth + b"]" * depth + b"}}"


def with_array(path: Path, change: Callable[[object], None]) -> Path:
    """The archive with weights that `change`, called with an open HDF5 file, has made other ones of."""
    import h5py

    inner = path.with_suffix(".inner")
    with zipfile.ZipFile(path) as archive:
        inner.write_bytes(archive.read(WEIGHTS))
    with h5py.File(inner, "r+") as file:
        change(file)
    rewrite(path, {WEIGHTS: inner.read_bytes()}, method=zipfile.ZIP_STORED)
    inner.unlink()
    return path


def _first_array(file) -> str:  # type: ignore[no-untyped-def]
    import h5py

    names: list[str] = []
    file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
    return names[0]


def replace_array(file, **how) -> None:  # type: ignore[no-untyped-def]
    """Put another array in the place of the first one."""
    name = _first_array(file)
    del file[name]
    file.create_dataset(name, **how)


def link_array(file) -> None:  # type: ignore[no-untyped-def]
    """Put a link to another file in the place of the first array."""
    import h5py

    name = _first_array(file)
    del file[name]
    file[name] = h5py.ExternalLink("/etc/passwd", "/a")


KERAS: dict[str, tuple[Callable[[Path], Path], str]] = {
    "a configuration of 2 GiB in 9 MB": (
        lambda path: spread(path, CONFIG, [b" " * (1 << 20)] * 2048),
        r"config\.json in it has 2,147,483,648 bytes",
    ),
    "a configuration of 600 MiB that is said to have 100 bytes": (lying, "can't be read as a Keras file"),
    "metadata of 200 MiB": (
        lambda path: spread(path, METADATA, [b" " * (1 << 20)] * 200),
        r"metadata\.json in it has 209,715,200 bytes",
    ),
    "weights of 1 GiB in 5 MB": (
        lambda path: spread(path, WEIGHTS, [bytes(1 << 20)] * 1024),
        r"model\.weights\.h5 in it has 1,073,741,824 bytes",
    ),
    "a file of 1 GiB in its assets": (
        lambda path: spread(path, "assets/a", [bytes(1 << 20)] * 1024),
        "assets/a in it has 1,073,741,824 bytes",
    ),
    **{
        f"weights{size} in bzip2": (
            partial(rewrite, parts={WEIGHTS: bytes(count)}, method=zipfile.ZIP_BZIP2),
            "is packed as Keras does not pack",
        )
        for size, count in {"": 1 << 20, " of 256 MiB": 1 << 28}.items()
    },
    "parts in LZMA": (lambda path: rewrite(path, {}, method=zipfile.ZIP_LZMA), "is packed as Keras does not pack"),
    **{
        f"a configuration of {depth:,} lists in each other": (
            _with_part(CONFIG, partial(nested, depth)),
            "nested more than 200 deep",
        )
        for depth in (300, 5_000, 900_000)
    },
    **{
        f"a configuration that is {content[:20].decode(errors='replace')!r}": (
            partial(rewrite, parts={CONFIG: content}),
            said,
        )
        for content, said in {
            b"": "can't be read as a Keras file",
            b"[]": "its configuration is no object but list",
            b"null": "its configuration is no object but NoneType",
            b"{}": "names no class of models",
            b'{"class_name": 3, "config": []}': "names no class of models",
            b'{"a": ' + b"9" * 5_000 + b"}": "can't be read as a Keras file",
            b'{"a": "\xff"}': "can't be read as a Keras file",
        }.items()
    },
    "two million empty lists": (
        lambda path: rewrite(path, {CONFIG: b'{"a": [' + b"[]," * 2_000_000 + b"1]}"}),
        "more than 1,000,000 objects and lists",
    ),
    **{
        f"a part called {name}": (partial(rewrite, parts={name: b"x"}), "leads out of its folder")
        for name in ("../evil", "/evil", "a/../../evil", "..\\evil", "C:/evil")
    },
    "an array of 1e12 numbers": (
        lambda path: with_array(
            path, lambda file: replace_array(file, shape=(10**6, 10**6), dtype="f4", chunks=(1000, 1000))
        ),
        "of which 0 are stored",
    ),
    "an array of 3 GB of which nothing is stored": (
        lambda path: with_array(
            path, lambda file: replace_array(file, shape=(3 * 2**28,), dtype="f4", chunks=(2**20,), compression="gzip")
        ),
        "of which 0 are stored",
    ),
    "an array in another file": (
        lambda path: with_array(
            path, lambda file: replace_array(file, shape=(10,), dtype="u1", external=[("/etc/passwd", 0, 10)])
        ),
        "lies in another file",
    ),
    "a link to another file": (lambda path: with_array(path, link_array), "in it is a link"),
    "weights that are no HDF5": (lambda path: rewrite(path, {WEIGHTS: b"hello"}), "can't be read as a Keras file"),
}
"""What a file holds → what makes it of a right one, and what is said of it."""
