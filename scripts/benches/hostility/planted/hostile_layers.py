"""Layers of a Keras file that would run code, or read files, as soon as the model is loaded."""

from __future__ import annotations

import marshal
from base64 import b64encode
from collections.abc import Callable
from typing import Any

from scripts.benches.hostility.case import CasePlace

RAN = "ran"
"""What all hostile code writes."""


def stored_code(place: CasePlace) -> list[Any]:
    """(code, defaults, closure) as Keras stores a lambda that writes a file."""
    text = f"lambda x: __import__('pathlib').Path({str(place.folder / RAN)!r}).touch()"
    function = compile(text, "stored", "eval").co_consts[0]
    return [b64encode(marshal.dumps(function)).decode() + "\n", None, None]


def lambda_of_now(place: CasePlace) -> Any:
    code, defaults, closure = stored_code(place)
    return {"class_name": "__lambda__", "config": {"code": code, "defaults": defaults, "closure": closure}}


def keras_layer(kind: str, module: str = "keras.layers", /, **config: Any) -> dict[str, Any]:
    settings = {"name": "hostile", "trainable": True, "dtype": "float32", **config}
    return {"module": module, "class_name": kind, "config": settings, "registered_name": None}


def function(module: str, name: str) -> dict[str, Any]:
    return {"module": module, "class_name": "function", "config": name, "registered_name": name}


LAYERS: dict[str, tuple[Callable[[CasePlace], Any], str]] = {
    "a Lambda layer": (
        lambda place: keras_layer("Lambda", function=lambda_of_now(place), arguments={}),
        "Lambda layer",
    ),
    "a Lambda layer of Keras 2": (
        lambda place: keras_layer("Lambda", function=stored_code(place), function_type="lambda", arguments={}),
        "Lambda layer",
    ),
    "code as an activation": (lambda place: keras_layer("Activation", activation=lambda_of_now(place)), "Lambda layer"),
    "code as an activation, in the other form": (
        lambda place: keras_layer(
            "Activation", activation={"class_name": "__lambda__", "config": {"value": stored_code(place)}}
        ),
        "Lambda layer",
    ),
    "a layer in a layer": (
        lambda place: keras_layer(
            "TimeDistributed", layer=keras_layer("Lambda", function=lambda_of_now(place), arguments={})
        ),
        "Lambda layer",
    ),
    "a SavedModel as a layer": (
        lambda place: keras_layer("TFSMLayer", filepath=str(place.folder), call_endpoint="serve"),
        "can't be loaded|needs the",
    ),
    "a PyTorch module": (
        lambda place: keras_layer("TorchModuleWrapper", module="AAAA", output_shape=None),
        "can't be loaded|needs the",
    ),
    "a vocabulary elsewhere": (
        lambda place: keras_layer("StringLookup", vocabulary="/etc/passwd", max_tokens=None),
        "can't be loaded",
    ),
    "a function that loads files": (
        lambda place: keras_layer("Activation", activation=function("keras.utils", "get_file")),
        "can't be loaded",
    ),
    "a function of the system": (
        lambda place: keras_layer("Activation", activation=function("os", "system")),
        "needs the function system|can't be loaded",
    ),
    "a class of the standard library": (
        lambda place: keras_layer("Popen", "subprocess", args=["touch", str(place.folder / RAN)]),
        "needs the class Popen",
    ),
    "a module of the current folder": (
        lambda place: keras_layer("Layer", "evil"),
        "needs the class Layer|can't be loaded",
    ),
}
