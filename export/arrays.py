"""Types of arrays that pass between rooms. Needs numpy only."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, np.ndarray]
"""Tensors by their names, (examples, …) each."""
Probabilities = NDArray[np.float32]
"""(examples, classes), rows of a sum of 1."""
