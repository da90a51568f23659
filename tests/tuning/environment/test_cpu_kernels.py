"""Which kernels are taken on a processor."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from tuning.environment.cpu_kernels import ONEDNN, X86, kernel_choice

ROOT = Path(__file__).resolve().parents[3]
CONVOLUTION = """
import sys
sys.argv = ["test"]
sys.path.insert(0, "scripts")
import _entry
_entry.load_tensorflow()
import tensorflow as tf
v1 = tf.compat.v1
with tf.Graph().as_default(), v1.Session() as session:
    image, kernel = tf.random.normal((2, 8, 8, 4)), tf.random.normal((3, 3, 4, 4))
    traced, everything = v1.RunMetadata(), v1.RunOptions(trace_level=v1.RunOptions.FULL_TRACE)
    session.run(tf.nn.conv2d(image, kernel, 1, "SAME"), options=everything, run_metadata=traced)
print([node.timeline_label for device in traced.step_stats.dev_stats for node in device.node_stats])
"""


@pytest.mark.parametrize(
    ("environment", "machine", "chosen"),
    [
        ({}, "x86_64", {ONEDNN: "1"}),
        ({}, "AMD64", {ONEDNN: "1"}),
        ({ONEDNN: "0"}, "x86_64", {}),
        ({}, "arm64", {}),
    ],
)
def test_on_x86_onednn_is_chosen_unless_something_else_is(
    environment: dict[str, str], machine: str, chosen: dict[str, str]
) -> None:
    assert kernel_choice(environment, machine=machine) == chosen


@pytest.mark.slow
@pytest.mark.skipif(platform.machine().lower() not in X86, reason="only x86 has a choice")
def test_a_script_computes_with_the_kernels_that_are_chosen() -> None:
    plain = {name: value for name, value in os.environ.items() if name != ONEDNN}

    ran = [
        subprocess.run(
            [sys.executable, "-c", CONVOLUTION], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
        )
        for environment in (plain, {**plain, ONEDNN: "0"})
    ]

    assert ["Conv2D = _MklNativeConv2D(" in done.stdout for done in ran] == [True, False]
