"""Trials per hour of `--workers 2` against Keras Tuner's random search, Optuna and Ray Tune: same models, data, epochs.

Keras Tuner draws the configurations. Optuna and Ray Tune run as their documentation has it and once more with one
thread for each process; the faster of the two counts. They have the kernels that TensorFlow takes by itself, unless
`--same-kernels` gives them ours. Exits with 1 if the whole process is slower than it has to be.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent.parent
sys.path[0] = str(SCRIPTS.parent)

from scripts.benches.rivals.options import add_options, job_of  # noqa: E402 the path comes first
from scripts.benches.rivals.packages import provide  # noqa: E402
from scripts.benches.rivals.race import ONE_THREAD, Contestant, Run, drawn, median_ratio, race  # noqa: E402
from scripts.benches.rivals.report import print_heading, print_run, print_table, write_results  # noqa: E402
from tuning.environment.cpu_kernels import kernel_choice  # noqa: E402

WORKERS = 2
OURS = Contestant(name="ours", module="ours", workers=WORKERS)
RIVALS: dict[str, tuple[Contestant, ...]] = {
    "keras-tuner": (Contestant(name="keras-tuner", module="plain_keras_tuner", workers=1, draws=True),),
    "optuna": (
        Contestant(name="optuna", module="with_optuna", workers=WORKERS),
        Contestant(name="optuna, 1 thread each", module="with_optuna", workers=WORKERS, environment=ONE_THREAD),
    ),
    "ray": (
        Contestant(name="ray", module="with_ray", workers=WORKERS),
        Contestant(name="ray, 1 thread each", module="with_ray", workers=WORKERS, environment=ONE_THREAD),
    ),
}
NEEDED = {"optuna": "optuna==5.0.0", "ray": "ray[tune]==2.60.0"}
LEAST_RATIOS = {"keras-tuner": 1.5, "optuna": 1.0, "ray": 1.0}
"""How many times a rival's trials per hour are to be reached."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench throughput", description=__doc__)
    add_options(parser)
    parser.add_argument("--only", default=",".join(RIVALS), metavar="A,B", help=f"default: {','.join(RIVALS)}")
    parser.add_argument(
        "--packages", type=Path, metavar="DIR", help="keep what Optuna and Ray need, 500 MB (default: thrown away)"
    )
    parser.add_argument("--same-kernels", action="store_true", help="give the rivals this project's choice of kernels")
    arguments = parser.parse_args()
    rivals = arguments.only.split(",")
    unknown = [name for name in rivals if name not in RIVALS]
    if unknown:
        parser.error(f"unknown rival {unknown[0]}: choose among {', '.join(RIVALS)}")
    with contextlib.ExitStack() as stack:
        if arguments.packages is not None:
            packages = arguments.packages.absolute()
        else:
            packages = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        provide([NEEDED[name] for name in rivals if name in NEEDED], packages)
        print_heading(job_of(arguments), arguments.repeats, packages)
        job = drawn(job_of(arguments))
        kernels = kernel_choice({}) if arguments.same_kernels else {}
        contestants = [OURS, *(_with(kernels, contestant) for name in rivals for contestant in RIVALS[name])]
        runs = race(contestants, job, repeats=arguments.repeats, packages=packages, tell=print_run)
        print_table(runs, OURS.name)
        if arguments.results is not None:
            write_results(arguments.results, job, runs, packages)
    verdicts = [_verdict(name, runs) for name in rivals]
    return 0 if all(verdicts) else 1


def _with(environment: Mapping[str, str], rival: Contestant) -> Contestant:
    return dataclasses.replace(rival, environment={**rival.environment, **environment})


def _verdict(rival: str, runs: Sequence[Run]) -> bool:
    """Whether the whole process is fast enough against the rival's faster variant."""
    ratios = [median_ratio(runs, OURS.name, each.name, span="whole_seconds") for each in RIVALS[rival]]
    ratio, least = min(ratios), LEAST_RATIOS[rival]
    faster = RIVALS[rival][ratios.index(ratio)].name
    passed = ratio >= least
    print(f"against {faster}: {ratio:.2f} times, wanted {least:.2f}: {'reached' if passed else 'MISSED'}")
    return passed


if __name__ == "__main__":
    raise SystemExit(main())
