"""Damaged files of every kind that a command reads, by a seed: refused in a sentence, or right all the same.

Each is read as the commands do, in processes that are watched: exit code 0, 1 or 2, no traceback, no crash, no hang,
and nothing written elsewhere. Exits with 1 if anything else came of one.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent.parent
if __name__ == "__main__":
    sys.path[0] = str(SCRIPTS.parent)

from scripts.benches.hostility.goods import Goods, make_goods  # noqa: E402 the path comes first
from scripts.benches.hostility.running import environment_of, make_base  # noqa: E402
from scripts.benches.hostility.snapshot import differences, snapshot  # noqa: E402

LONGEST_SECONDS = 20.0
PER_CHILD = 500
_PROGRAM = "import sys; sys.path.insert(0, {root!r}); from scripts.benches.damage.child import serve; serve()"
Task = tuple[str, int]


@dataclass(frozen=True, kw_only=True)
class Read:
    """What came of one damaged file. `fault`: what is wrong with that; empty if nothing is."""

    kind: str
    seed: int
    code: int | None = None
    fault: str = ""


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench mutations", description=__doc__)
    parser.add_argument("--count", type=int, default=20_000, metavar="N", help="default: %(default)d")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the first (default: 0)")
    parser.add_argument("--kind", action="append", default=[], help="repeatable; default: all")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="default: one a processor")
    parser.add_argument("--goods", type=Path, metavar="DIR", help="keep the right things there, and use them again")
    arguments = parser.parse_args()
    from scripts.benches.damage.files import FILES

    if set(arguments.kind) - set(FILES) or arguments.count < 1 or arguments.jobs < 1:
        parser.error(f"--kind is one of {', '.join(FILES)}; --count and --jobs are 1 or more")
    shares = {kind: FILES[kind].share for kind in arguments.kind or FILES}
    with tempfile.TemporaryDirectory() as work:
        goods = make_goods((arguments.goods or Path(work) / "goods").resolve())
        chunks = list(_chunks(shares, arguments.count, arguments.seed))
        with ThreadPoolExecutor(arguments.jobs) as pool:
            found = [read for chunk in pool.map(lambda chunk: read_all(chunk, goods), chunks) for read in chunk]
    for read in found:
        if read.fault:
            print(f"{read.kind} {read.seed}: {read.fault}")
    counts = Counter((read.kind, read.code) for read in found)
    for kind in shares:
        codes = ", ".join(f"{counts[kind, code]} with {code}" for code in (0, 1, 2))
        print(f"{kind:<10} {sum(read.kind == kind for read in found):>6}: {codes}")
    faults = sum(bool(read.fault) for read in found)
    print(f"{len(found)} damaged files, {faults} not as expected")
    return 1 if faults else 0


def _chunks(shares: dict[str, float], count: int, seed: int) -> Iterator[list[Task]]:
    total = sum(shares.values())
    for kind, share in shares.items():
        seeds = range(seed, seed + max(1, round(count * share / total)))
        for start in range(0, len(seeds), PER_CHILD):
            yield [(kind, each) for each in seeds[start : start + PER_CHILD]]


def read_all(tasks: Sequence[Task], goods: Goods, *, seconds: float = LONGEST_SECONDS) -> list[Read]:
    """Damage and read all of them, in as many processes as it takes."""
    from scripts.benches.damage.child import prepare

    found: list[Read] = []
    while len(found) < len(tasks):
        with tempfile.TemporaryDirectory() as work:
            base = make_base(Path(work).resolve())
            prepare(goods, base / "folder")
            before = snapshot(base)
            found += _read_until_one_ends_it(tasks[len(found) :], base, seconds)
            # An internal error leaves its traceback there, and is a fault already.
            changed = [each for each in differences(before, snapshot(base)) if not _is_known(each)]
            if changed:
                kind, seed = tasks[len(found) - 1]
                found[-1] = Read(kind=kind, seed=seed, fault=f"up to this one: {'; '.join(changed[:5])}")
    return found


def _is_known(change: str) -> bool:
    # Of a killed process its file stays damaged; libraries keep files of their own in a home.
    return change.startswith(("tmp/keras-tune-export-", "folder/artifacts/", "folder/run", "home/"))


def _read_until_one_ends_it(tasks: Sequence[Task], base: Path, seconds: float) -> Iterator[Read]:
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM.format(root=str(SCRIPTS.parent))],
        cwd=base / "folder",
        env=environment_of(base),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        for number, (kind, seed) in enumerate(tasks):
            process.stdin.write(f"{kind} {seed}\n")
            process.stdin.flush()
            # The first one waits for what has to be imported.
            ready, _, _ = select.select([process.stdout], [], [], seconds * (3 if number == 0 else 1))
            answer = process.stdout.readline() if ready else ""
            if not answer:
                process.kill()
                code = process.wait()
                yield Read(kind=kind, seed=seed, fault=f"its process crashed ({code})" if ready else "it hangs")
                return
            reply = json.loads(answer)
            right = reply["code"] in (0, 1, 2) and "Traceback" not in reply["said"]
            fault = "" if right else f"it ended with {reply['code']}: {reply['said'].strip()}"
            yield Read(kind=kind, seed=seed, code=reply["code"], fault=fault)
        process.stdin.close()


if __name__ == "__main__":
    raise SystemExit(main())
