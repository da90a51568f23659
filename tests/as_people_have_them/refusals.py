"""Mistakes of people: in builders, trainings, files, data and options, and what they are told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from . import layouts
from .files import LAYERS, classifier
from .kinds import SHARED
from .spaces import HEAD

L = keras.layers

FIT = """
class Own(kt.HyperModel):
    def build(self, hp):
        return net([L.Dense(hp.Int("width", 4, 6))])

    def fit(self, hp, model, x, y, validation_data, **kwargs):
"""


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """`words`: the command. `told`: parts of the one sentence. `data`: writes what the command reads."""

    words: tuple[Any, ...]
    told: tuple[str, ...]
    code: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    data: Callable[[Path], object] = layouts.four_classes


def searched(code: str, *told: str, options: tuple[Any, ...] = (), model: str = "my.py:build", **more: Any) -> Refusal:
    data = more.pop("source", "data.npz")
    words = ("tune.py", "--data", data, "--model", model, "--max-trials", 2, "--workers", 0, *options)
    files = {"shared.py": SHARED, **more.pop("files", {})}
    return Refusal(words=words, told=told, code=HEAD + code, files=files, **more)


def trained(body: str, *told: str, options: tuple[Any, ...] = ()) -> Refusal:
    return searched(FIT + body, *told, options=options, model="my.py:Own")


def of_data(*told: str, **more: Any) -> Refusal:
    """Data for the built-in model."""
    return Refusal(words=("tune.py", "--data", more.pop("source", "data.npz"), "--workers", 0), told=told, **more)


def exported(
    *told: str, options: tuple[Any, ...] = (), file: str = "model.keras", make: Any = None, code: str = ""
) -> Refusal:
    """A Keras file of `make`, which gets the user's module; without it, one of Keras's own layers."""

    def data(folder: Path) -> None:
        layouts.four_classes(folder)
        (make or save_plain)(folder)

    words = ("export.py", "--model", file, "--data", "data.npz", "--pixel-scale", "unit", *options)
    return Refusal(words=words, told=told, data=data, code=code)


def save_plain(folder: Path) -> None:
    classifier(L.Dense(2)).save(folder / "model.keras")


def save_weights(folder: Path) -> None:
    classifier(L.Dense(2)).save_weights(folder / "only.weights.h5")


def save_own(folder: Path) -> None:
    space: dict[str, Any] = {}
    exec(LAYERS, space)
    classifier(space["Shift"](0.5)).save(folder / "model.keras")


def save_lambda(folder: Path) -> None:
    import warnings

    with warnings.catch_warnings(action="ignore"):
        classifier(L.Lambda(lambda x: x + 1, name="adds_one")).save(folder / "model.keras")


def save_sorted(folder: Path) -> None:
    """TFLite has no operator for the eigenvalues of a matrix, nor has ONNX."""
    image = keras.Input((8, 8, 1))
    x = keras.ops.eigh(keras.ops.squeeze(image, -1))[0]
    keras.Model(image, L.Dense(4, activation="softmax", name="head")(x)).save(folder / "model.keras")


def loose_pictures(folder: Path) -> None:
    layouts.picture_folder(folder)
    for path in (folder / "pictures" / "test").glob("*/*.png"):
        path.rename(folder / "pictures" / "test" / path.name)


def strange_bytes(folder: Path) -> None:
    layouts.picture_folder(folder)
    import os

    (folder / "pictures" / "train" / "quarter 0").rename(os.fsdecode(os.fsencode(folder) + b"/pictures/train/caf\xe9"))


def with_arrays(**changes: Any) -> Callable[[Path], None]:
    """The usual arrays with some in the place of others; a function gets the array that was there."""

    def write(folder: Path) -> None:
        arrays = layouts.arrays_of()
        for name, change in changes.items():
            arrays[name] = change(arrays[name]) if callable(change) else change
        np.savez(folder / "data.npz", **arrays)

    return write


def named(labels: np.ndarray, names: str) -> np.ndarray:
    return np.array(names.split())[labels]


REFUSALS = {
    "folds of new models": trained(
        """
        new = keras.models.clone_model(model)
        new.compile("adam", "sparse_categorical_crossentropy")
        return new.fit(x, y, validation_data=validation_data, verbose=0)
""",
        "my.py:Own",
        "--retrain-with fit",
    ),
    "a model that is built inside": trained(
        """
        model = self.build(hp)
        return model.fit(x, y, validation_data=validation_data, verbose=0)
""",
        "my.py:Own",
        "--retrain-with fit",
    ),
    "a training that only measures": trained(
        """
        return model.evaluate(*validation_data, verbose=0)[0]
""",
        "my.py:Own",
        "--retrain-with fit",
    ),
    "a training that fails": trained(
        """
        return model.fit(x, labels, verbose=0)
""",
        "my.py line 14: NameError: name 'labels' is not defined",
    ),
    "a fit that is asked for where there is none": searched(
        "def build(hp):\n    return net([L.Dense(hp.Int('width', 4, 6))])\n",
        "my.py:build has no fit of its own",
        options=("--retrain-with", "fit"),
    ),
    "another training than fit": searched(
        "def build(hp):\n    return net([])\n",
        "--retrain-with must be fit, got folds",
        options=("--retrain-with", "folds"),
    ),
    "a fit that the built-in model has not": Refusal(
        words=("tune.py", "--data", "data.npz", "--retrain-with", "fit"),
        told=("--retrain-with goes with --model: the built-in model has no fit of its own",),
    ),
    "a mistake in the builder": searched(
        "def build(hp):\n    sizes = {}\n    return net([L.Dense(sizes[hp.Int('width', 4, 6)])])\n",
        "my.py line 9: KeyError: 4",
    ),
    "a mistake in a module that it imports": searched(
        "import parts\n",
        "parts.py line 2: ZeroDivisionError",
        files={"parts.py": "import keras\nsize = 1 / 0\n"},
    ),
    "a builder that forgets to return": searched(
        "def build(hp):\n    net([])\n", "my.py:build returned NoneType but must return a compiled keras.Model"
    ),
    "a model that is not compiled": searched(
        "def build(hp):\n    return keras.Sequential([L.Flatten(), L.Dense(hp.Int('width', 4, 6))])\n",
        "my.py:build returned a model that is not compiled",
    ),
    "a range the wrong way round": searched(
        "def build(hp):\n    return net([L.Dense(hp.Int('width', 6, 4))])\n", "my.py line 8: ValueError"
    ),
    "a space in which nothing is possible": searched(
        "def build(hp):\n    raise kt.errors.FailedTrialError(f\"no {hp.Choice('size', [1, 2])} today\")\n",
        "my.py line 8: FailedTrialError: no 1 today",
    ),
    "a hyperparameter that is misspelled in the space": searched(
        "def build(hp):\n    return net([L.Dense(hp.Int('width', 4, 6))])\n",
        "widht",
        "did you mean width?",
        options=("--space", "space.toml"),
        files={"space.toml": "widht = 5\n"},
    ),
    "a package of one's own called as ours": searched(
        "from export.heads import head\n\n\ndef build(hp):\n    return net([head])\n",
        "export",
        "rename",
        files={"export/__init__.py": "", "export/heads.py": "from shared import L\n\nhead = L.Dense(4)\n"},
    ),
    "a model that is another one whenever it is built": searched(
        """
class Noisy(L.Layer):
    def __init__(self, shift):
        super().__init__()
        self.shift = shift

    def call(self, x):
        return x + self.shift


def build(hp):
    hp.Int("width", 4, 6)
    return net([Noisy(np.random.default_rng().normal(size=1).astype("float32"))])
""",
        "my.py:build is another one after it was saved and loaded",
    ),
    "a metric that the model does not report": searched(
        "def build(hp):\n    return net([L.Dense(hp.Int('width', 4, 6))])\n",
        "but not val_auc",
        options=("--objective", "val_auc"),
    ),
    "an input of another size": searched(
        "def build(hp):\n    model = keras.Sequential([keras.Input((28, 28, 1)), L.Flatten(), L.Dense(4)])\n"
        "    model.compile('adam', 'mse')\n    return model\n",
        "my.py:build can't take the data, whose examples have shape (8, 8, 1)",
        "(28, 28, 1)",
        options=("--pixel-scale", "unit"),
    ),
    "channels that come first": searched(
        "def build(hp):\n    model = keras.Sequential([keras.Input((3, 8, 8)), L.Flatten(), L.Dense(4)])\n"
        "    model.compile('adam', 'mse')\n    return model\n",
        "whose examples have shape (8, 8, 3)",
        "(3, 8, 8)",
        options=("--pixel-scale", "unit"),
        data=layouts.labels_in_a_column,
    ),
    "pixel values that nothing tells": searched(
        "def build(hp):\n    model = keras.Sequential([keras.Input((8, 8, 1)), L.Flatten(), L.Dense(4, 'softmax')])\n"
        "    model.compile('adam', 'sparse_categorical_crossentropy')\n    return model\n",
        "--pixel-scale unit",
    ),
    "outputs that are called otherwise than the labels": searched(
        """
def build(hp):
    image = keras.Input((8, 8, 1))
    x = L.Flatten()(L.Rescaling(1 / 255)(image))
    model = keras.Model(image, {"kind": L.Dense(4, name="kind")(x), "size": L.Dense(1, name="size")(x)})
    model.compile("adam", "mse")
    return model
""",
        "the data has labels for kind, light but the outputs of",
        "my.py:build are kind, size",
        data=layouts.two_labels,
    ),
    "a loss that does not take the labels": searched(
        """
def build(hp):
    model = keras.Sequential([keras.Input((6,)), L.Dense(3)])
    model.compile("adam", "mse", metrics=["mae"])
    return model
""",
        "my.py:build can't be trained on the data (ValueError: Dimensions must be equal, but are 2 and 3 with input",
        data=layouts.table_of_numbers,
    ),
    "test pictures without folders of classes": of_data(
        "pictures/test holds pictures but no class folders", source="pictures", data=loose_pictures
    ),
    "a folder whose name is no text": of_data(
        "the name of pictures/train/caf\\xe9 is not UTF-8", source="pictures", data=strange_bytes
    ),
    "labels that are not all numbers": of_data(
        "y_train", "NaN", data=with_arrays(y_train=lambda y: np.where(y == 1, np.nan, y))
    ),
    "a class that only the test part has": of_data(
        "y_test", "fir", data=with_arrays(y_train=lambda y: named(y, "a b c d"), y_test=lambda y: named(y, "a b c fir"))
    ),
    "names of classes of which one is missing": of_data(
        "y_train holds the label 3 but the 3 classes are numbered 0 to 2",
        data=with_arrays(class_names=np.array(["ash", "birch", "cedar"])),
    ),
    "labels that are fewer than the images": of_data(
        "x_train has 256 images but y_train has 255 labels", data=with_arrays(y_train=lambda y: y[:-1])
    ),
    "a part that lacks an output": of_data(
        "lacks y_test_light",
        data=lambda folder: np.savez(
            folder / "data.npz",
            **{f"x_{part}": layouts.images_of(9)[0] for part in ("train", "test")},
            y_train_kind=np.zeros(9),
            y_train_light=np.zeros(9),
            y_test_kind=np.zeros(9),
        ),
    ),
    "a file of weights alone": exported(
        "only.weights.h5 holds weights and no model", file="only.weights.h5", make=save_weights
    ),
    "a layer whose code is not given": exported(
        "model.keras needs the class Shift", "--code FILE.py", make=save_own, code=LAYERS
    ),
    "code inside the file": exported("adds_one", "--allow-lambda", make=save_lambda),
    "code that is no Python file": exported(
        "--code must be a Python file, like layers.py, got my.py:Shift", options=("--code", "my.py:Shift"), code=LAYERS
    ),
    "code that fails": exported(
        "my.py line 3: AttributeError", options=("--code", "my.py"), make=save_own, code="import keras\n\nkeras.Layr\n"
    ),
    "an option of runs": exported("--accept-worse is about a run", options=("--accept-worse",)),
    "an operation that no format but Keras's has": exported(
        "eigh (Eigh) can't be written as ONNX", "this command writes saved_model", make=save_sorted
    ),
}
