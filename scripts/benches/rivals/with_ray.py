"""Contestant: Ray Tune with one processor for each trial and the data in its object store, as its user guide has it.

`reuse_actors` is off unless asked for; its documentation names it for short trials, and without it every trial would
import TensorFlow again.
"""

from __future__ import annotations

import os
import secrets
from typing import Any

import ray
from ray import tune

from scripts.benches.rivals.job import MarksFile, RivalJob, given
from tuning.data.search_data import SearchData


def train(config: dict[str, Any], *, job: RivalJob, data: SearchData, marks: MarksFile) -> None:
    from scripts.benches.rivals.training import fit_configuration, make_builder

    builder = make_builder(job, data, marks)
    tune.report({"val_loss": fit_configuration(builder, config["configuration"], data, epochs=job.epochs)})


def main() -> None:
    from scripts.benches.rivals.training import load_data

    job, folder = given()
    # Else Ray writes a token for its local cluster into the home folder.
    os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
    ray.init(num_cpus=job.workers, include_dashboard=False, log_to_driver=False, _temp_dir=str(folder / "ray"))
    trainable = tune.with_parameters(train, job=job, data=load_data(job), marks=MarksFile.of(folder))
    results = tune.Tuner(
        tune.with_resources(trainable, {"cpu": 1}),
        param_space={"configuration": tune.grid_search([dict(values) for values in job.configurations])},
        tune_config=tune.TuneConfig(
            metric="val_loss", mode="min", max_concurrent_trials=job.workers, reuse_actors=True
        ),
        run_config=tune.RunConfig(storage_path=str(folder / "results"), verbose=0),
    ).fit()
    if results.errors:
        raise results.errors[0]


if __name__ == "__main__":
    main()
