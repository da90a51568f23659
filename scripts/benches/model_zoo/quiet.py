"""Layers that sleep outside training, activations, and the layers that no image needs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
from keras import layers

from scripts.benches.model_zoo.bodies import Body, chain, features, rows, volume

_RANDOM_LAYERS: dict[str, Callable[[], Any]] = {
    "Dropout": lambda: layers.Dropout(0.5),
    "AlphaDropout": lambda: layers.AlphaDropout(0.5),
    "GaussianDropout": lambda: layers.GaussianDropout(0.5),
    "GaussianNoise": lambda: layers.GaussianNoise(0.3),
    "SpatialDropout2D": lambda: layers.SpatialDropout2D(0.5),
    "AugMix": lambda: layers.AugMix((-1, 1)),
    "RandAugment": lambda: layers.RandAugment((-1, 1)),
    "RandomBrightness": lambda: layers.RandomBrightness(0.5, value_range=(-1, 1)),
    "RandomColorDegeneration": lambda: layers.RandomColorDegeneration(0.5, value_range=(-1, 1)),
    "RandomColorJitter": lambda: layers.RandomColorJitter((-1, 1), 0.3, 0.3, 0.3, 0.3),
    "RandomContrast": lambda: layers.RandomContrast(0.5, value_range=(-1, 1)),
    "RandomCrop": lambda: chain(layers.RandomCrop(9, 7), layers.GlobalMaxPooling2D()),
    "RandomElasticTransform": lambda: layers.RandomElasticTransform(),
    "RandomErasing": lambda: layers.RandomErasing(),
    "RandomFlip": lambda: layers.RandomFlip(),
    "RandomGaussianBlur": lambda: layers.RandomGaussianBlur(),
    "RandomGrayscale": lambda: layers.RandomGrayscale(),
    "RandomHue": lambda: layers.RandomHue(0.5, value_range=(-1, 1)),
    "RandomInvert": lambda: layers.RandomInvert(value_range=(-1, 1)),
    "RandomPerspective": lambda: layers.RandomPerspective(),
    "RandomPosterization": lambda: layers.RandomPosterization(4, value_range=(-1, 1)),
    "RandomRotation": lambda: layers.RandomRotation(0.3),
    "RandomSaturation": lambda: layers.RandomSaturation(0.5, value_range=(-1, 1)),
    "RandomSharpness": lambda: layers.RandomSharpness(0.5, value_range=(-1, 1)),
    "RandomTranslation": lambda: layers.RandomTranslation(0.2, 0.2),
    "RandomZoom": lambda: layers.RandomZoom(0.3),
}


def _activation(name: str) -> Body:
    return chain(features, layers.Activation(name))


RANDOM: dict[str, Callable[[], Body]] = {
    **_RANDOM_LAYERS,
    "SpatialDropout1D": lambda: chain(rows, layers.SpatialDropout1D(0.5)),
    "SpatialDropout3D": lambda: chain(volume, layers.SpatialDropout3D(0.5)),
    "AutoContrast": lambda: layers.AutoContrast(value_range=(-1, 1)),
    "Solarization": lambda: layers.Solarization(value_range=(-1, 1)),
}

NO_ACTIVATIONS = {
    "get": "looks one up",
    "serialize": "names one",
    "deserialize": "makes one from its name",
    "threshold": "needs arguments, so no layer takes it by name",
}
ACTIVATION_NAMES = tuple(
    name for name in dir(keras.activations) if not name.startswith("_") and name not in NO_ACTIVATIONS
)
ACTIVATIONS: dict[str, Callable[[], Body]] = {
    **{f"activation {name}": partial(_activation, name) for name in ACTIVATION_NAMES if name != "glu"},
    # As a layer, Keras takes it to keep the shape.
    "activation glu": lambda: chain(features, keras.activations.glu),
    "activation gelu, exact": lambda: chain(features, lambda x: keras.activations.gelu(x, approximate=False)),
    "ELU": lambda: chain(features, layers.ELU(0.7)),
    "LeakyReLU": lambda: chain(features, layers.LeakyReLU(0.2)),
    "PReLU": lambda: chain(features, layers.PReLU()),
    "PReLU, one slope a channel": lambda: chain(features, layers.PReLU(shared_axes=[1, 2])),
    "ReLU": lambda: chain(features, layers.ReLU(max_value=2.0, negative_slope=0.1, threshold=0.2)),
    "Softmax": lambda: chain(features, layers.Softmax(axis=(1, 2))),
}

NO_IMAGE_LAYERS = {
    "ContrastLimitedAdaptiveHistogramEqualization": "answers otherwise within tf.function than outside",
    "CutMix": "mixes labelled examples while training; never part of a model that answers",
    "Equalization": "can't be put in a functional model: Keras says that it is part of a cycle",
    "FlaxLayer": "holds a module of another framework",
    "HashedCrossing": "takes categories",
    "Hashing": "takes categories",
    "InputLayer": "is what every model begins with",
    "IntegerLookup": "takes categories",
    "JaxLayer": "holds a function of another framework",
    "Lambda": "holds the user's code, which Keras does not load again",
    "Layer": "is the class that all layers extend",
    "MaxNumBoundingBoxes": "takes boxes",
    "MelSpectrogram": "takes sound",
    "MixUp": "mixes labelled examples while training; never part of a model that answers",
    "Pipeline": "holds other layers and does nothing itself",
    "RandomShear": "can't be loaded from a file by Keras itself",
    "STFTSpectrogram": "takes sound",
    "StringLookup": "takes text",
    "TFSMLayer": "holds a SavedModel, which Keras does not save again",
    "TextVectorization": "takes text",
    "TorchModuleWrapper": "holds a module of another framework",
    "Wrapper": "is the class that wrapping layers extend",
}
"""Stock layers that no case holds, each with its reason."""
