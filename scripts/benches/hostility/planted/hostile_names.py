"""Files and commands with names in them that would speak to the terminal, or that a library would take for markup."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from scripts.benches.hostility.case import CasePlace

FORGED = "FORGED all as published"
COMMANDS = {
    "a colour": "a\x1b[31mb",
    "a clipboard write": "a\x1b]52;c;cm0gLXJm\x07b",
    "a window title": "a\x1b]0;owned\x1b\\b",
    "a cleared screen": "a\x1b[2J\x1b[Hb",
    "an 8-bit escape": "a\x9b2Jb",
    "a new line": f"a\n{FORGED}",
    "a carriage return": f"a\r{FORGED}",
    "a line separator": f"a\u2028{FORGED}",
    "a backspace": "a\x08\x08b",
    "a tab": "a\tb",
    "a right-to-left override": "a\u202egnp.b",
    "an isolate": "a\u2066b\u2069",
    "a zero width space": "a\u200bb",
}
NO_TEXT = {"a byte that is no UTF-8": "a\udc9bb"}
MARKUP = {
    "a style": "[bold red]a[/]",
    "a closing tag": "[/]",
    "a half tag": "[@[a]",
    "a link": "[link=file:///etc/passwd]a[/link]",
    "an emoji code": ":smile:",
    "an escaped bracket": "\\[a]",
}
FILES = {**COMMANDS, **NO_TEXT, **MARKUP}

IN_JSON = {**COMMANDS, "a NUL": "a\x00b", "half a character": "a\ud800b"}
EVERYTHING = " ".join([*COMMANDS.values(), *MARKUP.values()])

Words = Sequence[str | Path]
Prepare = Callable[[CasePlace], Words]


def _picture(path: Path) -> None:
    from PIL import Image

    picture = Image.new("L", (28, 28))
    picture.paste(255, (12, 4, 16, 24))
    with path.open("wb") as file:
        picture.save(file, "PNG")


def missing_picture(name: str) -> Prepare:
    def prepare(place: CasePlace) -> Words:
        place.goods.artifacts(place.folder)
        return ["predict.py", f"{name}.png", "--artifacts", "artifacts", "--format", "onnx"]

    return prepare


def answered_pictures(names: Sequence[str]) -> Prepare:
    def prepare(place: CasePlace) -> Words:
        place.goods.artifacts(place.folder)
        for name in names:
            _picture(place.folder / name)
        return ["predict.py", *names, "--artifacts", "artifacts", "--format", "onnx"]

    return prepare


def missing_folder(name: str) -> Prepare:
    return lambda place: ["verify.py", name]


def described(command: Sequence[str], **description: Any) -> Prepare:
    """A manifest that describes the model so."""

    def prepare(place: CasePlace) -> Words:
        path = place.goods.artifacts(place.folder) / "manifest.json"
        manifest = json.loads(path.read_text(encoding="utf-8"))
        manifest["description"].update(description)
        path.write_text(json.dumps(manifest), encoding="utf-8")
        _picture(place.folder / "one.png")
        return command

    return prepare


PREDICT = ("predict.py", "one.png", "--artifacts", "artifacts", "--format", "onnx")
VERIFY = ("verify.py", "artifacts", "--format", "onnx")


def named_class(name: str, command: Sequence[str]) -> Prepare:
    return described(command, class_names=[name, *map(str, range(1, 10))])


def _npz(path: Path, class_names: Sequence[str]) -> None:
    import numpy as np

    images, labels = np.zeros((8, 4, 4), np.uint8), np.arange(8) % 2
    np.savez(path, x_train=images, y_train=labels, x_test=images, y_test=labels, class_names=np.array(class_names))


def data_file(name: str, class_names: Sequence[str]) -> Prepare:
    def prepare(place: CasePlace) -> Words:
        _npz(place.folder / "data.npz", class_names)
        (place.folder / "data.npz").rename(place.folder / name)
        return ["tune.py", "--data", name]

    return prepare


def class_folder(name: str) -> Prepare:
    def prepare(place: CasePlace) -> Words:
        for folder in ("cats", name):
            (place.folder / "pictures" / folder).mkdir(parents=True)
            _picture(place.folder / "pictures" / folder / "a.png")
        return ["tune.py", "--data", "pictures"]

    return prepare


def written(name: str, content: str, command: Words) -> Prepare:
    def prepare(place: CasePlace) -> Words:
        (place.folder / name).write_text(content, encoding="utf-8")
        return command

    return prepare


def _keras_file(place: CasePlace, **first: Any) -> Path:
    """A model file whose first layer is described so."""
    whole, path = place.goods.model(place.folder, "whole.keras"), place.folder / "other.keras"
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "config.json":
                config = json.loads(content)
                config["config"]["layers"][1].update(first)
                content = json.dumps(config).encode()
            target.writestr(name, content)
    return path


def layer(**first: Any) -> Prepare:
    def prepare(place: CasePlace) -> Words:
        return ["export.py", "--model", _keras_file(place, **first).name, "--dataset", "digits", "--format", "onnx"]

    return prepare


def changed_onnx(change: Callable[[Any], None]) -> Prepare:
    """An ONNX file that was changed, in a folder that was sealed again."""

    def prepare(place: CasePlace) -> Words:
        import onnx

        folder = place.goods.artifacts(place.folder)
        model = onnx.load(folder / "model.onnx")
        change(model)
        onnx.save(model, folder / "model.onnx")
        text = (folder / "manifest.json").read_text(encoding="utf-8")
        whole = place.goods.folder / "runs" / "first" / "artifacts" / "model.onnx"
        before, after = (hashlib.sha256(path.read_bytes()).hexdigest() for path in (whole, folder / "model.onnx"))
        (folder / "manifest.json").write_text(text.replace(before, after), encoding="utf-8")
        return VERIFY

    return prepare


def _rename_node_output(model: Any) -> None:
    name = "\x1b[31m[bold]forged"
    model.graph.node[-1].output[0] = name
    model.graph.output[0].name = name


def _rename_operator(model: Any) -> None:
    model.graph.node[0].op_type = "Own\x1b]0;owned\x07[bold]"


def _rename_domain(model: Any) -> None:
    model.graph.node[0].domain = "own\x1b[2J"


def _rename_input(model: Any) -> None:
    model.graph.input[0].name = model.graph.node[0].input[0] = "\u202eegami"


def _relabel(model: Any) -> None:
    for entry in model.metadata_props:
        if entry.key == "labels":
            entry.value = json.dumps(["\x1b[31mzero", *map(str, range(1, 10))], ensure_ascii=False)


ONNX = {
    "a forged output": _rename_node_output,
    "a forged operator": _rename_operator,
    "a forged domain": _rename_domain,
    "a forged input": _rename_input,
    "forged labels": _relabel,
}

_BUILDER = '''
"""A builder with a reason of its own."""
import keras


def build(hp):
    """Fail."""
    print("\\\\x1b[31mmine")
    raise ValueError({reason!r})
'''


def failing_builder(reason: str) -> Prepare:
    words = "--dataset digits --max-trials 1 --epochs 1 --workers 0 --repeats 0 --budget 20s --run own"
    return written("own.py", _BUILDER.format(reason=reason), ["tune.py", "--model", "own.py:build", *words.split()])


def run_record(**facts: Any) -> Prepare:
    """A run whose record holds these facts."""

    def prepare(place: CasePlace) -> Words:
        path = place.goods.runs(place.folder) / "first" / "run.json"
        path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **facts}), encoding="utf-8")
        return ["export.py", "--run", "first"]

    return prepare


def failed_trial(reason: str) -> Prepare:
    """A run whose only trial failed for this reason."""

    def prepare(place: CasePlace) -> Words:
        path = place.goods.runs(place.folder) / "first" / "trials.jsonl"
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        for line in lines:
            if "status" in line:
                line.update(status="failed", reason=reason)
        path.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
        return ["export.py", "--run", "first", "--trial", "0000"]

    return prepare
