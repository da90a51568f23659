"""The processors that TensorFlow may use."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tuning.environment import devices
from tuning.environment.cpu_kernels import ONEDNN, kernel_choice

ROOT = Path(__file__).resolve().parents[3]

# In a process of its own: a GPU's memory can be set up only before anything uses it.
SCRIPT = """
from tuning.environment.devices import prepare_gpus
import tensorflow as tf
count = prepare_gpus()
gpus = tf.config.list_physical_devices("GPU")
print(count == len(gpus) and all(tf.config.experimental.get_memory_growth(gpu) for gpu in gpus))
"""


@pytest.mark.slow
def test_every_gpu_is_counted_and_lets_its_memory_grow():
    done = subprocess.run([sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("True")


def test_each_worker_is_pinned_to_a_gpu_of_those_that_may_be_used(monkeypatch):
    monkeypatch.setattr("tensorflow.config.list_physical_devices", lambda kind: ["one", "two"])

    assert devices.visible_gpus({}) == ("0", "1")
    gpus = devices.visible_gpus({"CUDA_VISIBLE_DEVICES": "3, GPU-5f"})
    pinned = [devices.worker_environment(slot, threads=1, gpus=gpus) for slot in range(3)]

    assert [environment["CUDA_VISIBLE_DEVICES"] for environment in pinned] == ["3", "GPU-5f", "3"]
    assert devices.default_workers() == 2


def test_without_a_gpu_the_cores_are_divided(monkeypatch):
    monkeypatch.setattr("tensorflow.config.list_physical_devices", lambda kind: [])
    monkeypatch.setattr("joblib.cpu_count", lambda: 5)
    monkeypatch.delenv(ONEDNN, raising=False)
    environment = devices.worker_environment(0, threads=2, gpus=devices.visible_gpus({}))

    assert devices.default_workers() == 5
    assert [devices.threads_of_each(workers) for workers in (1, 2, 5, 8)] == [5, 2, 1, 1]
    assert environment["OMP_NUM_THREADS"] == "2"
    assert environment.items() >= kernel_choice({}).items()
    assert "CUDA_VISIBLE_DEVICES" not in environment
