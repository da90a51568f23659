"""Folders as people have them: which files are taken for which part and class, and what is said of the others."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from tuning.data.pictures.picture_listing import list_pictures
from tuning.errors import InputError


@pytest.fixture
def tree(tmp_path):
    """Call `tree("train/cat/0.png", …)` for a folder `pets` with these files, all empty: listing opens none."""

    def make(*files):
        for file in files:
            path = tmp_path / "pets" / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        return tmp_path / "pets"

    return make


def classes(*roots, names=("cat", "dog"), count=3):
    """Paths of `count` pictures of each class in each of the roots."""
    return [f"{root}/{name}/{number}.png" for root in roots for name in names for number in range(count)]


def counts(listing):
    return dict(Counter((picture.part, listing.class_names[picture.label]) for picture in listing.pictures))


def refuse(folder, *parts):
    with pytest.raises(InputError) as raised:
        list_pictures(folder)
    for part in parts:
        assert part in str(raised.value)


THREE = {(part, name): 3 for part in ("train", "validation", "test") for name in ("cat", "dog")}


@pytest.mark.parametrize(
    "parts",
    [
        ("train", "val", "test"),
        ("train", "valid", "test"),
        ("Train", "Validation", "Test"),
        ("TRAIN", "VAL", "TEST"),
        ("training", "validation", "testing"),
        ("training_set", "validation_set", "test_set"),
        ("train data", "val data", "test data"),
        ("trainset", "valset", "testset"),
        ("train-images", "valid-images", "test-images"),
        ("train ", "val ", "test "),
    ],
)
def test_parts_are_known_by_the_names_that_people_give_them(tree, parts):
    listing = list_pictures(tree(*classes(*parts)))

    assert counts(listing) == THREE
    assert (listing.parts, listing.is_test_drawn) == (("train", "validation", "test"), False)
    assert listing.notes == listing.outside == ()


@pytest.mark.parametrize("names", [("val", "valid"), ("test", "testing"), ("Train", "train")])
def test_two_names_for_one_part_are_refused(tree, names):
    folder = tree(*classes("train", *names))

    refuse(folder, f"pets has {' and '.join(sorted(names))}, which both mean", ": put their pictures into one of them")


def test_a_part_to_validate_with_alone_is_told_to_lack_training_pictures(tree):
    refuse(tree(*classes("val")), "pets has val but no train: name the folder of the training pictures train, and put")


def test_class_folders_beside_a_test_folder_are_told_where_to_go(tree):
    folder = tree(*classes("."), *classes("test"))

    refuse(folder, "pets has test but no train: name the folder of the training pictures train, and put their class")


@pytest.mark.parametrize(
    ("given", "name"),
    [(("train", "bus"), "train"), (("valid", "invalid"), "valid"), (("Train", "car", "bus"), "Train")],
)
def test_a_class_that_is_called_like_a_part_is_a_class_with_a_note(tree, given, name):
    listing = list_pictures(tree(*classes(".", names=given)))

    assert listing.class_names == tuple(sorted(given))
    assert listing.notes[0].startswith(f"{name} counts as a class, as it holds pictures and lies beside ")


@pytest.mark.parametrize("name", ["test", "val", "validation", "testing"])
def test_loose_pictures_to_test_with_are_no_class(tree, name):
    folder = tree(*classes("."), f"{name}/0.png")

    refuse(folder, f"pets has {name} but no train")


JUNK = (
    "__MACOSX/cat/._0.png",
    "__MACOSX/._cat",
    "cat/Thumbs.db",
    "cat/desktop.ini",
    "cat/.ipynb_checkpoints/0-checkpoint.png",
    ".ipynb_checkpoints/a.png",
    "@eaDir/cat/0.png/SYNOPHOTO_THUMB_M.jpg",
    "cat/@eaDir/0.png/SYNOPHOTO_THUMB_M.jpg",
    "$RECYCLE.BIN/a.png",
    "System Volume Information/a.png",
    "lost+found/a.png",
    "dog/.DS_Store",
    "dog/Icon\r",
    "dog/#recycle/a.png",
    "dog/ehthumbs.db",
    "__pycache__/a.pyc",
)


def test_what_systems_and_tools_strew_about_is_ignored(tree):
    listing = list_pictures(tree(*classes("."), *JUNK))

    assert counts(listing) == {("train", "cat"): 3, ("train", "dog"): 3}
    assert listing.outside == listing.notes == ()


def test_what_systems_and_tools_strew_about_is_ignored_beside_parts_and_in_them(tree):
    junk = [f"{root}/{name}" for root in (".", "train", "test") for name in JUNK if not name.startswith(("cat", "dog"))]
    listing = list_pictures(tree(*classes("train", "val", "test"), *junk))

    assert counts(listing) == THREE
    assert listing.outside == listing.notes == ()


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        (
            "test",
            "or move test out of {folder}, or give the folder train alone, to set a sixth of each class apart for",
        ),
        ("val", "or move val out of {folder}, to set a part of the training pictures apart for validation"),
    ],
)
def test_pictures_of_a_part_without_class_folders_are_said_to_be_so(tree, name, instead):
    folder = tree(*classes("train"), f"{name}/0.png", f"{name}/1.JPG")

    refuse(
        folder,
        f"pets/{name} holds pictures but no class folders, so nothing says which classes they show: put those of each "
        "class into a folder named after it, ",
        instead.format(folder=folder),
    )


def test_training_pictures_without_class_folders_are_said_to_be_so(tree):
    folder = tree("train/0.png", *classes("test"))

    refuse(folder, "pets/train holds pictures but no class folders", "put those of each class into a folder named")


def test_a_table_of_labels_is_said_not_to_be_read(tree):
    refuse(tree("train/0.png", "train.csv"), "which classes they show (labels in a table like train.csv are not read):")


@pytest.mark.parametrize("files", [("0.png", "labels.csv"), ("images/0.png", "labels.csv")])
def test_pictures_in_one_folder_with_a_table_are_told_that_it_is_not_read(tree, files):
    refuse(tree(*files), "pets has ", " (labels in a table like labels.csv are not read)")


def test_loose_pictures_beside_class_folders_are_left_out(tree):
    listing = list_pictures(tree(*classes("train", "val", "test"), "test/loose.png", "README.txt"))

    assert counts(listing) == THREE
    assert listing.outside == ("README.txt", "test/loose.png")


def test_a_single_folder_of_unlabelled_pictures_is_said_to_be_so(tree):
    folder = tree(*classes("train"), "test/unknown/0.png")

    refuse(
        folder,
        "pets/test has unknown but no folder of a class to train, so nothing says which classes its pictures show: put",
        f"or move test out of {folder}, or give the folder train alone, to set a sixth",
    )


def test_the_layout_of_roboflow_is_read(tree):
    beside = ("README.dataset.txt", "README.roboflow.txt", "train/_classes.csv")
    listing = list_pictures(tree(*classes("train", "valid", "test"), *beside))

    assert counts(listing) == THREE
    assert listing.outside == ("README.dataset.txt", "README.roboflow.txt", "train/_classes.csv")


@pytest.mark.parametrize("root", ["pets", "a/b"])
def test_an_extra_folder_around_all_others_is_looked_into(tree, root):
    folder = tree(*classes(f"{root}/train", f"{root}/val", f"{root}/test"), "notes.txt")

    listing = list_pictures(folder)

    assert counts(listing) == THREE
    assert listing.notes == (f"classes are read from {folder / root}, as {folder} holds no other folder",)
    assert listing.outside == ("notes.txt",)


def test_an_extra_folder_around_the_classes_is_looked_into(tree):
    folder = tree(*classes("flowers/photos"), "flowers/LICENSE.txt", "__MACOSX/flowers/photos/cat/._0.png")

    listing = list_pictures(folder)

    assert counts(listing) == {("train", "cat"): 3, ("train", "dog"): 3}
    assert listing.notes == (f"classes are read from {folder}/flowers/photos, as {folder} holds no other folder",)
    assert listing.outside == ("flowers/LICENSE.txt",)


def test_a_part_in_a_folder_of_its_own_name_is_looked_into(tree):
    folder = tree(*classes("train/train", "test/test"))

    listing = list_pictures(folder)

    assert counts(listing) == {key: 3 for key in THREE if key[0] != "validation"}
    assert listing.notes == tuple(
        f"classes are read from {folder}/{part}/{part}, as {folder}/{part} holds no other folder"
        for part in ("train", "test")
    )


def test_the_only_class_of_a_test_is_not_looked_into(tree):
    listing = list_pictures(tree(*classes("train"), "test/cat/indoor/0.png", "test/cat/outdoor/0.png"))

    assert counts(listing)["test", "cat"] == 2


def test_a_training_folder_alone_is_read(tree):
    listing = list_pictures(tree(*classes("train")))

    assert (listing.is_test_drawn, listing.notes) == (True, ())


def test_class_folders_that_hold_folders_only_count_with_a_note(tree):
    folder = tree(*classes("seg_train", "seg_test", names=("lake", "sea")))

    listing = list_pictures(folder)

    assert counts(listing) == {("train", "seg_test"): 6, ("train", "seg_train"): 6}
    assert listing.notes == (
        "every class folder holds folders only (seg_test: lake, sea): all pictures below it count as its class",
    )


def test_the_layouts_of_object_detection_and_segmentation_are_refused(tree):
    yolo = [
        f"{part}/{kind}/0.{end}" for part in ("train", "val") for kind, end in (("images", "png"), ("labels", "txt"))
    ]

    refuse(
        tree(*yolo),
        "pets/train has images and labels, as data sets for detection and segmentation have, but no folder for each "
        "class: put the pictures of each class into a folder named after it",
    )


def test_folders_without_pictures_beside_the_parts_are_left_out(tree):
    listing = list_pictures(tree(*classes("train", "test"), "annotations/0.xml"))

    assert listing.outside == ("annotations",)


def test_pictures_in_a_folder_beside_the_parts_are_refused(tree):
    refuse(tree(*classes("train", "extra")), "pets has extra beside train: its subfolders must be train, validation,")


def test_empty_class_folders_are_left_out_with_a_note(tree):
    folder = tree(*classes("train", "test"))
    for name in ("train/bird", "train/fish", "test/bird", "test/horse"):
        (folder / name).mkdir()

    listing = list_pictures(folder)

    assert listing.class_names == ("cat", "dog")
    assert listing.notes == (f"left out because it holds no files: class folder {folder}/train/bird, and 1 more",)


def test_nothing_but_empty_class_folders_are_refused(tree):
    folder = tree()
    for name in ("cat", "dog"):
        (folder / name).mkdir(parents=True)

    refuse(folder, "pets holds no pictures: add some to its class folders")


def test_pictures_of_a_class_that_train_lacks_are_refused(tree):
    folder = tree(*classes("train", "test"), "test/bird/0.png")
    (folder / "train" / "bird").mkdir()

    refuse(folder, "pets/test/bird shows class bird, which train lacks: add training pictures of it or remove it")


def test_classes_in_another_case_than_in_train_are_the_same_with_a_note(tree):
    folder = tree(*classes("train"), *classes("test", names=("Cat", "dog")))

    listing = list_pictures(folder)

    assert counts(listing)["test", "cat"] == 3
    assert listing.notes == (f"{folder}/test/Cat counts as class cat, as it is called in train",)


def test_classes_to_train_that_differ_in_case_stay_two_with_a_note(tree):
    listing = list_pictures(tree(*classes("train", "test", names=("Cat", "cat"))))

    assert listing.class_names == ("Cat", "cat")
    assert listing.notes == ("the classes Cat and cat differ in case only",)


def test_a_class_that_could_be_either_of_two_is_refused(tree):
    folder = tree(*classes("train", names=("Cat", "cat")), *classes("test", names=("CAT", "cat")))

    refuse(folder, "pets/test/CAT shows class CAT, which train lacks")


def test_spaces_around_a_name_and_how_its_accents_are_stored_make_no_class(tree):
    composed, apart = "caf\u00e9", "cafe\u0301"
    folder = tree(*classes("train", names=("cat ", composed)), *classes("test", names=(" cat", apart)))

    listing = list_pictures(folder)

    assert listing.class_names == (composed, "cat")
    assert counts(listing)["test", "cat"] == counts(listing)["test", composed] == 3
    assert listing.notes == ()


@pytest.mark.parametrize(
    ("names", "shown"), [(("cat", "cat "), "'cat' and 'cat '"), (("\u00e9", "e\u0301"), r"'\xe9'")]
)
def test_two_folders_for_one_class_are_refused(tree, names, shown):
    refuse(tree(*classes(".", names=names)), "pets has the folders ", shown, "for one class: put their pictures into")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("caf\udce9/0.png", r"the name of .*pets/caf\\xe9 is not UTF-8: rename it"),
        ("cat/caf\udce9 (1).png", r"the name of .*pets/cat/caf\\xe9 \(1\)\.png is not UTF-8: rename it"),
        ("cat/notes\udcff.txt", r"pets/cat/notes\\xff\.txt is not UTF-8"),
        ("notes\udcff.txt", r"pets/notes\\xff\.txt is not UTF-8"),
        ("line\nbreak/0.png", r"the name of .*pets/line\\nbreak holds control characters: rename it"),
        ("cat/\x1b[31mred.png", r"the name of .*pets/cat/\\x1b\[31mred\.png holds control characters: rename it"),
        ("cat/two\u2028lines.png", r"pets/cat/two\\u2028lines\.png holds control characters"),
    ],
)
def test_names_that_cannot_go_into_files_and_messages_are_refused_and_shown_readably(tree, given, message):
    folder = tree(*classes("."), given)

    with pytest.raises(InputError, match=message):
        list_pictures(folder)


def test_of_several_such_names_one_is_shown(tree):
    folder = tree(*classes("."), "caf\udce9/0.png", "caf\udce9/1.png", "dog/\udce9.png")

    refuse(folder, r"pets/caf\xe9 is not UTF-8 (and 1 more): rename it")


@pytest.mark.parametrize(("name", "shown"), [("caf\udce9", r"caf\xe9 is not UTF-8"), ("a\tb", r"a\tb holds control")])
def test_the_name_of_the_folder_itself_is_held_to_the_same(tree, name, shown):
    folder = tree(*classes("."))

    refuse(folder.rename(folder.with_name(name)), f"the name of the folder {shown}")


def test_names_of_any_other_kind_are_taken(tree):
    names = ("-x", "=1+1", "a,b", 'say "hi"', "naïve café", "c#1 100%", "🐱", "👩‍🔬", "[bold]", "猫")

    assert set(list_pictures(tree(*classes(".", names=names))).class_names) == set(names)


def test_links_to_the_folder_itself_and_above_are_no_classes(tree):
    folder = tree(*classes("."))
    (folder / "cat" / "back").symlink_to(folder, target_is_directory=True)
    (folder / "all").symlink_to(folder, target_is_directory=True)
    (folder / "above").symlink_to(folder.parent, target_is_directory=True)
    (folder / "loop").symlink_to("loop")

    listing = list_pictures(folder)

    assert listing.class_names == ("cat", "dog")
    assert listing.outside == ("loop",)


def test_classes_that_link_to_each_other_have_their_own_pictures(tree):
    folder = tree(*classes("."))
    (folder / "cat" / "to").symlink_to(folder / "dog", target_is_directory=True)
    (folder / "dog" / "to").symlink_to(folder / "cat", target_is_directory=True)

    listing = list_pictures(folder)

    assert counts(listing) == {("train", "cat"): 3, ("train", "dog"): 3}
    assert "a link to a folder that is read already" in listing.notes[-1]
    assert "cat/to, and 1 more" in listing.notes[-1]


def test_nine_folders_that_link_to_each_other_end(tree):
    folder = tree(*classes("."))
    names = [str(number) for number in range(9)]
    for name in names:
        (folder / "cat" / name).mkdir()
        (folder / "cat" / name / "0.png").touch()
    for name in names:
        for other in names:
            (folder / "cat" / name / f"to{other}").symlink_to(folder / "cat" / other, target_is_directory=True)

    assert counts(list_pictures(folder)) == {("train", "cat"): 12, ("train", "dog"): 3}


def test_folders_in_each_other_deeper_than_python_calls_are_read(tree):
    folder = tree(*classes("."))
    below = folder / "cat"
    for _ in range(1_100):
        below /= "a"
        below.mkdir()
    (below / "0.png").touch()

    listing = list_pictures(folder)

    assert counts(listing)["train", "cat"] == 4
    # Python's own way to remove folders does not reach so deep.
    (below / "0.png").unlink()
    while below != folder / "cat":
        below.rmdir()
        below = below.parent


def test_two_classes_that_are_one_folder_are_refused(tree):
    folder = tree(*classes("."))
    (folder / "puma").symlink_to(folder / "cat", target_is_directory=True)

    with pytest.raises(InputError, match=r"cat and .*puma are one folder but two classes: remove the link or give it"):
        list_pictures(folder)


def test_a_folder_that_can_not_be_read_is_named(tree, monkeypatch):
    folder = tree(*classes("."))
    scan = os.scandir

    def deny(path):
        if Path(path).name == "dog":
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", deny)
    with pytest.raises(InputError, match=r"the folder .*dog can't be read \(Permission denied\): remove or move it"):
        list_pictures(folder)


def test_linked_class_folders_are_followed(tree, tmp_path):
    folder = tree(*classes("."))
    (tmp_path / "birds").mkdir()
    (tmp_path / "birds" / "0.png").touch()
    (folder / "bird").symlink_to(tmp_path / "birds", target_is_directory=True)

    assert counts(list_pictures(folder))["train", "bird"] == 1
