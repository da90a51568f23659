"""An oracle over a space that Keras Tuner declares: drawn and taken at once, where a search does so in between."""

from __future__ import annotations

from typing import Any

import keras_tuner as kt

from tuning.oracles.driver import OracleDriver, Proposal, Waiting
from tuning.space.drawing import Drawing, draw
from tuning.space.recording import RecordingHyperParameters, ask_all


class Declared:
    """A model builder that asks for all of a space."""

    name = "the space"
    fixed: Any = {}  # noqa: RUF012

    def __init__(self, space: kt.HyperParameters) -> None:
        self._ask = ask_all(space)

    def ask(self, hp: RecordingHyperParameters) -> None:
        self._ask(hp)


class DrivenOracle(OracleDriver):
    def __init__(self, oracle: kt.Oracle, space: kt.HyperParameters) -> None:
        super().__init__(oracle)
        self._builder = Declared(space)

    def propose(self, *, new: bool = True) -> Proposal | Waiting | None:
        asked = self.ask(new=new)
        if not isinstance(asked, Drawing):
            return asked
        proposal = self.accept(draw(self._builder, asked, self.space).point)
        self.take(proposal.point)
        return proposal

    def adopt(self, recorded: Proposal) -> None:
        super().adopt(recorded)
        if not recorded.continues:
            self.take(recorded.point)
