"""What native code prints is held back when all is well and shown when something goes wrong."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

Child = Callable[..., subprocess.CompletedProcess[str]]


def test_output_is_held_back_when_the_block_ends_well(child: Child) -> None:
    done = child("""
import os, sys
from tuning.native_output import hold_back
os.write(2, b"before ")
with hold_back():
    os.write(2, b"native ")
    print("from python", file=sys.stderr)
os.write(2, b"after")
""")

    assert (done.returncode, done.stderr) == (0, "before after")


def test_output_is_shown_when_the_block_raises(child: Child) -> None:
    done = child("""
import os
from tuning.native_output import hold_back
try:
    with hold_back():
        os.write(2, b"native reason")
        raise ValueError("failed")
except ValueError as error:
    os.write(2, b" then " + str(error).encode())
""")

    assert (done.returncode, done.stderr) == (0, "native reason then failed")


def test_an_interruption_is_no_failure_and_shows_nothing(child: Child) -> None:
    done = child("""
import os, sys
from tuning.native_output import hold_back
try:
    with hold_back():
        os.write(2, b"native reason")
        raise KeyboardInterrupt
except KeyboardInterrupt:
    sys.exit(7)
""")

    assert (done.returncode, done.stderr) == (7, "")


def test_a_child_process_of_the_block_is_held_back_too(child: Child) -> None:
    done = child("""
import subprocess, sys
from tuning.native_output import hold_back
with hold_back():
    subprocess.run([sys.executable, "-c", "import sys; sys.stderr.write('child')"], check=True)
""")

    assert (done.returncode, done.stderr) == (0, "")


def test_what_was_printed_before_the_block_comes_before_it(child: Child) -> None:
    done = child("""
import os, sys
from tuning.native_output import hold_back
sys.stderr = open(2, "w", buffering=1024, closefd=False)
sys.stderr.write("first ")
try:
    with hold_back():
        os.write(2, b"second")
        raise ValueError
except ValueError:
    pass
""")

    assert (done.returncode, done.stderr) == (0, "first second")


def test_standard_output_is_left_alone(child: Child) -> None:
    done = child("""
import os
from tuning.native_output import hold_back
with hold_back():
    os.write(1, b"answer")
""")

    assert (done.returncode, done.stdout, done.stderr) == (0, "answer", "")


def test_blocks_can_follow_one_another_without_leaking_descriptors(child: Child) -> None:
    done = child("""
import os
from tuning.native_output import hold_back
first = os.dup(1)
os.close(first)
for _ in range(100):
    with hold_back():
        pass
assert os.dup(1) == first
""")

    assert (done.returncode, done.stderr) == (0, "")
