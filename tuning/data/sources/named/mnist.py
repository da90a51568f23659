"""MNIST: 70,000 handwritten digits (LeCun, Cortes and Burges)."""

from __future__ import annotations

from tuning.data.sources.keras_data import keras_source

CLASS_NAMES = tuple(str(digit) for digit in range(10))

SOURCE = keras_source("mnist", CLASS_NAMES)
