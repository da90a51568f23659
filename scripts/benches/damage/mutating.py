"""Damage to files, by a seed: any bytes, values of JSON and TOML, and the headers of arrays in an npz file."""

from __future__ import annotations

import io
import json
import random
import re
import zipfile
from collections.abc import Callable
from typing import Any

HUGE = 10**400
DEPTH = 3000
_NEAR = 4096
_TEXTS = ("", "../x", "/etc/passwd", "a" * 5000, "\x1b[2J", "\ud800", "nan", "model.onnx", "model.onnx\x00", ".", "-1")
_NUMBERS = (0, -1, 1, 2**31, 2**63, -(2**63), 1e308, -1e308, 1e-320, 0.5, HUGE)
_TOML_VALUES = (
    "1",
    "-1",
    "1e999",
    "nan",
    "inf",
    "0x" + "f" * 300,
    "9" * 400,
    '""',
    '"\\u001b[2J"',
    "true",
    "[]",
    "{}",
    "[1, 'a']",
    "[" * 500 + "]" * 500,
    "1979-05-27",
    "{low = 1, high = 0}",
    "{low = 0, high = 1, log = true}",
    "{low = nan, high = inf}",
    "{low = 1, high = 2, step = 0}",
)
_HEADERS = (
    "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,), }",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }",
    "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",
    "{'descr': '<U1000000000', 'fortran_order': False, 'shape': (9,), }",
    "{'descr': [('a', '<f4'), ('b', '|O')], 'fortran_order': False, 'shape': (1,), }",
    "{'descr': '<f2', 'fortran_order': True, 'shape': (), }",
    "{'descr': '<c16', 'fortran_order': False, 'shape': (2, 2), }",
    "{'descr': '<M8[D]', 'fortran_order': False, 'shape': (4,), }",
    "{'descr': '|V0', 'fortran_order': False, 'shape': (99999,), }",
    "{'shape': (1,), }",
    "__import__('os').system('touch ran')",
    "{'descr': '<f4', 'fortran_order': False, 'shape': " + "(" * 200 + ")" * 200 + ", }",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (" + "1," * 60 + "), }",
)


def mutate_model(content: bytes, rng: random.Random) -> bytes:
    """Mostly one to three bytes near the begin or the end, where what is not weights lies; else as `mutate_bytes`."""
    if rng.random() < 0.25:
        return mutate_bytes(content, rng)
    found = bytearray(content)
    for _ in range(rng.randint(1, 3)):
        place = rng.randrange(min(_NEAR, len(found)))
        found[place if rng.random() < 0.5 else -1 - place] = rng.choice((0, 1, 0x7F, 0xFF, rng.randrange(256)))
    return bytes(found)


def mutate_bytes(content: bytes, rng: random.Random) -> bytes:
    """One to four of: bits turned, bytes cut off, left out, repeated, moved, set to all ones or to noise."""
    found = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        if not found:
            break
        at, other = rng.randrange(len(found)), rng.randrange(len(found))
        size = min(rng.choice([1, 2, 4, 8, 64, 1024]), len(found) - at)
        match rng.randrange(7):
            case 0:
                found[at] ^= 1 << rng.randrange(8)
            case 1:
                del found[at:]
            case 2:
                del found[at : at + size]
            case 3:
                found[at:at] = found[at : at + size] * rng.choice([1, 2, 100])
            case 4:
                found[at : at + size] = found[other : other + size]
            case 5:
                found[at : at + size] = b"\xff" * size
            case _:
                found[at : at + size] = rng.randbytes(size)
    return bytes(found)


def mutate_json(content: bytes, rng: random.Random) -> bytes:
    """Values of another type, size, depth or none at all; every fourth time any bytes."""
    if rng.random() < 0.25:
        return mutate_bytes(content, rng)
    data = json.loads(content)
    for _ in range(rng.randint(1, 3)):
        _mutate_value(data, rng)
    # As `json` reads it: of very large numbers and NaN too.
    text = json.dumps(data, default=str)
    if rng.random() < 0.05:
        text = re.sub(r"\d+", lambda found: "[" * DEPTH if rng.random() < 0.05 else found[0], text)
    return text.encode("utf-8", "surrogatepass")


def mutate_lines(content: bytes, rng: random.Random) -> bytes:
    """A journal: one of its lines as `mutate_json`, twice, missing, or in another place."""
    lines = content.splitlines()
    at = rng.randrange(len(lines))
    match rng.randrange(4):
        case 0:
            lines.insert(rng.randrange(len(lines)), lines[at])
        case 1:
            del lines[at]
        case _:
            lines[at] = mutate_json(lines[at], rng)
    return b"\n".join(lines) + b"\n" * rng.randint(0, 1)


def mutate_toml(content: bytes, rng: random.Random) -> bytes:
    """Another value behind an equals sign, a long or repeated key; every fourth time any bytes."""
    if rng.random() < 0.25:
        return mutate_bytes(content, rng)
    lines = content.decode().splitlines()
    at = rng.randrange(len(lines))
    key, _, _ = lines[at].partition("=")
    match rng.randrange(5):
        case 0:
            lines.append(lines[at])
        case 1:
            lines[at] = ".".join(["a"] * rng.choice([2, 100, 5000])) + " = 1"
        case _:
            lines[at] = f"{key}= {rng.choice(_TOML_VALUES)}"
    return "\n".join(lines).encode()


def mutate_npz(content: bytes, rng: random.Random) -> bytes:
    """A header of an array that says something else, arrays that swap places or are missing; or any bytes."""
    if rng.random() < 0.4:
        return mutate_bytes(content, rng)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name, other = rng.choice(list(members)), rng.choice(list(members))
    match rng.randrange(5):
        case 0:
            members[name], members[other] = members[other], members[name]
        case 1:
            del members[name]
        case 2:
            members[name] = mutate_bytes(members[name], rng)
        case _:
            members[name] = _with_header(members[name], rng.choice(_HEADERS))
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for each, data in members.items():
            archive.writestr(each, data)
    return made.getvalue()


Mutate = Callable[[bytes, random.Random], bytes]


def _with_header(array: bytes, header: str) -> bytes:
    start = 10 + int.from_bytes(array[8:10], "little")
    text = header.encode().ljust(len(header) + 1) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + array[start:]


def _mutate_value(data: Any, rng: random.Random) -> None:
    """Change one value somewhere in the objects and lists of `data`."""
    places: list[tuple[Any, Any]] = []
    waiting = [data]
    while waiting:
        parent = waiting.pop()
        keys = list(parent) if isinstance(parent, dict) else range(len(parent)) if isinstance(parent, list) else []
        places += [(parent, key) for key in keys]
        waiting += [parent[key] for key in keys if isinstance(parent[key], dict | list)]
    if not places:
        return
    parent, key = rng.choice(places)
    match rng.randrange(7):
        case 0:
            del parent[key]
        case 1:
            other, name = rng.choice(places)
            parent[key] = json.loads(json.dumps(other[name])) if _is_in(other, name) else None
        case 2 if isinstance(parent, dict):
            parent[rng.choice(_TEXTS)] = parent.pop(key)
        case 3:
            parent[key] = rng.choice(_TEXTS)
        case 4:
            parent[key] = rng.choice([None, True, False, [], {}, [[]], float("nan"), float("-inf")])
        case _:
            parent[key] = rng.choice(_NUMBERS)


def _is_in(parent: Any, key: Any) -> bool:
    return key in parent if isinstance(parent, dict) else key < len(parent)
