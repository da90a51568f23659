"""Whether a run is as good as was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tuning.runs.run_record import FinalTest


def reaches(minimum_accuracy: float | None, test: FinalTest) -> bool:
    """Whether the model is as accurate as that, 0 to 1; None asks for nothing."""
    if minimum_accuracy is None:
        return True
    return test.accuracy is not None and test.accuracy >= minimum_accuracy
