"""A process that damages files and reads them as the commands do, one after the other, and says how each ended.

Reads lines `KIND SEED` and answers each with one line of JSON: `code`, which is the exit code that a command would have
had, and `said`.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import random
import shutil
import sys
from pathlib import Path

import numpy as np

from scripts import _entry
from scripts._temporary import remove_ended
from scripts.benches.damage.files import CONFIG, FILES, SPACE, Damaged, seal
from scripts.benches.hostility.goods import Goods


def prepare(goods: Goods, folder: Path) -> None:
    """Put everything that is damaged later into the folder."""
    goods.artifacts(folder)
    (folder / "run").mkdir()
    for name in ("run.json", "trials.jsonl"):
        shutil.copyfile(goods.folder / "runs" / "first" / name, folder / "run" / name)
    (folder / "space.toml").write_text(SPACE, encoding="utf-8")
    (folder / "config.toml").write_text(CONFIG, encoding="utf-8")
    images, labels = np.zeros((20, 4, 4), np.uint8), np.arange(20) % 2
    images[:, 0, 0] = np.arange(20)
    np.savez(folder / "data.npz", x_train=images, y_train=labels, x_test=images + 40, y_test=labels)


def damage_and_read(damaged: Damaged, seed: int) -> tuple[int, str]:
    """The exit code that a command would have had with the file damaged by this seed, and what it would have said."""
    path = Path(damaged.path)
    whole, manifest = path.read_bytes(), Path("artifacts/manifest.json")
    sealed = manifest.read_bytes()

    def run(arguments: argparse.Namespace) -> _entry.CommandOutcome:
        damaged.read()
        return _entry.CommandOutcome(result={})

    said = io.StringIO()
    try:
        path.write_bytes(damaged.mutate(whole, random.Random(seed)))
        if damaged.sealed:
            seal(manifest.parent, path.relative_to(manifest.parent).as_posix())
        with contextlib.redirect_stderr(said):
            code = _entry._guard(run, argparse.Namespace(json=False))
    finally:
        path.write_bytes(whole)
        manifest.write_bytes(sealed)
        remove_ended()
    return code, said.getvalue()


def serve() -> None:
    # As scripts call it.
    sys.modules["_entry"] = _entry
    # What is read may print; this is for the answers alone.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        kind, seed = line.split()
        code, said = damage_and_read(FILES[kind], int(seed))
        answers.write(json.dumps({"code": code, "said": said[-500:]}) + "\n")
        answers.flush()
