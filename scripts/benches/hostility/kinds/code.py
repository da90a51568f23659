"""Code that a file or a folder brings along: it may run only where the user named it.

All of it writes a file, which the comparison of the folder before and afterwards would find.
"""

from __future__ import annotations

import json
import pickle
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from scripts.benches.hostility.case import Attack, AttackKind, CasePlace
from scripts.benches.hostility.planted.hostile_keras import CONFIG, rewrite
from scripts.benches.hostility.planted.hostile_layers import LAYERS, RAN, keras_layer
from scripts.benches.hostility.planted.hostile_signatures import SIGNATURES
from scripts.benches.hostility.settings import with_variables

SELF_TEST = ("verify.py", "runs/first/artifacts", "--self-test")
MEASURE = ("benchmark.py", "runs/first/artifacts", "--format", "onnx", "--repeats", "3")
VERIFY = ("verify.py", "artifacts", "--format", "onnx")
WRITES = "import pathlib; pathlib.Path({path!r}).touch()\n"
BUILD = "\n\ndef build(hp):\n    return None\n"
NOT_RUN = "built the model, as .*run.json says, and is not run: --trust allows it"


class Touching:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def writing(place: CasePlace, name: str, more: str = BUILD) -> Path:
    """A Python file that writes another one as soon as it is run."""
    path = place.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(WRITES.format(path=str(place.folder / RAN)) + more, encoding="utf-8")
    return path


def edit(path: Path, **values: Any) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**content, **values}), encoding="utf-8")


def hostile_run(place: CasePlace, model: Any) -> Path:
    """A run whose record says this of its model, which is kept as weights alone."""
    run = place.goods.runs(place.folder) / "first"
    edit(run / "run.json", model=model)
    (run / "model.keras").rename(run / "model.weights.h5")
    return run


def built_by(source: str) -> dict[str, Any]:
    return {"source": source, "digest": "0" * 64, "pixel_scale": None, "kind": "classifier"}


def naming(source: str, file: str, words: Sequence[str] = SELF_TEST) -> Callable[[CasePlace], Sequence[str]]:
    """A run that names code in a file beside it; `{here}` in the source is the case's folder."""

    def prepare(place: CasePlace) -> Sequence[str]:
        hostile_run(place, built_by(source.format(here=place.folder)))
        writing(place, file)
        return words

    return prepare


SOURCES = {
    "an absolute path": ("{here}/evil.py:build", "evil.py"),
    "a relative path": ("evil.py:build", "evil.py"),
    "a path with ..": ("{here}/runs/../evil.py:build", "evil.py"),
    "a file in the run": ("{here}/runs/first/evil.py:build", "runs/first/evil.py"),
    "a module of the current folder": ("evil:build", "evil.py"),
    "a package of the current folder": ("evil.inner:build", "evil/inner.py"),
    "a name that speaks to the terminal": ("{here}/\x1b[31mevil.py:build", "evil.py"),
    "a name of markup": ("{here}/[red]evil[/].py:build", "evil.py"),
}


def beside_a_trial(place: CasePlace) -> Sequence[str]:
    """Files of another trial, whose run is two folders up."""
    writing(place, "evil.py")
    run = hostile_run(place, built_by(f"{place.folder}/evil.py:build"))
    trial = run / "trials" / "0001"
    trial.mkdir(parents=True)
    for name in ("artifacts", "model.weights.h5"):
        (run / name).rename(trial / name)
    return ["verify.py", "runs/first/trials/0001/artifacts", "--self-test"]


def with_callbacks(place: CasePlace) -> Sequence[str]:
    evil = writing(place, "evil.py")
    run = hostile_run(place, built_by(f"{evil}:build"))
    edit(run / "run.json", options={"model": f"{evil}:build", "callback": [f"{evil}:build"]})
    return SELF_TEST


def with_other_code(place: CasePlace) -> Sequence[str]:
    (place.folder / "layers.py").write_text("def act(x):\n    return x\n", encoding="utf-8")
    return [*naming("{here}/evil.py:build", "evil.py")(place), "--code", "layers.py"]


def with_a_record(model: Any, *more: str) -> Callable[[CasePlace], Sequence[str]]:
    def prepare(place: CasePlace) -> Sequence[str]:
        hostile_run(place, model)
        return [*SELF_TEST, *more]

    return prepare


RECORDS = {"a list": [], "a number": 3, "a text": "build", "empty": {}, "of a number": built_by("x") | {"source": 3}}


def without_training(content: bytes) -> Callable[[CasePlace], Sequence[str]]:
    def prepare(place: CasePlace) -> Sequence[str]:
        naming("{here}/evil.py:build", "evil.py")(place)
        (place.folder / "runs" / "first" / "training.json").write_bytes(content)
        return [*SELF_TEST, "--trust"]

    return prepare


def with_layer(make: Callable[[CasePlace], Any]) -> Callable[[CasePlace], Sequence[str]]:
    """A Keras file with one layer in the place of those behind its input."""

    def prepare(place: CasePlace) -> Sequence[str]:
        writing(place, "evil.py")
        model = place.goods.model(place.folder, "mine.keras")
        with zipfile.ZipFile(model) as archive:
            config = json.loads(archive.read(CONFIG))
        first = keras_layer("InputLayer", batch_shape=[None, 28, 28, 1], dtype="uint8", name="image")
        settings = {"name": "sequential", "trainable": True, "dtype": "float32", "layers": [first, make(place)]}
        whole = {**config, "module": "keras", "class_name": "Sequential", "config": settings}
        rewrite(model, {CONFIG: json.dumps({**whole, "compile_config": None, "build_config": None}).encode()})
        return ["export.py", "--model", "mine.keras", "--dataset", "digits", "--format", "onnx"]

    return prepare


def pickled(name: str, words: Sequence[str]) -> Callable[[CasePlace], Sequence[str]]:
    """A pickle in the place of a file; the manifest beside it is as it was."""

    def prepare(place: CasePlace) -> Sequence[str]:
        place.goods.runs(place.folder)
        place.goods.artifacts(place.folder)
        path = place.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pickle.dumps(Touching(place.folder / RAN)))
        return words

    return prepare


EXPORT = ("export.py", "--model", "mine.keras", "--dataset", "digits", "--format", "onnx")
PICKLES: dict[str, tuple[str, Sequence[str], tuple[int, ...], str]] = {
    "a model": ("mine.keras", EXPORT, (2,), "mine.keras is not a Keras file"),
    "a manifest": ("artifacts/manifest.json", VERIFY, (2,), "can't be read as a manifest"),
    "a published file": ("artifacts/model.onnx", VERIFY, (1,), "was changed since it was published"),
    "a reference": ("artifacts/reference.npz", VERIFY, (1,), "was changed since it was published"),
    "data": ("data.npz", ("tune.py", "--data", "data.npz"), (2,), "data.npz"),
    "a record": ("runs/first/run.json", ("export.py", "--run", "first"), (2,), "run.json"),
    "a job of an earlier search": ("runs/first/.work/job.pickle", VERIFY, (0,), "all as published"),
    "files of an earlier search": ("runs/first/.work/user_files.pickle", VERIFY, (0,), "all as published"),
}

STARTED = ("sitecustomize.py", "usercustomize.py", "numpy.py", "onnxruntime.py", "json.py", "export.py", "_entry.py")


def in_current_folder(*names: str) -> Callable[[CasePlace], Sequence[str]]:
    def prepare(place: CasePlace) -> Sequence[str]:
        place.goods.artifacts(place.folder)
        for name in names:
            writing(place, name)
        # In a process of its own, which has imported nothing yet.
        return with_variables(VERIFY)

    return prepare


def in_published_folder(name: str) -> Callable[[CasePlace], Sequence[str]]:
    def prepare(place: CasePlace) -> Sequence[str]:
        place.goods.artifacts(place.folder)
        writing(place, f"artifacts/{name}")
        return VERIFY

    return prepare


def attack(
    name: str, prepare: Callable[[CasePlace], Sequence[str | Path]], code: int, says: str, **more: Any
) -> Attack:
    return Attack(kind=AttackKind.CODE, name=name, prepare=prepare, codes=(code,), says=says, **more)


MEASURED = {
    "changes": ("runs/first/artifacts", "runs/first/artifacts/benchmark.json", "runs/first/artifacts/benchmark.csv"),
    "slow": True,
}

CASES: tuple[Attack, ...] = (
    *(attack(f"a run beside a folder names {name}", naming(*how), 2, NOT_RUN) for name, how in SOURCES.items()),
    *(
        attack(
            f"a run beside a measured folder names {name}", naming(*how, MEASURE), 0, f"left out.*{NOT_RUN}", **MEASURED
        )
        for name, how in list(SOURCES.items())[:5:2]
    ),
    attack("the run of a trial's folder names code", beside_a_trial, 2, NOT_RUN),
    attack("a run beside a folder names callbacks", with_callbacks, 2, NOT_RUN),
    attack("a run names code, and another file is given", with_other_code, 2, NOT_RUN),
    attack(
        "a run names code, and Lambda layers are allowed",
        naming("{here}/evil.py:build", "evil.py", (*SELF_TEST, "--allow-lambda")),
        2,
        NOT_RUN,
    ),
    attack(
        "a folder is trusted where nothing needs it",
        naming("{here}/evil.py:build", "evil.py", ("verify.py", "runs/first/artifacts", "--trust")),
        2,
        "go with --self-test",
    ),
    *(
        attack(f"a record of code is {name}", with_a_record(model), 2, "run.json .*model")
        for name, model in RECORDS.items()
    ),
    attack("a trusted record of code is a list", with_a_record([], "--trust"), 2, "model must be an object"),
    attack("a trusted run's training is a list", without_training(b"[]"), 2, "training.json must hold a JSON object"),
    attack("a trusted run's training is empty", without_training(b"{}"), 2, "training.json lacks hyperparameters"),
    *(
        attack(f"a Keras file holds {name}", with_layer(how), 2, says, slow=True)
        for name, (how, says) in LAYERS.items()
    ),
    *(
        Attack(
            kind=AttackKind.CODE,
            name=f"a pickle in place of {name}",
            prepare=pickled(file, words),
            codes=codes,
            says=says,
        )
        for name, (file, words, codes, says) in PICKLES.items()
    ),
    attack("modules of Python's names lie in the current folder", in_current_folder(*STARTED), 0, "all as published"),
    *(
        attack(f"{name} lies in a published folder", in_published_folder(name), 1, "was not published by an export")
        for name in ("sitecustomize.py", "evil.pth", "numpy.py", "manifest.py")
    ),
    *SIGNATURES,
)
