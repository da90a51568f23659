"""Make scripts/requirements*.txt from pyproject.toml: one version of every package, with the hashes of all its files.

    pip install uv
    python scripts/pin.py

Pins that still fit stay as they are; a line that was removed by hand before gets the newest version. `requirements.txt`
is what everybody installs, `requirements-test.txt` and `requirements-gpu.txt` what --test and --gpu add to it,
`requirements-lowest.txt` everything in the lowest versions that pyproject.toml allows.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
UV = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11"]
UV += ["--generate-hashes", "--only-binary", ":all:", "--no-annotate", "--no-header", "--no-emit-index-url"]

TOO_NEW = ["backports-strenum<1.3"]
"""Releases without a file for Python 3.11 to 3.13: uv takes no notice of what a package says is too new a Python."""


def lowest(project: Path) -> list[str]:
    """The lower bound of everything that the project asks for by name, as pins: `numpy==2.1`."""
    table = tomllib.loads(project.read_text(encoding="utf-8"))["project"]
    asked = [*table["dependencies"], *(one for extra in table["optional-dependencies"].values() for one in extra)]
    pins = [
        f"{requirement.name}=={bound.version}"
        for requirement in map(Requirement, asked)
        for bound in requirement.specifier
        if bound.operator == ">="
    ]
    return sorted(set(pins))


def entries(text: str) -> dict[str, str]:
    """Each requirement's lines by the first of them, which has its name, version and marker."""
    blocks = [block for block in text.replace("\\\n", "\0").splitlines() if not block.startswith("#")]
    return {block.partition("\0")[0].strip(): block.replace("\0", "\\\n") + "\n" for block in blocks}


def versions(*files: Path) -> str:
    """The pins of these files without their hashes: constraints for pip, which else wants hashes of everything."""
    return "\n".join(pin for file in files for pin in entries(file.read_text(encoding="utf-8")))


def compile_pins(extras: Sequence[str], known: str, constraints: Sequence[str] = ()) -> dict[str, str]:
    """Pins of the project with these extras. `known`: pins that stay where they fit. CalledProcessError if none fit."""
    with tempfile.TemporaryDirectory() as folder:
        pins, bounds = Path(folder, "pins.txt"), Path(folder, "bounds.txt")
        pins.write_text(known, encoding="utf-8")
        bounds.write_text("\n".join([*TOO_NEW, *constraints]), encoding="utf-8")
        words = [word for extra in extras for word in ("--extra", extra)]
        where = ["--constraint", str(bounds), "--output-file", str(pins)]
        subprocess.run([*UV, *words, *where, "pyproject.toml"], cwd=ROOT, check=True)
        return entries(pins.read_text(encoding="utf-8"))


def main() -> None:
    argparse.ArgumentParser(description="Make scripts/requirements*.txt from pyproject.toml.").parse_args()
    if importlib.util.find_spec("uv") is None:
        sys.exit("uv can't be imported: pip install uv")
    files = {name: ROOT / "scripts" / f"requirements{name and '-'}{name}.txt" for name in ("", "test", "gpu", "lowest")}
    known = {name: path.read_text(encoding="utf-8") if path.exists() else "" for name, path in files.items()}
    current = known[""] + known["test"] + known["gpu"]
    full = compile_pins(["full"], current)
    made = {"": full}
    for name in ("test", "gpu"):
        everything = compile_pins(["full", name], current, [*full])
        made[name] = {pin: block for pin, block in everything.items() if pin not in full}
    made["lowest"] = compile_pins(["full", "test"], known["lowest"], lowest(ROOT / "pyproject.toml"))
    for name, path in files.items():
        path.write_text("# Made by scripts/pin.py.\n" + "".join(made[name].values()), encoding="utf-8")


if __name__ == "__main__":
    main()
