"""The models that the formats are tried on: weights and images that leave no fault hidden.

Untrained models answer nearly uniformly, and their batch normalizations do nothing: both would hide a wrong file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import keras
import numpy as np

from scripts.benches.model_zoo.cases import CASES

CLASSES = 10
EXAMPLES = 24
IMAGE_SHAPE = (12, 12, 3)
LAYER_LOGIT_SPREAD, NETWORK_LOGIT_SPREAD = 2.0, 0.5
"""Standard deviation over the images of each class's logit. Roundings grow with it, and with the number of layers."""


@dataclass(frozen=True, kw_only=True)
class Network:
    """A published network, the smallest side it takes, and the scale and offset that its pixels come with."""

    make: Callable[..., keras.Model]
    side: int = 32
    scale: float = 1.0
    offset: float = 0.0


_SIGNED = partial(Network, scale=2 / 255, offset=-1.0)
NETWORKS = {
    "MobileNet": _SIGNED(make=keras.applications.MobileNet),
    "MobileNetV2": _SIGNED(make=keras.applications.MobileNetV2),
    "MobileNetV3Small": Network(make=keras.applications.MobileNetV3Small),
    "EfficientNetB0": Network(make=keras.applications.EfficientNetB0),
    "EfficientNetV2B0": Network(make=keras.applications.EfficientNetV2B0),
    "DenseNet121": _SIGNED(make=keras.applications.DenseNet121),
    "ResNet50": _SIGNED(make=keras.applications.ResNet50),
    "Xception": _SIGNED(make=keras.applications.Xception, side=71),
    "NASNetMobile": _SIGNED(make=keras.applications.NASNetMobile),
    "ConvNeXtTiny": Network(make=keras.applications.ConvNeXtTiny),
}


def image_shape(name: str) -> tuple[int, int, int]:
    """Height, width and channels that the model of that name takes."""
    return (NETWORKS[name].side, NETWORKS[name].side, 3) if name in NETWORKS else IMAGE_SHAPE


def build_model(name: str) -> keras.Model:
    """The model of that name, of a layer or a network: uint8 (batch, height, width, 3) → float32 (batch, 10)."""
    keras.utils.set_random_seed(0)
    return build_network(name) if name in NETWORKS else build_layer_model(name)


def make_images(shape: tuple[int, int, int], *, seed: int = 0) -> np.ndarray:
    """Coarse patches of colour with grain, uint8 (24, *shape); the same ones in every call with the same seed."""
    height, width, channels = shape
    random = np.random.default_rng(seed)
    coarse = random.uniform(0, 255, (EXAMPLES, 4, 4, channels))
    rows, columns = np.arange(height) * 4 // height, np.arange(width) * 4 // width
    grain = random.normal(0, 20, (EXAMPLES, *shape))
    return np.clip(coarse[:, rows][:, :, columns] + grain, 0, 255).astype(np.uint8)


def build_layer_model(name: str) -> keras.Model:
    """The model of the case `name`: uint8 (batch, 12, 12, 3) → float32 (batch, 10) probabilities."""
    image = keras.Input(IMAGE_SHAPE, dtype="uint8")
    body = CASES[name]()(keras.layers.Rescaling(2 / 255, offset=-1)(image))
    if len(body.shape) > 2:
        body = keras.layers.Flatten()(body)
    answer = keras.layers.Dense(CLASSES, activation="softmax", name="head")(body)
    model = keras.Model(image, answer)
    randomize_weights(model)
    spread_logits(model, "head", make_images(IMAGE_SHAPE), spread=LAYER_LOGIT_SPREAD)
    return model


def build_network(name: str) -> keras.Model:
    """The network `name` with 10 classes, normalized by the statistics of its images so that no layer dies."""
    network = NETWORKS[name]
    image = keras.Input(image_shape(name), dtype="uint8")
    pixels = keras.layers.Rescaling(network.scale, offset=network.offset)(image)
    model = network.make(weights=None, classes=CLASSES, input_tensor=pixels)
    randomize_weights(model)
    images = make_images(image_shape(name))
    normalizations = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    momenta = [layer.momentum for layer in normalizations]
    for layer in normalizations:
        layer.momentum = 0.0
    model(images, training=True)
    for layer, momentum in zip(normalizations, momenta, strict=True):
        layer.momentum = momentum
    # Some have layers without weights behind the classifier.
    head = [layer.name for layer in model.layers if hasattr(layer, "kernel")][-1]
    spread_logits(model, head, images, spread=NETWORK_LOGIT_SPREAD)
    return model


def randomize_weights(model: keras.Model) -> None:
    """Give every weight a value of its own: scales around 1, variances positive, offsets small, kernels by fan-in."""
    random = np.random.default_rng(1)
    for weight in model.weights:
        shape = tuple(weight.shape)
        if "float" not in str(weight.dtype):
            continue
        if weight.name in ("moving_variance", "variance", "gamma", "scale"):
            values = random.uniform(0.5, 1.5, shape)
        elif weight.name == "beta":
            # Most of what follows a normalization then lies where activations are nearly linear. A deep network that
            # bends everything at random enlarges each rounding a thousandfold, as no trained one does.
            values = random.uniform(1, 2, shape)
        elif len(shape) < 2:
            values = random.normal(0, 0.2, shape)
        else:
            values = random.normal(0, np.sqrt(1.5 / np.prod(shape[:-1])), shape)
        weight.assign(values.astype(np.float32))


def spread_logits(model: keras.Model, head: str, images: np.ndarray, *, spread: float) -> None:
    """Scale the dense layer or 1×1 convolution `head` so that each of its logits has mean 0 and deviation `spread`."""
    classifier = model.get_layer(head)
    features = np.asarray(keras.Model(model.input, classifier.input)(images, training=False), dtype=np.float64)
    features = features.reshape(len(images), -1)
    kernel = np.random.default_rng(2).normal(0, 1, (features.shape[1], CLASSES))
    logits = features @ kernel
    kernel *= spread / logits.std(axis=0)
    classifier.kernel.assign(kernel.reshape(classifier.kernel.shape).astype(np.float32))
    classifier.bias.assign((-(features @ kernel).mean(axis=0)).astype(np.float32))
