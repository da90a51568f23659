"""A right file and its standard, and a way to plant faults in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from export.artifact import Artifact, Description, Format, Target, TensorSpec, Variant, digest_tree
from export.comparison.reference import Reference
from export.comparison.stress import stress_images
from export.comparison.tolerance import Tolerance
from export.folder.manifest import read_manifest
from export.formats.format import offered_formats
from export.formats.runtime import answer_all, load
from export.rings import Candidate
from export.verification import published_standard

TARGET = Target(format=Format.ONNX, variant=Variant.FLOAT32)
SHAPE = (6, 5, 1)
CLASSES = 3
DESCRIPTION = Description(
    class_names=("a", "b", "c"), dataset="noise", dataset_digest="d" * 64, accuracy=1.0, source_digest="s" * 64
)

Plant = Callable[[onnx.ModelProto], None]


def right_model() -> onnx.ModelProto:
    """A linear classifier of images in [0, 255] as ONNX: Cast → Flatten → MatMul → Softmax."""
    kernel = np.random.default_rng(0).normal(0, 0.01, (int(np.prod(SHAPE)), CLASSES)).astype(np.float32)
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["float"], ["flat"]),
        helper.make_node("MatMul", ["flat", "kernel"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"]),
    ]
    graph = helper.make_graph(
        nodes,
        "model",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["batch", *SHAPE])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", CLASSES])],
        [numpy_helper.from_array(kernel, "kernel")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, DESCRIPTION.as_metadata())
    return model


@pytest.fixture(scope="session")
def standard(tmp_path_factory: pytest.TempPathFactory) -> Reference:
    """What the right classifier answers to 40 dim images, and to stress images."""
    path = tmp_path_factory.mktemp("right") / "model.onnx"
    onnx.save(right_model(), path)
    model = load(TARGET, path)
    images = np.random.default_rng(1).integers(0, 200, (40, *SHAPE), dtype=np.uint8)
    stress = {"image": stress_images(images, model)}
    outputs = answer_all(model, {"image": images})
    return Reference(
        inputs={"image": images},
        outputs=outputs,
        labels=outputs["probabilities"].argmax(axis=1),
        stress_inputs=stress,
        stress_outputs=answer_all(model, stress),
    )


@pytest.fixture
def planted(tmp_path: Path, standard: Reference) -> Callable[..., Candidate]:
    """`planted(plant)`: the right classifier after `plant` changed its ONNX message, as a file."""

    def call(plant: Plant = lambda model: None, *, reference: Reference = standard) -> Candidate:
        model = right_model()
        plant(model)
        onnx.save(model, tmp_path / "model.onnx")
        artifact = Artifact(
            target=TARGET,
            files=digest_tree(tmp_path, "model.onnx"),
            size_bytes=0,
            inputs=(TensorSpec(name="image", dtype="uint8", shape=(None, *SHAPE)),),
            outputs=(TensorSpec(name="probabilities", dtype="float32", shape=(None, CLASSES)),),
            opset=17,
        )
        return Candidate(
            artifact=artifact,
            folder=tmp_path,
            description=DESCRIPTION,
            reference=reference,
            tolerance=Tolerance(),
            model=load(TARGET, tmp_path / "model.onnx"),
        )

    return call


@pytest.fixture(params=offered_formats())
def right(request: pytest.FixtureRequest, published_copy: Path) -> Candidate:
    """A published file of each format, to be changed at will."""
    manifest = read_manifest(published_copy)
    (artifact,) = [one for one in manifest.artifacts if one.target.format is request.param]
    found = published_standard(published_copy, manifest)
    return Candidate(
        artifact=artifact,
        folder=published_copy,
        description=found.description,
        reference=found.reference,
        tolerance=found.tolerances[artifact.target.variant],
        model=load(artifact.target, published_copy / artifact.target.file),
    )


@pytest.fixture(scope="session")
def between() -> Callable[..., Plant]:
    """`between(tensor, *nodes)`: a plant that puts the nodes, from `in` to `out`, behind the tensor."""

    def call(tensor: str, *nodes: Any, **weights: np.ndarray) -> Plant:
        def plant(model: onnx.ModelProto) -> None:
            graph = model.graph
            others = [onnx.NodeProto.FromString(node.SerializeToString()) for node in graph.node]
            at = 1 + next(number for number, node in enumerate(others) if tensor in node.output)
            for node in others[at:]:
                node.input[:] = ["out" if name == tensor else name for name in node.input]
            new = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
            for node in new:
                node.input[:] = [tensor if name == "in" else name for name in node.input]
            del graph.node[:]
            graph.node.extend([*others[:at], *new, *others[at:]])
            graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in weights.items())

        return plant

    return call
