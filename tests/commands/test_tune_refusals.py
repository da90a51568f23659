"""tune.py and bad arguments or bad data: one sentence, exit code 2, and nothing started."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from refused import assert_refused

pytestmark = pytest.mark.slow

Script = Callable[..., subprocess.CompletedProcess[str]]


def _without(key: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda arrays: {name: array for name, array in arrays.items() if name != key}


def _with(key: str, change: Callable[[np.ndarray], np.ndarray]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda arrays: {**arrays, key: change(arrays[key])}


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--dataset", "cifar"], "unknown dataset cifar: choose one of auto, digits, fashion_mnist, mnist"),
        (["--data", "missing.npz"], "there is no file missing.npz"),
        (["--run", "../evil"], "'../evil' must be a letter or digit"),
        (["--run", "a/b"], "not a path"),
        (["--seed", "-1"], "--seed must be 0 or more, got -1"),
        (["--max-trials", "0"], "--max-trials must be 1 or more, got 0"),
        (["--epochs", "0"], "--epochs must be 1 or more, got 0"),
        (["--budget", "soon"], "a duration must be a number above 0 with a unit"),
        (
            ["--algorithm", "magic"],
            "unknown algorithm magic: choose one of bayesian, freeze-thaw, grid, halving, hyperband, random, tpe",
        ),
        (["--workers", "-1"], "--workers must be 0 or more, got -1"),
        (["--finalists", "0"], "--finalists must be 1 or more, got 0"),
        (["--repeats", "-1"], "--repeats must be 0 or more, got -1"),
        (["--min-epochs", "0"], "--min-epochs must be 1 or more, got 0"),
        (["--max-parameters", "0"], "--max-parameters must be 1 or more, got 0"),
        (["--trial-timeout", "5x"], "a duration must be a number above 0 with a unit, like 90s, 10m or 1.5h, got '5x'"),
        (["--objective", "val_loss,weights"], "weights"),
        (["--objective", "params"], "--objective must begin with a metric, like val_loss,params, got params"),
        (["--baselines", "--model", "own:build"], "--baselines are configurations of the built-in model: leave it"),
        (["--minimum-accuracy", "99"], "--minimum-accuracy must be 0 to 1, got 99.0"),
        (["--resume"], "--resume needs --run NAME"),
        (["--run", "nothing", "--resume"], "there is no run runs/nothing to resume"),
        (["--dataset", "digits", "--data", "a.npz"], "not allowed with argument"),
    ],
)
def test_tune_refuses_bad_arguments_and_starts_nothing(
    arguments: list[str], part: str, script: Script, tmp_path: Path
) -> None:
    assert_refused(script("tune.py", *arguments), part)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (_without("y_test"), "lacks y_test"),
        (_with("x_train", lambda x: x.astype(np.float32) / 255), "x_train has dtype float32 but images must be uint8"),
        (_with("x_train", lambda x: np.full(x.shape, np.nan)), "holds 2560 NaN but images must be uint8"),
        (_with("x_test", lambda x: x[:, :, :7]), "both must be the same"),
        (_with("x_train", lambda x: np.stack([x, x], axis=-1)), "but images need 1 or 3 channels"),
        (_with("x_train", lambda x: x[0]), "x_train has 8 examples but y_train has 40: give a label for each example"),
        (
            _with("x_train", lambda x: x.reshape(len(x), 2, 2, 4, 4)),
            "x_train has shape (40, 2, 2, 4, 4) but images must be (examples, height, width)",
        ),
        (_with("y_test", lambda y: y + 9), "y_test holds the label 12 but the 4 classes are numbered 0 to 3"),
        (_with("y_train", lambda y: y.astype(np.int64) - 1), "y_train holds the label -1 but labels must be 0 or more"),
        (_with("y_train", lambda y: np.where(y == 1, 2, y)), "class 1 has no training images"),
        (_with("y_train", lambda y: y[:-1]), "give one label for each image"),
        (
            _with("y_train", lambda y: y + np.float32(0.5)),
            "y_train has dtype float32 but labels must be whole numbers",
        ),
        (_with("y_train", lambda y: np.array(list("abcd"))[y]), "y_train holds names but y_test numbers: give both"),
        (lambda arrays: {"arr_0": arrays["x_train"]}, "bad.npz lacks x_train and y_train: it must hold"),
        (
            lambda arrays: {"images": arrays["x_train"].transpose(1, 2, 0), "labels": arrays["y_train"]},
            "x_train has shape (8, 8, 40) but y_train (40,): give a label for each example, and every input of it "
            "(x_train is called images, y_train is called labels)",
        ),
    ],
)
def test_tune_refuses_bad_data_and_starts_nothing(
    change: Callable[[dict[str, Any]], dict[str, Any]],
    part: str,
    script: Script,
    arrays: dict[str, np.ndarray],
    tmp_path: Path,
) -> None:
    np.savez(tmp_path / "bad.npz", **change(arrays))

    assert_refused(script("tune.py", "--data", "bad.npz"), part)
    assert not (tmp_path / "runs").exists()


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:90])


def _unlabelled_test(folder: Path) -> None:
    for name in ("circle", "square"):
        shutil.copytree(folder / name, folder / "train" / name)
        shutil.rmtree(folder / name)
    shutil.copytree(folder / "train" / "circle", folder / "test")


@pytest.mark.parametrize(
    ("spoil", "options", "parts"),
    [
        (lambda folder: shutil.rmtree(folder / "square"), (), ("shapes has 1 class folders (circle)",)),
        (lambda folder: (folder / "test").mkdir(), (), ("shapes has test but no train",)),
        (
            lambda folder: (folder / "circle").rename(folder / "caf\udce9"),
            (),
            (r"the name of shapes/caf\xe9 is not UTF-8: rename it",),
        ),
        (
            lambda folder: (folder / "circle").rename(folder / "\x1b[31m"),
            (),
            (r"the name of shapes/\x1b[31m holds control characters: rename it",),
        ),
        (_unlabelled_test, (), ("shapes/test holds pictures but no class folders", "move test out of shapes")),
        (
            lambda folder: _cut(folder / "circle/3.png"),
            (),
            ("pictures that can't be read, 1 in all", "circle/3.png is dam"),
        ),
        (lambda folder: (folder / "circle/0.png").write_bytes(b""), (), ("circle/0.png holds no bytes",)),
        (lambda folder: (folder / "circle/0.png").write_text("hi"), (), ("circle/0.png is no picture",)),
        (lambda folder: (folder / "circle/a.png").symlink_to("b"), (), ("circle/a.png can't be opened: No such file",)),
        (
            lambda folder: Image.new("RGB", (5, 7)).save(folder / "circle/small.png"),
            (),
            ("pictures of 2 sizes, from 7×5 (shapes/circle/small.png) to 12×10", "--image-size"),
        ),
        (lambda folder: None, ("--image-size", "wide"), ("--image-size must be HEIGHTxWIDTH", "got wide")),
        (lambda folder: None, ("--image-size", "0x8"), ("--image-size must be HEIGHTxWIDTH", "got 0x8")),
        (lambda folder: shutil.rmtree(folder), (), ("there is no file shapes",)),
    ],
)
def test_tune_refuses_a_bad_folder_of_pictures_and_leaves_nothing_behind(
    spoil: Callable[[Path], object],
    options: tuple[str, ...],
    parts: tuple[str, ...],
    script: Script,
    picture_folder: Path,
    tmp_path: Path,
) -> None:
    spoil(picture_folder)

    assert_refused(script("tune.py", "--data", "shapes", *options), *parts)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("option", [("--skip-corrupt",), ("--image-size", "8")])
@pytest.mark.parametrize("data", [("--dataset", "digits"), ("--data", "some.npz"), ()])
def test_options_of_folders_are_refused_for_other_data(
    data: tuple[str, ...], option: tuple[str, ...], script: Script, arrays: dict[str, np.ndarray], tmp_path: Path
) -> None:
    np.savez(tmp_path / "some.npz", **arrays)

    assert_refused(script("tune.py", *data, *option), "--image-size and --skip-corrupt go with --data FOLDER")


@pytest.mark.slow
def test_the_built_in_model_refuses_data_without_classes(
    script: Script, arrays: dict[str, np.ndarray], tmp_path: Path
) -> None:
    np.savez(tmp_path / "measured.npz", **arrays)

    done = script("tune.py", "--data", "measured.npz", "--labels", "numbers")

    assert_refused(done, "measured.npz does not say which class an image shows")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (("--dataset", "digits", "--labels", "classes"), "--labels goes with --data FILE.npz: other data has classes"),
        (("--data", "shapes", "--labels", "classes"), "--labels goes with --data FILE.npz: other data has classes"),
        (("--data", "some.npz", "--labels", "both"), "labels must be one of auto, classes, numbers, got both"),
    ],
)
def test_kinds_of_labels_are_refused_where_there_is_no_choice(
    options: tuple[str, ...], part: str, script: Script, picture_folder: Path
) -> None:
    assert_refused(script("tune.py", *options), part)


def test_tune_refuses_a_truncated_npz(script: Script, arrays: dict[str, np.ndarray], tmp_path: Path) -> None:
    np.savez(tmp_path / "whole.npz", **arrays)
    content = (tmp_path / "whole.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(content[: len(content) // 2])

    assert_refused(script("tune.py", "--data", "cut.npz"), "cut.npz can't be read as npz", "is it complete?")


def test_a_data_folder_without_the_file_is_an_error_even_for_auto(script: Script, tmp_path: Path) -> None:
    done = script("tune.py", TUNING_DATA_DIR=str(tmp_path))

    assert_refused(done, "TUNING_DATA_DIR is set but there is no", "mnist.npz")


@pytest.mark.slow
def test_mnist_that_cannot_be_had_is_never_substituted(script: Script) -> None:
    done = script("tune.py", "--dataset", "mnist", https_proxy="http://127.0.0.1:9")

    assert done.returncode == 2
    assert "mnist is not available: its download failed" in done.stderr.splitlines()[-1]
    assert "TUNING_DATA_DIR" in done.stderr.splitlines()[-1]


@pytest.mark.slow
def test_baselines_that_do_not_fit_the_images_are_refused(
    script: Script, arrays: dict[str, np.ndarray], tmp_path: Path
) -> None:
    np.savez(tmp_path / "mine.npz", **arrays)

    done = script("tune.py", "--data", "mine.npz", "--baselines")

    assert_refused(done, "is not in the space (num_blocks must be one of 1, got 2): leave out --baselines")
    assert not (tmp_path / "runs").exists()
