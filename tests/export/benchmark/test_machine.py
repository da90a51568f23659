"""What is said about where it was measured."""

from __future__ import annotations

import platform

import numpy as np

from export.benchmark.machine import this_machine
from export.formats.versions import installed_versions


def test_the_machine_is_described() -> None:
    machine = this_machine()

    assert machine.processor
    assert machine.system
    assert machine.cores >= 1
    assert machine.load_average is None or machine.load_average >= 0


def test_the_versions_are_those_installed() -> None:
    versions = installed_versions()

    assert versions["python"] == platform.python_version()
    assert versions["numpy"] == np.__version__
