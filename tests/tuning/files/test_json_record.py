"""Dataclasses as JSON and back: each value as its field declares it, or a sentence that names the field."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any, ClassVar

import pytest

from tuning.files.json_record import (
    ANY_NUMBER,
    EMPTY_IS_NONE,
    Codec,
    FieldError,
    JsonRecord,
    MissingFieldError,
    read_number,
)


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, kw_only=True)
class Inner(JsonRecord):
    size: int

    def __post_init__(self) -> None:
        if self.size < 0:
            raise ValueError(f"size must be 0 or more, got {self.size}")


@dataclass(frozen=True, kw_only=True)
class Outer(JsonRecord):
    _ADDED: ClassVar[tuple[str, ...]] = ("double",)
    _OMITTED: ClassVar[tuple[str, ...]] = ("left_out",)

    number: float
    colour: Colour = Colour.RED
    inner: Inner | None = None
    several: tuple[Inner, ...] = ()
    pair: tuple[float, str] = (0.5, "a")
    by_colour: Mapping[Colour, int] = field(default_factory=dict)
    losses: Mapping[str, Annotated[float, ANY_NUMBER]] = field(default_factory=dict)
    value: bool | int | float | str = 0
    anything: Any = None
    hexadecimal: Annotated[int, Codec(hex, lambda text: int(text, 16))] = 255
    left_out: int | None = None

    @property
    def double(self) -> float:
        return 2 * self.number


def through_json(record: Outer) -> Outer:
    return Outer.from_json(json.loads(json.dumps(record.as_json(), allow_nan=False)))


@pytest.mark.parametrize(
    "record",
    [
        Outer(number=1.5),
        Outer(
            number=1,
            colour=Colour.BLUE,
            by_colour={Colour.RED: 1},
            inner=Inner(size=3),
            several=(Inner(size=1), Inner(size=2)),
        ),
        Outer(number=0.0, pair=(1.5, "b"), losses={"a": math.inf, "b": -math.inf, "c": 0.5}),
        Outer(number=0.0, value=True, anything={"a": [1, None]}, hexadecimal=16, left_out=3),
        Outer(number=0.0, value="text"),
    ],
)
def test_a_record_is_the_same_after_json(record: Outer) -> None:
    assert through_json(record) == record


@dataclass(frozen=True, kw_only=True)
class Point(JsonRecord):
    x: int
    y: int


@dataclass(frozen=True, kw_only=True)
class Circle(JsonRecord):
    x: int
    radius: int


@dataclass(frozen=True, kw_only=True)
class Named(JsonRecord):
    _FLAT: ClassVar[str | None] = "shape"

    name: str
    shape: Point | Circle


@dataclass(frozen=True, kw_only=True)
class Noted(JsonRecord):
    _FLAT: ClassVar[str | None] = "notes"

    name: str
    notes: Mapping[str, Any]


@pytest.mark.parametrize(
    ("record", "data"),
    [
        (Named(name="a", shape=Point(x=1, y=2)), {"x": 1, "y": 2, "name": "a"}),
        (Named(name="a", shape=Circle(x=1, radius=2)), {"x": 1, "radius": 2, "name": "a"}),
        (Noted(name="a", notes={"b": [1]}), {"b": [1], "name": "a"}),
    ],
)
def test_a_flat_field_is_written_beside_the_others(record: JsonRecord, data: dict[str, Any]) -> None:
    assert record.as_json() == data
    assert type(record).from_json(data) == record


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"name": "a", "x": 1, "y": "2"}, "y must be a whole number, got '2'"),
        ({"name": "a", "x": 1, "z": 2}, "z is unknown"),
        ({"name": "a", "shape": {"x": 1, "y": 2}}, "shape is unknown"),
    ],
)
def test_an_entry_of_a_flat_field_is_refused_by_its_own_place(data: dict[str, Any], message: str) -> None:
    with pytest.raises(FieldError, match=f"^{message}"):
        Named.from_json(data)


@dataclass(frozen=True, kw_only=True)
class Versioned(JsonRecord):
    version: int = 2


@pytest.mark.parametrize("data", [{"version": 2}, {"version": 1}, {}])
def test_a_version_up_to_the_newest_is_read(data: dict[str, Any]) -> None:
    Versioned.from_json(data)


@pytest.mark.parametrize(
    ("version", "message"),
    [
        (3, "version 3 is of a later release: update this one"),
        (0, "version must be a whole number from 1 on, got 0"),
        (True, "version must be a whole number from 1 on, got True"),
    ],
)
def test_another_version_is_refused_before_all_else(version: Any, message: str) -> None:
    with pytest.raises(FieldError, match=f"^{message}$"):
        Versioned.from_json({"version": version, "new": 1})


def test_an_empty_text_of_an_earlier_release_is_nothing() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Named(JsonRecord):
        name: Annotated[str | None, EMPTY_IS_NONE] = None

    assert [Named.from_json({"name": name}).name for name in ("", None, "a")] == [None, None, "a"]
    with pytest.raises(FieldError, match="name must be text or null, got 3"):
        Named.from_json({"name": 3})


def test_a_number_that_is_none_is_a_text_in_json() -> None:
    written = Outer(number=0.0, losses={"a": math.nan}).as_json()

    assert written["losses"] == {"a": "nan"}
    assert math.isnan(Outer.from_json(written).losses["a"])


def test_what_is_written_is_the_fields_in_order_then_what_is_added() -> None:
    written = Outer(number=1.5).as_json()

    assert list(written) == [
        "number",
        "colour",
        "inner",
        "several",
        "pair",
        "by_colour",
        "losses",
        "value",
        "anything",
        "hexadecimal",
        "double",
    ]
    assert (written["double"], written["hexadecimal"], type(written["colour"])) == (3.0, "0xff", str)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], r"it must be an object, got \[\]"),
        ({"number": "a"}, "number must be a number, got 'a'"),
        ({"number": True}, "number must be a number, got True"),
        ({"number": None}, "number must be a number, got None"),
        ({"number": 1, "shape": 2}, "shape is unknown"),
        ({"number": 1, "colour": "green"}, "colour must be one of red, blue, got 'green'"),
        ({"number": 1, "colour": ["red"]}, r"colour must be one of red, blue, got \['red'\]"),
        ({"number": 1, "inner": 3}, "inner must be an object, got 3"),
        ({"number": 1, "inner": {"size": 1.5}}, r"inner\.size must be a whole number, got 1\.5"),
        ({"number": 1, "inner": {"size": -1}}, "inner: size must be 0 or more, got -1"),
        ({"number": 1, "inner": {"size": 1, "more": 1}}, r"inner\.more is unknown"),
        ({"number": 1, "several": {}}, r"several must be a list, got \{\}"),
        ({"number": 1, "several": [{"size": 1}, {}]}, r"several\[1\]\.size is missing"),
        ({"number": 1, "pair": [1]}, r"pair must be a list of 2, got \[1\]"),
        ({"number": 1, "pair": [1, 2]}, r"pair\[1\] must be text, got 2"),
        ({"number": 1, "losses": {"a": "big"}}, r"losses\.a must be a number, got 'big'"),
        ({"number": 1, "value": None}, "value must be true or false, a whole number, a number or text, got None"),
        ({"number": 1, "hexadecimal": "x"}, r"hexadecimal is none that a run writes \(ValueError"),
        ({"number": 1, "left_out": "x"}, "left_out must be a whole number or null, got 'x'"),
        ({"number": math.nan}, "number must be a number, got nan"),
        ({"number": 10**400}, "number must be a number, got 10000"),
        ({"number": 1, "by_colour": {"green": 1}}, "a name in by_colour must be one of red, blue, got 'green'"),
        ({"number": 1, "a\x1b": 2}, r"'a\\x1b' is unknown"),
        ({"number": "a" * 500}, "number must be a number, got 'a{79}…$"),
    ],
)
def test_another_value_is_refused_by_the_name_of_its_place(data: Any, message: str) -> None:
    with pytest.raises(FieldError, match=f"^{message}"):
        Outer.from_json(data)


def test_a_missing_field_says_its_place() -> None:
    with pytest.raises(MissingFieldError, match=r"^inner\.size is missing$") as caught:
        Outer.from_json({"number": 1, "inner": {}})

    assert caught.value.place == "inner.size"


def test_a_single_number_is_read_alike() -> None:
    assert read_number("elapsed", 1.5) == 1.5
    with pytest.raises(FieldError, match="elapsed must be a number, got True"):
        read_number("elapsed", True)
