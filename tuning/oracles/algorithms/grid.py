"""Grid search."""

from __future__ import annotations

import dataclasses

from tuning.oracles.base import UnrepeatedOracle
from tuning.settings import Objective
from tuning.space.drawing import Drawing, Otherwise
from tuning.space.known_space import KnownSpace


class GridOracle(UnrepeatedOracle):
    """Lists the space, the last hyperparameter fastest. Of real numbers it takes ten values on their scale."""

    is_random = False

    def __init__(self, objective: Objective, *, seed: int) -> None:
        super().__init__(objective, seed=seed)
        self.space = KnownSpace(lists_reals=True)

    def drawing(self) -> Drawing | None:
        drawing = super().drawing()
        return None if drawing is None else dataclasses.replace(drawing, otherwise=Otherwise.FIRST)


ALGORITHM = GridOracle
