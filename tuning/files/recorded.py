"""What a run's JSON files hold: objects that say, in one sentence, what they lack or hold in another form."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from tuning.errors import InputError
from tuning.files.bounded_files import holds_null
from tuning.files.field_types import require_kind

RESTORE = "restore it or start a new run"

_FIELDS = {
    "command": "str",
    "status": "str",
    "finished_at": "str",
    "seed": "int",
    "options": "Mapping",
    "options.model": "str | None",
    "options.pixel_scale": "str | None",
    "options.batch_size": "str | None",
    "options.space": "Mapping | str | None",
    "options.class_weight": "str | None",
    "options.callback": "texts | None",
    "options.retrain_with": "str | None",
    "dataset": "Mapping",
    "dataset.name": "str",
    "dataset.path": "str | None",
    "dataset.folder": "Mapping | None",
    "dataset.folder.path": "str",
    "dataset.folder.image_size": "list | None",
    "dataset.folder.seed": "int",
    "dataset.folder.skip_corrupt": "bool",
    "dataset.arrays": "Mapping | None",
    "dataset.arrays.seed": "int",
    "dataset.arrays.labels": "str",
    "dataset.arrays.is_strict": "bool",
    "dataset.digest": "str",
    "dataset.fallback_reason": "str | None",
    "dataset.class_names": "texts",
    "dataset.validation": "int",
    "model": "Mapping | None",
    "model.source": "str | None",
    "model.digest": "str | None",
    "model.pixel_scale": "list | None",
    "model.kind": "str",
    "config": "Mapping",
    "config.algorithm": "str",
    "config.max_trials": "int",
    "config.epochs": "int",
    "config.min_epochs": "int",
    "config.max_parameters": "int | None",
    "config.finalists": "int",
    "config.repeats": "int",
    "config.workers": "int | None",
    "config.trial_timeout": "str | None",
    "config.tensorboard": "bool",
    "config.budget": "str",
    "config.seed": "int",
    "config.baselines": "bool",
    "config.objective": "str",
    "config.model": "str | None",
    "config.pixel_scale": "str | None",
    "config.batch_size": "str | None",
    "config.class_weight": "str | None",
    "config.callback": "texts",
    "config.retrain_with": "str | None",
    "config.space": "Mapping",
    "config.searched": "Mapping",
    "config.searched.max_trials": "int",
    "config.searched.budget": "str",
    "config.searched.stopped_by": "str",
    "config.searched.repeats_left": "int",
    "config.baseline": "str | None",
    "config.plan": "Mapping",
    "selection": "Mapping | None",
    "winner": "Mapping | None",
    "winner.trial_id": "str | None",
    "winner.hyperparameters": "Mapping",
    "winner.val_loss": "float | None",
    "winner.val_accuracy": "float | None",
    "winner.parameters": "int",
    "test": "Mapping | None",
    "test.accuracy": "float | None",
    "test.ci95": "list | None",
    "test.looks": "int",
    "seconds": "Mapping",
    "seconds.search": "float",
    "seconds.retrain": "float",
}
"""Places in run.json → what a value there must be, where there is one."""


class Recorded(dict[str, Any]):
    """A JSON object of a file. A key that it lacks raises InputError, naming the file and the place."""

    # Copies of it, which Python makes of the pairs alone, name no file.
    _path, _place = Path("the record"), ""

    @classmethod
    def of(cls, values: Mapping[str, Any], *, path: Path, place: str = "") -> Recorded:
        """The object of that file, and all objects in it."""
        made = cls(
            {
                key: cls.of(value, path=path, place=f"{place}{key}.") if isinstance(value, dict) else value
                for key, value in values.items()
            }
        )
        made._path, made._place = path, place
        return made

    def __missing__(self, key: str) -> NoReturn:
        raise InputError(f"{self._path} lacks {self._place}{key}: {RESTORE}")


def check_run(record: Mapping[str, Any], path: Path) -> None:
    """Raise InputError for a value in run.json of a kind that no run writes."""
    if holds_null(record):
        raise InputError(f"{path} is not the record of a run (a text in it holds a null character): {RESTORE}")
    for place, kind in _FIELDS.items():
        *outer, name = place.split(".")
        inside: Any = record
        for key in outer:
            inside = inside.get(key) if isinstance(inside, Mapping) else None
        if isinstance(inside, Mapping) and name in inside:
            try:
                require_kind(place, inside[name], kind)
            except TypeError as error:
                raise InputError(f"{path} is not the record of a run ({error}): {RESTORE}") from error
