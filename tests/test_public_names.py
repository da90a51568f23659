"""`import tuning` and `import export` give the public names, and load nothing before one is asked for."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

PACKAGES = ("tuning", "export")


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_is_found_under_its_own_name(package: str) -> None:
    module = importlib.import_module(package)

    assert module.__all__ == sorted(module.__all__) == dir(module)
    assert set(module.__all__) == set(module._MODULES)
    assert {getattr(module, name).__name__ for name in module.__all__} == set(module.__all__)


@pytest.mark.parametrize("package", PACKAGES)
def test_another_name_is_an_attribute_error(package: str) -> None:
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'nothing'"):
        importlib.import_module(package).nothing  # noqa: B018 asked for


@pytest.mark.parametrize("package", PACKAGES)
def test_nothing_of_others_is_loaded_with_the_package(package: str) -> None:
    program = f"import sys; before = set(sys.modules); import {package}; print(*set(sys.modules) - before)"

    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()

    assert {name.partition(".")[0] for name in loaded} - set(sys.stdlib_module_names) == {package}
