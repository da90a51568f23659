"""What several files of one model are written from, made once and shared."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from export.arrays import Arrays

if TYPE_CHECKING:
    from export.model.serving import ServingModel

_Made = TypeVar("_Made")


class ModelSource:
    """The model on its way into files; to be used as `with open_source(…) as source`.

    `calibration`: training examples by the names of the inputs, (examples, …) each, from which integer arithmetic gets
    its ranges; None where no file needs them.
    """

    def __init__(self, serving: ServingModel, folder: Path, *, opset: int, calibration: Arrays | None) -> None:
        self.serving = serving
        self.opset = opset
        self.calibration = calibration
        self.folder = folder
        self._made: dict[Callable[[ModelSource], Any], Any] = {}

    def once(self, make: Callable[[ModelSource], _Made]) -> _Made:
        """What `make` makes of the model, made once for all files. `folder`: where it may put temporary files."""
        if make not in self._made:
            self._made[make] = make(self)
        made: _Made = self._made[make]
        return made


@contextlib.contextmanager
def open_source(serving: ServingModel, *, opset: int, calibration: Arrays | None = None) -> Iterator[ModelSource]:
    """A source whose temporary files are gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        yield ModelSource(serving, Path(folder), opset=opset, calibration=calibration)
