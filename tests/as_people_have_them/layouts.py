"""Data as people have it, small: written into a folder; the option that names it, and what the files are asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

Written = tuple[tuple[Any, ...], Any]
TRAINING, TEST = 256, 24


def images_of(count: int, *, size: int = 8, channels: int = 1, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """uint8 pictures of noise, of which a quarter is bright, and which one."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 4
    images = rng.integers(0, 128, (count, size, size, channels))
    half = size // 2
    for image, label in zip(images, labels, strict=True):
        row, column = divmod(int(label), 2)
        image[row * half : (row + 1) * half, column * half : (column + 1) * half] += 100
    return images.astype(np.uint8), labels


def arrays_of(*, size: int = 8, channels: int = 1) -> dict[str, Any]:
    x, y = images_of(TRAINING + TEST, size=size, channels=channels)
    return {"x_train": x[:TRAINING], "y_train": y[:TRAINING], "x_test": x[TRAINING:], "y_test": y[TRAINING:]}


def written(folder: Path, arrays: dict[str, Any], inputs: Any = None) -> Written:
    np.savez(folder / "data.npz", **arrays)
    return ("--data", "data.npz"), arrays["x_test"] if inputs is None else inputs


def four_classes(folder: Path) -> Written:
    return written(folder, arrays_of())


def two_classes(folder: Path) -> Written:
    arrays = arrays_of()
    return written(folder, {**arrays, "y_train": arrays["y_train"] % 2, "y_test": arrays["y_test"] % 2})


def picture_folder(folder: Path, *, parts: tuple[str, ...] = ("train", "test"), top: str = "pictures") -> Written:
    """`top/PART/CLASS/*.png`, or `top/CLASS/*.png` without parts."""
    from PIL import Image

    images, labels = images_of(320)
    share = len(images) // max(len(parts), 1)
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        part = parts[min(number // share, len(parts) - 1)] if parts else ""
        place = folder / top / part / f"quarter {label}"
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[..., 0]).save(place / f"{number}.png")
    return ("--data", top), images[-TEST:]


def littered_folder(folder: Path) -> Written:
    """`pictures/set/{Train,VAL,Test}` with what systems and sites leave beside pictures."""
    written = picture_folder(folder, parts=("Train", "VAL", "Test"), top="pictures/set")
    for name in ("__MACOSX/._a.png", "set/Train/quarter 0/Thumbs.db", "set/README.roboflow.txt", "set/VAL/.DS_Store"):
        path = folder / "pictures" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"junk")
    return ("--data", "pictures"), written[1]


def classes_alone(folder: Path) -> Written:
    return picture_folder(folder, parts=())


def labels_in_a_column(folder: Path) -> Written:
    arrays = arrays_of(channels=3)
    return written(folder, {**arrays, "y_train": arrays["y_train"][:, None], "y_test": arrays["y_test"][:, None]})


def labels_as_floats(folder: Path) -> Written:
    arrays = arrays_of()
    named = {
        "train_images": arrays["x_train"],
        "train_labels": arrays["y_train"].astype(np.float64),
        "test_images": arrays["x_test"],
        "test_labels": arrays["y_test"].astype(np.float64),
    }
    return written(folder, named, arrays["x_test"])


def names_without_a_test(folder: Path) -> Written:
    x, y = images_of(320)
    return written(folder, {"x": x[..., 0], "y": np.array(["ash", "birch", "cedar", "oak"])[y]}, x[:TEST])


def table(folder: Path, *, labels: str = "names") -> Written:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(TRAINING + TEST, 6))
    found: Any = (x[:, 0] + x[:, 1] > 0).astype(np.int64)
    y = {"names": np.array(["no", "yes"])[found], "numbers": x[:, :2] * 3}[labels]
    arrays = {"x_train": x[:TRAINING], "y_train": y[:TRAINING], "x_test": x[TRAINING:], "y_test": y[TRAINING:]}
    return written(folder, arrays, x[TRAINING:].astype(np.float32))


def table_of_numbers(folder: Path) -> Written:
    return table(folder, labels="numbers")


def words(folder: Path) -> Written:
    rng = np.random.default_rng(2)
    x = rng.integers(0, 20, (TRAINING + TEST, 5), dtype=np.int32)
    y = (x.mean(axis=1) > 10).astype(np.int32)
    arrays = {"x_train": x[:TRAINING], "y_train": y[:TRAINING], "x_test": x[TRAINING:], "y_test": y[TRAINING:]}
    return written(folder, arrays)


def images_to_images(folder: Path) -> Written:
    arrays = arrays_of()
    targets = {f"y_{part}": arrays[f"x_{part}"].astype(np.float32) / 255 for part in ("train", "test")}
    return written(folder, {**arrays, **targets})


def class_of_every_pixel(folder: Path) -> Written:
    arrays = arrays_of(channels=3)
    targets = {f"y_{part}": (arrays[f"x_{part}"].sum(axis=-1) // 256).astype(np.int32) for part in ("train", "test")}
    return written(folder, {**arrays, **targets})


def two_labels(folder: Path) -> Written:
    arrays = arrays_of()
    labels = {}
    for part in ("train", "test"):
        labels[f"y_{part}_kind"] = arrays.pop(f"y_{part}")
        labels[f"y_{part}_light"] = arrays[f"x_{part}"].mean(axis=(1, 2, 3)) / 255
    return written(folder, {**arrays, **labels})


def two_inputs_two_labels(folder: Path) -> Written:
    images = arrays_of()
    rng = np.random.default_rng(3)
    numbers = {"train": rng.normal(size=(TRAINING, 3)), "test": rng.normal(size=(TEST, 3))}
    arrays = {}
    for part, values in numbers.items():
        arrays |= {f"x_{part}_picture": images[f"x_{part}"], f"x_{part}_numbers": values.astype(np.float32)}
        arrays |= {f"y_{part}_kind": images[f"y_{part}"], f"y_{part}_sum": values.sum(axis=1).astype(np.float32)}
    return written(folder, arrays, {"picture": arrays["x_test_picture"], "numbers": arrays["x_test_numbers"]})
