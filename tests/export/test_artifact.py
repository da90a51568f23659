"""The facts about exported files: names, targets, digests, descriptions."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from export.artifact import (
    Description,
    ModelKind,
    digest_file,
    digest_tree,
)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
descriptions = st.builds(
    Description,
    class_names=st.lists(texts, max_size=12).map(tuple),
    dataset=texts,
    dataset_digest=texts,
    accuracy=st.none() | st.floats(0, 1),
    kind=st.sampled_from(ModelKind),
    wrapped=st.booleans(),
    postprocessing=texts,
    source_digest=texts,
    note=texts,
    preprocessing=texts,
)


@given(descriptions)
def test_a_description_becomes_texts_from_which_the_class_names_can_be_read(description: Description) -> None:
    metadata = description.as_metadata()

    assert all(isinstance(value, str) for value in metadata.values())
    assert tuple(json.loads(metadata["labels"])) == description.class_names
    assert metadata["accuracy"] == ("" if description.accuracy is None else f"{description.accuracy:.6f}")
    assert (metadata["kind"], metadata["wrapped"]) == (description.kind, "yes" if description.wrapped else "no")


def test_a_metadata_text_keeps_names_in_other_alphabets_legible() -> None:
    description = Description(
        class_names=("猫", "собака"), dataset="pets", dataset_digest="d", accuracy=1.0, source_digest="s"
    )

    assert description.as_metadata()["labels"] == '["猫", "собака"]'


def test_a_digest_is_the_sha256_of_the_bytes(tmp_path: Path) -> None:
    content = bytes(range(256)) * 5000
    (tmp_path / "file").write_bytes(content)

    assert digest_file(tmp_path / "file") == hashlib.sha256(content).hexdigest()


def test_the_digests_of_a_tree_name_every_file_below_it_and_no_other(tmp_path: Path) -> None:
    (tmp_path / "tree" / "deep").mkdir(parents=True)
    (tmp_path / "tree" / "b").write_bytes(b"b")
    (tmp_path / "tree" / "deep" / "a").write_bytes(b"a")
    (tmp_path / "beside").write_bytes(b"c")

    found = digest_tree(tmp_path, "tree")

    assert found == {
        "tree/b": hashlib.sha256(b"b").hexdigest(),
        "tree/deep/a": hashlib.sha256(b"a").hexdigest(),
    }


def test_the_digests_of_a_single_file_name_it_alone(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"a")

    assert digest_tree(tmp_path, "model.onnx") == {"model.onnx": hashlib.sha256(b"a").hexdigest()}


def test_the_facts_need_nothing_but_the_standard_library(
    child: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    done = child("import sys, export.artifact; print('numpy' in sys.modules, 'tensorflow' in sys.modules)")

    assert (done.returncode, done.stdout.strip()) == (0, "False False")
