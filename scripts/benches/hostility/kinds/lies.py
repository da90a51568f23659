"""Published folders that say what is not so, sealed by somebody who knows how."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from scripts.benches.hostility.case import Attack, AttackKind, CasePlace
from scripts.benches.hostility.planted.hostile_files import folder_for, pipe_for
from scripts.benches.hostility.resealing import MANIFEST, PARITY, reseal

ANSWER_IS_NO, BAD_INPUT = (1,), (2,)
REFERENCE = "reference.npz"
VERIFY = ["verify.py", "artifacts", "--format", "onnx"]
DIGEST = "0" * 64

Facts = dict[str, Any]


def _prepared(change: Callable[[Path], object]) -> Callable[[CasePlace], Sequence[str]]:
    def prepare(place: CasePlace) -> Sequence[str]:
        change(place.goods.artifacts(place.folder))
        return VERIFY

    return prepare


def _lie(name: str, change: Callable[[Path], object], says: str, codes: tuple[int, ...] = ANSWER_IS_NO) -> Attack:
    return Attack(kind=AttackKind.LIES, name=name, prepare=_prepared(change), codes=codes, says=says)


def _said(change: Callable[[Facts, Facts], object]) -> Callable[[Path], object]:
    return lambda folder: reseal(folder, change)


def _set(manifest: Facts, *path: str | int, to: object) -> None:
    *above, last = path
    inside: Any = manifest
    for name in above:
        inside = inside[name]
    inside[last] = to


def _manifest(*path: str | int, to: object) -> Callable[[Path], object]:
    """The manifest with another value at this place."""
    return _said(lambda manifest, parity: _set(manifest, *path, to=to))


def _parity(*path: str | int, to: object) -> Callable[[Path], object]:
    """The record of the verification with another value at this place."""
    return _said(lambda manifest, parity: _set(parity, *path, to=to))


def _arrays(change: Callable[[dict[str, np.ndarray]], object]) -> Callable[[Path], object]:
    """The stored inputs and answers, changed."""

    def apply(folder: Path) -> None:
        with np.load(folder / REFERENCE) as archive:
            arrays = {name: archive[name] for name in archive.files}
        change(arrays)
        np.savez(folder / REFERENCE, **arrays)
        reseal(folder)

    return apply


def _put(name: str, value: Callable[[np.ndarray], np.ndarray]) -> Callable[[Path], object]:
    return _arrays(lambda arrays: arrays.update({name: value(arrays[name])}))


def _text(content: str) -> Callable[[Path], object]:
    return lambda folder: (folder / MANIFEST).write_text(content, encoding="utf-8")


def _rules(**rules: object) -> Callable[[Path], object]:
    return _said(lambda manifest, parity: manifest["tolerances"]["float32"].update(rules))


def _all_looser(manifest: Facts, parity: Facts) -> None:
    """Rules by which everything is the same, said not to be looser than usual."""
    manifest["tolerances"]["float32"]["probability"] = 1.0
    for result in parity["results"]:
        result["tolerance"]["probability"] = 1.0


def _foreign(make: Callable[[Path], object], name: str) -> Attack:
    return _lie(f"a folder with {name} that no export published", make, "was not published by an export")


def _link(name: str) -> Callable[[Path], object]:
    """What is published there, as a link to where it really lies."""

    def make(folder: Path) -> None:
        elsewhere = folder.parent / "elsewhere"
        elsewhere.mkdir()
        (folder / name).rename(elsewhere / "part")
        (folder / name).symlink_to(elsewhere / "part")

    return make


def _a_list(folder: Path) -> None:
    (folder / PARITY).write_text("[]")
    _seal_parity(folder)


def _second_artifact(folder: Path) -> None:
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    manifest["artifacts"].append(manifest["artifacts"][0])
    (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")


_PATHS = ("/etc/passwd", "../model.onnx", "model.onnx/../../x", "./model.onnx", "C:\\x", "a\\..\\x", "", "x\u0000y")

_IN_MANIFEST: Mapping[str, tuple[Callable[[Path], object], str, tuple[int, ...]]] = {
    "an accuracy that is better": (
        _manifest("description", "accuracy", to=0.999),
        "says that the accuracy",
        ANSWER_IS_NO,
    ),
    "no accuracy": (_manifest("description", "accuracy", to=None), "says that the accuracy", ANSWER_IS_NO),
    "an accuracy of 5": (_manifest("description", "accuracy", to=5), "accuracy must be 0 to 1", BAD_INPUT),
    "an accuracy in words": (_manifest("description", "accuracy", to="good"), "accuracy must be a number", BAD_INPUT),
    "a wider radius": (_manifest("description", "stability_radius", to=0.4), "stability radius", ANSWER_IS_NO),
    "one class more": (
        _said(lambda manifest, parity: manifest["description"]["class_names"].append("10")),
        "classes but does not answer with as many",
        BAD_INPUT,
    ),
    "classes in another order": (
        _said(lambda manifest, parity: manifest["description"]["class_names"].reverse()),
        "says that its labels is",
        ANSWER_IS_NO,
    ),
    "classes that are numbers": (_manifest("description", "class_names", to=[1] * 10), "must be text", BAD_INPUT),
    "another kind of model": (_manifest("description", "kind", to="outputs"), "of a model that takes none", BAD_INPUT),
    "another look of pictures": (_manifest("look", "dark_background", to=False), "pictures look like", ANSWER_IS_NO),
    "a size that it has not": (_manifest("artifacts", 2, "size_bytes", to=1), "has 1 bytes", ANSWER_IS_NO),
    "more examples than there are": (_manifest("counted", "examples", to=10**6), "counts 1000000 exam", ANSWER_IS_NO),
    "looser limits that are not stated": (_said(_all_looser), "are looser than the default", ANSWER_IS_NO),
    "looser limits that there are not": (
        _manifest("looser", to={"float32": {"probability": 1.0}}),
        "looser than the default",
        ANSWER_IS_NO,
    ),
    "a limit that is negative": (_rules(probability=-1.0), "can't be read as a manifest", BAD_INPUT),
    "a limit of more than all": (_rules(agreement=2.0), "can't be read as a manifest", BAD_INPUT),
    "a limit in words": (_rules(probability="any"), "can't be read as a manifest", BAD_INPUT),
    "a limit that is unknown": (_rules(trust=True), "can't be read as a manifest", BAD_INPUT),
    "rules of an unknown number type": (_manifest("tolerances", to={"float1": {}}), "float32", BAD_INPUT),
    "no artifacts": (
        lambda folder: (folder / MANIFEST).write_text('{"artifacts": []}', encoding="utf-8"),
        "can't be read as a manifest",
        BAD_INPUT,
    ),
    "an artifact twice": (_second_artifact, "names an artifact twice", BAD_INPUT),
    "another input": (_manifest("artifacts", 2, "inputs", 0, "name", to="x"), "does not take uint8 image", BAD_INPUT),
    "an opset that it has not": (_manifest("artifacts", 2, "opset", to=13), "opset", ANSWER_IS_NO),
    "a SavedModel with an opset": (_manifest("artifacts", 0, "opset", to=17), "has the opset 17", BAD_INPUT),
    "no record of the verification": (
        _said(lambda manifest, parity: manifest["files"].pop(PARITY)),
        "files must be",
        BAD_INPUT,
    ),
    "one field more": (_manifest("trusted", to=True), "trusted is unknown", BAD_INPUT),
    "the same name twice": (_text('{"artifacts": [], "artifacts": []}'), "the same name twice", BAD_INPUT),
    "NaN": (_text('{"artifacts": NaN}'), "NaN", BAD_INPUT),
    "a number of 5,000 digits": (_text('{"artifacts": ' + "9" * 5000 + "}"), "can't be read as a manifest", BAD_INPUT),
    "100,000 lists in one another": (_text("[" * 100_000), "nested", BAD_INPUT),
    "an unknown encoding": (
        lambda folder: (folder / MANIFEST).write_bytes(b"\xff\xfe{"),
        "can't be read as a manifest",
        BAD_INPUT,
    ),
}

_IN_PARITY: Mapping[str, tuple[Callable[[Path], object], str]] = {
    "that it did not pass": (_parity("passed", to=False), "did not pass"),
    "that a file did not pass": (_parity("results", 2, "passed", to=False), "is about another model.onnx"),
    "more examples": (_parity("examples", to=10**6), "counts 1000000 examples"),
    "a wider radius": (_parity("stability_radius", to=0.4), "stability radius"),
    "that the model is better": (_parity("results", 2, "reference_accuracy", to=0.999), "accuracy"),
    "stricter limits than there were": (_parity("results", 2, "tolerance", "probability", to=1e-9), "other limits"),
    "another file": (_parity("results", 2, "file", to="x.onnx"), "is about saved_model"),
    "other bytes": (_parity("results", 2, "sha256", to={"model.onnx": DIGEST}), "is about another model.onnx"),
    "nothing": (_said(lambda manifest, parity: parity.clear()), "can't be read"),
    "a list": (_a_list, "can't be read"),
}


def _seal_parity(folder: Path) -> None:
    """Let the manifest name the record as it is, which is none that could be changed."""
    import hashlib

    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    manifest["files"][PARITY] = hashlib.sha256((folder / PARITY).read_bytes()).hexdigest()
    (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")


def _better(probabilities: np.ndarray) -> np.ndarray:
    """Answers of which one is another."""
    changed = probabilities.copy()
    changed[0] = np.roll(changed[0], 1)
    return changed


def _sharper(probabilities: np.ndarray) -> np.ndarray:
    """Answers with the same labels and the same smallest margin, but one."""
    changed = probabilities.copy()
    at = int(np.argmax(np.sort(changed, axis=1)[:, -1]))
    order = np.argsort(changed[at])
    changed[at, order[0]], changed[at, order[1]] = changed[at, order[1]], changed[at, order[0]] * 0.5
    return changed


_IN_REFERENCE: Mapping[str, tuple[Callable[[Path], object], str]] = {
    "a label of no class": (_put("labels", lambda labels: labels + 10), "has labels from 10 to 19"),
    "negative labels": (_put("labels", lambda labels: labels - 1), "has labels from -1"),
    "labels of another type": (_put("labels", lambda labels: labels.astype(np.int32)), "has labels of int32"),
    "labels that are real numbers": (_put("labels", lambda labels: labels.astype(float)), "has labels of float64"),
    "fewer labels": (_put("labels", lambda labels: labels[:-1]), "has labels of int64"),
    "labels in rows": (_put("labels", lambda labels: labels[:, np.newaxis]), "has labels of int64"),
    "other labels": (_put("labels", lambda labels: np.roll(labels, 1)), "says that the accuracy"),
    "answers of one class fewer": (_put("probabilities", lambda values: values[:, 1:]), "has outputs probabilities"),
    "answers of another type": (
        _put("probabilities", lambda values: values.astype(np.float64)),
        "has outputs probabilities of float64",
    ),
    "answers that are no numbers": (_put("probabilities", lambda values: values * np.nan), "are not finite"),
    "another answer": (_put("probabilities", _better), "says that|DIFFERS"),
    "an answer that is a little other": (_put("probabilities", _sharper), "DIFFERS"),
    "smaller images": (_put("images", lambda images: images[:, 1:]), "has inputs image of uint8"),
    "images of another type": (_put("images", lambda images: images.astype(np.int16)), "has inputs image of int16"),
    "no images": (_put("images", lambda images: images[:0]), "holds no examples|for 0 examples"),
    "no stress answers": (_arrays(lambda arrays: arrays.pop("stress_outputs/probabilities")), "stress outputs"),
    "no stress inputs": (
        _arrays(lambda arrays: (arrays.pop("stress_inputs/image"), arrays.pop("stress_outputs/probabilities"))),
        "there are no stress inputs",
    ),
    "layers in the place of others": (
        _put("layers/positions", lambda positions: positions + 10**6),
        "record of the layers can't be read",
    ),
    "layers without names": (_put("layers/facts", lambda facts: facts[:0]), "record of the layers can't be read"),
}

_FOREIGN: Mapping[str, Callable[[Path], object]] = {
    "a file": lambda folder: (folder / "readme.txt").write_text("x", encoding="utf-8"),
    "a hidden file": lambda folder: (folder / ".hidden").write_text("x", encoding="utf-8"),
    "an empty folder": lambda folder: (folder / "empty").mkdir(),
    "a link to nowhere": lambda folder: (folder / "dangling").symlink_to("nowhere"),
    "a link to a folder": lambda folder: (folder / "above").symlink_to(".."),
    "a pipe": pipe_for("pipe"),
    "a file inside of the SavedModel": lambda folder: (folder / "saved_model" / "variables" / "x").write_bytes(b""),
    "a folder inside of the SavedModel": lambda folder: (folder / "saved_model" / "x").mkdir(),
    "a library of Python's": lambda folder: (folder / "numpy.py").write_text("raise SystemExit(0)", encoding="utf-8"),
}

_UNREAL: Mapping[str, tuple[Callable[[Path], object], str, tuple[int, ...]]] = {
    "a file is a link": (_link("model.onnx"), "model.onnx is a link", ANSWER_IS_NO),
    "the reference is a link": (_link(REFERENCE), "is a link", ANSWER_IS_NO),
    "the SavedModel is a link": (_link("saved_model"), "saved_model is a link", ANSWER_IS_NO),
    "a folder of the SavedModel is a link": (_link("saved_model/variables"), "variables is a link", ANSWER_IS_NO),
    "the reference is a pipe": (pipe_for(REFERENCE), "is a special file", ANSWER_IS_NO),
    "a file is a pipe": (pipe_for("model.onnx"), "is a special file", ANSWER_IS_NO),
    "the manifest is a pipe": (pipe_for(MANIFEST), "there is no", BAD_INPUT),
    "the manifest is a folder": (
        folder_for(MANIFEST),
        "there is no",
        BAD_INPUT,
    ),
    "a file is a folder": (
        folder_for("model.onnx"),
        "is a folder and not the file",
        ANSWER_IS_NO,
    ),
}

CASES: tuple[Attack, ...] = (
    *(
        _lie(f"a path like {path!r}", _manifest("artifacts", 2, "files", to={path: DIGEST}), "not a path of", BAD_INPUT)
        for path in _PATHS
    ),
    *(_lie(f"a manifest that says {name}", *case) for name, case in _IN_MANIFEST.items()),
    *(_lie(f"a record that says {name}", *case) for name, case in _IN_PARITY.items()),
    *(_lie(f"stored answers with {name}", *case) for name, case in _IN_REFERENCE.items()),
    *(_foreign(make, name) for name, make in _FOREIGN.items()),
    *(_lie(f"a folder in which {name}", *case) for name, case in _UNREAL.items()),
)
