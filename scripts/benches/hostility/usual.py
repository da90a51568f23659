"""What the commands hold of memory on right things: an attack may add a little to it, not more."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from scripts.benches.hostility.case import CasePlace
from scripts.benches.hostility.goods import TUNE, Goods
from scripts.benches.hostility.running import as_command, environment_of, make_base
from scripts.benches.hostility.watching import CommandLimits, watch

PATIENT = CommandLimits(seconds=300.0, mebibytes=4096.0)


def _verify(place: CasePlace) -> Sequence[str]:
    place.goods.artifacts(place.folder)
    return ["verify.py", "artifacts"]


def _benchmark(place: CasePlace) -> Sequence[str]:
    place.goods.artifacts(place.folder)
    return ["benchmark.py", "artifacts", "--repeats", "3"]


def _predict(place: CasePlace) -> Sequence[str]:
    from PIL import Image

    place.goods.artifacts(place.folder)
    picture = Image.new("L", (28, 28))
    picture.paste(255, (12, 4, 16, 24))
    picture.save(place.folder / "one.png")
    return ["predict.py", "one.png", "--artifacts", "artifacts"]


def _export(place: CasePlace) -> Sequence[str]:
    place.goods.runs(place.folder)
    return ["export.py", "--run", "first"]


def _tune(place: CasePlace) -> Sequence[str]:
    return TUNE


def _train(place: CasePlace) -> Sequence[str]:
    return ["train.py", "--run", "one", "--dataset", "digits", "--epochs", "1", "--set", "dropout=0"]


RIGHT: Mapping[str, Callable[[CasePlace], Sequence[str]]] = {
    "verify.py": _verify,
    "predict.py": _predict,
    "export.py": _export,
    "benchmark.py": _benchmark,
    "tune.py": _tune,
    "train.py": _train,
}


def measure_usual(goods: Goods, scripts: Sequence[str] = tuple(RIGHT)) -> dict[str, float]:
    """MiB that each script holds at most, with all its processes, on right things.

    Raises ValueError where a script fails on them.
    """
    found = {}
    for script in scripts:
        with tempfile.TemporaryDirectory() as work:
            base = make_base(Path(work).resolve())
            words = RIGHT[script](CasePlace(folder=base / "folder", goods=goods))
            ended = watch(as_command(words), folder=base / "folder", environment=environment_of(base), limits=PATIENT)
            if ended.done.returncode:
                raise ValueError(f"{' '.join(words)} fails on right things: {ended.done.stderr[-500:]}")
            found[script] = ended.mebibytes
    return found
