"""What tests share: data, one small trained model, and a way to call the scripts as a user does."""

from __future__ import annotations

import gc
import importlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from case_sample import sample
from hypothesis import settings
from warm_scripts import WarmScripts

from scripts.pin import versions
from tuning.environment.cpu_kernels import kernel_choice

ROOT = Path(__file__).resolve().parent.parent
# Almost all that is imported and collected stays, so nothing is looked through until `pytest_collection_finish`.
gc.disable()
# Only the test of the whole path uses real MNIST; the others must not depend on what a machine happens to have.
os.environ["TEST_MNIST_FOLDER"] = os.environ.pop("TUNING_DATA_DIR", "")

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.update(kernel_choice(os.environ))

# How long an example takes says nothing about the code, and a fixed seed makes a failure the same for everybody.
settings.register_profile("tests", deadline=None, derandomize=True, database=None, max_examples=60)
settings.register_profile("fast", settings.get_profile("tests"), max_examples=20)
settings.load_profile("tests")

COSTLY = {"finished", "model_file", "served", "published_regression"}
"""Fixtures that train or publish a model."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--one-in", type=int, default=1, help="run one in so many cases of each slow test (default: all)")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What needs a trained model, or files of one, is slow without saying so, as is what is left to `--all`. Of the
    cases of a slow test the sample is run that is asked for; where some are exhaustive, the others are run always."""
    cases: dict[str, list[pytest.Item]] = {}
    for item in items:
        if item.get_closest_marker("exhaustive") or COSTLY & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)
        if item.get_closest_marker("slow"):
            cases.setdefault(item.nodeid.partition("[")[0], []).append(item)
    left_out: set[str] = set()
    for alike in cases.values():
        names = {item.nodeid for item in alike if item.get_closest_marker("exhaustive")}
        names = names or {item.nodeid for item in alike}
        left_out |= names - sample(sorted(names), config.getoption("--one-in"))
    config.hook.pytest_deselected(items=[item for item in items if item.nodeid in left_out])
    items[:] = [item for item in items if item.nodeid not in left_out]


def pytest_collection_finish() -> None:
    """All that was imported stays: looking through it in every garbage collection would take a sixth of the time of
    tests that trace graphs, and collecting as often as Python does by itself a twelfth of all."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000)
    gc.enable()


@pytest.fixture(scope="session")
def digits() -> Any:
    """The embedded digits as a Dataset."""
    from tuning.data.sources.by_name import load_dataset

    return load_dataset("digits")


@pytest.fixture(scope="session")
def small_split(digits: Any) -> Any:
    """(training, validation) with 200 and 100 images of the digits."""
    training, validation = digits.split_validation(fraction=0.1, seed=0)
    return training.take(np.arange(200)), validation.take(np.arange(100))


@pytest.fixture(scope="session")
def search_data(small_split: Any) -> Any:
    from tuning.data.dataset import Split
    from tuning.data.search_data import SearchData

    training, validation = small_split
    everything = Split(
        images=np.concatenate([training.images, validation.images]),
        labels=np.concatenate([training.labels, validation.labels]),
    )
    return SearchData(training=training, validation=validation, everything=everything, num_classes=10)


@pytest.fixture(scope="session")
def hypermodel(digits: Any) -> Any:
    from tuning.models.built_in import ClassificationTask, TunableClassifier

    return TunableClassifier(ClassificationTask(image_shape=digits.image_shape, num_classes=digits.num_classes))


SMALL = {"num_blocks": 1, "num_filters_1": 8, "kernel_size_1": 3, "dense_units": 0, "batch_size": 32}
"""Hyperparameters of a model that trains in about a second."""


@pytest.fixture(scope="session")
def small_configuration(hypermodel: Any) -> Any:
    return hypermodel.check(SMALL)


@pytest.fixture(scope="session")
def model_file(tmp_path_factory: pytest.TempPathFactory, hypermodel: Any, small_split: Any) -> Path:
    """A small classifier, briefly trained on the digits, as a .keras file."""
    from tuning.runs.run_folder import RunFolder
    from tuning.settings import TrainingPlan, TrainingSettings
    from tuning.training.saving import Kept, save_model
    from tuning.training.train import Watch, train

    training, _ = small_split
    plan = TrainingPlan(hyperparameters=hypermodel.check(SMALL), settings=TrainingSettings(epochs=3), seed=1)
    folder = RunFolder(path=tmp_path_factory.mktemp("model"))
    return save_model(train(hypermodel, plan, training=training, validation=None, watch=Watch()).model, folder, Kept())


@pytest.fixture
def arrays() -> dict[str, np.ndarray]:
    """Valid arrays of an npz file: 40 training and 20 test images of 8×8, four classes."""
    rng = np.random.default_rng(0)
    return {
        "x_train": rng.integers(0, 256, (40, 8, 8), dtype=np.uint8),
        "y_train": np.arange(40, dtype=np.uint8) % 4,
        "x_test": rng.integers(0, 256, (20, 8, 8), dtype=np.uint8),
        "y_test": np.arange(20, dtype=np.uint8) % 4,
    }


@pytest.fixture
def picture_folder(tmp_path: Path) -> Path:
    """A folder `shapes` with ten colour PNG pictures of 12×10 (height first) in each of the classes circle, square."""
    from PIL import Image

    rng = np.random.default_rng(0)
    for name in ("circle", "square"):
        folder = tmp_path / "shapes" / name
        folder.mkdir(parents=True)
        for number in range(10):
            Image.fromarray(rng.integers(0, 256, (12, 10, 3), dtype=np.uint8)).save(folder / f"{number}.png")
    return tmp_path / "shapes"


@pytest.fixture(scope="session")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WarmScripts]:
    """The scripts without the time that it takes to import TensorFlow; MNIST is not available."""
    scripts = WarmScripts(tmp_path_factory.mktemp("keras"))
    yield scripts
    scripts.close()


@pytest.fixture
def script(tmp_path: Path, warm: WarmScripts) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Call `script("tune.py", "--seed", "1")` in an empty folder; MNIST is not available unless env says otherwise."""

    def call(name: str, *arguments: object, **env: str) -> subprocess.CompletedProcess[str]:
        return warm.run(tmp_path, name, *arguments, environment={**warm.environment, **env})

    return call


@pytest.fixture
def fresh_script(tmp_path: Path, warm: WarmScripts) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`script` by a Python of its own, which imports all that the script needs."""

    def call(name: str, *arguments: object, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(ROOT / "scripts" / name), *map(str, arguments)],
            cwd=tmp_path,
            env={**warm.environment, **env},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    return call


@dataclass(frozen=True, kw_only=True)
class Environment:
    """A virtual environment that holds nothing but what a test installs."""

    python: Path

    def install(self, *packages: str) -> None:
        """What pip makes of the packages, in the versions that the project was tested with."""
        pins = self.python.parent / "pins.txt"
        pins.write_text(versions(ROOT / "scripts" / "requirements.txt"), encoding="utf-8")
        pip = ["-m", "pip", "install", "--quiet", "-c", str(pins)]
        subprocess.run([self.python, *pip, *packages], check=True, env=_alone(), cwd=self.python.parent, timeout=600)

    def run(self, *arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.python), *map(str, arguments)],
            cwd=cwd,
            env=_alone(),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )


def _alone() -> dict[str, str]:
    """This process's variables without those that lead Python to modules."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COVERAGE"))}


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[Environment]:
    """A new virtual environment, which is gone afterwards."""
    folder = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, env=_alone(), timeout=600)
    yield Environment(python=folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))
    shutil.rmtree(folder)


QUICK = ["--dataset", "digits", "--max-trials", "1", "--epochs", "1", "--budget", "1s"]
QUICK += ["--workers", "0", "--repeats", "0"]


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, warm: WarmScripts) -> Path:
    """A folder of runs with one finished and exported run, `first`."""
    folder = tmp_path_factory.mktemp("work")
    for command in (["tune.py", "--run", "first", *QUICK], ["export.py", "--run", "first"]):
        done = warm.run(folder, *command)
        assert done.returncode == 0, done.stderr
    return folder / "runs"


@pytest.fixture
def runs(finished: Path, tmp_path: Path) -> Path:
    """A copy of those runs to work on."""
    return Path(shutil.copytree(finished, tmp_path / "runs"))


@pytest.fixture
def add_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str, str], None]]:
    """`add_file(folder, name, text)`: the file, as if it were in that folder of the project."""
    added = []

    def call(folder: str, name: str, text: str) -> None:
        package = importlib.import_module(folder.replace("/", "."))
        place = tmp_path / folder
        place.mkdir(parents=True)
        (place / f"{name}.py").write_text(text, encoding="utf-8")
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(place)])
        added.append((package, name))

    yield call
    for package, name in added:
        sys.modules.pop(f"{package.__name__}.{name}", None)
        if hasattr(package, name):
            delattr(package, name)
