"""MNIST, or the digits that scikit-learn carries where MNIST is not available."""

from __future__ import annotations

from tuning.data.dataset import Dataset
from tuning.data.sources.keras_data import UnavailableError, load_keras_dataset
from tuning.data.sources.named.digits import load_digits
from tuning.data.sources.named.mnist import CLASS_NAMES
from tuning.data.sources.source import NamedSource


def _load() -> Dataset:
    try:
        return load_keras_dataset("mnist", CLASS_NAMES)
    except UnavailableError as error:
        return load_digits(fallback_reason=f"MNIST is not available: {error}")


SOURCE = NamedSource(load=_load, through_keras=True)
