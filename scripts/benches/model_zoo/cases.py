"""Every stock Keras layer once, each between the pixels and the classes of a small model that the formats are tried on.

Used by `scripts/bench layers` and by the tests, so that both speak of the same models.
"""

from __future__ import annotations

from collections.abc import Callable

from keras import layers

from scripts.benches.model_zoo.bodies import Body, attend, branches, chain, features, film, levels, rows, volume, words
from scripts.benches.model_zoo.quiet import ACTIVATIONS, RANDOM

CONVOLUTIONS: dict[str, Callable[[], Body]] = {
    "Conv1D": lambda: chain(rows, layers.Conv1D(8, 3)),
    "Conv1D causal": lambda: chain(rows, layers.Conv1D(8, 3, padding="causal", dilation_rate=2)),
    "Conv1D grouped": lambda: chain(rows, layers.Conv1D(8, 3, groups=4)),
    "Conv2D": lambda: layers.Conv2D(6, 3),
    "Conv2D strided": lambda: layers.Conv2D(6, 3, strides=2, padding="same"),
    "Conv2D dilated": lambda: layers.Conv2D(6, 3, dilation_rate=(2, 3), padding="same"),
    "Conv2D grouped": lambda: chain(features, layers.Conv2D(12, 3, groups=4)),
    "Conv2D grouped, strided": lambda: chain(features, layers.Conv2D(8, 3, groups=2, strides=2, padding="same")),
    "Conv3D": lambda: chain(volume, layers.Conv3D(6, 2)),
    "Conv3D grouped": lambda: chain(volume, layers.Conv3D(4, 2), layers.Conv3D(4, 2, groups=2)),
    "Conv3D dilated": lambda: chain(volume, layers.Conv3D(4, 2, dilation_rate=2)),
    "DepthwiseConv1D": lambda: chain(rows, layers.DepthwiseConv1D(3, depth_multiplier=2)),
    "DepthwiseConv2D": lambda: layers.DepthwiseConv2D(3, depth_multiplier=4),
    "DepthwiseConv2D dilated": lambda: layers.DepthwiseConv2D(3, dilation_rate=2),
    "SeparableConv1D": lambda: chain(rows, layers.SeparableConv1D(8, 3)),
    "SeparableConv2D": lambda: layers.SeparableConv2D(8, 3, strides=2, padding="same"),
    "Conv1DTranspose": lambda: chain(rows, layers.Conv1DTranspose(4, 3, strides=2)),
    "Conv2DTranspose": lambda: layers.Conv2DTranspose(4, 3, strides=2, padding="same"),
    "Conv2DTranspose, padded": lambda: layers.Conv2DTranspose(4, 3, strides=2, output_padding=1),
    "Conv3DTranspose": lambda: chain(volume, layers.Conv3DTranspose(2, 2, strides=2)),
    "Conv3DTranspose, padded": lambda: chain(volume, layers.Conv3DTranspose(2, 2, strides=2, output_padding=1)),
}

POOLINGS: dict[str, Callable[[], Body]] = {
    "MaxPooling1D": lambda: chain(rows, layers.MaxPooling1D(2)),
    "MaxPooling2D": lambda: layers.MaxPooling2D(3, strides=2, padding="same"),
    "MaxPooling3D": lambda: chain(volume, layers.MaxPooling3D((1, 2, 2))),
    "AveragePooling1D": lambda: chain(rows, layers.AveragePooling1D(2)),
    "AveragePooling2D": lambda: layers.AveragePooling2D(3, strides=2, padding="same"),
    "AveragePooling3D": lambda: chain(volume, layers.AveragePooling3D((1, 2, 2))),
    "GlobalMaxPooling1D": lambda: chain(rows, layers.GlobalMaxPooling1D()),
    "GlobalMaxPooling2D": lambda: chain(features, layers.GlobalMaxPooling2D()),
    "GlobalMaxPooling3D": lambda: chain(volume, layers.Conv3D(6, 2), layers.GlobalMaxPooling3D(keepdims=True)),
    "GlobalAveragePooling1D": lambda: chain(rows, layers.GlobalAveragePooling1D()),
    "GlobalAveragePooling2D": lambda: chain(features, layers.GlobalAveragePooling2D()),
    "GlobalAveragePooling3D": lambda: chain(volume, layers.Conv3D(6, 2), layers.GlobalAveragePooling3D()),
    "AdaptiveMaxPooling1D": lambda: chain(rows, layers.AdaptiveMaxPooling1D(5)),
    "AdaptiveMaxPooling2D": lambda: layers.AdaptiveMaxPooling2D((5, 4)),
    "AdaptiveMaxPooling3D": lambda: chain(volume, layers.AdaptiveMaxPooling3D((2, 5, 4))),
    "AdaptiveAveragePooling1D": lambda: chain(rows, layers.AdaptiveAveragePooling1D(5)),
    "AdaptiveAveragePooling2D": lambda: layers.AdaptiveAveragePooling2D((5, 4)),
    "AdaptiveAveragePooling3D": lambda: chain(volume, layers.AdaptiveAveragePooling3D((2, 5, 4))),
}

NORMALIZATIONS: dict[str, Callable[[], Body]] = {
    "BatchNormalization": lambda: chain(layers.Conv2D(6, 3, use_bias=False), layers.BatchNormalization()),
    "BatchNormalization after pooling": lambda: chain(features, layers.MaxPooling2D(), layers.BatchNormalization()),
    "LayerNormalization": lambda: chain(features, layers.LayerNormalization()),
    "LayerNormalization over the image": lambda: chain(features, layers.LayerNormalization(axis=(1, 2, 3))),
    "GroupNormalization": lambda: chain(features, layers.GroupNormalization(groups=4)),
    "UnitNormalization": lambda: chain(features, layers.UnitNormalization()),
    "RMSNormalization": lambda: chain(features, layers.RMSNormalization()),
    "SpectralNormalization": lambda: layers.SpectralNormalization(layers.Conv2D(6, 3)),
    "Normalization": lambda: layers.Normalization(mean=[0.1, 0.2, 0.3], variance=[0.5, 1.0, 2.0]),
    "Normalization, mean and variance of all": lambda: layers.Normalization(mean=0.1, variance=0.4),
    "Rescaling": lambda: layers.Rescaling([1.0, 2.0, 3.0], offset=[0.1, 0.2, 0.3]),
}

SHAPES: dict[str, Callable[[], Body]] = {
    "Flatten": lambda: layers.Flatten(),
    "Reshape": lambda: layers.Reshape((-1, 6)),
    "Permute": lambda: chain(layers.Permute((3, 1, 2)), layers.Conv2D(6, 3)),
    "RepeatVector": lambda: chain(layers.Flatten(), layers.Dense(5), layers.RepeatVector(3)),
    "Identity": lambda: layers.Identity(),
    "ActivityRegularization": lambda: layers.ActivityRegularization(l2=0.1),
    "Masking": lambda: chain(rows, layers.Masking(0.0)),
    "Cropping1D": lambda: chain(rows, layers.Cropping1D((1, 2))),
    "Cropping2D": lambda: layers.Cropping2D(((1, 2), (0, 3))),
    "Cropping3D": lambda: chain(volume, layers.Cropping3D((1, 2, 3))),
    "CenterCrop": lambda: layers.CenterCrop(7, 9),
    "CenterCrop of more than there is": lambda: layers.CenterCrop(15, 9),
    "ZeroPadding1D": lambda: chain(rows, layers.ZeroPadding1D((1, 2)), layers.Conv1D(4, 3)),
    "ZeroPadding2D": lambda: chain(layers.ZeroPadding2D(((1, 2), (0, 3))), layers.Conv2D(4, 3)),
    "ZeroPadding3D": lambda: chain(volume, layers.ZeroPadding3D(1), layers.Conv3D(2, 2)),
    "UpSampling1D": lambda: chain(rows, layers.UpSampling1D(2), layers.Conv1D(4, 3)),
    "UpSampling2D nearest": lambda: chain(layers.UpSampling2D((2, 3)), layers.Conv2D(2, 3)),
    "UpSampling2D bilinear": lambda: layers.UpSampling2D(2, interpolation="bilinear"),
    "UpSampling2D bicubic": lambda: layers.UpSampling2D(2, interpolation="bicubic"),
    "UpSampling2D lanczos3": lambda: layers.UpSampling2D(2, interpolation="lanczos3"),
    "UpSampling2D lanczos5": lambda: layers.UpSampling2D(2, interpolation="lanczos5"),
    "UpSampling3D": lambda: chain(volume, layers.UpSampling3D((1, 2, 2)), layers.Conv3D(2, 2)),
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
    "Dense": lambda: chain(layers.Flatten(), layers.Dense(16, activation="relu")),
    "Dense on every pixel": lambda: layers.Dense(4),
    "EinsumDense": lambda: chain(rows, layers.EinsumDense("abc,cde->abde", (12, 3, 4), bias_axes="de")),
    "Embedding": lambda: chain(levels, layers.Embedding(8, 4)),
    "ReversibleEmbedding": lambda: chain(levels, layers.ReversibleEmbedding(8, 4)),
    "Discretization": lambda: layers.Discretization(bin_boundaries=[-0.5, 0.0, 0.5], output_mode="int"),
    "CategoryEncoding": lambda: chain(layers.Flatten(), levels, layers.CategoryEncoding(8, output_mode="count")),
    "TimeDistributed": lambda: chain(film, layers.TimeDistributed(layers.Conv2D(4, 3))),
    "Add": lambda: branches(layers.Add()),
    "Average": lambda: branches(layers.Average()),
    "Concatenate": lambda: branches(layers.Concatenate()),
    "Dot": lambda: lambda x: layers.Dot(axes=(2, 2), normalize=True)([words(x), words(x)]),
    "Maximum": lambda: branches(layers.Maximum()),
    "Minimum": lambda: branches(layers.Minimum()),
    "Multiply": lambda: branches(layers.Multiply()),
    "Subtract": lambda: branches(layers.Subtract()),
    "Attention": lambda: attend(lambda: layers.Attention(use_scale=True), inputs=1),
    "AdditiveAttention": lambda: attend(layers.AdditiveAttention, inputs=1),
    "MultiHeadAttention": lambda: attend(lambda: layers.MultiHeadAttention(2, 8), inputs=2),
    "MultiHeadAttention, causal": lambda: (
        lambda x: layers.MultiHeadAttention(2, 4)(words(x), words(x), use_causal_mask=True)
    ),
    "GroupQueryAttention": lambda: attend(lambda: layers.GroupQueryAttention(8, 4, 2), inputs=2),
}

RECURRENT: dict[str, Callable[[], Body]] = {
    "SimpleRNN": lambda: chain(rows, layers.SimpleRNN(8)),
    "SimpleRNNCell": lambda: chain(rows, layers.RNN(layers.SimpleRNNCell(8), return_sequences=True)),
    "GRU": lambda: chain(rows, layers.GRU(8)),
    "GRU, reset before": lambda: chain(rows, layers.GRU(8, reset_after=False, go_backwards=True)),
    "GRUCell": lambda: chain(rows, layers.RNN(layers.GRUCell(8))),
    "LSTM": lambda: chain(rows, layers.LSTM(8)),
    "LSTM, two of them": lambda: chain(rows, layers.LSTM(8, return_sequences=True), layers.LSTM(6)),
    "LSTM of masked rows": lambda: chain(rows, layers.Masking(0.0), layers.LSTM(8)),
    "LSTMCell": lambda: chain(rows, layers.RNN(layers.LSTMCell(8))),
    "StackedRNNCells": lambda: chain(
        rows, layers.RNN(layers.StackedRNNCells([layers.LSTMCell(8), layers.LSTMCell(6)]))
    ),
    "Bidirectional LSTM": lambda: chain(rows, layers.Bidirectional(layers.LSTM(8, return_sequences=True))),
    "Bidirectional GRU": lambda: chain(rows, layers.Bidirectional(layers.GRU(8), merge_mode="sum")),
    "TimeDistributed LSTM": lambda: chain(
        film, layers.TimeDistributed(layers.Reshape((6, 24))), layers.TimeDistributed(layers.LSTM(4))
    ),
    "ConvLSTM1D": lambda: chain(layers.ConvLSTM1D(4, 3)),
    "ConvLSTM2D": lambda: chain(film, layers.ConvLSTM2D(4, 3, padding="same", return_sequences=True)),
    "Bidirectional ConvLSTM2D": lambda: chain(film, layers.Bidirectional(layers.ConvLSTM2D(2, 3))),
    "ConvLSTM3D": lambda: chain(layers.Reshape((2, 3, 4, 6, 3)), layers.ConvLSTM3D(2, 2)),
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
