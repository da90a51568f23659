"""Fashion-MNIST: 70,000 pictures of clothes (Xiao, Rasul and Vollgraf, 2017)."""

from __future__ import annotations

from tuning.data.sources.keras_data import keras_source

CLASS_NAMES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")

SOURCE = keras_source("fashion_mnist", CLASS_NAMES)
