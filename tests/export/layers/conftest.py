"""Small models of every kind, their files and traces, and faults planted in the written bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import pytest
from ai_edge_litert.interpreter import Interpreter
from onnx import numpy_helper

from export.artifact import Format, Target, Variant
from export.formats.targets import choose_targets
from scripts.benches.model_zoo.models import randomize_weights

SIDE = 12
Change = Callable[[np.ndarray], None]


@dataclass(frozen=True, kw_only=True)
class Exported:
    """A model's files, what its layers answered, and what was recorded of each file when it was right."""

    folder: Path
    trace: Any
    inputs: dict[str, np.ndarray]
    recorded: dict[str, Any]


def target_of(name: str) -> Target:
    return Target(format=Format(name.partition(".")[2]), variant=Variant.FLOAT32)


def plain() -> keras.Model:
    """Convolutions with and without a bias, batch normalization that folds, dense layers, a softmax."""
    layers = keras.layers
    image = keras.Input((SIDE, SIDE, 3), dtype="uint8")
    x = layers.Rescaling(2 / 255, offset=-1)(image)
    x = layers.Conv2D(8, 3, activation="relu", name="first")(x)
    x = layers.Conv2D(16, 3, use_bias=False, name="middle")(x)
    x = layers.ReLU(name="rectified")(layers.BatchNormalization(name="normalized")(x))
    x = layers.Dropout(0.5)(layers.Flatten(name="flat")(layers.MaxPooling2D()(x)))
    x = layers.Dense(24, activation="relu", name="hidden")(x)
    return keras.Model(image, layers.Dense(10, activation="softmax", name="last")(x))


def branched() -> keras.Model:
    """Two branches that meet in an addition, with an operation that is no layer."""
    layers = keras.layers
    image = keras.Input((SIDE, SIDE, 3), dtype="uint8")
    x = layers.Rescaling(2 / 255, offset=-1)(image)
    left = layers.Conv2D(8, 3, padding="same", use_bias=False, name="left")(x)
    right = layers.Conv2D(8, 3, padding="same", use_bias=False, name="right")(x)
    left, right = layers.BatchNormalization(name="bn_left")(left), layers.BatchNormalization(name="bn_right")(right)
    x = layers.Add(name="joined")([layers.ReLU(name="relu_left")(left), layers.ReLU(name="relu_right")(right)])
    x = layers.GlobalAveragePooling2D()(x * 3.0)
    return keras.Model(image, layers.Dense(10, activation="softmax", name="last")(x))


def nested() -> keras.Model:
    """A sequential model in a functional one, and a layer that is called twice."""
    layers = keras.layers
    body = keras.Sequential([layers.Conv2D(8, 3, name="conv"), layers.ReLU(name="relu")], name="body")
    shared = layers.Dense(8, name="shared")
    image = keras.Input((SIDE, SIDE, 3), dtype="uint8")
    x = body(layers.Rescaling(2 / 255, offset=-1)(image))
    x = layers.GlobalAveragePooling2D()(shared(layers.ReLU()(shared(x))))
    return keras.Model(image, layers.Dense(10, activation="softmax", name="last")(x))


def recurrent() -> keras.Model:
    """Rows as steps of a bidirectional recurrent layer."""
    layers = keras.layers
    image = keras.Input((SIDE, SIDE, 3), dtype="uint8")
    x = layers.Reshape((SIDE, SIDE * 3))(layers.Rescaling(2 / 255, offset=-1)(image))
    x = layers.Bidirectional(layers.LSTM(6, return_sequences=True, name="lstm"), name="both_ways")(x)
    x = layers.TimeDistributed(layers.Dense(5), name="each_step")(x)
    return keras.Model(image, layers.Dense(10, activation="softmax", name="last")(layers.Flatten()(x)))


@keras.saving.register_keras_serializable("tests")
class Gate(keras.layers.Layer):
    """A layer with a weight of its own around two others."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.inner = keras.layers.Dense(8, activation="relu", name="inner")
        self.outer = keras.layers.Dense(8, name="outer")

    def build(self, shape: Any) -> None:
        self.inner.build(shape)
        self.outer.build((*shape[:-1], 8))
        self.strength = self.add_weight(shape=(8,), name="strength")
        super().build(shape)

    def call(self, x: Any) -> Any:
        return self.outer(self.inner(x)) * self.strength


@keras.saving.register_keras_serializable("tests")
class Subclassed(keras.Model):
    """A model that computes between its layers, and ends with logits."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.rescaling = keras.layers.Rescaling(2 / 255, offset=-1)
        self.gate = Gate(name="gate")
        self.pool = keras.layers.GlobalAveragePooling2D(name="pool")
        self.last = keras.layers.Dense(10, name="last")

    def build(self, shape: Any) -> None:
        self.gate.build(shape)
        self.last.build((None, 8))
        super().build(shape)

    def call(self, image: Any) -> Any:
        x = self.gate(self.rescaling(image))
        return self.last(self.pool(x) + 1.0)


def subclassed() -> keras.Model:
    model = Subclassed()
    model.compile(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model(np.zeros((1, SIDE, SIDE, 3), np.uint8))
    return model


MODELS = {"plain": plain, "branched": branched, "nested": nested, "recurrent": recurrent, "subclassed": subclassed}


@pytest.fixture(scope="session")
def pixels() -> np.ndarray:
    """24 images, uint8 (24, 12, 12, 3)."""
    return np.random.default_rng(0).integers(0, 256, (24, SIDE, SIDE, 3), dtype=np.uint8)


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory, pixels: np.ndarray) -> Callable[[str], Any]:
    """`served(name)`: one of the models above with random weights, as it is served."""
    from export.model.serving import load_serving_model

    known: dict[str, Any] = {}

    def call(name: str) -> Any:
        if name not in known:
            keras.utils.set_random_seed(0)
            model = MODELS[name]()
            randomize_weights(model)
            path = tmp_path_factory.mktemp("models") / f"{name}.keras"
            model.save(path)
            known[name] = load_serving_model(path, examples=pixels)
        return known[name]

    return call


@pytest.fixture(scope="session")
def exported(
    tmp_path_factory: pytest.TempPathFactory, served: Callable[[str], Any], pixels: np.ndarray, subject: Any
) -> Callable[[str], Exported]:
    """`exported(name)`: the model as ONNX and TFLite, with the record of both."""
    import dataclasses

    from export.artifact import Description
    from export.formats.writer import WriteOptions, write
    from export.layers.bisect import match_file
    from export.layers.recording import trace_layers

    known: dict[str, Exported] = {}

    def call(name: str) -> Exported:
        if name not in known:
            serving, folder, inputs = served(name), tmp_path_factory.mktemp(name), {"image": pixels}
            description = Description(**dataclasses.asdict(subject), accuracy=0.5, source_digest=serving.source_digest)
            trace = trace_layers(serving, inputs)
            recorded = {}
            for target in choose_targets(["onnx", "tflite"], []):
                write(serving, folder, WriteOptions(target=target, description=description, opset=17))
                recorded[target.file] = match_file(target, folder / target.file, trace, inputs)
            known[name] = Exported(folder=folder, trace=trace, inputs=inputs, recorded=recorded)
        return known[name]

    return call


def weights_of(path: Path) -> list[tuple[np.ndarray, np.ndarray | None]]:
    """(kernel with the channels first, bias) of each convolution and product in the file, in order."""
    return _onnx_weights(path) if path.suffix == ".onnx" else _tflite_weights(path)


def _onnx_weights(path: Path) -> list[tuple[np.ndarray, np.ndarray | None]]:
    graph = onnx.load(path).graph
    constants = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    users = {name: node for node in graph.node for name in node.input}
    found = []
    for node in graph.node:
        if node.op_type not in ("Conv", "MatMul") or node.input[1] not in constants:
            continue
        kernel = constants[node.input[1]]
        user = users[node.output[0]]
        names = list(node.input[2:]) + (list(user.input) if user.op_type == "Add" else [])
        bias = next((constants[name] for name in names if name in constants), None)
        found.append((kernel if node.op_type == "Conv" else kernel.T, bias))
    return found


def _tflite_weights(path: Path) -> list[tuple[np.ndarray, np.ndarray | None]]:
    interpreter = Interpreter(str(path))
    operators = interpreter._get_ops_details()
    computed = {int(at) for operator in operators for at in operator["outputs"]}
    found = []
    for operator in operators:
        kernel, bias = ([*operator["inputs"], -1, -1])[1:3]
        if operator["op_name"] in ("CONV_2D", "FULLY_CONNECTED") and kernel not in computed:
            added = interpreter.get_tensor(int(bias)).copy() if bias >= 0 else None
            found.append((interpreter.get_tensor(int(kernel)).copy(), added))
    return found


@pytest.fixture
def plant(tmp_path: Path) -> Callable[..., Path]:
    """`plant(path, number, change, of="kernel")`: a copy of the file with one product's weights changed."""

    def call(path: Path, number: int, change: Change, *, of: str = "kernel") -> Path:
        kernel, bias = weights_of(path)[number]
        weight = kernel if of == "kernel" else bias
        assert weight is not None
        changed = weight.copy()
        change(changed)
        content = path.read_bytes()
        # ONNX keeps a product's kernel with the channels last.
        is_turned = of == "kernel" and path.suffix == ".onnx" and weight.ndim == 2
        before, after = ((each.T if is_turned else each).tobytes() for each in (weight, changed))
        assert content.count(before) == 1
        (tmp_path / path.name).write_bytes(content.replace(before, after))
        return tmp_path / path.name

    return call
