"""Code that a run names is run for the user's own runs, and for a folder given as a path only where it is trusted."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from run_records import run_json

from scripts.options.code import Code, add_code_arguments, add_trust_argument, is_trusted
from scripts.options.serving import code_published
from tuning.errors import InputError as TuningInputError
from tuning.runs.run_folder import RunFolder

BUILDER = """
from pathlib import Path

import keras

Path(__file__).with_name("was_run").touch()


def build(hp):
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(hp.Int("width", 2, 5))])
"""
TrainedRun = Callable[..., RunFolder]


@pytest.fixture
def builder(tmp_path: Path) -> Path:
    (tmp_path / "elsewhere").mkdir()
    path = tmp_path / "elsewhere" / f"builder_{tmp_path.name}.py"
    path.write_text(BUILDER)
    return path


@pytest.fixture
def published(trained_run: TrainedRun, builder: Path) -> Path:
    """The published folder of a run whose model `builder` built."""
    run = trained_run(hyperparameters={"width": 3})
    write_model(run, {"source": f"{builder}:build", "digest": "none"})
    return run.artifacts


def write_model(run: RunFolder, model: Any) -> None:
    known = {"source": None, "digest": None, "pixel_scale": None, "kind": "classifier"}
    described = {**known, **model} if isinstance(model, dict) and model else model
    run.run_json.write_text(json.dumps(run_json(model=described)))


def was_run(builder: Path) -> bool:
    return builder.with_name("was_run").exists()


def parse(*options: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", nargs="?", type=Path)
    add_code_arguments(parser)
    add_trust_argument(parser)
    return parser.parse_args(options)


def test_runs_are_trusted_and_a_folder_given_as_a_path_is_not() -> None:
    assert is_trusted(parse())
    assert not is_trusted(parse("artifacts"))
    assert is_trusted(parse("artifacts", "--trust"))


def test_code_that_only_a_run_beside_a_folder_names_is_not_run(published: Path, builder: Path) -> None:
    code = code_published(published, Code(), trusted=False)

    given = code.load()

    assert not was_run(builder)
    assert given.objects == {}
    assert given.rebuild is None
    assert not given.trusted
    assert code.line == (
        f"{builder}:build built the model, as {published.parent / 'run.json'} says, and is not run: --trust allows "
        "it, if whoever made that folder may run anything on this machine, and --code names a file of your own"
    )


def test_code_of_a_trusted_run_is_run_and_named(published: Path, builder: Path) -> None:
    code = code_published(published, Code(), trusted=True)

    given = code.load()

    assert was_run(builder)
    assert given.rebuild is not None
    assert given.trusted
    assert code.line == f"runs {builder}:build, which built the model as {published.parent / 'run.json'} says"


def test_a_file_that_the_user_named_builds_the_model_but_does_not_make_its_lambdas_trusted(
    published: Path, builder: Path
) -> None:
    code = code_published(published, Code(files=(str(builder),)), trusted=False)

    given = code.load()

    assert was_run(builder)
    assert given.rebuild is not None
    assert not given.trusted


def test_another_file_than_the_run_s_does_not_let_that_be_run(published: Path, builder: Path) -> None:
    other = builder.with_name(f"other_{builder.name}")
    other.write_text("def act(x):\n    return x\n")

    code = code_published(published, Code(files=(str(other),)), trusted=False)

    assert set(code.load().objects) == {"act"}
    assert not was_run(builder)
    assert "and is not run" in code.line


def test_a_module_is_never_taken_for_a_file_that_was_named(published: Path, builder: Path) -> None:
    write_model(RunFolder(path=published.parent), {"source": f"{builder.stem}:build", "digest": "none"})

    code = code_published(published, Code(files=(str(builder),)), trusted=False)

    assert code.is_left_out


@pytest.mark.parametrize("trusted", [True, False])
def test_without_code_of_a_user_s_there_is_nothing_to_say(tmp_path: Path, *, trusted: bool) -> None:
    assert code_published(tmp_path / "artifacts", Code(), trusted=trusted) == Code()
    write_model(RunFolder(path=tmp_path), {"source": None, "digest": None})

    assert code_published(tmp_path / "artifacts", Code(), trusted=trusted) == Code()
    assert Code().line == ""


@pytest.mark.parametrize("trusted", [True, False])
@pytest.mark.parametrize("model", [[], 3, "build", {}, {"source": 3}, {"source": ["a.py:build"]}])
def test_a_record_that_names_no_code_as_it_should_is_refused(tmp_path: Path, model: Any, *, trusted: bool) -> None:
    write_model(RunFolder(path=tmp_path), model)

    with pytest.raises(TuningInputError, match=r"run\.json (is not the record of a run \(model|lacks model\.)"):
        code_published(tmp_path / "artifacts", Code(), trusted=trusted)


@pytest.mark.parametrize("content", ["[]", "{}", '{"epochs": 3}', '{"settings": {}, "epochs": [1]}'])
def test_a_training_that_can_t_be_read_is_refused(published: Path, content: str) -> None:
    run = RunFolder(path=published.parent)
    run.training.write_text(content)

    with pytest.raises(
        TuningInputError, match=r"training\.json (lacks |must hold a JSON object|does not describe a trained model)"
    ):
        code_published(published, Code(), trusted=True)
