"""A file of a coarser number type that holds no weight of that type says so: in itself, and in the manifest."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from export._publish import publish
from export.artifact import Format, Target, Variant
from export.comparison.tolerance import LabelCounts
from export.folder.manifest import read_manifest
from export.formats.format import facts, offered_formats
from export.formats.metadata import read_metadata
from export.formats.number_types import note_on_weights
from export.formats.structure import read_structure
from export.formats.targets import choose_targets
from export.formats.writer import write
from export.model.serving import load_serving_model
from export.verification import first_failing_ring

pytestmark = pytest.mark.slow
layers = keras.layers
COARSE = [Target(format=kind, variant=variant) for kind in offered_formats() for variant in facts(kind).variants]
COARSE = [target for target in COARSE if target.variant is not Variant.FLOAT32]


@pytest.mark.parametrize("target", COARSE, ids=lambda target: target.file)
def test_a_file_with_weights_of_its_type_has_nothing_to_say(every_variant: Path, target: Target) -> None:
    assert target.variant.bits in read_structure(target.format, every_variant / target.file).weight_bits
    assert note_on_weights(target, every_variant / target.file) == ""


def test_float32_files_hold_32_bits(every_variant: Path) -> None:
    found = [read_structure(kind, every_variant / f"model.{kind}").weight_bits for kind in (Format.TFLITE, Format.ONNX)]

    assert found == [{32}, {32}]
    assert note_on_weights(Target(format=Format.ONNX, variant=Variant.FLOAT32), every_variant / "model.onnx") == ""


@pytest.mark.parametrize("target", COARSE, ids=lambda target: target.file)
def test_a_file_without_a_weight_of_its_type_says_so_in_itself(
    target: Target, tmp_path: Path, options: Callable[..., Any], examples: Any
) -> None:
    image = keras.Input((28, 28, 1), dtype="uint8")
    x = layers.AveragePooling2D(7)(layers.Rescaling(1.0)(image))
    keras.Model(image, layers.Softmax()(layers.Flatten()(x))).save(tmp_path / "model.keras")
    how = dataclasses.replace(options(target.format), target=target, calibration={"image": examples[0]})

    artifact = write(load_serving_model(tmp_path / "model.keras"), tmp_path, how)

    bits = target.variant.bits
    same = f"so that it computes with the numbers of {Target(format=target.format, variant=Variant.FLOAT32).file}"
    assert artifact.note.startswith(f"no weight of {target.file} has {bits} bits, {same}: ")
    assert read_metadata(target.format, tmp_path / target.file)["note"] == f"geübt an 8×8 Ziffern; {artifact.note}"


def test_a_network_of_small_layers_is_published_with_the_note_and_verified_with_it(
    tmp_path: Path, save_layers: Callable[..., Path], request_for: Callable[..., Any], examples: Any
) -> None:
    model = save_layers(layers.MaxPooling2D(4), layers.Conv2D(3, 3, activation="relu"))
    request = dataclasses.replace(
        request_for(tmp_path / "artifacts", model=model), targets=choose_targets(["tflite"], ["float32", "dynamic"])
    )

    assert publish(request, *examples).passed

    float32, dynamic = read_manifest(tmp_path / "artifacts").artifacts
    assert float32.note == ""
    assert "keeps weights of fewer than 1,024 numbers as they are" in dynamic.note
    assert first_failing_ring(tmp_path / "artifacts", formats=list(Format)) is None
    _remove_note(tmp_path / "artifacts" / "manifest.json")
    assert first_failing_ring(tmp_path / "artifacts", formats=list(Format)) == "structure"


def _remove_note(manifest: Path) -> None:
    content = json.loads(manifest.read_text(encoding="utf-8"))
    content["artifacts"][1]["note"] = ""
    manifest.write_text(json.dumps(content), encoding="utf-8")


def test_labels_are_counted_in_the_manifest(every_variant: Path, examples: Any) -> None:
    counted = read_manifest(every_variant).counted

    assert counted is not None
    assert counted.examples == len(examples[0])
    assert counted.labels["model.tflite"] == LabelCounts(changed=0, may_change=0, lost=0, may_be_lost=None)
    assert counted.labels["model_float16.onnx"].may_change == 2
    assert counted.labels["model_int8.onnx"].may_be_lost == np.floor(0.1 * len(examples[0]))
