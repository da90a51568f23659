"""Folders of pictures: what they become, what is wrong with the others, and what is found again."""

from __future__ import annotations

import re
import shutil

import numpy as np
import pytest
from PIL import Image

from tuning.data.folder_options import FolderOptions
from tuning.data.pictures.picture_folder import load_picture_folder
from tuning.errors import InputError

RNG = np.random.default_rng(1)


@pytest.fixture
def store(tmp_path):
    return tmp_path / "runs" / ".images"


@pytest.fixture
def load(picture_folder, store):
    def call(folder=picture_folder, **options):
        return load_picture_folder(FolderOptions(path=str(folder), **options), store=store)

    return call


@pytest.fixture
def parted(picture_folder, tmp_path):
    """train, validation and test with the classes circle and square, ten pictures each."""
    for part in ("train", "validation", "test"):
        shutil.copytree(picture_folder, tmp_path / "parted" / part)
    for number, part in enumerate(("train", "validation", "test")):
        for path in (tmp_path / "parted" / part).rglob("*.png"):
            picture(path, value=RNG.integers(0, 250) + number)
    return tmp_path / "parted"


def picture(path, size=(12, 10), mode="RGB", value=None, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = size if mode == "L" else (*size, 3)
    pixels = RNG.integers(0, 256, shape) if value is None else np.full(shape, value)
    Image.fromarray(pixels.astype(np.uint8)).save(path, **options)
    return path


def cut_jpeg(path):
    picture(path, size=(64, 64))
    path.write_bytes(path.read_bytes()[:900])


def refuse(load, message, store, *args, **options):
    with pytest.raises(InputError, match=message):
        load(*args, **options)
    assert not store.parent.exists()


def test_a_subfolder_for_each_class_becomes_a_data_set(load, picture_folder, store):
    dataset = load()
    assert dataset.name == "shapes"
    assert dataset.class_names == ("circle", "square")
    assert dataset.image_shape == (12, 10, 3)
    assert (len(dataset.training), len(dataset.test), dataset.validation) == (16, 4, None)
    assert np.bincount(dataset.training.labels).tolist() == [8, 8]
    assert dataset.training.is_on_disk
    assert dataset.warnings == dataset.skipped == ()


def test_every_picture_comes_with_its_class(load, picture_folder):
    dataset = load()
    known = {
        np.asarray(Image.open(path)).tobytes(): ("circle", "square").index(path.parent.name)
        for path in picture_folder.rglob("*.png")
    }
    shown = {}
    for split in (dataset.training, dataset.test.for_verification()):
        shown |= {image.tobytes(): int(label) for image, label in zip(split.read(), split.labels, strict=True)}
    assert shown == known


def test_the_seed_chooses_the_test_pictures(load):
    first, again, other = (load(seed=seed).test.for_verification().read() for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_given_parts_are_used(load, parted):
    dataset = load(parted)
    assert [len(split) for split in (dataset.training, dataset.validation, dataset.test)] == [20, 20, 20]
    expected = {np.asarray(Image.open(path)).tobytes() for path in (parted / "validation").rglob("*.png")}
    assert {image.tobytes() for image in dataset.validation.read()} == expected


def test_the_seed_plays_no_part_where_a_test_is_given(load, parted):
    assert load(parted, seed=0).digest == load(parted, seed=1).digest


def test_without_a_test_folder_a_sixth_of_the_training_pictures_is_set_apart(load, parted):
    shutil.rmtree(parted / "test")
    dataset = load(parted)
    assert [len(split) for split in (dataset.training, dataset.validation, dataset.test)] == [16, 20, 4]


def test_a_class_that_is_never_tested_is_told(load, parted):
    shutil.rmtree(parted / "test" / "square")
    assert load(parted).warnings[0].startswith("no test image shows class square")


def test_pictures_in_folders_below_a_class_are_found(load, picture_folder):
    picture(picture_folder / "circle" / "more" / "deep" / "a.jpg")
    assert len(load().training) + len(load().test) == 21


def test_a_link_that_leads_back_up_is_not_followed_forever(load, picture_folder):
    (picture_folder / "circle" / "back").symlink_to(picture_folder / "circle", target_is_directory=True)
    assert len(load().training) == 16


def test_hidden_files_and_what_systems_strew_about_are_ignored(load, picture_folder):
    for name in (".DS_Store", "Thumbs.db", "._0.png", "desktop.ini"):
        (picture_folder / "circle" / name).write_bytes(b"junk")
    (picture_folder / ".hidden").mkdir()
    assert load().warnings == ()
    assert load().class_names == ("circle", "square")


def test_other_files_are_left_out_with_a_warning(load, picture_folder):
    (picture_folder / "circle" / "notes.txt").write_text("hello")
    (picture_folder / "labels.csv").write_text("a,b")
    assert load().warnings == ("left out because it is no picture of a class: circle/notes.txt, and 1 more",)
    assert load().skipped == ()


def test_other_files_change_neither_the_data_nor_its_split_and_are_told_each_time(load, picture_folder):
    first = load()
    (picture_folder / "circle" / "00.txt").write_text("hello")
    again = load()
    assert again.digest == first.digest
    assert (first.warnings, len(again.warnings)) == ((), 1)


def test_a_picture_under_another_name_is_a_picture(load, picture_folder):
    picture(picture_folder / "circle" / "photo.txt", format="PNG")
    assert len(load().training) + len(load().test) == 21


def test_grey_pictures_have_one_channel_and_a_single_colour_makes_it_three(load, tmp_path):
    for name in ("a", "b"):
        for number in range(4):
            picture(tmp_path / "grey" / name / f"{number}.png", mode="L")
    assert load(tmp_path / "grey").image_shape == (12, 10, 1)
    picture(tmp_path / "grey" / "a" / "colour.png")
    assert load(tmp_path / "grey").image_shape == (12, 10, 3)


def test_pictures_are_fitted_to_the_wanted_size(load, picture_folder):
    picture(picture_folder / "circle" / "large.jpg", size=(80, 50), value=77)
    dataset = load(image_size=(9, 7))
    assert dataset.image_shape == (9, 7, 3)
    assert len(dataset.training) + len(dataset.test) == 21


def test_a_turned_picture_has_the_size_of_the_upright_one(load, picture_folder):
    exif = Image.Exif()
    exif[0x0112] = 6
    picture(picture_folder / "circle" / "turned.jpg", size=(10, 12), exif=exif)
    assert load().image_shape == (12, 10, 3)


def test_an_unchanged_folder_is_not_decoded_again(load, store):
    first = load()
    written = (store / first.digest / "train_images.npy").stat().st_ino
    again = load()
    assert again.digest == first.digest
    assert (store / first.digest / "train_images.npy").stat().st_ino == written


def test_damaged_pixels_in_the_store_are_decoded_again(load, store):
    first = load()
    expected = first.training.read().copy()
    path = store / first.digest / "train_images.npy"
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    assert np.array_equal(load().training.read(), expected)


def test_the_digest_knows_every_byte_name_and_class(load, picture_folder):
    digests = [load().digest, load(image_size=(8, 8)).digest, load(seed=1).digest]
    picture(picture_folder / "circle" / "0.png")
    digests.append(load().digest)
    (picture_folder / "circle" / "0.png").rename(picture_folder / "circle" / "x.png")
    digests.append(load().digest)
    (picture_folder / "circle" / "x.png").rename(picture_folder / "square" / "x.png")
    digests.append(load().digest)
    assert len(set(digests)) == 6


def test_the_place_of_a_folder_is_no_part_of_its_digest(load, picture_folder, tmp_path):
    shutil.copytree(picture_folder, tmp_path / "copy" / "shapes")
    assert load(tmp_path / "copy" / "shapes").digest == load().digest


def test_the_digests_of_finished_runs_stay_what_they_are(load, tmp_path):
    for name in (" lead", "cat"):
        for number in range(4):
            path = tmp_path / "pets" / name / f"{number}.ppm"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"P6\n2 2\n255\n" + bytes(range(number * 12, number * 12 + 12)))
    dataset = load(tmp_path / "pets")
    assert dataset.class_names == ("lead", "cat")
    assert dataset.digest == "6a0962e36ad258f430abb26c7a3be67c2dce5933ba7a42444a7a33149f4754d4"


def test_what_was_assumed_of_the_layout_is_told(load, picture_folder, tmp_path):
    shutil.copytree(picture_folder, tmp_path / "outer" / "shapes")
    assert load(tmp_path / "outer").warnings[0].startswith("classes are read from ")


def corrupt_all_kinds(folder):
    cut_jpeg(folder / "circle" / "cut.jpg")
    (folder / "circle" / "empty.png").write_bytes(b"")
    (folder / "square" / "text.png").write_text("hello")
    (folder / "square" / "link.jpg").symlink_to("nowhere.jpg")


def test_all_pictures_that_cannot_be_read_are_listed_with_path_and_reason(load, picture_folder, store):
    corrupt_all_kinds(picture_folder)
    message = (
        r"shapes holds pictures that can't be read, 4 in all: circle/cut\.jpg is damaged: .*; circle/empty\.png holds "
        r"no bytes; square/link\.jpg can't be opened: No such file or directory; square/text\.png is no picture: "
        r"repair or remove them, or leave them out with `skip_corrupt`"
    )
    refuse(load, message, store, image_size=(8, 8))


def test_pictures_that_cannot_be_read_are_left_out_and_named_on_demand(load, picture_folder):
    corrupt_all_kinds(picture_folder)
    dataset = load(image_size=(8, 8), skip_corrupt=True)
    assert len(dataset.training) + len(dataset.test) == 20
    assert [each.split()[0] for each in dataset.skipped] == [
        "circle/cut.jpg",
        "circle/empty.png",
        "square/link.jpg",
        "square/text.png",
    ]
    assert dataset.warnings[0].startswith("left out because it can't be read: circle/cut.jpg is damaged: ")
    assert dataset.warnings[0].endswith(", and 3 more")


def test_what_was_left_out_once_is_still_refused_without_the_option(load, picture_folder):
    (picture_folder / "circle" / "empty.png").write_bytes(b"")
    skipping = load(skip_corrupt=True)
    with pytest.raises(
        InputError, match=r"holds pictures that can't be read, 1 in all: circle/empty\.png holds no bytes"
    ):
        load()
    assert load(skip_corrupt=True).digest == skipping.digest


def test_of_many_only_the_first_ten_are_listed(load, picture_folder, store):
    for number in range(13):
        (picture_folder / "circle" / f"bad{number:02}.png").write_bytes(b"")
    refuse(load, r"can't be read, 13 in all: .*bad09\.png holds no bytes; and 3 more: repair", store)


def test_a_folder_of_nothing_but_damage_is_refused(load, picture_folder, store):
    for path in picture_folder.rglob("*.png"):
        path.write_bytes(b"")
    refuse(load, "holds pictures that can't be read, 20 in all", store)
    refuse(load, "holds pictures that can't be read, 20 in all", store, skip_corrupt=True)


def test_a_class_of_which_too_little_can_be_read_is_refused(load, picture_folder, store):
    for path in sorted((picture_folder / "circle").iterdir())[1:]:
        path.write_bytes(b"")
    message = (
        "of class circle in .*shapes only [01] can be read to train on but 2 or more must be, one of them to validate"
    )
    refuse(load, message, store, skip_corrupt=True)


def test_a_part_of_which_nothing_can_be_read_is_refused(load, parted, store):
    for path in (parted / "test").rglob("*.png"):
        path.write_bytes(b"")
    refuse(load, "parted has no readable pictures for test: add some or remove", store, parted, skip_corrupt=True)


def test_pictures_of_different_sizes_need_one_to_be_fitted_to(load, picture_folder, store):
    picture(picture_folder / "circle" / "small.png", size=(4, 5))
    picture(picture_folder / "square" / "large.png", size=(70, 50))
    message = (
        r"shapes holds pictures of 3 sizes, from 4×5 \(.*circle/small\.png\) to 70×50 \(.*square/large\.png\), height "
        r"first: give `image_size` HEIGHTxWIDTH"
    )
    refuse(load, message, store)


def test_files_that_are_no_pictures_make_no_data_set(load, tmp_path, store):
    for name in ("a", "b"):
        for number in range(2):
            path = tmp_path / "texts" / name / f"{number}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("hello")
    refuse(load, "texts holds no pictures: put PNG or JPEG files into its class folders", store, tmp_path / "texts")


def test_a_disk_that_takes_no_pixels_is_told(load, store):
    store.parent.write_text("a file in the way")
    with pytest.raises(InputError, match=r"the images can't be written to .*(Not a directory|File exists)"):
        load()


def _nothing(folder):
    shutil.rmtree(folder)
    folder.mkdir()


def _loose(folder):
    _nothing(folder)
    picture(folder / "a.png")


def _classes_called(count):
    def make(folder):
        _nothing(folder)
        for number in range(count):
            (folder / f"class{number:04}").mkdir()

    return make


def _parts(*parts, beside="extra"):
    def make(folder):
        for part in parts:
            shutil.copytree(folder / "circle", folder / part / "circle")
            shutil.copytree(folder / "square", folder / part / "square")
        shutil.rmtree(folder / "circle")
        (folder / "square").rename(folder / beside)

    return make


def _test_class_that_train_lacks(folder):
    _parts("train", "validation", beside="test")(folder)
    picture(folder / "test" / "square" / "a.png")
    picture(folder / "test" / "triangle" / "a.png")


def _empty_validation(folder):
    _parts("train", "test", beside="validation")(folder)
    _nothing(folder / "validation")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (shutil.rmtree, "there is no folder .*shapes: give one with a subfolder of pictures for each class"),
        (_nothing, "shapes has no subfolders: put the pictures of each class into one, named after the class"),
        (_loose, "shapes has no subfolders"),
        (
            lambda folder: shutil.rmtree(folder / "circle"),
            r"shapes has 1 class folders \(square\) but must have 2 to 1000",
        ),
        (_classes_called(1001), "shapes has 1001 class folders but must have 2 to 1000"),
        (_parts("test", beside="other"), "shapes has test but no train: name the folder of the training pictures"),
        (_parts("train", "test"), "shapes has extra beside train: its subfolders must be train, validation, test, or"),
        (_test_class_that_train_lacks, "test/triangle shows class triangle, which train lacks: add training pictures"),
        (_empty_validation, "validation holds no pictures: add some or remove the folder"),
        (
            lambda folder: picture(folder / "dot" / "a.png"),
            "class dot needs 2 or more pictures, one to train and one to test, but has 1",
        ),
    ],
)
def test_a_layout_that_makes_no_sense_is_refused(load, picture_folder, store, spoil, message):
    spoil(picture_folder)
    refuse(load, message, store)


def test_a_folder_larger_than_a_chunk_is_read_whole(load, picture_folder, monkeypatch):
    monkeypatch.setattr("tuning.data.pictures.picture_folder.CHUNK", 3)
    assert len(load().training) == 16


def test_the_path_that_is_named_in_an_error_is_the_one_that_was_given(load, tmp_path, store):
    refuse(load, re.escape(str(tmp_path / "none")), store, tmp_path / "none")
