"""A checkout for scripts/setup that installs in seconds: two tiny wheels of its own, and no network."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import zipfile
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent.parent.parent
_PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "checkout"
version = "1"
"""
_BACKEND = '''
"""Builds the project's editable wheel."""
import zipfile


def build_editable(folder, config_settings=None, metadata_directory=None):
    name = "checkout-1-py3-none-any.whl"
    with zipfile.ZipFile(f"{folder}/{name}", "w") as wheel:
        for file, text in FILES.items():
            wheel.writestr(file, text)
    return name


FILES = '''


def variables_for(checkout: Path) -> dict[str, str]:
    """With these pip takes the checkout's wheels and nothing else."""
    wheels = (checkout / "wheels").as_uri()
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": wheels, "PIP_NO_CACHE_DIR": "1", "PIP_CONFIG_FILE": os.devnull}


def make_checkout(folder: Path) -> None:
    """Fill the folder."""
    scripts, wheels = folder / "scripts", folder / "wheels"
    scripts.mkdir(parents=True)
    wheels.mkdir()
    for name in ("setup", "setup.py"):
        shutil.copy(SCRIPTS / name, scripts / name)
    for file, package, size in (("requirements.txt", "tiny", 1000), ("requirements-test.txt", "tester", 20)):
        make_wheel(wheels / f"{package}-1-py3-none-any.whl", size)
        pin(scripts / file, wheels / f"{package}-1-py3-none-any.whl")
    (folder / "pyproject.toml").write_text(_PROJECT, encoding="utf-8")
    (folder / "backend.py").write_text(_BACKEND + json.dumps(_files("checkout", 1)), encoding="utf-8")


def make_wheel(path: Path, size: int) -> None:
    """A wheel with a package of that many files, which is whole if its last one is there."""
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in _files(path.name.partition("-")[0], size).items():
            wheel.writestr(name, text)


def pin(file: Path, wheel: Path) -> None:
    """Pin that wheel by its hash."""
    name, version = wheel.name.split("-")[:2]
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    file.write_text(f"{name}=={version} --hash=sha256:{digest}\n", encoding="utf-8")


def _files(package: str, size: int) -> dict[str, str]:
    """The metadata first: an installation that is cut off looks whole to pip."""
    info = f"{package}-1.dist-info"
    texts = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {package}\nVersion: 1\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: here\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        **{f"{package}/{number:04}.txt": "" for number in range(size)},
        f"{package}/__init__.py": "WHOLE = True\n",
    }
    return {**texts, f"{info}/RECORD": "".join(f"{name},,\n" for name in [*texts, f"{info}/RECORD"])}
