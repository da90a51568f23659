"""What a user's own code gives to load a model with that a Keras file does not hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import keras


@dataclass(frozen=True, kw_only=True, eq=False)
class OwnCode:
    """`objects`: classes and functions by name. `trusted`: Python code that the file itself holds, in Lambda layers,
    may be run. `rebuild`: makes the model with new weights, for a file that holds weights alone; None where no code
    does.
    """

    objects: Mapping[str, Any] = field(default_factory=dict)
    trusted: bool = False
    rebuild: Callable[[], keras.Model] | None = None
