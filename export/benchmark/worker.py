"""The process that is measured: serves requests over a pipe, one request at a time, and ends with the pipe."""

from __future__ import annotations

import gc
import itertools
import pickle
import time
from collections.abc import Sequence
from typing import BinaryIO

import numpy as np

from export.benchmark.callables import Call, Loaded, load_file, load_predict
from export.benchmark.memory import peak_memory_bytes
from export.benchmark.messages import (
    Burst,
    Failed,
    Finish,
    LoadRequest,
    Opened,
    PeakMemory,
    Prepare,
    Reply,
    Request,
    Timed,
)
from export.errors import InputError, VerificationError

FEWEST_CALLS, MOST_CALLS = 7, 400
BURST_SECONDS, LONGEST_BURST_SECONDS = 0.15, 3.0
"""A burst has its fewest calls, and continues up to its seconds or its most calls; slow calls end it at the longest."""
WARM_UP_CALLS, WARM_UP_SECONDS = 5, 0.3
ANSWERED_AT_ONCE = 250


class MeasuredModel:
    """One candidate, opened."""

    def __init__(self, request: LoadRequest) -> None:
        self._stored = [np.load(path, mmap_mode="r") for path in request.inputs.paths]
        self._batches = {batch: _batch_of(self._stored, batch) for batch in request.batches}
        one = _batch_of(self._stored, 1)
        memory = peak_memory_bytes()
        loaded = _load(request, self._stored)
        self._call: Call = loaded.call
        start = time.perf_counter()
        self._call(one)
        called = time.perf_counter()
        for arrays in self._batches.values():
            _warm_up(self._call, arrays)
        self.opened = Opened(
            import_seconds=loaded.import_seconds,
            open_seconds=loaded.open_seconds,
            first_call_seconds=called - start,
            warm_up_seconds=time.perf_counter() - called,
            memory_before_bytes=memory,
        )

    def burst(self, batch: int) -> Timed:
        return Timed(calls=time_calls(self._call, self._batches[batch]))

    def finish(self, request: Finish) -> PeakMemory:
        finished = PeakMemory(peak_memory_bytes=peak_memory_bytes())
        if request.answers is not None:
            count = len(self._stored[0])
            parts = [
                self._call([np.array(array[at : at + ANSWERED_AT_ONCE]) for array in self._stored])
                for at in range(0, count, ANSWERED_AT_ONCE)
            ]
            np.save(request.answers, np.concatenate(parts), allow_pickle=False)
        return finished


def time_calls(call: Call, arrays: Sequence[np.ndarray]) -> tuple[int, ...]:
    """Nanoseconds of each of several calls in a row, after one that is not timed: it finds the processor's caches as
    another process left them. The garbage collector waits, as in `timeit`."""
    call(arrays)
    gc.collect()
    gc.disable()
    try:
        times: list[int] = []
        start = time.perf_counter()
        while len(times) < MOST_CALLS:
            before = time.perf_counter_ns()
            call(arrays)
            # A coarse clock may say 0, which nothing can be divided by.
            times.append(max(time.perf_counter_ns() - before, 1))
            elapsed = time.perf_counter() - start
            if elapsed > LONGEST_BURST_SECONDS or (len(times) >= FEWEST_CALLS and elapsed > BURST_SECONDS):
                break
    finally:
        gc.enable()
    return tuple(times)


def serve(requests: BinaryIO, replies: BinaryIO) -> None:
    """Answer every request with a reply until the pipe ends."""
    measured: MeasuredModel | None = None
    while True:
        try:
            request: Request = pickle.load(requests)
        except EOFError:
            return
        reply: Reply
        try:
            if isinstance(request, LoadRequest):
                measured = MeasuredModel(request)
                reply = measured.opened
            elif isinstance(request, Prepare):
                from export.benchmark.keras_model import prepare

                reply = prepare(request)
            elif measured is None:
                raise ValueError(f"nothing was opened yet that {type(request).__name__} could be about")
            elif isinstance(request, Burst):
                reply = measured.burst(request.batch)
            else:
                reply = measured.finish(request)
        except (InputError, VerificationError) as error:
            reply = Failed(reason=str(error))
        # A runtime may fail in any way on a file that is not its exporter's best; the other candidates continue.
        except Exception as error:  # noqa: BLE001 reported in the candidate's row
            reply = Failed(reason=f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")
        pickle.dump(reply, replies)
        replies.flush()


def _load(request: LoadRequest, stored: Sequence[np.ndarray]) -> Loaded:
    if request.candidate.format is not None:
        return load_file(request.candidate, request.inputs.names, threads=request.threads)
    if request.keras is None:
        raise ValueError(f"{request.candidate.name} needs the Keras model that it is about")
    return load_predict(request.keras, dict(zip(request.inputs.names, stored, strict=True)), threads=request.threads)


def _batch_of(stored: Sequence[np.ndarray], batch: int) -> list[np.ndarray]:
    """The first `batch` examples, in memory; too few are repeated."""
    return [np.array(array[np.arange(batch) % len(array)]) for array in stored]


def _warm_up(call: Call, arrays: Sequence[np.ndarray]) -> None:
    start = time.perf_counter()
    for number in itertools.count():
        call(arrays)
        elapsed = time.perf_counter() - start
        if elapsed > LONGEST_BURST_SECONDS or (number + 1 >= WARM_UP_CALLS and elapsed > WARM_UP_SECONDS):
            return
