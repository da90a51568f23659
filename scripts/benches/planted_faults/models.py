"""Five small models of different kinds, trained for a moment, in which the bench of faults plants its faults.

Untrained models answer nearly uniformly, which would hide faults.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from tuning.data.sources.by_name import load_dataset

EXAMPLES, TRAINING, EPOCHS = 300, 3000, 2


def plain(x: Any) -> Any:
    """Two convolutions with biases and max pooling."""
    x = layers.MaxPooling2D()(layers.Conv2D(8, 3, activation="relu")(x))
    x = layers.MaxPooling2D()(layers.Conv2D(16, 3, activation="relu")(x))
    return layers.Dense(32, activation="relu")(layers.Flatten()(x))


def normalized(x: Any) -> Any:
    """Convolutions without biases, one batch normalization before the pooling, which folds, and one behind it."""
    x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(8, 3, use_bias=False)(x)))
    x = layers.MaxPooling2D()(layers.Conv2D(16, 3, strides=2, use_bias=False)(x))
    x = layers.ReLU()(layers.BatchNormalization()(x))
    return layers.Dropout(0.2)(layers.Flatten()(x))


def dense(x: Any) -> Any:
    """Dense layers only, one of them with tanh."""
    x = layers.Dense(48, activation="relu")(layers.Flatten()(x))
    return layers.Dense(24, activation="tanh")(x)


def separable(x: Any) -> Any:
    """A depthwise and a separable convolution, and global pooling."""
    x = layers.Conv2D(8, 3, strides=2, activation="relu", padding="same")(x)
    x = layers.DepthwiseConv2D(3, depth_multiplier=2, padding="same", activation="relu")(x)
    x = layers.SeparableConv2D(32, 3, padding="same", activation="relu")(x)
    return layers.GlobalMaxPooling2D()(x)


def residual(x: Any) -> Any:
    """Two residual blocks with average pooling."""
    x = layers.Conv2D(12, 3, strides=2, padding="same", activation="relu")(x)
    for _ in range(2):
        inner = layers.Conv2D(12, 3, padding="same", activation="swish")(x)
        x = layers.AveragePooling2D(2)(layers.Add()([x, layers.Conv2D(12, 3, padding="same")(inner)]))
    return layers.Flatten()(x)


BODIES: dict[str, Callable[[Any], Any]] = {
    "plain": plain,
    "normalized": normalized,
    "dense": dense,
    "separable": separable,
    "residual": residual,
}
"""float32 (batch, 28, 28, 1), values 0 to 1 → float32 (batch, features)."""


def train_model(name: str, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Train the model of that name and save it to `path`; (images, labels) that it can be verified on.

    On MNIST where `TUNING_DATA_DIR` has it, else on the embedded digits; the same in every call.
    """
    keras.utils.set_random_seed(list(BODIES).index(name))
    dataset = load_dataset("mnist" if os.environ.get("TUNING_DATA_DIR") else "digits")
    image = keras.Input(dataset.image_shape, dtype="uint8")
    features = BODIES[name](layers.Rescaling(1 / 255)(image))
    model = keras.Model(image, layers.Dense(dataset.num_classes, activation="softmax")(features))
    model.compile("adam", "sparse_categorical_crossentropy")
    training = dataset.training
    model.fit(training.images[:TRAINING], training.labels[:TRAINING], 32, epochs=EPOCHS, verbose=0)
    model.save(path)
    test = dataset.test.for_verification()
    return test.images[:EXAMPLES], test.labels[:EXAMPLES].astype(np.int64)
