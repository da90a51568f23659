"""Picture files of every kind become pixels as `predict.py` makes them, or are said to be unreadable."""

from __future__ import annotations

import contextlib
import io
import os
import re
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from export.artifact import Look
from export.pictures import read_picture
from tuning.data.pictures import picture_decoding
from tuning.data.pictures.picture_decoding import decode, read_file, read_header, strict_pillow
from tuning.files import flat_pictures
from tuning.files.flat_pictures import UnreadableError

RNG = np.random.default_rng(0)
COLOUR = Image.fromarray(RNG.integers(0, 256, (40, 30, 3), dtype=np.uint8))
GREY = COLOUR.convert("L")
TURNED = Image.Exif()
TURNED[0x0112] = 6


def content_of(picture, kind="PNG", **options):
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def see_through(ink, opacity):
    picture = Image.new("RGBA", (30, 40), (*ink, 0))
    picture.paste((*ink, opacity), (5, 5, 20, 25))
    return picture


KINDS = {
    "colour PNG": content_of(COLOUR),
    "JPEG": content_of(COLOUR, "JPEG"),
    "turned JPEG": content_of(COLOUR, "JPEG", exif=TURNED),
    "turned PNG": content_of(COLOUR, exif=TURNED),
    "CMYK JPEG": content_of(COLOUR.convert("CMYK"), "JPEG"),
    "palette": content_of(COLOUR.quantize(16)),
    "palette with transparency": content_of(COLOUR.quantize(16), transparency=3),
    "GIF": content_of(COLOUR, "GIF"),
    "WEBP": content_of(COLOUR, "WEBP", lossless=True),
    "TIFF": content_of(COLOUR, "TIFF"),
    "BMP": content_of(COLOUR, "BMP"),
    "grey": content_of(GREY),
    "16-bit grey": content_of(Image.fromarray(RNG.integers(0, 65536, (40, 30), dtype=np.uint16))),
    "bilevel": content_of(GREY.convert("1")),
    "grey with transparency": content_of(see_through((20, 20, 20), 255).convert("LA")),
    "dark ink on nothing": content_of(see_through((30, 10, 0), 200)),
    "bright ink on nothing": content_of(see_through((250, 240, 0), 200)),
    "nothing at all": content_of(see_through((0, 0, 0), 0)),
}


@pytest.mark.parametrize("size", [(40, 30), (20, 20), (64, 16)], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_is_made_to_look_as_a_new_one_will_be(tmp_path, kind, size):
    (tmp_path / "picture").write_bytes(KINDS[kind])
    look = Look(dark_background=False, content_side=None)
    expected = read_picture(tmp_path / "picture", shape=(*size, 3), look=look).pixels[0]
    assert np.array_equal(decode(KINDS[kind], (*size, 3)), expected)


@pytest.mark.parametrize("size", [(40, 30), (20, 20), (64, 16)], ids=str)
@pytest.mark.parametrize("kind", ["grey", "16-bit grey", "bilevel", "colour PNG"])
def test_a_grey_picture_is_made_to_look_as_a_new_one_will_be(tmp_path, kind, size):
    (tmp_path / "picture").write_bytes(KINDS[kind])
    look = Look(dark_background=False, content_side=None)
    expected = read_picture(tmp_path / "picture", shape=(*size, 1), look=look).pixels[0]
    assert np.array_equal(decode(KINDS[kind], (*size, 1)), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_the_header_tells_the_size_of_what_is_decoded(kind):
    header = read_header(KINDS[kind])
    assert (header.height, header.width) == ((30, 40) if "turned" in kind else (40, 30))
    assert header.is_grey == (kind in ("grey", "16-bit grey", "bilevel", "grey with transparency"))


def test_a_grey_picture_of_the_wanted_size_keeps_its_pixels():
    assert np.array_equal(decode(content_of(GREY), (40, 30, 1))[..., 0], np.asarray(GREY))


def test_sixteen_bits_are_rounded_to_eight():
    deep = Image.fromarray(np.array([[0, 128, 129, 65535]], dtype=np.uint16))
    assert decode(content_of(deep), (1, 4, 1)).ravel().tolist() == [0, 0, 1, 255]


def test_colours_become_grey_where_all_others_are():
    assert np.array_equal(decode(content_of(COLOUR), (40, 30, 1))[..., 0], np.asarray(GREY))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "holds no bytes"),
        (b"hello", "is no picture"),
        (KINDS["colour PNG"][:500], "is damaged: "),
        (KINDS["JPEG"][:400], "is damaged: "),
        (KINDS["colour PNG"][:20], "is damaged|is no picture"),
        (content_of(Image.new("I", (3, 3)), "TIFF"), "holds 32-bit values, whose black and white are unknown"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is no picture"),
    ],
    ids=["empty", "text", "cut PNG", "cut JPEG", "cut header", "32 bits", "PostScript"],
)
def test_a_damaged_picture_is_told(content, message):
    with pytest.raises(UnreadableError, match=message):
        decode(content, (8, 8, 3))


def test_a_picture_that_grows_out_of_all_measure_is_not_decoded():
    bomb = content_of(Image.new("1", (10_000, 9_000)))
    with strict_pillow(), pytest.raises(UnreadableError, match=f"has more than {Image.MAX_IMAGE_PIXELS:,} pixels"):
        read_header(bomb)


def test_a_picture_twice_as_large_is_not_decoded_either():
    bomb = content_of(Image.new("1", (20_000, 9_000)))
    with strict_pillow(), pytest.raises(UnreadableError, match="pixels"):
        decode(bomb, (8, 8, 1))


def test_a_link_to_nothing_can_not_be_opened(tmp_path):
    (tmp_path / "link.png").symlink_to(tmp_path / "gone.png")
    with pytest.raises(UnreadableError, match=re.escape("can't be opened: No such file or directory")):
        read_file(tmp_path / "link.png")


def test_what_is_held_twice_may_be_half_as_large():
    bomb = content_of(Image.new("LA", (10_000, 4_500)))
    with strict_pillow(), pytest.raises(UnreadableError, match="has 10000×4500 pixels, more than 44,739,242"):
        decode(bomb, (8, 8, 1))


def test_a_pipe_is_no_picture(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(UnreadableError, match="is a pipe and not a file"):
        read_file(tmp_path / "pipe.png")


def test_a_link_to_an_endless_device_is_no_picture(tmp_path):
    (tmp_path / "zeros.png").symlink_to("/dev/zero")
    with pytest.raises(UnreadableError, match="is a device and not a file"):
        read_file(tmp_path / "zeros.png")


def test_a_file_larger_than_any_picture_is_not_read(tmp_path):
    with (tmp_path / "large.png").open("wb") as file:
        file.truncate(3 << 30)
    with pytest.raises(UnreadableError, match="has 3,221,225,472 bytes, more than 268,435,456"):
        read_file(tmp_path / "large.png")


@pytest.mark.parametrize("bright", [False, True])
def test_a_transparent_picture_of_many_strips_is_as_one_of_one(bright, monkeypatch):
    random = np.random.default_rng(0).integers(0, 256, (60, 70, 4)).astype(np.uint8)
    random[..., :3] = random[..., :3] // 2 + (128 if bright else 0)
    content = content_of(Image.fromarray(random, "RGBA"))
    whole = decode(content, (60, 70, 3))
    monkeypatch.setattr(flat_pictures, "_STRIP", 700)

    assert np.array_equal(decode(content, (60, 70, 3)), whole)


def test_sixteen_bits_of_many_strips_are_as_of_one(monkeypatch):
    deep = np.random.default_rng(0).integers(0, 65_536, (60, 70)).astype(np.uint16)
    content = content_of(Image.fromarray(deep))
    monkeypatch.setattr(flat_pictures, "_STRIP", 700)

    assert np.array_equal(decode(content, (60, 70, 1))[..., 0], (deep / 257).round().astype(np.uint8))


def test_a_large_picture_is_decoded_as_any_other(monkeypatch):
    monkeypatch.setattr(picture_decoding, "_LARGE", 10)

    assert np.array_equal(decode(content_of(COLOUR), (40, 30, 3)), np.asarray(COLOUR))


def test_warnings_are_as_they_were_afterwards():
    before = list(warnings.filters)
    with strict_pillow():
        pass
    assert warnings.filters == before


@given(
    kind=st.sampled_from(["colour PNG", "JPEG", "turned JPEG", "palette", "GIF", "WEBP", "BMP", "16-bit grey"]),
    damage=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=6),
    length=st.floats(0.05, 1),
)
def test_whatever_is_damaged_gives_pixels_or_is_unreadable(kind, damage, length):
    content = bytearray(KINDS[kind])
    for place, value in damage:
        content[int(place * min(len(content), 300))] = value
    cut = bytes(content[: int(len(content) * length)])
    with strict_pillow(), contextlib.suppress(UnreadableError):
        assert decode(cut, (8, 8, 3)).shape == (8, 8, 3)
        assert read_header(cut).height > 0
