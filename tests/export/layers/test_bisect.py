"""A fault planted in a written file is told by the name of its layer."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export.artifact import Variant
from export.errors import InputError
from export.layers.bisect import Certainty, bisect_file, first_divergence
from export.layers.matching import LARGEST_SHARE
from export.layers.trace import Place

from .conftest import MODELS, target_of, weights_of

FILES = ["model.onnx", "model.tflite"]
PRODUCTS = {0: "first", 1: "middle", 2: "hidden", 3: "last"}


def layers_at(divergence: Any) -> set[str]:
    """Names of the layers that the fault may lie in."""
    return {name.partition(" ")[0] for name in (divergence.layer, *divergence.joined)}


def strongest(kernel: np.ndarray) -> int:
    return int(np.abs(kernel).reshape(len(kernel), -1).sum(axis=1).argmax())


def weakest(kernel: np.ndarray) -> int:
    return int(np.abs(kernel).reshape(len(kernel), -1).sum(axis=1).argmin())


def scale_strongest(kernel: np.ndarray) -> None:
    kernel[strongest(kernel)] *= 1.01


def scale_weakest(kernel: np.ndarray) -> None:
    kernel[weakest(kernel)] *= 1.01


def flip_sign(kernel: np.ndarray) -> None:
    kernel[strongest(kernel)] *= -1


def drop(bias: np.ndarray) -> None:
    bias[...] = 0


FAULTS = {"strongest × 1.01": scale_strongest, "weakest × 1.01": scale_weakest, "sign flip": flip_sign}


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("name", MODELS)
def test_a_right_file_has_no_divergence_with_or_without_a_record(
    exported: Callable[[str], Any], name: str, file: str
) -> None:
    case = exported(name)
    asked = target_of(file), case.folder / file, case.trace, case.inputs

    assert bisect_file(*asked, case.recorded[file]) is None
    assert bisect_file(*asked, ()) is None


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("number", PRODUCTS)
def test_a_planted_fault_is_told_by_its_layer(
    exported: Callable[[str], Any], plant: Callable[..., Path], number: int, fault: str, file: str
) -> None:
    case = exported("plain")
    broken = plant(case.folder / file, number, FAULTS[fault])

    found = bisect_file(target_of(file), broken, case.trace, case.inputs, case.recorded[file])

    assert found is not None
    assert found.certainty is Certainty.RECORDED
    assert PRODUCTS[number] in layers_at(found)
    assert found.largest > 10 * found.expected


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("number", PRODUCTS)
def test_a_dropped_bias_is_told_by_its_layer(
    exported: Callable[[str], Any], plant: Callable[..., Path], number: int, file: str
) -> None:
    case = exported("plain")
    broken = plant(case.folder / file, number, drop, of="bias")

    found = bisect_file(target_of(file), broken, case.trace, case.inputs, case.recorded[file])

    assert PRODUCTS[number] in layers_at(found)


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("number", PRODUCTS)
def test_a_file_that_was_never_verified_is_searched_by_its_values(
    exported: Callable[[str], Any], plant: Callable[..., Path], number: int, file: str
) -> None:
    case = exported("plain")
    broken = plant(case.folder / file, number, scale_strongest)

    found = bisect_file(target_of(file), broken, case.trace, case.inputs, ())

    assert found.certainty is Certainty.ALIKE
    assert found.expected is None
    assert PRODUCTS[number] in layers_at(found)


@pytest.mark.parametrize("file", FILES)
def test_where_nothing_is_found_any_more_the_search_ends_behind_the_last_layer_that_was(
    exported: Callable[[str], Any], plant: Callable[..., Path], file: str
) -> None:
    def scramble(kernel: np.ndarray) -> None:
        kernel[...] = np.random.default_rng(5).normal(size=kernel.shape)

    case = exported("plain")
    broken = plant(case.folder / file, 2, scramble)

    found = bisect_file(target_of(file), broken, case.trace, case.inputs, ())

    assert found.certainty is Certainty.MISSING
    assert (found.tensor, found.largest) == (None, None)
    assert "hidden" in layers_at(found)
    assert found.last_equal == "flat"


@pytest.mark.parametrize("file", FILES)
def test_layers_of_another_branch_are_not_blamed(
    exported: Callable[[str], Any], plant: Callable[..., Path], file: str
) -> None:
    case = exported("branched")
    path = case.folder / file
    sides = {}
    for number in (0, 1):
        broken = plant(path, number, scale_strongest)
        sides[number] = layers_at(bisect_file(target_of(file), broken, case.trace, case.inputs, case.recorded[file]))
        again = bisect_file(target_of(file), broken, case.trace, case.inputs, ())
        assert layers_at(again) == sides[number]

    named = sorted(sorted(name for name in side if "left" in name or "right" in name) for side in sides.values())
    assert all("left" in name for name in named[0])
    assert all("right" in name for name in named[1])


@pytest.mark.parametrize("file", FILES)
def test_a_layer_inside_another_is_named_with_it(
    exported: Callable[[str], Any], plant: Callable[..., Path], file: str
) -> None:
    case = exported("nested")
    broken = plant(case.folder / file, 0, scale_strongest)

    found = bisect_file(target_of(file), broken, case.trace, case.inputs, case.recorded[file])

    assert "body/conv" in layers_at(found)


@pytest.mark.parametrize("file", FILES)
def test_a_fault_in_the_last_layer_of_any_model_is_told(
    exported: Callable[[str], Any], plant: Callable[..., Path], file: str
) -> None:
    for name in ("recurrent", "subclassed"):
        case = exported(name)
        broken = plant(case.folder / file, len(weights_of(case.folder / file)) - 1, scale_strongest)

        found = bisect_file(target_of(file), broken, case.trace, case.inputs, case.recorded[file])

        assert layers_at(found) == {"last"}


def test_a_fault_in_a_tensor_that_is_no_layers_own_is_told(exported: Callable[[str], Any], tmp_path: Path) -> None:
    import onnx

    case = exported("plain")
    model = onnx.load(case.folder / "model.onnx")
    flat = next(node for node in model.graph.node if node.op_type == "Reshape" and node.name.startswith("flat"))
    turned = onnx.helper.make_node("Transpose", [flat.input[0]], ["turned"], perm=[0, 1, 3, 2])
    flat.input[0] = "turned"
    model.graph.node.insert(list(model.graph.node).index(flat), turned)
    onnx.save(model, tmp_path / "model.onnx")

    found = bisect_file(
        target_of("model.onnx"), tmp_path / "model.onnx", case.trace, case.inputs, case.recorded["model.onnx"]
    )

    assert found.layer == "hidden (before relu)"
    assert found.last_equal is not None


def test_a_wrong_ending_behind_the_last_layer_is_told(exported: Callable[[str], Any], tmp_path: Path) -> None:
    import onnx

    case = exported("subclassed")
    model = onnx.load(case.folder / "model.onnx")
    next(node for node in model.graph.node if node.op_type == "Softmax").op_type = "LogSoftmax"
    onnx.save(model, tmp_path / "model.onnx")

    found = bisect_file(
        target_of("model.onnx"), tmp_path / "model.onnx", case.trace, case.inputs, case.recorded["model.onnx"]
    )

    assert (found.layer, found.place, found.last_equal) == ("probabilities", Place.OUTPUT, "last")
    assert found.sentence.startswith("the output probabilities is the first to differ: probabilities is off by ")


def test_nan_never_passes(exported: Callable[[str], Any], plant: Callable[..., Path]) -> None:
    def spoil(kernel: np.ndarray) -> None:
        kernel[0] = np.nan

    case = exported("plain")
    broken = plant(case.folder / "model.onnx", 1, spoil)

    for recorded in (case.recorded["model.onnx"], ()):
        found = bisect_file(target_of("model.onnx"), broken, case.trace, case.inputs, recorded)
        assert "middle" in layers_at(found)


def test_a_record_of_other_tensors_is_not_used(exported: Callable[[str], Any], plant: Callable[..., Path]) -> None:
    case = exported("plain")
    broken = plant(case.folder / "model.onnx", 1, scale_strongest)
    renamed = [dataclasses.replace(match, tensor=f"{match.tensor}!") for match in case.recorded["model.onnx"]]

    found = bisect_file(target_of("model.onnx"), broken, case.trace, case.inputs, renamed)

    assert found.certainty is Certainty.ALIKE
    assert "middle" in layers_at(found)


def test_a_file_of_another_model_ends_in_one_sentence(exported: Callable[[str], Any]) -> None:
    case, other = exported("plain"), exported("recurrent")

    found = bisect_file(
        target_of("model.onnx"), other.folder / "model.onnx", case.trace, case.inputs, case.recorded["model.onnx"]
    )

    assert found.certainty is not Certainty.RECORDED
    assert found.last_equal is not None
    assert found.last_equal.startswith("rescaling")


def test_too_few_examples_are_refused(exported: Callable[[str], Any]) -> None:
    case = exported("plain")
    few = {name: array[:3] for name, array in case.inputs.items()}

    with pytest.raises(InputError, match="the layers were recorded for 8 examples but 3 are there: give them all"):
        bisect_file(target_of("model.onnx"), case.folder / "model.onnx", case.trace, few, ())


def test_every_variant_has_a_limit() -> None:
    assert set(Variant) <= set(LARGEST_SHARE)


def test_a_quantized_file_is_compared_with_what_was_recorded_of_it(exported: Callable[[str], Any]) -> None:
    from export.formats.tensors import open_tensors
    from export.layers.differences import compare_layers
    from export.layers.matching import match_layers

    case = exported("plain")
    reader = open_tensors(target_of("model.onnx").format, case.folder / "model.onnx")
    runs = [reader.read({"image": case.inputs["image"][at : at + 1]}) for at in range(case.trace.examples)]
    steps = {name: np.abs(tensor).max() / 127 for name, tensor in runs[0].items()}
    rounded = [{name: np.round(t / steps[name]) * steps[name] for name, t in run.items()} for run in runs]
    recorded = match_layers(case.trace, compare_layers(case.trace, rounded), "int8")
    hidden = next(match.tensor for match in recorded if match.layer == "hidden (before relu)")
    worse = [{**run, hidden: run[hidden] * np.where(np.arange(24) == 3, -1, 1)} for run in rounded]

    def divergence(tensors: list[dict[str, np.ndarray]]) -> Any:
        return first_divergence(case.trace, compare_layers(case.trace, tensors), recorded, "int8")

    assert divergence(rounded) is None
    assert divergence(worse).layer == "hidden (before relu)"


BLOCKED = """
import sys, json
from pathlib import Path
import numpy as np
BLOCKED = ("onnx", "tensorflow", "keras", "tf2onnx", "ai_edge_litert", "scipy", "sklearn", "PIL", "filelock", "rich")
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ImportError(name + " is blocked")
sys.meta_path.insert(0, Block())
from export.artifact import Format, Target, Variant
from export.layers.bisect import bisect_file
from export.layers.matching import LayerMatch
from export.layers.trace import from_arrays
arrays = dict(np.load(sys.argv[1]))
recorded = [LayerMatch.from_json(fact) for fact in json.loads(Path(sys.argv[2]).read_text())]
target = Target(format=Format.ONNX, variant=Variant.FLOAT32)
found = bisect_file(target, Path(sys.argv[3]), from_arrays(arrays), {"image": arrays["images"]}, recorded)
assert not set(BLOCKED) & set(sys.modules)
print(found.sentence)
"""


def test_onnxruntime_alone_names_the_layer(
    exported: Callable[[str], Any], plant: Callable[..., Path], child: Callable[..., Any], tmp_path: Path
) -> None:
    case = exported("plain")
    broken = plant(case.folder / "model.onnx", 1, scale_strongest)
    np.savez_compressed(tmp_path / "reference.npz", images=case.inputs["image"], **case.trace.as_arrays())
    facts = [dataclasses.asdict(match) for match in case.recorded["model.onnx"]]
    (tmp_path / "recorded.json").write_text(json.dumps(facts))

    done = child(BLOCKED, tmp_path / "reference.npz", tmp_path / "recorded.json", broken)

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("the layer normalized (computed together with middle) is the first to differ: ")
    assert "with values up to" in done.stdout
