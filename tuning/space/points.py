"""A configuration with the ranges that its values come from.

Standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass

from tuning.settings import Configuration
from tuning.space.ranges import Ranges


@dataclass(frozen=True, kw_only=True)
class Point:
    """A configuration, and the range that each of its values was drawn from, in the order in which they were asked for.

    The default of a hyperparameter need not lie in its range.
    """

    values: Configuration
    ranges: Ranges
