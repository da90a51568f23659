"""What the README shows works: its commands, on the embedded digits and shortened, and its Python code."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
SHORTER = {
    "tune.py": ["--epochs", "1", "--max-trials", "1", "--budget", "1s", "--workers", "0", "--repeats", "0"],
    "train.py": ["--epochs", "1", "--dataset", "digits"],
    # A model that was trained for an epoch is not sure enough of anything to bear 8 bits.
    "export.py": ["--tolerance", "dynamic=1", "--tolerance", "int8=1", "--agreement", "0", "--accuracy-loss", "100"],
    "quickstart": ["--dataset", "digits", "--max-trials", "1", "--budget", "1s"],
}


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def commands() -> list[list[str]]:
    lines = [line for block in blocks("bash") for line in block.strip().splitlines()]
    return [shlex.split(line) for line in lines if line != "scripts/test"]


def shortened(command: list[str]) -> list[str]:
    """The command with this Python and absolute paths, made quick by options that come after its own."""
    words = [word for word in command if word != "python"]
    script = Path(words[0]).name
    extra = [] if "--resume" in words else SHORTER.get(script, [])
    runner = [sys.executable] if script.endswith(".py") else []
    return [*runner, str(ROOT / words[0]), *words[1:], *extra]


def own_model() -> str:
    """The model builder that it shows."""
    (code,) = [block for block in blocks("python") if "def build(hp)" in block]
    return code


@pytest.mark.slow
def test_its_commands_work_in_their_order(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    np.savez(tmp_path / "images.npz", **arrays)
    (tmp_path / "my_model.py").write_text(own_model())
    Image.fromarray(np.pad(np.full((12, 4), 255, np.uint8), ((8, 8), (12, 12)))).save(tmp_path / "picture.png")
    environment = {**os.environ, "KERAS_HOME": str(tmp_path / "keras"), "https_proxy": "http://127.0.0.1:9"}

    for command in commands():
        done = subprocess.run(
            shortened(command), cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"


@pytest.mark.slow
def test_its_python_interface_searches_retrains_and_publishes(tmp_path: Path) -> None:
    (tmp_path / "my_model.py").write_text(own_model())
    (code,) = [block for block in blocks("python") if "from my_model import build" in block]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"}

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "runs" / "python" / "artifacts" / "manifest.json").exists()


def test_it_names_every_script() -> None:
    scripts = [path.name for path in (ROOT / "scripts").iterdir() if path.is_file() and not path.name.startswith("_")]

    assert [name for name in scripts if name not in README and not name.startswith("requirements")] == []


def test_every_option_it_names_exists() -> None:
    files = [*(ROOT / "scripts").rglob("*.py"), *(path for path in (ROOT / "scripts").iterdir() if path.is_file())]
    texts = "".join(path.read_text(encoding="utf-8") for path in files)

    assert [name for name in re.findall(r"--[a-z][a-z-]+", README) if name not in texts] == []


def test_its_table_of_the_space_is_the_space() -> None:
    from tuning.models.network import default_ranges
    from tuning.space.ranges import Choices

    rows = dict(re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| (.+) \|$", README, re.MULTILINE))
    described = {name: text for names, text in rows.items() for name in re.findall(r"\w+", names)}
    ranges = default_ranges((28, 28, 1))

    assert set(ranges) <= set(described)
    for name, values in ranges.items():
        numbers = {float(number) for number in re.findall(r"\d+(?:\.\d+)?", described[name])}
        if isinstance(values, Choices):
            words = set(re.findall(r"[\w.]+", described[name]))
            assert {str(value) for value in values.values} <= words
        else:
            assert {values.low, values.high} <= numbers


def test_its_table_of_layers_is_the_one_that_the_tests_hold_exact() -> None:
    from scripts.benches.model_zoo.matrix import readme_section

    assert readme_section() in README
