"""How arrays of examples are read: what a run has to remember so that it finds the same data again."""

from __future__ import annotations

from dataclasses import dataclass

from tuning.errors import InputError
from tuning.files.json_record import JsonRecord

AUTO, CLASSES, NUMBERS = "auto", "classes", "numbers"
LABEL_KINDS = (AUTO, CLASSES, NUMBERS)


@dataclass(frozen=True, kw_only=True)
class ArrayOptions(JsonRecord):
    """What decides, beside the arrays, which examples they give.

    `seed` chooses the test examples where none are given. `labels`: whether they are classes or numbers to predict,
    one of `LABEL_KINDS`. `is_strict`: only `x_train`, `y_train` and so on are read, floating-point labels are numbers
    to predict, and nothing is set apart: all that runs could do that recorded no options. Raises InputError for a
    kind that is none.
    """

    seed: int = 0
    labels: str = AUTO
    is_strict: bool = False

    def __post_init__(self) -> None:
        if self.labels not in LABEL_KINDS:
            raise InputError(f"labels must be one of {', '.join(LABEL_KINDS)}, got {self.labels}")


DEFAULT = ArrayOptions()
STRICT = ArrayOptions(is_strict=True)
"""Of a run that recorded no options."""
