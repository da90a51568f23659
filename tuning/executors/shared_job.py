"""What all tasks of a search have in common, in a folder: pickled once, its arrays in files that workers map.

Every worker reads the same pages of memory, instead of holding a copy of its own.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FunctionType
from typing import Any

import cloudpickle
import numpy as np

from tuning.errors import InputError
from tuning.executors.interface import Workplace
from tuning.failures import describe_failure
from tuning.plugins.user_code import execute, executed_files

SMALLEST_FILE_BYTES = 1 << 16
_JOB, _FILES = "job.pickle", "user_files.pickle"


def write_job(workplace: Workplace, folder: Path) -> None:
    """Write the workplace into the empty `folder`. Raises InputError for what can't be pickled, OSError."""
    (folder / _FILES).write_bytes(pickle.dumps(executed_files()))
    factories = ", ".join(getattr(factory, "__name__", type(factory).__name__) for factory in workplace.factories)
    parts = {
        f"the model {workplace.builder.name}": workplace.builder,
        "the data": (workplace.training, workplace.validation, workplace.folds),
        f"the callbacks of {factories}": (workplace.factories, workplace.counts_macs),
    }
    with (folder / _JOB).open("wb") as file:
        pickler = _Pickler(file, folder)
        for name, part in parts.items():
            with pickler.by_value():
                try:
                    pickler.dump(part)
                except OSError:
                    raise
                # What is pickled may say in any way that it can't be.
                except Exception as error:
                    raise InputError(
                        f"{name} can't be sent to a worker process ({describe_failure(error)}): make it picklable, "
                        "or train in this process with workers=0"
                    ) from error


def read_job(folder: Path) -> Workplace:
    """The workplace, its large arrays mapped and read-only. Raises whatever a user's own lines raise."""
    for path in pickle.loads((folder / _FILES).read_bytes()):
        execute(path)
    with (folder / _JOB).open("rb") as file:
        unpickler = _Unpickler(file, folder)
        builder, (training, validation, folds), (factories, counts_macs) = (unpickler.load() for _ in range(3))
    return Workplace(
        builder=builder,
        training=training,
        validation=validation,
        factories=factories,
        counts_macs=counts_macs,
        folds=folds,
    )


class _Pickler(cloudpickle.Pickler):
    def __init__(self, file: Any, folder: Path) -> None:
        super().__init__(file)
        self._folder = folder
        self._arrays: dict[int, tuple[str, np.ndarray]] = {}
        self._modules: dict[str, bool] = {}

    def persistent_id(self, obj: Any) -> str | None:
        """The name of the file that holds a large array. A mapped one says by itself where it lies."""
        if type(obj) is not np.ndarray or obj.nbytes < SMALLEST_FILE_BYTES or obj.dtype.hasobject:
            return None
        if id(obj) not in self._arrays:
            name = f"{len(self._arrays)}.npy"
            np.save(self._folder / name, obj, allow_pickle=False)
            # Kept alive, so that no other array gets its id.
            self._arrays[id(obj)] = name, obj
        return self._arrays[id(obj)][0]

    def reducer_override(self, obj: Any) -> Any:
        name = getattr(obj, "__module__", None)
        if isinstance(obj, type | FunctionType) and isinstance(name, str) and name not in self._modules:
            travels = name in sys.modules and name != "__main__" and not _can_be_imported(name)
            self._modules[name] = travels
            if travels:
                cloudpickle.register_pickle_by_value(sys.modules[name])
        return super().reducer_override(obj)

    @contextmanager
    def by_value(self) -> Iterator[None]:
        """Afterwards, no module that a worker can't import by name is pickled by value any longer."""
        try:
            yield
        finally:
            for name in [name for name, travels in self._modules.items() if travels]:
                cloudpickle.unregister_pickle_by_value(sys.modules[name])
                del self._modules[name]


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: Any, folder: Path) -> None:
        super().__init__(file)
        self._folder = folder

    def persistent_load(self, pid: str) -> np.ndarray:
        # A plain array: to a Split, a memmap is images that do not fit into memory.
        return np.asarray(np.load(self._folder / pid, mmap_mode="r"))


def _can_be_imported(name: str) -> bool:
    """Whether another process that has this one's `sys.path` and user files finds the module by its name."""
    if name in sys.builtin_module_names:
        return True
    if str(getattr(sys.modules[name], "__file__", "")) in map(str, executed_files()):
        return True
    parent = name.rpartition(".")[0]
    path = None
    if parent:
        if parent not in sys.modules or not _can_be_imported(parent):
            return False
        path = getattr(sys.modules[parent], "__path__", None)
    finders = [finder for finder in sys.meta_path if hasattr(finder, "find_spec")]
    return any(finder.find_spec(name, path) is not None for finder in finders)
