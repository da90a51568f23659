"""The peak of a process is its own, and a peak."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest

pytestmark = pytest.mark.slow
Child = Callable[..., subprocess.CompletedProcess[str]]
MIB = 2**20

HELD_ONCE = """
from export.benchmark.memory import peak_memory_bytes
before = peak_memory_bytes()
held = bytearray(100 * 2**20)
del held
print(before, peak_memory_bytes())
"""
STARTED_BY_A_LARGE_ONE = """
import os, subprocess, sys
held = bytearray(300 * 2**20)
program = "from export.benchmark.memory import peak_memory_bytes; print(peak_memory_bytes())"
subprocess.run([sys.executable, "-c", program])
"""


def test_what_was_held_and_given_back_counts(child: Child) -> None:
    before, after = map(int, child(HELD_ONCE).stdout.split())

    assert before < 60 * MIB
    assert 95 * MIB < after - before < 120 * MIB


def test_what_the_parent_holds_does_not_count(child: Child) -> None:
    assert int(child(STARTED_BY_A_LARGE_ONE).stdout) < 60 * MIB
