"""What stands between pixels and classes in the models that the formats are tried on: every stock Keras layer once.

Used by `scripts/bench layers` and by the tests, so that both speak of the same models.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import layers

Body = Callable[[Any], Any]
"""float32 (batch, 12, 12, 3), values about -1 to 1 → any float tensor with the batch first."""


def _rows(x: Any) -> Any:
    """The image as a sequence of 12 rows, (batch, 12, 36)."""
    return layers.Reshape((12, 36))(x)


def _words(x: Any) -> Any:
    """The image as a sequence of 4 rows' features, (batch, 4, 16)."""
    return layers.Dense(16, activation="tanh")(layers.Reshape((4, 108))(x))


def _volume(x: Any) -> Any:
    """The image as a volume, (batch, 3, 12, 12, 1)."""
    return layers.Reshape((3, 12, 12, 1))(layers.Permute((3, 1, 2))(x))


def _film(x: Any) -> Any:
    """The image as a film of three frames, (batch, 3, 6, 12, 2)."""
    return layers.Reshape((3, 6, 8, 3))(x)


def _features(x: Any) -> Any:
    """Learned features with both signs, (batch, 10, 10, 8)."""
    return layers.Conv2D(8, 3)(x)


def _chain(*steps: Body) -> Body:
    def body(x: Any) -> Any:
        for step in steps:
            x = step(x)
        return x

    return body


def _branches(merge: Any) -> Body:
    return lambda x: merge([layers.Conv2D(4, 3)(x), layers.Conv2D(4, 3, activation="tanh")(x)])


def _attend(make: Callable[[], Any], *, inputs: int) -> Body:
    def body(x: Any) -> Any:
        queries, values = _words(x), _words(x)
        layer = make()
        return layer(queries, values) if inputs == 2 else layer([queries, values])

    return body


CONVOLUTIONS: dict[str, Callable[[], Body]] = {
    "Conv1D": lambda: _chain(_rows, layers.Conv1D(8, 3)),
    "Conv1D causal": lambda: _chain(_rows, layers.Conv1D(8, 3, padding="causal", dilation_rate=2)),
    "Conv1D grouped": lambda: _chain(_rows, layers.Conv1D(8, 3, groups=4)),
    "Conv2D": lambda: layers.Conv2D(6, 3),
    "Conv2D strided": lambda: layers.Conv2D(6, 3, strides=2, padding="same"),
    "Conv2D dilated": lambda: layers.Conv2D(6, 3, dilation_rate=(2, 3), padding="same"),
    "Conv2D grouped": lambda: _chain(_features, layers.Conv2D(12, 3, groups=4)),
    "Conv2D grouped, strided": lambda: _chain(_features, layers.Conv2D(8, 3, groups=2, strides=2, padding="same")),
    "Conv3D": lambda: _chain(_volume, layers.Conv3D(6, 2)),
    "Conv3D grouped": lambda: _chain(_volume, layers.Conv3D(4, 2), layers.Conv3D(4, 2, groups=2)),
    "Conv3D dilated": lambda: _chain(_volume, layers.Conv3D(4, 2, dilation_rate=2)),
    "DepthwiseConv1D": lambda: _chain(_rows, layers.DepthwiseConv1D(3, depth_multiplier=2)),
    "DepthwiseConv2D": lambda: layers.DepthwiseConv2D(3, depth_multiplier=4),
    "DepthwiseConv2D dilated": lambda: layers.DepthwiseConv2D(3, dilation_rate=2),
    "SeparableConv1D": lambda: _chain(_rows, layers.SeparableConv1D(8, 3)),
    "SeparableConv2D": lambda: layers.SeparableConv2D(8, 3, strides=2, padding="same"),
    "Conv1DTranspose": lambda: _chain(_rows, layers.Conv1DTranspose(4, 3, strides=2)),
    "Conv2DTranspose": lambda: layers.Conv2DTranspose(4, 3, strides=2, padding="same"),
    "Conv2DTranspose, padded": lambda: layers.Conv2DTranspose(4, 3, strides=2, output_padding=1),
    "Conv3DTranspose": lambda: _chain(_volume, layers.Conv3DTranspose(2, 2, strides=2)),
    "Conv3DTranspose, padded": lambda: _chain(_volume, layers.Conv3DTranspose(2, 2, strides=2, output_padding=1)),
}

POOLINGS: dict[str, Callable[[], Body]] = {
    "MaxPooling1D": lambda: _chain(_rows, layers.MaxPooling1D(2)),
    "MaxPooling2D": lambda: layers.MaxPooling2D(3, strides=2, padding="same"),
    "MaxPooling3D": lambda: _chain(_volume, layers.MaxPooling3D((1, 2, 2))),
    "AveragePooling1D": lambda: _chain(_rows, layers.AveragePooling1D(2)),
    "AveragePooling2D": lambda: layers.AveragePooling2D(3, strides=2, padding="same"),
    "AveragePooling3D": lambda: _chain(_volume, layers.AveragePooling3D((1, 2, 2))),
    "GlobalMaxPooling1D": lambda: _chain(_rows, layers.GlobalMaxPooling1D()),
    "GlobalMaxPooling2D": lambda: _chain(_features, layers.GlobalMaxPooling2D()),
    "GlobalMaxPooling3D": lambda: _chain(_volume, layers.Conv3D(6, 2), layers.GlobalMaxPooling3D(keepdims=True)),
    "GlobalAveragePooling1D": lambda: _chain(_rows, layers.GlobalAveragePooling1D()),
    "GlobalAveragePooling2D": lambda: _chain(_features, layers.GlobalAveragePooling2D()),
    "GlobalAveragePooling3D": lambda: _chain(_volume, layers.Conv3D(6, 2), layers.GlobalAveragePooling3D()),
    "AdaptiveMaxPooling1D": lambda: _chain(_rows, layers.AdaptiveMaxPooling1D(5)),
    "AdaptiveMaxPooling2D": lambda: layers.AdaptiveMaxPooling2D((5, 4)),
    "AdaptiveMaxPooling3D": lambda: _chain(_volume, layers.AdaptiveMaxPooling3D((2, 5, 4))),
    "AdaptiveAveragePooling1D": lambda: _chain(_rows, layers.AdaptiveAveragePooling1D(5)),
    "AdaptiveAveragePooling2D": lambda: layers.AdaptiveAveragePooling2D((5, 4)),
    "AdaptiveAveragePooling3D": lambda: _chain(_volume, layers.AdaptiveAveragePooling3D((2, 5, 4))),
}

NORMALIZATIONS: dict[str, Callable[[], Body]] = {
    "BatchNormalization": lambda: _chain(layers.Conv2D(6, 3, use_bias=False), layers.BatchNormalization()),
    "BatchNormalization after pooling": lambda: _chain(_features, layers.MaxPooling2D(), layers.BatchNormalization()),
    "LayerNormalization": lambda: _chain(_features, layers.LayerNormalization()),
    "LayerNormalization over the image": lambda: _chain(_features, layers.LayerNormalization(axis=(1, 2, 3))),
    "GroupNormalization": lambda: _chain(_features, layers.GroupNormalization(groups=4)),
    "UnitNormalization": lambda: _chain(_features, layers.UnitNormalization()),
    "RMSNormalization": lambda: _chain(_features, layers.RMSNormalization()),
    "SpectralNormalization": lambda: layers.SpectralNormalization(layers.Conv2D(6, 3)),
    "Normalization": lambda: layers.Normalization(mean=[0.1, 0.2, 0.3], variance=[0.5, 1.0, 2.0]),
    "Normalization, mean and variance of all": lambda: layers.Normalization(mean=0.1, variance=0.4),
    "Rescaling": lambda: layers.Rescaling([1.0, 2.0, 3.0], offset=[0.1, 0.2, 0.3]),
}

SHAPES: dict[str, Callable[[], Body]] = {
    "Flatten": lambda: layers.Flatten(),
    "Reshape": lambda: layers.Reshape((-1, 6)),
    "Permute": lambda: _chain(layers.Permute((3, 1, 2)), layers.Conv2D(6, 3)),
    "RepeatVector": lambda: _chain(layers.Flatten(), layers.Dense(5), layers.RepeatVector(3)),
    "Identity": lambda: layers.Identity(),
    "ActivityRegularization": lambda: layers.ActivityRegularization(l2=0.1),
    "Masking": lambda: _chain(_rows, layers.Masking(0.0)),
    "Cropping1D": lambda: _chain(_rows, layers.Cropping1D((1, 2))),
    "Cropping2D": lambda: layers.Cropping2D(((1, 2), (0, 3))),
    "Cropping3D": lambda: _chain(_volume, layers.Cropping3D((1, 2, 3))),
    "CenterCrop": lambda: layers.CenterCrop(7, 9),
    "CenterCrop of more than there is": lambda: layers.CenterCrop(15, 9),
    "ZeroPadding1D": lambda: _chain(_rows, layers.ZeroPadding1D((1, 2)), layers.Conv1D(4, 3)),
    "ZeroPadding2D": lambda: _chain(layers.ZeroPadding2D(((1, 2), (0, 3))), layers.Conv2D(4, 3)),
    "ZeroPadding3D": lambda: _chain(_volume, layers.ZeroPadding3D(1), layers.Conv3D(2, 2)),
    "UpSampling1D": lambda: _chain(_rows, layers.UpSampling1D(2), layers.Conv1D(4, 3)),
    "UpSampling2D nearest": lambda: _chain(layers.UpSampling2D((2, 3)), layers.Conv2D(2, 3)),
    "UpSampling2D bilinear": lambda: layers.UpSampling2D(2, interpolation="bilinear"),
    "UpSampling2D bicubic": lambda: layers.UpSampling2D(2, interpolation="bicubic"),
    "UpSampling2D lanczos3": lambda: layers.UpSampling2D(2, interpolation="lanczos3"),
    "UpSampling2D lanczos5": lambda: layers.UpSampling2D(2, interpolation="lanczos5"),
    "UpSampling3D": lambda: _chain(_volume, layers.UpSampling3D((1, 2, 2)), layers.Conv3D(2, 2)),
    "Resizing nearest": lambda: layers.Resizing(8, 17, interpolation="nearest"),
    "Resizing bilinear": lambda: layers.Resizing(8, 17, interpolation="bilinear"),
    "Resizing bilinear, antialiased": lambda: layers.Resizing(8, 7, antialias=True),
    "Resizing bicubic": lambda: layers.Resizing(8, 17, interpolation="bicubic"),
    "Resizing area": lambda: layers.Resizing(5, 7, interpolation="area"),
    "Resizing lanczos3": lambda: layers.Resizing(8, 17, interpolation="lanczos3"),
    "Resizing lanczos5": lambda: layers.Resizing(8, 17, interpolation="lanczos5"),
    "Resizing, cropped to the aspect ratio": lambda: layers.Resizing(8, 5, crop_to_aspect_ratio=True),
    "Resizing, padded to the aspect ratio": lambda: layers.Resizing(8, 5, pad_to_aspect_ratio=True),
}

DENSE_AND_MERGING: dict[str, Callable[[], Body]] = {
    "Dense": lambda: _chain(layers.Flatten(), layers.Dense(16, activation="relu")),
    "Dense on every pixel": lambda: layers.Dense(4),
    "EinsumDense": lambda: _chain(_rows, layers.EinsumDense("abc,cde->abde", (12, 3, 4), bias_axes="de")),
    "Embedding": lambda: _chain(_levels, layers.Embedding(8, 4)),
    "ReversibleEmbedding": lambda: _chain(_levels, layers.ReversibleEmbedding(8, 4)),
    "Discretization": lambda: layers.Discretization(bin_boundaries=[-0.5, 0.0, 0.5], output_mode="int"),
    "CategoryEncoding": lambda: _chain(layers.Flatten(), _levels, layers.CategoryEncoding(8, output_mode="count")),
    "TimeDistributed": lambda: _chain(_film, layers.TimeDistributed(layers.Conv2D(4, 3))),
    "Add": lambda: _branches(layers.Add()),
    "Average": lambda: _branches(layers.Average()),
    "Concatenate": lambda: _branches(layers.Concatenate()),
    "Dot": lambda: lambda x: layers.Dot(axes=(2, 2), normalize=True)([_words(x), _words(x)]),
    "Maximum": lambda: _branches(layers.Maximum()),
    "Minimum": lambda: _branches(layers.Minimum()),
    "Multiply": lambda: _branches(layers.Multiply()),
    "Subtract": lambda: _branches(layers.Subtract()),
    "Attention": lambda: _attend(lambda: layers.Attention(use_scale=True), inputs=1),
    "AdditiveAttention": lambda: _attend(layers.AdditiveAttention, inputs=1),
    "MultiHeadAttention": lambda: _attend(lambda: layers.MultiHeadAttention(2, 8), inputs=2),
    "MultiHeadAttention, causal": lambda: (
        lambda x: layers.MultiHeadAttention(2, 4)(_words(x), _words(x), use_causal_mask=True)
    ),
    "GroupQueryAttention": lambda: _attend(lambda: layers.GroupQueryAttention(8, 4, 2), inputs=2),
}


def _levels(x: Any) -> Any:
    """Eight levels of brightness, int."""
    return layers.Discretization(bin_boundaries=[-0.8, -0.5, -0.2, 0.0, 0.2, 0.5, 0.8], output_mode="int")(x)


RECURRENT: dict[str, Callable[[], Body]] = {
    "SimpleRNN": lambda: _chain(_rows, layers.SimpleRNN(8)),
    "SimpleRNNCell": lambda: _chain(_rows, layers.RNN(layers.SimpleRNNCell(8), return_sequences=True)),
    "GRU": lambda: _chain(_rows, layers.GRU(8)),
    "GRU, reset before": lambda: _chain(_rows, layers.GRU(8, reset_after=False, go_backwards=True)),
    "GRUCell": lambda: _chain(_rows, layers.RNN(layers.GRUCell(8))),
    "LSTM": lambda: _chain(_rows, layers.LSTM(8)),
    "LSTM, two of them": lambda: _chain(_rows, layers.LSTM(8, return_sequences=True), layers.LSTM(6)),
    "LSTM of masked rows": lambda: _chain(_rows, layers.Masking(0.0), layers.LSTM(8)),
    "LSTMCell": lambda: _chain(_rows, layers.RNN(layers.LSTMCell(8))),
    "StackedRNNCells": lambda: _chain(
        _rows, layers.RNN(layers.StackedRNNCells([layers.LSTMCell(8), layers.LSTMCell(6)]))
    ),
    "Bidirectional LSTM": lambda: _chain(_rows, layers.Bidirectional(layers.LSTM(8, return_sequences=True))),
    "Bidirectional GRU": lambda: _chain(_rows, layers.Bidirectional(layers.GRU(8), merge_mode="sum")),
    "TimeDistributed LSTM": lambda: _chain(
        _film, layers.TimeDistributed(layers.Reshape((6, 24))), layers.TimeDistributed(layers.LSTM(4))
    ),
    "ConvLSTM1D": lambda: _chain(layers.ConvLSTM1D(4, 3)),
    "ConvLSTM2D": lambda: _chain(_film, layers.ConvLSTM2D(4, 3, padding="same", return_sequences=True)),
    "Bidirectional ConvLSTM2D": lambda: _chain(_film, layers.Bidirectional(layers.ConvLSTM2D(2, 3))),
    "ConvLSTM3D": lambda: _chain(layers.Reshape((2, 3, 4, 6, 3)), layers.ConvLSTM3D(2, 2)),
}

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
    "RandomCrop": lambda: _chain(layers.RandomCrop(9, 7), layers.GlobalMaxPooling2D()),
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
RANDOM: dict[str, Callable[[], Body]] = {
    **{name: (lambda make=make: make()) for name, make in _RANDOM_LAYERS.items()},
    "SpatialDropout1D": lambda: _chain(_rows, layers.SpatialDropout1D(0.5)),
    "SpatialDropout3D": lambda: _chain(_volume, layers.SpatialDropout3D(0.5)),
    "AutoContrast": lambda: layers.AutoContrast(value_range=(-1, 1)),
    "ContrastLimitedAdaptiveHistogramEqualization": lambda: layers.ContrastLimitedAdaptiveHistogramEqualization(
        value_range=(-1, 1), tile_grid_size=(2, 2)
    ),
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
    **{
        f"activation {name}": (lambda name=name: _chain(_features, layers.Activation(name)))
        for name in ACTIVATION_NAMES
        if name != "glu"
    },
    # As a layer, Keras takes it to keep the shape.
    "activation glu": lambda: _chain(_features, keras.activations.glu),
    "activation gelu, exact": lambda: _chain(_features, lambda x: keras.activations.gelu(x, approximate=False)),
    "ELU": lambda: _chain(_features, layers.ELU(0.7)),
    "LeakyReLU": lambda: _chain(_features, layers.LeakyReLU(0.2)),
    "PReLU": lambda: _chain(_features, layers.PReLU()),
    "PReLU, one slope a channel": lambda: _chain(_features, layers.PReLU(shared_axes=[1, 2])),
    "ReLU": lambda: _chain(_features, layers.ReLU(max_value=2.0, negative_slope=0.1, threshold=0.2)),
    "Softmax": lambda: _chain(_features, layers.Softmax(axis=(1, 2))),
}

CASES: dict[str, Callable[[], Body]] = {
    **CONVOLUTIONS,
    **POOLINGS,
    **NORMALIZATIONS,
    **SHAPES,
    **DENSE_AND_MERGING,
    **RECURRENT,
    **RANDOM,
    **ACTIVATIONS,
}

NO_IMAGE_LAYERS = {
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
