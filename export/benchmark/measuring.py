"""Candidates → Benchmark: every one in a process of its own, all alive at once, and one at work at a time."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from export.artifact import REFERENCE, Artifact, Format
from export.benchmark.candidate import (
    BenchmarkedModel,
    KerasSource,
    export_candidate,
    predict_candidate,
    published_candidates,
)
from export.benchmark.machine import this_machine
from export.benchmark.messages import Inputs, LoadRequest, Prepare, Prepared
from export.benchmark.record import Benchmark
from export.benchmark.session import Session, Settings
from export.benchmark.worker_process import BenchmarkProcess, WorkerError
from export.comparison.reference import Reference, read_reference
from export.folder.manifest import Manifest
from export.folder.published_files import check_digests
from export.formats.format import facts
from export.formats.versions import installed_versions


@dataclass(frozen=True, kw_only=True)
class BenchmarkPlan:
    """What to measure of a published folder. `keras`: the model that its files were made from, to be measured too."""

    folder: Path
    manifest: Manifest
    artifacts: tuple[Artifact, ...]
    keras: KerasSource | None = None
    notes: tuple[str, ...] = ()


def measure(
    plan: BenchmarkPlan, settings: Settings, *, on_step: Callable[[str], None] = lambda step: None
) -> Benchmark:
    """Measure all candidates. One that can't be loaded, dies or hangs says so in its result, and the others continue.

    Raises VerificationError unless every published file has the bytes that the manifest names.
    """
    machine = this_machine()
    check_digests(plan.folder, plan.manifest.digests)
    reference = read_reference(plan.folder / REFERENCE)
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        served = _write_inputs(reference, plan, work)
        prepared = _prepare(plan, served, settings, work, on_step)
        sessions = _sessions(plan, served, prepared, settings)
        try:
            _take_turns(sessions, settings, on_step)
            for session in sessions:
                on_step(f"asking {session.name} all examples")
                session.finish(reference, prepared.threshold if prepared is not None else 0.0, work / "answers.npy")
        finally:
            for session in sessions:
                session.end()
        results = [session.result() for session in sessions]
    return Benchmark(
        machine=machine,
        versions=installed_versions(),
        threads=settings.threads,
        rounds=settings.rounds,
        examples=len(next(iter(reference.inputs.values()))),
        results=tuple(results),
        notes=plan.notes,
    )


def _write_inputs(reference: Reference, plan: BenchmarkPlan, work: Path) -> Inputs:
    """In the order of the served model's inputs."""
    names = tuple(spec.name for spec in plan.artifacts[0].inputs)
    paths = tuple(work / f"served_{number}.npy" for number in range(len(names)))
    for name, path in zip(names, paths, strict=True):
        np.save(path, reference.inputs[name], allow_pickle=False)
    return Inputs(names=names, paths=paths)


def _prepare(
    plan: BenchmarkPlan, served: Inputs, settings: Settings, work: Path, on_step: Callable[[str], None]
) -> Prepared | None:
    """The Keras model's own inputs and exports, None where not asked for. Where the model is not available,
    each of its rows says why."""
    if plan.keras is None:
        return None
    on_step("letting model.export write its own files")
    published = {artifact.target.format for artifact in plan.artifacts}
    formats = tuple(kind for kind in Format if kind in published and facts(kind).keras_export is not None)
    process = BenchmarkProcess(threads=settings.threads, environment=settings.environment)
    try:
        request = Prepare(source=plan.keras, inputs=served, formats=formats, folder=work)
        return process.ask(request, Prepared, limits=settings.limits)
    except WorkerError as error:
        failures = dict.fromkeys(formats, str(error))
        return Prepared(inputs=served, files={}, failures=failures, threshold=0.0, failure=str(error))
    finally:
        process.end()


def _sessions(plan: BenchmarkPlan, served: Inputs, prepared: Prepared | None, settings: Settings) -> list[Session]:
    """Every candidate; those that are compared are adjacent, so that their turns do too."""

    def session(candidate: BenchmarkedModel, inputs: Inputs, failure: str = "") -> Session:
        task = LoadRequest(
            candidate=candidate, inputs=inputs, threads=settings.threads, batches=settings.batches, keras=plan.keras
        )
        return Session(task, settings, failure=failure)

    sessions = []
    for kind in Format:
        made = [artifact for artifact in plan.artifacts if artifact.target.format is kind]
        sessions += [session(candidate, served) for candidate in published_candidates(plan.folder, made)]
        if prepared is not None and made and facts(kind).keras_export is not None:
            exported = export_candidate(kind, prepared.files.get(kind))
            sessions.append(session(exported, prepared.inputs, prepared.failures.get(kind, "")))
    if plan.keras is not None and prepared is not None:
        sessions.append(session(predict_candidate(plan.keras), prepared.inputs, prepared.failure))
    return sessions


def _take_turns(sessions: Sequence[Session], settings: Settings, on_step: Callable[[str], None]) -> None:
    """Start everybody several times, and let the last process stay; then the rounds, each in the other order."""
    for start in range(settings.starts):
        on_step(f"loading everything, {start + 1} of {settings.starts} times")
        for session in sessions:
            session.start(stays=start + 1 == settings.starts)
    for number in range(settings.rounds):
        on_step(f"round {number + 1} of {settings.rounds}")
        order = sessions if number % 2 == 0 else sessions[::-1]
        for batch in settings.batches:
            for session in order:
                session.burst(batch)
