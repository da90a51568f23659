"""A candidate → one call that answers a batch, in the process that is measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from export.artifact import Format, Target
from export.benchmark.candidate import BenchmarkedModel, Exporter, KerasSource
from export.formats.format import facts, load_part
from export.formats.runtime import load
from export.formats.structure import require_safe

Call = Callable[[Sequence[np.ndarray]], np.ndarray]
"""(batch, …) arrays in the order of the inputs → the first output, (batch, …)."""


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A candidate ready to answer, and the seconds that importing its runtime and opening its file took."""

    call: Call
    import_seconds: float
    open_seconds: float


def load_file(candidate: BenchmarkedModel, names: Sequence[str], *, threads: int) -> Loaded:
    """A file in its runtime. `names`: of the inputs that it will be given, in their order.

    Raises InputError if the runtime is missing or can't open it, ValueError if it takes other inputs.
    """
    kind = candidate.format
    if kind is None:
        raise ValueError(f"{candidate.path} is no file of a runtime but a Keras model")
    # The measured time is the runtime's alone.
    if candidate.maker is Exporter.PUBLISHED:
        require_safe(kind, candidate.path)
    start = time.perf_counter()
    runtime = load_part(kind, "runtime")
    belongs_to_process = facts(kind).unoptimized is None
    if belongs_to_process:
        runtime.limit_threads(threads)
    imported = time.perf_counter()
    model = load(
        Target(format=kind, variant=candidate.variant),
        candidate.path,
        threads=None if belongs_to_process else threads,
    )
    opened = time.perf_counter()
    order = fitting_names([spec.name for spec in model.inputs], names)
    # Without the checks of `model.answer`: it is the runtime that is measured.
    run, first = model.backend.run, model.outputs[0].name

    def call(arrays: Sequence[np.ndarray]) -> np.ndarray:
        return run(dict(zip(order, arrays, strict=True)))[first]

    return Loaded(call=call, import_seconds=imported - start, open_seconds=opened - imported)


def load_predict(source: KerasSource, examples: Mapping[str, np.ndarray], *, threads: int) -> Loaded:
    """The Keras model behind `model.predict`. `examples`: of its own inputs, by name.

    Raises InputError if it can't be loaded.
    """
    start = time.perf_counter()
    from export.benchmark.keras_model import load_own, nest

    load_part(Format.SAVED_MODEL, "runtime").limit_threads(threads)
    imported = time.perf_counter()
    model, structure = load_own(source, examples)
    opened = time.perf_counter()

    def call(arrays: Sequence[np.ndarray]) -> np.ndarray:
        answer: Any = model.predict(nest(structure, arrays), batch_size=len(arrays[0]), verbose=0)
        while not isinstance(answer, np.ndarray):
            answer = next(iter(answer.values())) if isinstance(answer, dict) else answer[0]
        return answer

    return Loaded(call=call, import_seconds=imported - start, open_seconds=opened - imported)


def fitting_names(wanted: Sequence[str], given: Sequence[str]) -> list[str]:
    """What a file calls the inputs that are given, in the order in which they are: by name, or by order where a file
    has names of its own. Raises ValueError for another number of them."""
    if len(wanted) != len(given):
        raise ValueError(f"it has the inputs {', '.join(wanted)} but must have {', '.join(given)}")
    return list(given) if set(wanted) == set(given) else list(wanted)
