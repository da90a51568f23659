"""What lies where a file is expected and is none, or is one that no honest person makes: TOML, JSON and pictures."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path

Made = Callable[[Path], object]
"""Makes something at a path."""

LARGE = 600 << 20


def sparse(path: Path) -> None:
    """A file that is large and takes no place on the disk."""
    with path.open("wb") as file:
        file.truncate(LARGE)


def bind(path: Path) -> None:
    """A socket, which stays when this process lets go of it."""
    short = Path(tempfile.mkdtemp()) / "a"
    with socket.socket(socket.AF_UNIX) as made:
        # Sockets have short names only.
        made.bind(str(short))
    shutil.move(short, path)
    short.parent.rmdir()


def linked(target: str) -> Made:
    """A link to that."""
    return lambda path: path.symlink_to(target)


def holding(content: bytes) -> Made:
    """A file of these bytes."""
    return lambda path: path.write_bytes(content)


def picture(*, size: tuple[int, int] = (8, 8), mode: str = "L", kind: str = "PNG") -> Made:
    """A picture of that kind, in one colour."""

    def make(path: Path) -> None:
        from PIL import Image

        Image.new(mode, size).save(path, kind)

    return make


NO_FILES: dict[str, tuple[Made, str]] = {
    "a pipe": (os.mkfifo, "is a pipe and not a file"),
    "a link to an endless device": (linked("/dev/zero"), "is a device and not a file"),
    "a link to the terminal": (linked("/dev/tty"), "is a device and not a file|can't be opened"),
    "a socket": (bind, "is a socket and not a file"),
    "a link to itself": (lambda path: path.symlink_to(path.name), "can't be opened|there is no"),
    "a link to nothing": (linked("nowhere"), "there is no|can't be opened"),
}
"""What lies where a file is expected → what makes it, and what is said of it."""

TOML: dict[str, tuple[Made, str]] = {
    **NO_FILES,
    "600 MiB of nothing": (sparse, "has 629,145,600 bytes but"),
    "a key of 50,000 parts": (holding(b".".join([b"a"] * 50_000) + b" = 1"), "more than 1,000 dots"),
    "a table of 50,000 parts": (holding(b"[" + b".".join([b"a"] * 50_000) + b"]"), "more than 1,000 dots"),
    "a key of 50,000 texts": (holding(b".".join([b'"="'] * 50_000) + b" = 1"), "more than 1,000 dots"),
    "a key of 500 parts": (holding(b".".join([b"a"] * 500) + b" = 1"), "nested more than 200 deep"),
    "50,000 brackets": (holding(b"a = " + b"[" * 50_000), "nested more than 200 deep"),
    "50,000 tables in each other": (holding(b"a = " + b"{a = " * 50_000), "nested more than 200 deep"),
    "a number of 5,000 digits": (holding(b"a = " + b"9" * 5_000), "can't be read as TOML"),
    "a number of 5,000 hexadecimal digits": (holding(b"a = 0x" + b"f" * 5_000), "more than 100 digits"),
    "a null character": (holding(b'a = "b\\u0000c"'), "null character"),
    "bytes that are no text": (holding(b"\xff\xfe\0"), "can't be read as TOML"),
    "nothing but a quote": (holding(b'"'), "can't be read as TOML"),
}

PICTURES: dict[str, tuple[Made, str]] = {
    **NO_FILES,
    "600 MiB of nothing": (sparse, "has 629,145,600 bytes"),
    "PostScript": (
        holding(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n"),
        r"is no picture|\(no picture\)",
    ),
    "PDF": (holding(b"%PDF-1.4\n"), r"is no picture|\(no picture\)"),
    "an icon": (picture(kind="ICO", size=(16, 16)), r"is no picture|\(no picture\)"),
    "a texture": (picture(kind="DDS", mode="RGB", size=(16, 16)), r"is no picture|\(no picture\)"),
    "90 million pixels in 10 kB": (picture(mode="1", size=(10_000, 9_000)), "pixels"),
    "180 million pixels in 20 kB": (picture(mode="1", size=(20_000, 9_000)), "pixels"),
    "45 million transparent pixels": (picture(mode="LA", size=(10_000, 4_500)), "pixels"),
}

JSON: dict[str, tuple[Made, str]] = {
    **NO_FILES,
    "600 MiB of nothing": (sparse, "has 629,145,600 bytes but"),
    "100,000 brackets": (holding(b"[" * 100_000), "nested more than 200 deep"),
    "100,000 objects in each other": (holding(b'{"a":' * 100_000), "nested more than 200 deep"),
    "300 lists in each other": (holding(b'{"a": ' + b"[" * 300 + b"]" * 300 + b"}"), "nested more than 200 deep"),
    "two million empty lists": (holding(b"[" + b"[]," * 2_000_000 + b"1]"), "more than 1,000,000 objects and lists"),
    "a number of 5,000 digits": (holding(b'{"seed": ' + b"9" * 5_000 + b"}"), "run.json"),
    "a number of 200 digits": (holding(b'{"seed": ' + b"9" * 200 + b"}"), "more than 100 digits"),
    "NaN": (holding(b'{"seed": NaN}'), "holds the number NaN"),
    "an infinite number": (holding(b'{"seed": 1e999}'), "holds the number inf"),
    "a list": (holding(b"[]"), "must hold a JSON object|is not the run.json of a run"),
    "null": (holding(b"null"), "must hold a JSON object|is not the run.json of a run"),
    "nothing": (holding(b""), "run.json"),
}


def folder_for(name: str) -> Callable[[Path], None]:
    """A folder in the place of a file."""

    def change(folder: Path) -> None:
        (folder / name).unlink()
        (folder / name).mkdir()

    return change


def pipe_for(name: str) -> Callable[[Path], object]:
    """A pipe in the place of a file."""

    def make(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        os.mkfifo(folder / name)

    return make
