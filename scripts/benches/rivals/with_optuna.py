"""Contestant: Optuna with several processes that share a study, as its tutorial "Easy Parallelization" has it.

The tutorial starts one script several times; here the first process does that, and needs no TensorFlow itself.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import MaxTrialsCallback
from optuna.trial import TrialState

from scripts.benches.rivals.job import MarksFile, RivalJob, given

STUDY = "rivals"
WORKER = "--worker"


def storage(folder: Path) -> JournalStorage:
    return JournalStorage(JournalFileBackend(str(folder / "study.log")))


def start(job: RivalJob, folder: Path) -> None:
    study = optuna.create_study(study_name=STUDY, storage=storage(folder), direction="minimize")
    for number in range(job.trials):
        study.enqueue_trial({"configuration": number})
    command = [sys.executable, "-m", "scripts.benches.rivals.with_optuna", str(folder), WORKER]
    workers = [subprocess.Popen(command) for _ in range(job.workers)]
    failed = [worker.args for worker in workers if worker.wait()]
    if failed:
        raise SystemExit(f"a worker failed: {failed[0]!s}")


def work(job: RivalJob, folder: Path) -> None:
    from scripts.benches.rivals.training import fit_configuration, load_data, make_builder

    data = load_data(job)
    builder = make_builder(job, data, MarksFile.of(folder))

    def objective(trial: optuna.Trial) -> float:
        if trial.number >= job.trials:
            # Two processes ended a trial at the same moment, and neither saw the other's last one.
            trial.study.stop()
            raise optuna.TrialPruned
        number = trial.suggest_categorical("configuration", list(range(job.trials)))
        return fit_configuration(builder, job.configurations[number], data, epochs=job.epochs)

    # Counting those under way, whoever has nothing left to do ends without one trial too many.
    enough = MaxTrialsCallback(job.trials, states=(TrialState.COMPLETE, TrialState.RUNNING))
    optuna.load_study(study_name=STUDY, storage=storage(folder)).optimize(objective, callbacks=[enough])


if __name__ == "__main__":
    (work if WORKER in sys.argv else start)(*given())
