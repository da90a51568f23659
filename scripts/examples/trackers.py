"""A callback factory, as one for an experiment tracker: every training is a run of MLflow's local file store."""

import os

import keras
import mlflow

# MLflow would rather have a database, and refuses plain files unless allowed.
os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")


class Tracked(keras.callbacks.Callback):
    """Logs a training's hyperparameters and the metrics of its epochs."""

    def __init__(self, trial):
        super().__init__()
        self._trial = trial

    def on_train_begin(self, logs=None):
        mlflow.set_tracking_uri((self._trial.run_folder / "mlruns").as_uri())
        mlflow.set_experiment(self._trial.run)
        mlflow.start_run(run_name=self._trial.trial_id)
        mlflow.log_params(dict(self._trial.hyperparameters))

    def on_epoch_end(self, epoch, logs=None):
        mlflow.log_metrics({name: float(value) for name, value in logs.items()}, step=epoch)

    def on_train_end(self, logs=None):
        mlflow.end_run()


def tracked(trial):
    return Tracked(trial)
