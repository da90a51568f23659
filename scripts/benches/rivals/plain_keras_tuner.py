"""Contestant: `kt.RandomSearch`, which draws the configurations that all others are given."""

from __future__ import annotations

from pathlib import Path

import keras_tuner as kt

from scripts.benches.rivals.job import MarksFile, RivalJob, given, write_configurations
from scripts.benches.rivals.training import load_data, make_builder
from tuning.data.search_data import SearchData


def make_tuner(job: RivalJob, data: SearchData, folder: Path) -> kt.RandomSearch:
    return kt.RandomSearch(
        make_builder(job, data, MarksFile.of(folder)),
        objective="val_loss",
        max_trials=job.trials,
        seed=job.seed,
        directory=folder,
        project_name="tuner",
    )


def draw() -> None:
    """Without training: random search draws the same whatever the results are."""
    job, folder = given()
    oracle = make_tuner(job, load_data(job), folder).oracle
    oracle.verbose = 0
    # A tuner with a trial under way is given that one again, so each asks under a name of its own.
    trials = [oracle.create_trial(f"tuner{number}") for number in range(job.trials)]
    write_configurations(folder, [trial.hyperparameters.values for trial in trials])


def main() -> None:
    job, folder = given()
    data = load_data(job)
    tuner = make_tuner(job, data, folder)
    tuner.search(
        data.training.images,
        data.training.labels,
        validation_data=(data.validation.images, data.validation.labels),
        epochs=job.epochs,
        verbose=0,
    )
    trials = sorted(tuner.oracle.trials.values(), key=lambda trial: trial.trial_id)
    write_configurations(folder, [trial.hyperparameters.values for trial in trials])


if __name__ == "__main__":
    main()
