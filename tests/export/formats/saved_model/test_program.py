"""A SavedModel that does more than compute is recognized by its protocol buffer; a right one never is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from export.artifact import Format
from export.errors import UnrunnableError
from export.formats.saved_model.program import unsafe_parts
from export.formats.structure import require_safe
from scripts.benches.hostility.planted.hostile_graphs import CHANGES, change_graph


@pytest.fixture(scope="module")
def right(published: Path) -> bytes:
    """The protocol buffer of a right SavedModel."""
    return (published / "saved_model" / "saved_model.pb").read_bytes()


def parse(content: bytes) -> Any:
    saved = saved_model_pb2.SavedModel()
    saved.ParseFromString(content)
    return saved


def test_a_right_file_is_safe(published: Path, right: bytes) -> None:
    assert list(unsafe_parts(published / "saved_model", parse(right))) == []
    require_safe(Format.SAVED_MODEL, published / "saved_model")


@pytest.mark.parametrize("name", CHANGES)
def test_a_file_that_does_more_than_compute_is_not(published: Path, right: bytes, name: str) -> None:
    change, says = CHANGES[name]
    saved = parse(right)
    change(saved)

    found = list(unsafe_parts(published / "saved_model", saved))

    assert any(says in sentence for sentence in found), found


@pytest.mark.parametrize(
    "file",
    [
        "saved_model.pbtxt",
        "saved_model.cpb",
        "assets/vocabulary.txt",
        "variables/variables.data-00001-of-00002",
        "x.so",
    ],
)
def test_a_file_that_no_export_writes_keeps_it_from_being_loaded(published_copy: Path, file: str) -> None:
    (published_copy / "saved_model" / file).write_bytes(b"")

    with pytest.raises(UnrunnableError, match=f"is not opened: it holds {file}, which no export writes"):
        require_safe(Format.SAVED_MODEL, published_copy / "saved_model")


def test_weights_that_are_a_link_keep_it_from_being_loaded(published_copy: Path, tmp_path: Path) -> None:
    index = published_copy / "saved_model" / "variables" / "variables.index"
    index.rename(tmp_path / "elsewhere")
    index.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(UnrunnableError, match=r"it holds variables/variables.index, which no export writes"):
        require_safe(Format.SAVED_MODEL, published_copy / "saved_model")


def test_what_is_planted_would_have_run(published_copy: Path, tmp_path: Path) -> None:
    """The attack is real: TensorFlow itself writes the file as soon as an answer is asked for."""

    def plant(saved: Any) -> None:
        (function,) = [
            one
            for one in saved.meta_graphs[0].graph_def.library.function
            if one.signature.name.startswith("__inference_serve")
        ]
        for name, text in (("file", str(tmp_path / "planted").encode()), ("content", b"x")):
            node = function.node_def.add(name=name, op="Const")
            node.attr["dtype"].type = 7
            node.attr["value"].tensor.dtype = 7
            node.attr["value"].tensor.tensor_shape.SetInParent()
            node.attr["value"].tensor.string_val.append(text)
        node = function.node_def.add(name="planted", op="WriteFile", input=["file:output:0", "content:output:0"])
        (last,) = [one for one in function.node_def if one.op == "Softmax"]
        last.input.append(f"^{node.name}")

    change_graph(published_copy, plant)

    with pytest.raises(UnrunnableError, match=r"operators that may do more than compute \(WriteFile\)"):
        require_safe(Format.SAVED_MODEL, published_copy / "saved_model")
    loaded = tf.saved_model.load(str(published_copy / "saved_model"))
    loaded.signatures["serving_default"](image=tf.zeros((1, 28, 28, 1), tf.uint8))
    assert (tmp_path / "planted").read_bytes() == b"x"
