"""The child process of the ring `isolation`: nothing but the standard library, numpy and one runtime.

Run as a file by its path, so that nothing of this project is on Python's path. It imports none of it.
"""

from __future__ import annotations

import importlib.machinery
import json
import os
import runpy
import sys
from types import ModuleType


class _Wall:
    """Finds nothing but refusals for packages that are not allowed."""

    def __init__(self, allowed: list[str]) -> None:
        self.allowed = {*allowed, *sys.stdlib_module_names}

    def find_spec(self, name: str, path: object = None, target: object = None) -> importlib.machinery.ModuleSpec | None:
        # What Python was built with lies in a module whose name depends on the platform.
        if name.partition(".")[0] in self.allowed or name.startswith("_sysconfigdata_"):
            return None
        return importlib.machinery.ModuleSpec(name, self)  # type: ignore[arg-type]

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> None:
        raise ImportError(f"{spec.name} may not be imported here")

    def exec_module(self, module: ModuleType) -> None:
        raise ImportError(f"{module.__name__} may not be imported here")


def main() -> None:
    """Arguments: the format's file `alone.py`, JSON list of the packages allowed.

    Each line of standard input is a JSON list: file, npz file of inputs, npz file for the answers; each is answered
    with a line. An error ends the process.
    """
    program, allowed = sys.argv[1:]
    sys.meta_path.insert(0, _Wall(json.loads(allowed)))
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # What a runtime prints must not get between the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    import numpy as np

    answer = runpy.run_path(program)["answer"]
    for line in sys.stdin:
        path, inputs_path, answers_path = json.loads(line)
        with np.load(inputs_path, allow_pickle=False) as archive:
            inputs = {name: archive[name] for name in archive.files}
        np.savez(answers_path, **answer(path, inputs))
        print("done", file=answers, flush=True)


if __name__ == "__main__":
    main()
