"""Hostile files and faults, each with the answer that is expected: real commands, each in an empty folder of its own.

Exits with 1 if anything is not as expected.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent.parent
if __name__ == "__main__":
    sys.path[0] = str(SCRIPTS.parent)

from scripts.benches.hostility.case import Attack, AttackKind  # noqa: E402 the path comes first
from scripts.benches.hostility.goods import make_goods  # noqa: E402
from scripts.benches.hostility.running import ADDED_MEBIBYTES, AttackResult, collect, execute_in_processes, run_attack  # noqa: E402
from scripts.benches.hostility.usual import measure_usual  # noqa: E402
from scripts.benches.hostility.watching import CommandLimits  # noqa: E402

ANSWERS_A_LINE = 50
TABULATED = AttackKind.MACHINE
"""Faults of the machine itself: each is shown with its answer."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench attacks", description=__doc__)
    parser.add_argument(
        "--kind", action="append", default=[], choices=list(AttackKind), help="repeatable; default: all"
    )
    parser.add_argument("--only", default="", metavar="TEXT", help="attacks whose name holds it")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="at once (default: 1, as times are measured)")
    parser.add_argument("--slower", type=float, default=1.0, metavar="N", help="on a busy machine: limits times N")
    parser.add_argument("--goods", type=Path, metavar="DIR", help="keep the right things there, and use them again")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the answers there too")
    arguments = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    kinds = [AttackKind(kind) for kind in arguments.kind] or list(AttackKind)
    chosen = [attack for attack in collect(kinds) if arguments.only in attack.name]
    if not chosen or arguments.jobs < 1:
        parser.error("no attack has such a name" if not chosen else "--jobs must be 1 or more")
    import tensorflow  # noqa: F401 attacks that prepare their files in several threads can't load it at once

    with tempfile.TemporaryDirectory() as work:
        goods = make_goods((arguments.goods or Path(work)).resolve())
        usual = measure_usual(goods)
        for script, mebibytes in usual.items():
            print(f"{script} holds {mebibytes:.0f} MiB on right things; an attack may add {ADDED_MEBIBYTES:.0f}")

        answers: list[AttackResult] = []

        def run(attack: Attack) -> None:
            limits = CommandLimits(seconds=attack.seconds * arguments.slower)
            answer = run_attack(attack, goods, execute_in_processes(limits, usual))
            answers.append(answer)
            _show(answer)
            if len(answers) % ANSWERS_A_LINE == 0:
                print(f"{len(answers)} of {len(chosen)} attacks answered", flush=True)

        with ThreadPoolExecutor(arguments.jobs) as pool:
            list(pool.map(run, chosen))
    _summarize(answers)
    if arguments.json is not None:
        text = json.dumps([_as_json(answer) for answer in answers], indent=1)
        arguments.json.write_text(text + "\n", encoding="utf-8")
    return 1 if any(answer.faults for answer in answers) else 0


def _show(answer: AttackResult) -> None:
    attack = answer.attack
    if answer.faults:
        print(f"{attack.kind}: {attack.name}: {'; '.join(answer.faults)}", flush=True)


def _summarize(answers: Sequence[AttackResult]) -> None:
    for answer in answers:
        if answer.attack.kind is TABULATED:
            verdict = answer.skipped or "; ".join(answer.faults) or f"as expected, {answer.seconds:.1f} s"
            print(f"{answer.attack.kind}: {answer.attack.name}: {verdict}")
    print(f"{'kind':<12} {'cases':>5} {'as expected':>11} {'skipped':>7} {'longest s':>9} {'most MiB':>8}")
    for name in [*AttackKind, "all"]:
        found = [answer for answer in answers if name in ("all", answer.attack.kind)]
        if found:
            tried = [answer for answer in found if not answer.skipped]
            right = sum(not answer.faults for answer in tried)
            longest = max((answer.seconds for answer in tried), default=0.0)
            most = max((answer.mebibytes for answer in tried), default=0.0)
            skipped = len(found) - len(tried)
            print(f"{name:<12} {len(found):>5} {right:>11} {skipped:>7} {longest:>9.1f} {most:>8.0f}")


def _as_json(answer: AttackResult) -> dict[str, object]:
    return {
        "kind": answer.attack.kind,
        "name": answer.attack.name,
        "seconds": round(answer.seconds, 2),
        "mebibytes": round(answer.mebibytes),
        "faults": answer.faults,
        "skipped": answer.skipped,
    }


if __name__ == "__main__":
    raise SystemExit(main())
