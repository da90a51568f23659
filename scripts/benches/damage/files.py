"""Files that are read by the commands, how each is damaged, and what reads it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from scripts.benches.damage.mutating import Mutate, mutate_json, mutate_lines, mutate_model, mutate_npz, mutate_toml

LONGEST_SECONDS, MOST_BYTES = 8.0, 2 << 30
SPACE = """
num_blocks = 1
num_filters_1 = [8, 12, 16]
padding = "valid"
dropout = 0.0
dense_units = {low = 0, high = 32, step = 32}
learning_rate = {low = 0.003, high = 0.02, log = true}
"""
CONFIG = """
max-trials = 20
epochs = 3
budget = "10m"
dataset = "digits"
seed = 0
callback = ["a.py:a", "b.py:b"]
baselines = true

[space]
dropout = [0.0, 0.5]
"""


@dataclass(frozen=True, kw_only=True)
class Damaged:
    """`path`: of the file, below the folder of a child. `read`: what a command does with it, from that folder.

    `sealed`: the manifest is made to fit the damaged file, so that the damage is reached. `share` of all mutations.
    """

    path: str
    mutate: Mutate
    read: Callable[[], object]
    share: float
    sealed: bool = False


def _read_published() -> None:
    from export.errors import VerificationError
    from export.verification import first_failing_ring

    failing = first_failing_ring(Path("artifacts"), formats=[])
    if failing is not None:
        raise VerificationError(failing)


def _read_run() -> None:
    from tuning.runs.run_folder import RunFolder

    RunFolder(path=Path("run")).read()


def _read_journal() -> None:
    from tuning.loop.journal import Journal

    journal = Journal(Path("run/trials.jsonl"))
    journal.trials()
    journal.read()


def _read_space() -> None:
    from tuning.files.bounded_files import read_toml
    from tuning.space.space_file import ranges_from

    ranges_from(read_toml(Path("space.toml")))


def _read_config() -> None:
    from scripts import tune
    from scripts.options.config_file import with_config

    with_config(tune.build_parser(), ["--config", "config.toml"])


def _read_data() -> None:
    from tuning.data.sources.paths.npz import load_npz

    load_npz(Path("data.npz"))


def _answer(kind: str, name: str) -> Callable[[], None]:
    """Judge the file, and let it answer if it may be opened, as `predict.py` does."""

    def answer() -> None:
        from export.apart.limits import Limits
        from export.artifact import Format, Target, Variant
        from export.predicting import predict_apart

        limits = Limits(seconds=LONGEST_SECONDS, memory_bytes=MOST_BYTES)
        inputs = {"image": np.zeros((2, 28, 28, 1), np.uint8)}
        target = Target(format=Format(kind), variant=Variant.FLOAT32)
        predict_apart(target, Path("artifacts") / name, inputs, limits=limits)

    return answer


FILES: dict[str, Damaged] = {
    "manifest": Damaged(path="artifacts/manifest.json", mutate=mutate_json, read=_read_published, share=0.2),
    "parity": Damaged(path="artifacts/parity.json", mutate=mutate_json, read=_read_published, share=0.1, sealed=True),
    "reference": Damaged(
        path="artifacts/reference.npz", mutate=mutate_npz, read=_read_published, share=0.15, sealed=True
    ),
    "run": Damaged(path="run/run.json", mutate=mutate_json, read=_read_run, share=0.1),
    "journal": Damaged(path="run/trials.jsonl", mutate=mutate_lines, read=_read_journal, share=0.05),
    "space": Damaged(path="space.toml", mutate=mutate_toml, read=_read_space, share=0.1),
    "config": Damaged(path="config.toml", mutate=mutate_toml, read=_read_config, share=0.05),
    "data": Damaged(path="data.npz", mutate=mutate_npz, read=_read_data, share=0.1),
    "onnx": Damaged(path="artifacts/model.onnx", mutate=mutate_model, read=_answer("onnx", "model.onnx"), share=0.075),
    "tflite": Damaged(
        path="artifacts/model.tflite", mutate=mutate_model, read=_answer("tflite", "model.tflite"), share=0.075
    ),
}


def seal(folder: Path, path: str) -> None:
    """Let the manifest in `folder` fit the file at `path`, which lies below it."""
    manifest = folder / "manifest.json"
    digest = hashlib.sha256((folder / path).read_bytes()).hexdigest()
    data: dict[str, Any] = json.loads(manifest.read_text(encoding="utf-8"))
    for files in (data["files"], *(artifact["files"] for artifact in data["artifacts"])):
        if path in files:
            files[path] = digest
    manifest.write_text(json.dumps(data), encoding="utf-8")
