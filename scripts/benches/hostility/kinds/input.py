"""Files of a user's that would hang a command, never end, or take all memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from scripts.benches.hostility.case import Attack, AttackKind, CasePlace
from scripts.benches.hostility.goods import TUNE
from scripts.benches.hostility.planted.hostile_files import JSON, NO_FILES, PICTURES, TOML, Made, holding, picture
from scripts.benches.hostility.planted.hostile_keras import KERAS
from scripts.benches.hostility.planted.hostile_npz import NPZ

REFUSED = (2,)
SHORT = ["--max-trials", "1", "--epochs", "1", "--budget", "1s", "--workers", "0", "--repeats", "0"]
LONG_NAME, LONG_PATH = "a" * 4000, "/".join(["b" * 199] * 20)
_TUNE_ON_DIGITS = [*TUNE[:1], *[word for word in TUNE[1:] if word not in ("--run", "first")]]


WRONG: dict[str, object] = {
    "seed": "a",
    "options": [],
    "config": None,
    "dataset": "digits",
    "dataset.name": 3,
    "dataset.digest": None,
    "dataset.folder": 7,
    "dataset.arrays": {"seed": "a"},
    "dataset.path": "a\0b",
    "model": [],
    "model.pixel_scale": "1,2",
    "test": 0.9,
    "test.accuracy": "all",
    "winner": "0001",
    "winner.hyperparameters": [],
    "seconds": "many",
    "status": 1,
}
"""Places in run.json → a value that no run writes there."""


def _as(name: str, make: Made, words: Sequence[str]) -> Callable[[CasePlace], Sequence[str]]:
    def prepare(place: CasePlace) -> Sequence[str]:
        make(place.folder / name)
        return words

    return prepare


def _beside_artifacts(name: str, make: Made) -> Callable[[CasePlace], Sequence[str]]:
    def prepare(place: CasePlace) -> Sequence[str]:
        place.goods.artifacts(place.folder)
        make(place.folder / name)
        return ["predict.py", name, "--artifacts", "artifacts"]

    return prepare


def _class_folders(make: Made, name: str = "2.png") -> Callable[[CasePlace], Sequence[str]]:
    """Two classes of two pictures each, and something that `make` puts beside them."""

    def prepare(place: CasePlace) -> Sequence[str]:
        for label in ("cat", "dog"):
            (place.folder / "pets" / label).mkdir(parents=True)
            for number in range(2):
                picture(size=(8, 8))(place.folder / "pets" / label / f"{number}.png")
        make(place.folder / "pets" / "cat" / name)
        return ["tune.py", "--data", "pets", "--run", "pets", *SHORT]

    return prepare


def _each_other(path: Path) -> None:
    """Nine folders that link to each other, and a picture that can't be read, so that nothing is trained."""
    names = [path.parent / str(number) for number in range(9)]
    for folder in names:
        folder.mkdir()
    for folder in names:
        for other in names:
            (folder / f"to{other.name}").symlink_to(other, target_is_directory=True)
    path.write_bytes(b"no picture")


def _run_file(name: str, make: Made, words: Sequence[str]) -> Callable[[CasePlace], Sequence[str]]:
    """A finished run with another file in the place of one of its own."""

    def prepare(place: CasePlace) -> Sequence[str]:
        path = place.goods.runs(place.folder) / "first" / name
        path.unlink()
        make(path)
        return words

    return prepare


def _run_value(
    where: str, value: object, *, drop: bool = False, words: Sequence[str] = ("export.py", "--run", "first")
) -> Callable[[CasePlace], Sequence[str]]:
    """A finished run with another value at this place of its record, or without it."""

    def prepare(place: CasePlace) -> Sequence[str]:
        path = place.goods.runs(place.folder) / "first" / "run.json"
        record = json.loads(path.read_text(encoding="utf-8"))
        # So that whichever command is tried takes it for a run of its own.
        record["command"] = "train" if words[0] == "train.py" else "tune"
        *outer, key = where.split(".")
        inside = record
        for part in outer:
            inside[part] = inside[part] if isinstance(inside.get(part), dict) else {}
            inside = inside[part]
        inside.pop(key, None)
        if not drop:
            inside[key] = value
        path.write_text(json.dumps(record), encoding="utf-8")
        return words

    return prepare


def _model(make: Callable[[Path], Path]) -> Callable[[CasePlace], Sequence[str]]:
    def prepare(place: CasePlace) -> Sequence[str]:
        make(place.goods.model(place.folder))
        return ["export.py", "--model", "model.keras", "--dataset", "digits", "--format", "tflite"]

    return prepare


def _case(name: str, prepare: Callable[[CasePlace], Sequence[str]], says: str, *, slow: bool = False) -> Attack:
    return Attack(
        kind=AttackKind.INPUT, name=name, prepare=prepare, codes=REFUSED, says=says, slow=slow, needs_linux=True
    )


_JOURNAL = {
    **{name: NO_FILES[name] for name in ("a pipe", "a link to an endless device")},
    "100,000 brackets": (holding(b"[" * 100_000 + b"\n"), r"line 1 is not an event of a search"),
    "a number of 5,000 digits": (holding(b'{"event": ' + b"9" * 5_000 + b"}\n"), "line 1 is not an event of a search"),
    "a list": (holding(b"[]\n"), "line 1 is not an event of a search"),
    "NaN": (holding(b'{"event": "lost", "seconds": NaN}\n'), "line 1 is not an event of a search"),
}

CASES: tuple[Attack, ...] = (
    *(
        _case(
            f"npz with {name}",
            _as("data.npz", make, ["tune.py", "--data", "data.npz", "--run", "one", *SHORT]),
            says,
            slow="GiB" in name or "MiB" in name,
        )
        for name, (make, says) in NPZ.items()
    ),
    *(
        _case(f"npz that is {name}", _as("data.npz", make, ["tune.py", "--data", "data.npz", *SHORT]), says)
        for name, (make, says) in NO_FILES.items()
    ),
    *(
        _case(f"space file that is {name}", _as("a.toml", make, [*_TUNE_ON_DIGITS, "--space", "a.toml"]), says)
        for name, (make, says) in TOML.items()
    ),
    *(
        _case(f"config file that is {name}", _as("a.toml", make, ["train.py", "--config", "a.toml"]), says)
        for name, (make, says) in TOML.items()
    ),
    *(
        _case(
            f"record given as config that is {name}",
            _as("run.json", make, ["tune.py", "--config", "run.json"]),
            says,
        )
        for name, (make, says) in JSON.items()
    ),
    *(
        _case(f"picture to predict that is {name}", _beside_artifacts("a.png", make), says)
        for name, (make, says) in PICTURES.items()
    ),
    *(
        _case(f"picture to train on that is {name}", _class_folders(make), says)
        for name, (make, says) in PICTURES.items()
    ),
    _case("folders that link to each other", _class_folders(_each_other), "2.png is no picture"),
    _case(
        "two classes that are one folder",
        _class_folders(lambda path: (path.parent.parent / "puma").symlink_to("cat", target_is_directory=True)),
        "are one folder but two classes",
    ),
    *(
        _case(f"run.json that is {name}", _run_file("run.json", make, ["export.py", "--run", "first"]), says)
        for name, (make, says) in JSON.items()
        if name not in ("a link to nothing", "a link to itself")
    ),
    *(
        _case(f"run.json with {value!r} for {where}", _run_value(where, value), says)
        for where, value in WRONG.items()
        for says in (r"run\.json",)
    ),
    *(
        _case(
            f"run.json without {where}",
            _run_value(where, None, drop=True),
            rf"run\.json lacks {where}",
        )
        for where in ("dataset", "dataset.name", "dataset.digest")
    ),
    _case(
        "run.json whose plan is none",
        _run_value("config.plan", {"settings": 3}, words=("train.py", "--run", "first", "--resume")),
        r"run\.json is not the record of a run \(config\.",
    ),
    *(
        _case(f"training.json that is {name}", _run_file("training.json", make, ["export.py", "--run", "first"]), says)
        for name, (make, says) in {
            **{name: NO_FILES[name] for name in ("a pipe", "a link to an endless device")},
            "100,000 brackets": JSON["100,000 brackets"],
            "an empty object": (holding(b"{}"), "training.json"),
            "an object of other things": (holding(b'{"promise": {"trial": []}}'), "training.json"),
            "NaN": JSON["NaN"],
        }.items()
    ),
    *(
        _case(
            f"trials.jsonl that is {name}",
            _run_file("trials.jsonl", make, ["train.py", "--trial", "first:0000", "--run", "two"]),
            says,
        )
        for name, (make, says) in _JOURNAL.items()
    ),
    *(_case(f"Keras file with {name}", _model(make), says, slow=True) for name, (make, says) in KERAS.items()),
    *(
        _case(f"Keras file that is {name}", _as("a.keras", make, words), says, slow=True)
        for name, (make, says) in NO_FILES.items()
        for words in (["export.py", "--model", "a.keras", "--dataset", "digits"],)
    ),
    *(
        _case(
            f"path of 4,000 characters, {what}, for {' '.join(words)}", _as("unused", holding(b""), [*words, path]), ""
        )
        for what, path in (("one name", LONG_NAME), ("many folders", LONG_PATH))
        for words in (
            ["tune.py", "--data"],
            ["tune.py", "--dataset", "digits", "--space"],
            ["tune.py", "--dataset", "digits", "--model"],
            ["export.py", "--model", "a.keras", "--dataset", "digits", "--code"],
            ["train.py", "--config"],
            ["train.py", "--trial", "first:0000", "--runs"],
            ["tune.py", "--dataset", "digits", "--run"],
            ["predict.py", "one.png", "--artifacts"],
            ["verify.py"],
            ["export.py", "--dataset", "digits", "--model"],
            ["export.py", "--runs"],
        )
    ),
)
