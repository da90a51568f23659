"""The check at every export that its verification can fail: faults planted in the written bytes must be seen.

They are planted in a copy of the file, where they matter most, and judged as the file itself was.
"""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from export.artifact import Artifact, digest_tree
from export.comparison.output_parity import OutputParity
from export.comparison.parity import Parity
from export.comparison.reference import Reference
from export.errors import VerificationError
from export.formats.format import facts
from export.formats.weights import Values, Weight, read_weights, write_weights
from export.sensitivity.changes import flip_sign, scale_channel, strongest_channel, strongest_values

Judge = Callable[[Path, Artifact, Reference], Parity | OutputParity]
"""Runs the artifact in that folder on the reference's inputs and compares the answers, as its verification does.

Raises VerificationError for a file that can't be run or compared.
"""

PLANTED_SIZE = 0.01
CANDIDATES, FEW_CANDIDATES = 8, 3
"""Weights among which the most influential one is sought."""
CONFIRMATIONS, FEW_CONFIRMATIONS = 6, 3
"""Runs at most that narrow down the smallest fault that is seen."""
SIGNS = 8
"""Weights at most whose signs are flipped, one after the other: one that belongs to a unit that is silent on all images
changes no answer, so there is nothing to be seen."""
LARGE = 10 * 2**20
"""Bytes from which a file is large. It is opened for each fault, and so few are tried, as in a SavedModel, which takes
long to open whatever its size."""
CLOSE_ENOUGH = 1.15
FEWEST_EXAMPLES, MOST_EXAMPLES, SHARE = 200, 1000, 20
"""A twentieth of the examples is used, so that some twenty runs cost no more than the verification did."""

SCALED, FLIPPED, ZEROED = "channel × 1.01", "sign of its strongest weight flipped", "channel zeroed"


@dataclass(frozen=True, kw_only=True)
class Sight:
    """What the judge made of a planted fault.

    `seen`: the file was refused because a number lies outside of its limit. That a label changed is not enough: where
    two classes are as good as equally likely, as for all images of a nearly uniform model, it changes by chance.
    `difference`: by how much the answers moved at most; None if they could not even be compared. `times_limit`: the
    same in units of what is allowed; infinite if not to be compared.
    """

    seen: bool
    difference: float | None
    times_limit: float


@dataclass(frozen=True, kw_only=True)
class Sensitivity:
    """What the verification of a file sees.

    `weight`: the most influential one, by its name in the file; None if the file holds no weights. `faults`: what was
    planted in its strongest channel. `smallest_seen`: the smallest relative change of that channel that was planted
    and seen; None if `channel × 1.01` was not.
    """

    file: str
    weight: str | None
    faults: Mapping[str, Sight]
    smallest_seen: float | None
    examples: int
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether every fault was seen; a file without weights has none that could be missed."""
        return all(sight.seen for sight in self.faults.values())

    @property
    def sentence(self) -> str:
        """What was found, and what to do if a fault went undetected."""
        if self.weight is None:
            return f"{self.file} holds no weights, so no fault can be planted in them"
        missed = [name for name, sight in self.faults.items() if not sight.seen]
        if not missed:
            return f"in {self.file} a channel of {self.weight} that is wrong by {self.smallest_seen:.1e} is seen"
        moved = max(sight.difference or 0.0 for name, sight in self.faults.items() if name in missed)
        return (
            f"the sensitivity check of {self.file} failed: an injected fault in its most influential weight "
            f"{self.weight} ({', '.join(missed)}) moved the answers by only {moved:.1e} and went undetected; train the "
            "model until it answers different images differently, or give images on which it does"
        )

    def as_json(self) -> dict[str, Any]:
        """What `parity.json` holds of it."""
        return {
            "file": self.file,
            "weight": self.weight,
            "examples": self.examples,
            "faults": {
                name: {"seen": sight.seen, "difference": sight.difference} for name, sight in self.faults.items()
            },
            "smallest_seen": self.smallest_seen,
            "passed": self.passed,
            "seconds": self.seconds,
        }


def measure_sensitivity(folder: Path, artifact: Artifact, reference: Reference, *, judge: Judge) -> Sensitivity:
    """Plant faults in a copy of the artifact, which lies in `folder` and has to be float32, and see whether they are
    seen.

    Part of the reference is enough: what is seen on some examples is seen on all. Raises ValueError if the file is not
    accepted as it is, since nothing could be learnt then.
    """
    began = time.perf_counter()
    kind, file = artifact.target.format, artifact.target.file
    with tempfile.TemporaryDirectory() as work:
        path = Path(work) / file
        if (folder / file).is_dir():
            shutil.copytree(folder / file, path)
        else:
            shutil.copyfile(folder / file, path)
        weights = read_weights(kind, path)
        part = _find_accepted(Path(work), artifact, reference, judge)
        faults: dict[str, Sight] = {}
        smallest, name = None, None

        def plant(of: str, values: Values) -> Sight:
            write_weights(kind, path, {of: values})
            planted = dataclasses.replace(artifact, files=digest_tree(Path(work), file))
            sight = _look(Path(work), planted, part, judge)
            write_weights(kind, path, {of: weights[of].values})
            return sight

        if weights:
            is_slow = facts(kind).is_slow or artifact.size_bytes >= LARGE
            count = FEW_CANDIDATES if is_slow else CANDIDATES
            tried = {of: plant(of, _scale(weights[of], PLANTED_SIZE)) for of in _candidates(weights, count)}
            name = max(tried, key=lambda of: tried[of].times_limit)
            weight = weights[name]
            channel = strongest_channel(weight)
            faults = {
                SCALED: tried[name],
                FLIPPED: _first_seen(
                    plant(name, flip_sign(weight, number)) for number in strongest_values(weight, channel, SIGNS)
                ),
                ZEROED: plant(name, scale_channel(weight, channel, 0.0)),
            }
            if tried[name].seen:
                runs = FEW_CONFIRMATIONS if is_slow else CONFIRMATIONS
                smallest = _smallest_seen(lambda size: plant(name, _scale(weight, size)), tried[name], runs=runs)
    return Sensitivity(
        file=file,
        weight=name,
        faults=faults,
        smallest_seen=smallest,
        examples=len(next(iter(part.inputs.values()))),
        seconds=time.perf_counter() - began,
    )


def times_limit(parity: Parity | OutputParity) -> float:
    """The largest difference in units of what its tolerance allows."""
    if isinstance(parity, OutputParity):
        pairs = [(found.max_abs_error, found.limit) for found in parity.outputs]
    else:
        allowed = parity.tolerance
        pairs = [(parity.max_abs_error, allowed.probability)]
        if allowed.logit is not None:
            pairs.append((parity.max_logit_error, allowed.logit * max(1.0, parity.largest_logit)))
    return max(error / limit if limit else np.inf * error if error else 0.0 for error, limit in pairs)


def part_of(reference: Reference, count: int) -> Reference:
    """About `count` of the reference's examples, evenly spread, and those that its tolerances are measured by.

    Tolerances grow with the largest value of an output, for probabilities with the largest |log p|: with these
    examples in it, the part is judged by the same limits as the whole, and so no more severely.
    """
    total = len(next(iter(reference.inputs.values())))
    chosen = set(np.linspace(0, total - 1, min(count, total)).astype(int))
    for values in reference.outputs.values():
        rows = np.abs(values.astype(np.float64)).reshape(total, -1)
        chosen |= {int(rows.max(axis=1).argmax()), int(rows.min(axis=1).argmin())}
    at = np.array(sorted(chosen))
    return Reference(
        inputs={name: array[at] for name, array in reference.inputs.items()},
        outputs={name: array[at] for name, array in reference.outputs.items()},
        labels=None if reference.labels is None else reference.labels[at],
    )


def _find_accepted(folder: Path, artifact: Artifact, reference: Reference, judge: Judge) -> Reference:
    """The smallest part of the reference on which the file passes as it is."""
    total = len(next(iter(reference.inputs.values())))
    count = min(max(total // SHARE, FEWEST_EXAMPLES), MOST_EXAMPLES)
    for part in (part_of(reference, count), reference):
        if judge(folder, artifact, part).passed:
            return part
    raise ValueError(f"{artifact.target.file} must pass its verification before faults are planted in it")


def _look(folder: Path, artifact: Artifact, reference: Reference, judge: Judge) -> Sight:
    try:
        parity = judge(folder, artifact, reference)
    except VerificationError:
        return Sight(seen=True, difference=None, times_limit=np.inf)
    difference, ratio = float(parity.as_json()["max_abs_error"]), times_limit(parity)
    return Sight(seen=not parity.passed and ratio > 1, difference=difference, times_limit=ratio)


def _first_seen(sights: Iterator[Sight]) -> Sight:
    """The first fault that was seen; the last one if none was."""
    sight = next(sights)
    while not sight.seen:
        following = next(sights, None)
        if following is None:
            break
        sight = following
    return sight


def _candidates(weights: Mapping[str, Weight], count: int) -> list[str]:
    """Kernels spread over the model, the first and the last among them; other weights where there are no kernels."""
    kernels = [name for name, weight in weights.items() if weight.values.size > weight.channels > 1]
    names = kernels if kernels else list(weights)
    return [names[at] for at in dict.fromkeys(np.linspace(0, len(names) - 1, count).astype(int))]


def _scale(weight: Weight, size: float) -> Values:
    return scale_channel(weight, strongest_channel(weight), 1 + size)


def _smallest_seen(plant: Callable[[float], Sight], first: Sight, *, runs: int) -> float:
    """The smallest size of a fault that `plant` shows to be seen, within 15 % if that many runs are enough.

    The effect grows nearly in proportion to the size, which shows where to look next.
    """
    size, sight, seen, missed = PLANTED_SIZE, first, PLANTED_SIZE, 0.0
    for _ in range(runs):
        if missed and seen <= CLOSE_ENOUGH * missed:
            break
        foreseen = 1.05 * size / min(sight.times_limit, 1e4) if sight.times_limit else 0.0
        between = float(np.sqrt(missed * seen)) if missed else seen / 2
        size = foreseen if missed < foreseen < seen else between
        sight = plant(size)
        if sight.seen:
            seen = size
        else:
            missed = size
    return seen
