"""The processors that TensorFlow may use."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# In a process of its own: a GPU's memory can be set up only before anything uses it.
SCRIPT = """
from tuning.devices import prepare_gpus
import tensorflow as tf
count = prepare_gpus()
gpus = tf.config.list_physical_devices("GPU")
print(count == len(gpus) and all(tf.config.experimental.get_memory_growth(gpu) for gpu in gpus))
"""


@pytest.mark.slow
def test_every_gpu_is_counted_and_lets_its_memory_grow():
    done = subprocess.run([sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("True")
