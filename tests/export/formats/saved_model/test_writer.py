"""What is written as SavedModel: its signature, weights, description and operators."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import tensorflow as tf

from export.artifact import SERVING_SIGNATURE, Format
from export.formats.writer import write
from export.model.serving import ServingModel


def test_a_saved_model_describes_itself(serving: ServingModel, tmp_path: Path, options: Any) -> None:
    write(serving, tmp_path, options(Format.SAVED_MODEL))

    path = tmp_path / "saved_model" / "assets.extra" / "description.json"

    assert json.loads(path.read_text(encoding="utf-8")) == options(Format.SAVED_MODEL).description.as_metadata()


def test_a_saved_model_stores_each_weight_once(serving: ServingModel, tmp_path: Path, options: Any) -> None:
    write(serving, tmp_path, options(Format.SAVED_MODEL))

    stored = tf.train.list_variables(str(tmp_path / "saved_model" / "variables" / "variables"))
    shapes = sorted(tuple(shape) for name, shape in stored if name != "_CHECKPOINTABLE_OBJECT_GRAPH")
    assert shapes == sorted(tuple(variable.shape) for variable in serving.model.variables)


def test_a_saved_model_does_not_tell_which_machine_wrote_it(serving: Any, tmp_path: Path, options: Any) -> None:
    write(serving, tmp_path, options(Format.SAVED_MODEL))

    assert not (tmp_path / "saved_model" / "fingerprint.pb").exists()


def test_a_saved_model_has_one_signature(serving: ServingModel, tmp_path: Path, options: Any) -> None:
    write(serving, tmp_path, options(Format.SAVED_MODEL))

    loaded = tf.saved_model.load(str(tmp_path / "saved_model"))
    assert list(loaded.signatures) == ["serving_default"]
    assert SERVING_SIGNATURE == "serving_default"


def test_a_saved_model_holds_no_random_operator(serving: ServingModel, tmp_path: Path, options: Any) -> None:
    write(serving, tmp_path, options(Format.SAVED_MODEL))

    loaded = tf.saved_model.load(str(tmp_path / "saved_model"))
    graph = loaded.signatures["serving_default"].graph.as_graph_def()
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    assert not [node.op for node in nodes if "Random" in node.op]
