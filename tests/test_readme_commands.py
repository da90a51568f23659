"""What the READMEs show works: every command, shortened and on small data, every program, in the order of the page.

Each page has a folder of its own with what it takes for granted: `tune-1`, a finished and exported run, and a user's
files. Commands that end with another code than 0 say so in a comment. What a page shows of an output begins its lines
as the real one does.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from readme_files import READMES, ROOT, Block, blocks

SHORTER = {
    "tune.py": ["--epochs", "1", "--max-trials", "1", "--budget", "1s", "--workers", "0", "--repeats", "0"],
    "train.py": ["--epochs", "1", "--dataset", "digits"],
    # A model that was trained for an epoch is not sure enough of anything to bear 8 bits.
    "export.py": ["--tolerance", "dynamic=1", "--tolerance", "int8=1", "--agreement", "0", "--accuracy-loss", "100"],
    "benchmark.py": ["--repeats", "3"],
    "quickstart": ["--dataset", "digits", "--max-trials", "1", "--epochs", "1", "--repeats", "0", "--budget", "1s"],
}
EXIT_CODE = re.compile(r"# exit code (\d+)$")
ELSEWHERE = {"A demonstration"}
"""Sections that tests of their own run, which see more: test_demonstration.py. Those with `pip install` are run by
test_deployment.py."""
ALWAYS = {"tuning/README.md", "tuning/data/README.md", "tuning/models/README.md"}
"""The commands of the other pages take a minute or more."""
LANGUAGES = {"bash", "python"}
FOUND = {readme: [block for block in blocks(readme) if block.section not in ELSEWHERE] for readme in READMES}
RUNS = {readme: found for readme, found in FOUND.items() if LANGUAGES & {block.language for block in found}}

Script = Callable[..., subprocess.CompletedProcess[str]]


def shortened(words: list[str]) -> list[str]:
    """The command made quick by options that come after its own, with the project's files by their absolute paths."""
    name = Path(words[0]).name
    extra = [] if "--resume" in words else SHORTER.get(name, [])
    return [str(ROOT / word) if word.startswith("scripts/") else word for word in [*words, *extra]]


def lines(block: Block) -> Iterator[tuple[list[str], int]]:
    """Each command of a block, with the exit code that it should have."""
    for line in block.text.splitlines():
        code = EXIT_CODE.search(line)
        yield shlex.split(line, comments=True), int(code.group(1)) if code else 0


def beginning(line: str) -> str:
    """What a line of an output says before its first number or name."""
    return re.sub(" +", " ", re.split(r"\d|…|/|: ", line, maxsplit=1)[0].strip())


@pytest.fixture
def folder(tmp_path: Path, finished: Path, model_file: Path, small_split: Any, picture_folder: Path) -> Path:
    """The current folder of somebody who reads a page."""
    training, test = small_split
    arrays = {"x_train": training.images, "y_train": training.labels, "x_test": test.images, "y_test": test.labels}
    np.savez(tmp_path / "images.npz", **arrays, importance=np.ones(len(training)))
    Image.fromarray(np.pad(np.full((12, 4), 255, np.uint8), ((8, 8), (12, 12)))).save(tmp_path / "picture.png")
    picture_folder.rename(tmp_path / "photos")
    shutil.copy(model_file, tmp_path / "model.keras")
    shutil.copytree(finished / "first", tmp_path / "runs" / "tune-1")
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize(
    "readme", [pytest.param(name, marks=() if name in ALWAYS else pytest.mark.exhaustive) for name in RUNS]
)
def test_its_commands_and_programs_work_in_their_order(readme: str, folder: Path, script: Script) -> None:
    variables = {"https_proxy": "http://127.0.0.1:9", "PYTHONPATH": f"{ROOT}{os.pathsep}{folder}"}
    said = ""

    def run(words: list[str]) -> subprocess.CompletedProcess[str]:
        if words[0] == "python":
            name, *arguments = shortened(words[1:])
            return script(Path(name).name, *arguments, https_proxy=variables["https_proxy"])
        environment = {**os.environ, **variables, "KERAS_HOME": str(folder / "keras")}
        return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)

    for block in RUNS[readme]:
        if block.language == "text" and said:
            assert [start for start in map(beginning, block.text.splitlines()) if f"\n{start}" not in said] == []
        if block.language not in LANGUAGES or block.runtime:
            continue
        if block.file is not None:
            (folder / block.file).write_text(block.text, encoding="utf-8")
        commands = [([sys.executable, "-c", block.text], 0)] if block.language == "python" else lines(block)
        said = ""
        for words, code in commands:
            done = run(words if words[0] in ("python", "openssl", sys.executable) else shortened(words))
            assert done.returncode == code, f"{shlex.join(words)}: {done.stderr}"
            said += re.sub(" +", " ", f"\n{done.stdout}\n{done.stderr}")
