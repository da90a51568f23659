"""Random search."""

from __future__ import annotations

from tuning.oracles.base import UnrepeatedOracle


class RandomOracle(UnrepeatedOracle):
    """Draws every configuration at random, until the space is used up."""


ALGORITHM = RandomOracle
