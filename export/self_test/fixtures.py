"""A small model with a layer for every kind of fault, made in moments, whose answers leave no fault hidden."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

IMAGE_SHAPE = (12, 10, 3)
CLASSES = 5
EXAMPLES = 64
LOGIT_SPREAD = 2.0
"""Standard deviation of each class's logit over the images: far from uniform, and no probability is all."""


def make_images() -> NDArray[np.uint8]:
    """Coarse patches of colour with grain, uint8 (64, 12, 10, 3), the same in every call."""
    random = np.random.default_rng(0)
    height, width, channels = IMAGE_SHAPE
    patches = random.uniform(0, 255, (EXAMPLES, 3, 2, channels)).repeat(height // 3, axis=1).repeat(width // 2, axis=2)
    return np.clip(patches + random.normal(0, 20, (EXAMPLES, *IMAGE_SHAPE)), 0, 255).astype(np.uint8)


def save_model(path: Path) -> NDArray[np.int64]:
    """Write the model to `path`, a `.keras` file; what it takes each of the images for, (64,).

    Its weights are random and the same in every call; its last layer is scaled to answer clearly.
    """
    image = keras.Input(IMAGE_SHAPE, dtype="uint8", name="image")
    x = keras.layers.Rescaling(1 / 255)(image)
    x = keras.layers.Conv2D(8, 3, strides=2, padding="same")(x)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.ReLU()(x)
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dense(16, activation="relu")(x)
    features = keras.layers.Dropout(0.3)(x)
    model = keras.Model(image, keras.layers.Dense(CLASSES, activation="softmax")(features))
    random, images = np.random.default_rng(1), make_images()
    for weight in model.weights:
        if "float" in str(weight.dtype):
            weight.assign(_values(weight.name, tuple(weight.shape), random))
    head = model.layers[-1]
    activations = np.asarray(keras.Model(image, features)(images, training=False), dtype=np.float64)
    logits = activations @ np.asarray(head.kernel, dtype=np.float64)
    kernel = np.asarray(head.kernel, dtype=np.float64) * LOGIT_SPREAD / logits.std(axis=0)
    head.kernel.assign(kernel)
    head.bias.assign(-(activations @ kernel).mean(axis=0))
    model.save(path)
    answers: NDArray[np.int64] = np.asarray(model(images, training=False)).argmax(axis=1)
    return answers


def _values(name: str, shape: tuple[int, ...], random: np.random.Generator) -> np.ndarray:
    if name in ("moving_variance", "gamma"):
        return random.uniform(0.5, 1.5, shape)
    if len(shape) < 2:
        return random.normal(0, 0.2, shape)
    return random.normal(0, np.sqrt(2 / np.prod(shape[:-1])), shape)
