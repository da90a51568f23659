"""The processors that TensorFlow may use, and how workers share them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import tensorflow as tf

from tuning.environment.cpu_kernels import kernel_choice
from tuning.environment.keras_settings import BACKEND, TENSORFLOW

_VISIBLE = "CUDA_VISIBLE_DEVICES"


def prepare_gpus() -> int:
    """Let GPU memory grow with need instead of taking all of it; the number of GPUs.

    Raises RuntimeError where TensorFlow has used one already.
    """
    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    return len(gpus)


def visible_gpus(environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """What `CUDA_VISIBLE_DEVICES` calls the GPUs that TensorFlow sees; none of them is touched."""
    count = len(tf.config.list_physical_devices("GPU"))
    listed = [name.strip() for name in environment.get(_VISIBLE, "").split(",") if name.strip()]
    return tuple(listed[:count] if listed else map(str, range(count)))


def cores() -> int:
    """The processor cores that this process may use: affinity and container limits count."""
    # It comes with scikit-learn, and a script that only loads a SavedModel works without.
    import joblib

    return int(joblib.cpu_count())


def default_workers() -> int:
    """One for each GPU, or one for each core where there is none."""
    return len(visible_gpus()) or cores()


def threads_of_each(workers: int) -> int:
    """Cores divided among so many workers, at least one each."""
    return max(cores() // workers, 1)


def share_threads_between_halves() -> None:
    """Let TensorFlow train both halves of a batch side by side, each on half of the cores.

    Raises RuntimeError where TensorFlow has computed something already.
    """
    tf.config.threading.set_inter_op_parallelism_threads(2)
    tf.config.threading.set_intra_op_parallelism_threads(threads_of_each(2))


def worker_environment(slot: int, *, threads: int, gpus: Sequence[str]) -> dict[str, str]:
    """The variables that give the worker in place `slot` its threads, kernels and, if there are GPUs, one of them."""
    environment = {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONUNBUFFERED": "1", **kernel_choice(os.environ)}
    environment[BACKEND] = TENSORFLOW
    for library in ("OMP", "OPENBLAS", "MKL"):
        environment[f"{library}_NUM_THREADS"] = str(threads)
    return {**environment, _VISIBLE: gpus[slot % len(gpus)]} if gpus else environment
