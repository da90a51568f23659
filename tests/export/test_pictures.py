"""Pictures of any size, colour and orientation become what a model was trained to see, or are refused."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import EpsImagePlugin, Image, ImageDraw

from export.artifact import Look
from export.errors import InputError
from export.folder.look import measure_look
from export.pictures import read_picture

DIGIT_LOOK = Look(dark_background=True, content_side=20)
PLAIN_LOOK = Look(dark_background=False, content_side=None)
SHAPE = (28, 28, 1)


def seven(width: int, height: int, *, ink: int = 255, paper: int = 0) -> Image.Image:
    """A seven, half as high as the picture."""
    picture = Image.new("L", (width, height), paper)
    top, bottom, left, right = height // 4, 3 * height // 4, width // 3, 2 * width // 3
    pen = max(min(width, height) // 14, 1)
    ImageDraw.Draw(picture).line([(left, top), (right, top), (left, bottom)], fill=ink, width=pen)
    return picture


def ink_box(pixels: np.ndarray) -> tuple[int, int]:
    rows, columns = np.nonzero(pixels[0, ..., 0] > 64)
    return int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1


@pytest.fixture
def saved(tmp_path: Path) -> Callable[..., Path]:
    """`saved(picture, "name.png", …)`: the file."""

    def call(picture: Image.Image, name: str = "picture.png", **options: Any) -> Path:
        picture.save(tmp_path / name, **options)
        return tmp_path / name

    return call


@pytest.mark.parametrize("name", ["picture.png", "picture.jpg", "picture.bmp", "picture.gif", "picture.webp"])
@pytest.mark.parametrize("size", [(40, 40), (64, 64), (300, 200), (90, 400), (640, 480)])
def test_a_picture_of_any_size_and_kind_shows_its_ink_as_large_as_in_training(
    saved: Callable[..., Path], name: str, size: tuple[int, int]
) -> None:
    picture = read_picture(saved(seven(*size), name), shape=SHAPE, look=DIGIT_LOOK)

    assert picture.pixels.shape == (1, *SHAPE)
    assert picture.pixels.dtype == np.uint8
    assert picture.pixels.max() > 200
    assert abs(max(ink_box(picture.pixels)) - 20) <= 2
    assert picture.notes == ("cut to its ink, scaled and centred",)


def test_the_ink_is_centred_by_its_mass(saved: Callable[..., Path]) -> None:
    aside = Image.new("L", (200, 100))
    aside.paste(seven(60, 60), (130, 5))

    pixels = read_picture(saved(aside), shape=SHAPE, look=DIGIT_LOOK).pixels[0, ..., 0].astype(float)

    rows, columns = np.indices(pixels.shape)
    centre = (rows * pixels).sum() / pixels.sum(), (columns * pixels).sum() / pixels.sum()
    assert centre == pytest.approx((13.5, 13.5), abs=0.6)


def test_dark_ink_on_light_paper_is_inverted_and_said_so(saved: Callable[..., Path]) -> None:
    dark_on_light = read_picture(saved(seven(100, 100, ink=0, paper=255)), shape=SHAPE, look=DIGIT_LOOK)
    light_on_dark = read_picture(saved(seven(100, 100)), shape=SHAPE, look=DIGIT_LOOK)

    assert dark_on_light.notes == ("dark on light: inverted", "cut to its ink, scaled and centred")
    np.testing.assert_array_equal(dark_on_light.pixels, light_on_dark.pixels)


def test_faint_ink_becomes_as_bright_as_in_training(saved: Callable[..., Path]) -> None:
    picture = read_picture(saved(seven(100, 100, ink=130, paper=40)), shape=SHAPE, look=DIGIT_LOOK)

    assert picture.pixels.max() > 240
    assert picture.pixels.min() == 0


def test_a_picture_of_the_models_size_keeps_its_exact_pixels(saved: Callable[..., Path], digits: Any) -> None:
    images = digits.training.images[:20]
    look = measure_look(digits.training.images)

    read = [read_picture(saved(Image.fromarray(image[..., 0])), shape=SHAPE, look=look) for image in images]

    np.testing.assert_array_equal(np.concatenate([picture.pixels for picture in read]), images)
    assert {picture.notes for picture in read} == {()}


def test_a_picture_of_the_models_size_with_small_ink_is_scaled_up(saved: Callable[..., Path]) -> None:
    small = Image.new("L", (28, 28))
    small.paste(seven(16, 16), (2, 2))

    picture = read_picture(saved(small), shape=SHAPE, look=DIGIT_LOOK)

    assert picture.notes == ("cut to its ink, scaled and centred",)
    assert abs(max(ink_box(picture.pixels)) - 20) <= 2


def test_a_transparent_picture_lies_on_white_paper(saved: Callable[..., Path]) -> None:
    ink = seven(100, 100)
    transparent = Image.merge("LA", (Image.new("L", ink.size, 0), ink))

    picture = read_picture(saved(transparent), shape=SHAPE, look=DIGIT_LOOK)

    expected = read_picture(saved(seven(100, 100, ink=0, paper=255)), shape=SHAPE, look=DIGIT_LOOK)
    np.testing.assert_array_equal(picture.pixels, expected.pixels)


def test_a_palette_with_a_transparent_colour_lies_on_white_paper(saved: Callable[..., Path]) -> None:
    palette = seven(100, 100, ink=0, paper=255).convert("P")

    picture = read_picture(saved(palette, "picture.gif", transparency=255), shape=SHAPE, look=DIGIT_LOOK)

    assert picture.notes[0] == "dark on light: inverted"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_is_turned_upright(saved: Callable[..., Path], orientation: int) -> None:
    turned_back = {
        1: [],
        2: [Image.Transpose.FLIP_LEFT_RIGHT],
        3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE],
        6: [Image.Transpose.ROTATE_90],
        7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_270],
    }
    upright = seven(120, 160)
    stored = upright
    for turn in turned_back[orientation]:
        stored = stored.transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation

    path = saved(stored, "photo.jpg", exif=exif, quality=100)
    turned = read_picture(path, shape=SHAPE, look=DIGIT_LOOK).pixels.astype(int)

    expected = read_picture(saved(upright), shape=SHAPE, look=DIGIT_LOOK).pixels
    assert np.abs(turned - expected).mean() < 2


@pytest.mark.parametrize("mode", ["1", "P", "RGB", "CMYK", "LA", "RGBA"])
def test_every_colour_mode_shows_the_same_ink(saved: Callable[..., Path], mode: str) -> None:
    grey = seven(100, 100)
    name = {"CMYK": "picture.tiff"}.get(mode, "picture.png")

    picture = read_picture(saved(grey.convert(mode), name), shape=SHAPE, look=DIGIT_LOOK)

    expected = read_picture(saved(grey), shape=SHAPE, look=DIGIT_LOOK)
    np.testing.assert_array_equal(picture.pixels, expected.pixels)


def test_a_picture_of_16_bits_reads_as_its_8_bit_twin(saved: Callable[..., Path]) -> None:
    ramp = np.tile(np.arange(0, 252, 9, dtype=np.uint8), (28, 1))

    deep = read_picture(saved(Image.fromarray(ramp.astype(np.uint16) * 257)), shape=SHAPE, look=PLAIN_LOOK)

    np.testing.assert_array_equal(deep.pixels[0, ..., 0], ramp)


def test_a_colour_model_sees_colours(saved: Callable[..., Path]) -> None:
    colours = np.random.default_rng(0).integers(0, 256, (28, 28, 3), dtype=np.uint8)

    picture = read_picture(saved(Image.fromarray(colours)), shape=(28, 28, 3), look=PLAIN_LOOK)

    np.testing.assert_array_equal(picture.pixels, colours[np.newaxis])
    assert picture.notes == ()


@pytest.mark.parametrize("mode", ["L", "P", "RGB", "RGBA", "1"])
def test_a_colour_model_sees_any_picture_in_its_size(saved: Callable[..., Path], mode: str) -> None:
    picture = read_picture(saved(seven(100, 60).convert(mode)), shape=(32, 24, 3), look=PLAIN_LOOK)

    assert picture.pixels.shape == (1, 32, 24, 3)
    assert picture.pixels.dtype == np.uint8


def test_a_colour_is_not_mixed_up_by_scaling(saved: Callable[..., Path]) -> None:
    picture = read_picture(saved(Image.new("RGB", (100, 60), (200, 100, 50))), shape=(8, 8, 3), look=PLAIN_LOOK)

    assert (picture.pixels == np.array([200, 100, 50], dtype=np.uint8)).all()


def test_without_a_known_look_a_grey_picture_is_scaled_to_fit(saved: Callable[..., Path]) -> None:
    picture = read_picture(saved(seven(80, 100, ink=0, paper=255)), shape=SHAPE, look=PLAIN_LOOK)

    assert picture.notes == ("scaled from 80×100, its longer side cropped",)
    assert picture.pixels[0, 0, 0, 0] == 255


def test_without_a_known_look_a_picture_of_the_models_size_keeps_its_pixels(saved: Callable[..., Path]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (28, 28), dtype=np.uint8)

    picture = read_picture(saved(Image.fromarray(pixels)), shape=SHAPE, look=PLAIN_LOOK)

    np.testing.assert_array_equal(picture.pixels[0, ..., 0], pixels)
    assert picture.notes == ()


def test_a_dark_background_without_a_known_size_still_inverts(saved: Callable[..., Path]) -> None:
    look = Look(dark_background=True, content_side=None)

    picture = read_picture(saved(seven(28, 28, ink=0, paper=255)), shape=SHAPE, look=look)

    assert picture.notes == ("dark on light: inverted",)
    np.testing.assert_array_equal(picture.pixels[0, ..., 0], np.asarray(seven(28, 28)))


def test_a_missing_picture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no file .*none\.png: give a PNG or JPEG picture"):
        read_picture(tmp_path / "none.png", shape=SHAPE, look=DIGIT_LOOK)


@pytest.mark.parametrize("content", [b"", b"just text", bytes(range(256)) * 10, b"\x89PNG\r\n\x1a\n", b"GIF89a"])
def test_a_file_that_is_no_picture_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "text.png"
    path.write_bytes(content)

    with pytest.raises(InputError, match=r"text\.png can't be read as a picture .*: give a PNG or JPEG"):
        read_picture(path, shape=SHAPE, look=DIGIT_LOOK)


@pytest.mark.parametrize("name", ["picture.png", "picture.jpg", "picture.bmp", "picture.webp", "picture.tiff"])
@pytest.mark.parametrize("share", [0.05, 0.3, 0.5, 0.7])
def test_a_truncated_picture_is_refused(saved: Callable[..., Path], name: str, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (60, 60), dtype=np.uint8)
    path = saved(Image.fromarray(noise), name)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])

    with pytest.raises(InputError, match="can't be read as a picture"):
        read_picture(path, shape=SHAPE, look=DIGIT_LOOK)


@pytest.mark.parametrize("suffix", ["dds", "eps", "ico"])
def test_a_kind_of_picture_that_the_search_does_not_know_is_refused(saved: Callable[..., Path], suffix: str) -> None:
    path = saved(Image.new("RGB", (16, 16)), f"picture.{suffix}")

    with pytest.raises(InputError, match=r"can't be read as a picture \(no picture\): give a PNG or JPEG"):
        read_picture(path, shape=SHAPE, look=DIGIT_LOOK)


def test_postscript_under_the_name_of_a_png_starts_no_other_program(
    saved: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(Image.new("RGB", (16, 16)), "picture.eps")
    (tmp_path / "gs").write_text(f"#!/bin/sh\ntouch {tmp_path / 'started'}\n")
    (tmp_path / "gs").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(EpsImagePlugin, "gs_binary", None)
    named = path.rename(tmp_path / "picture.png")

    with pytest.raises(InputError, match=r"picture\.png can't be read as a picture \(no picture\)"):
        read_picture(named, shape=SHAPE, look=DIGIT_LOOK)
    assert not (tmp_path / "started").exists()


def test_a_pipe_and_an_endless_device_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "zeros.png").symlink_to("/dev/zero")

    with pytest.raises(InputError, match=r"pipe\.png is a pipe and not a file: give a PNG or JPEG picture"):
        read_picture(tmp_path / "pipe.png", shape=SHAPE, look=DIGIT_LOOK)
    with pytest.raises(InputError, match=r"zeros\.png is a device and not a file: give a PNG or JPEG picture"):
        read_picture(tmp_path / "zeros.png", shape=SHAPE, look=DIGIT_LOOK)


@pytest.mark.parametrize(("mode", "size"), [("1", (10_000, 9_000)), ("LA", (10_000, 4_500)), ("1", (20_000, 9_000))])
def test_a_picture_that_grows_out_of_all_measure_is_not_decoded(
    saved: Callable[..., Path], mode: str, size: tuple[int, int]
) -> None:
    path = saved(Image.new(mode, size), "picture.png")

    with pytest.raises(InputError, match=r"can't be read as a picture \(.*pixels"):
        read_picture(path, shape=SHAPE, look=DIGIT_LOOK)


@pytest.mark.parametrize("mode", ["I", "F"])
def test_values_whose_black_and_white_are_unknown_are_refused(saved: Callable[..., Path], mode: str) -> None:
    path = saved(Image.new(mode, (28, 28)), "wide.tiff")

    with pytest.raises(InputError, match=r"can't be read as a picture \(it holds 32-bit values"):
        read_picture(path, shape=SHAPE, look=DIGIT_LOOK)


@pytest.mark.parametrize("level", [0, 100, 255])
@pytest.mark.parametrize("size", [(1, 1), (28, 28), (56, 40)])
def test_a_blank_picture_is_refused(saved: Callable[..., Path], level: int, size: tuple[int, int]) -> None:
    path = saved(Image.new("L", size, level))

    with pytest.raises(InputError, match="shows nothing distinct from its background"):
        read_picture(path, shape=SHAPE, look=DIGIT_LOOK)


def test_a_picture_with_hardly_any_contrast_is_refused(saved: Callable[..., Path]) -> None:
    with pytest.raises(InputError, match="shows nothing distinct from its background"):
        read_picture(saved(seven(100, 100, ink=60)), shape=SHAPE, look=DIGIT_LOOK)


@pytest.mark.parametrize("shape", [(28, 14, 1), (14, 28, 1), (20, 20, 1)])
@pytest.mark.parametrize("size", [(200, 20), (20, 200)])
def test_ink_wider_or_higher_than_the_models_images_still_fits_into_them(
    saved: Callable[..., Path], shape: tuple[int, int, int], size: tuple[int, int]
) -> None:
    stroke = Image.new("L", (220, 220))
    stroke.paste(255, (10, 10, 10 + size[0], 10 + size[1]))

    picture = read_picture(saved(stroke), shape=shape, look=DIGIT_LOOK)

    assert picture.pixels.shape == (1, *shape)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pixels=arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40))), light=st.booleans())
def test_any_pixels_give_an_image_or_are_refused(
    tmp_path_factory: pytest.TempPathFactory, pixels: np.ndarray, light: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.png"
    Image.fromarray(np.where(light, 255 - pixels, pixels).astype(np.uint8)).save(path)

    found = []
    with contextlib.suppress(InputError):
        found.append(read_picture(path, shape=SHAPE, look=DIGIT_LOOK).pixels)

    assert all((image.shape, image.dtype) == ((1, *SHAPE), np.uint8) for image in found)


def test_the_digits_look_like_bright_ink_before_a_dark_border(digits: Any) -> None:
    look = measure_look(digits.training.images)

    assert look.dark_background
    assert look.content_side is not None
    assert 20 <= look.content_side <= 28


def test_the_size_of_the_ink_is_measured() -> None:
    images = np.zeros((3, 28, 28, 1), dtype=np.uint8)
    images[:, 4:24, 10:15] = 255

    assert measure_look(images) == Look(dark_background=True, content_side=20)


def test_empty_images_do_not_count(digits: Any) -> None:
    images = np.zeros((6, 28, 28, 1), dtype=np.uint8)
    images[:2, 8:18, 10:15] = 255

    assert measure_look(images) == Look(dark_background=True, content_side=10)


def test_nothing_but_empty_images_have_no_size_of_ink() -> None:
    assert measure_look(np.zeros((3, 28, 28, 1), dtype=np.uint8)) == Look(dark_background=True, content_side=None)


def test_images_on_a_light_background_have_no_known_look(digits: Any) -> None:
    assert measure_look(255 - digits.training.images) == PLAIN_LOOK


def test_images_that_fill_their_frame_have_no_known_look() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (50, 8, 8, 1), dtype=np.uint8)

    assert measure_look(noise) == PLAIN_LOOK


def test_colour_images_have_no_known_look(digits: Any) -> None:
    assert measure_look(np.repeat(digits.training.images, 3, axis=-1)) == PLAIN_LOOK


def photograph(*, gradient: float, noise: float, size: tuple[int, int] = (1600, 1200)) -> Image.Image:
    """A dark seven on light paper under light that falls off to one side, as a camera's sensor sees it."""
    clean = np.asarray(seven(*size, ink=40, paper=220), dtype=np.float64)
    light = np.linspace(0, -gradient, size[0])[np.newaxis, :]
    grain = np.random.default_rng(0).normal(0, noise, clean.shape)
    return Image.fromarray(np.clip(clean + light + grain, 0, 255).astype(np.uint8))


@pytest.mark.parametrize("noise", [0, 5, 15])
@pytest.mark.parametrize("gradient", [0, 40, 80, 120])
@pytest.mark.parametrize("size", [pytest.param((1600, 1200), marks=pytest.mark.slow), (300, 400)])
def test_uneven_light_and_grain_do_not_hide_the_ink(
    saved: Callable[..., Path], gradient: float, noise: float, size: tuple[int, int]
) -> None:
    clean = read_picture(saved(seven(*size, ink=0, paper=255)), shape=SHAPE, look=DIGIT_LOOK)

    seen = read_picture(
        saved(photograph(gradient=gradient, noise=noise, size=size), "photo.jpg"), shape=SHAPE, look=DIGIT_LOOK
    )

    likeness = np.corrcoef(seen.pixels.ravel(), clean.pixels.ravel())[0, 1]
    assert likeness > 0.95
    assert np.median(seen.pixels) == 0


def test_several_shapes_side_by_side_are_noted(saved: Callable[..., Path]) -> None:
    both = Image.new("L", (200, 100))
    both.paste(seven(100, 100), (0, 0))
    both.paste(seven(100, 100), (100, 0))

    notes = read_picture(saved(both), shape=SHAPE, look=DIGIT_LOOK).notes

    assert notes == ("cut to its ink, scaled and centred", "shows several shapes side by side: one is expected")


def test_bright_ink_on_transparent_paper_lies_on_black(saved: Callable[..., Path]) -> None:
    ink = seven(100, 100)
    picture = Image.merge("LA", (Image.new("L", ink.size, 255), ink))

    expected = read_picture(saved(ink), shape=SHAPE, look=DIGIT_LOOK).pixels

    np.testing.assert_array_equal(read_picture(saved(picture), shape=SHAPE, look=DIGIT_LOOK).pixels, expected)


def test_a_colour_model_is_told_what_was_done(saved: Callable[..., Path]) -> None:
    look, shape = PLAIN_LOOK, (12, 12, 3)

    assert read_picture(saved(Image.new("RGB", (12, 12))), shape=shape, look=look).notes == ()
    assert read_picture(saved(Image.new("RGB", (24, 24))), shape=shape, look=look).notes == ("scaled from 24×24",)
    assert read_picture(saved(Image.new("L", (48, 24))), shape=shape, look=look).notes == (
        "grey, though the model knows colours",
        "scaled from 48×24, its longer side cropped",
    )


def test_a_folder_is_no_picture(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder: name the pictures in it"):
        read_picture(tmp_path, shape=SHAPE, look=DIGIT_LOOK)
