"""How a model is served: options, what a run recorded, and that the two do not contradict each other."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest
from run_records import run_json

from export.artifact import Description, ModelKind
from export.errors import InputError as ExportInputError
from export.folder.manifest import Manifest
from scripts.options.serving import How, how_published, read_how
from tuning.errors import InputError
from tuning.runs.run_record import RecordedKind, RecordedModel

CLASSIFIER = RecordedKind.CLASSIFIER
RUN = Path("runs/mine")
UNIT = (1 / 255, 0.0)


def arguments(**options: Any) -> argparse.Namespace:
    return argparse.Namespace(**{"pixel_scale": None, "no_wrap": False, "outputs_only": False, **options})


def recorded(**changes: Any) -> RecordedModel:
    return RecordedModel(**{"source": None, "digest": None, "pixel_scale": None, "kind": CLASSIFIER, **changes})


def test_without_options_a_model_is_a_wrapped_classifier() -> None:
    assert read_how(arguments(), None, path=RUN) == How(pixel_scale=None, wrap=True, is_classifier=True)


def test_options_say_how_a_model_is_served() -> None:
    given = arguments(pixel_scale="signed", no_wrap=True, outputs_only=True)

    how = read_how(given, None, path=RUN)

    assert how == How(pixel_scale=(1 / 127.5, -1.0), wrap=False, is_classifier=False)


def test_a_run_says_how_its_model_is_served() -> None:
    record = recorded(pixel_scale=UNIT, kind=RecordedKind.OUTPUTS)

    how = read_how(arguments(), record, path=RUN)

    assert how == How(pixel_scale=UNIT, wrap=True, is_classifier=False)


def test_options_that_agree_with_the_run_change_nothing() -> None:
    record = recorded(pixel_scale=UNIT, kind=RecordedKind.OUTPUTS)

    assert read_how(arguments(pixel_scale="unit", outputs_only=True), record, path=RUN) == read_how(
        arguments(), record, path=RUN
    )


def test_a_runs_model_can_be_exported_as_it_is() -> None:
    assert not read_how(arguments(no_wrap=True), recorded(), path=RUN).wrap


@pytest.mark.parametrize(
    ("scale", "told"), [(None, "uint8 pixels as they are"), (UNIT, r"pixel × 0\.00392157 \+ 0")], ids=["none", "unit"]
)
def test_another_scale_than_the_runs_is_refused(scale: Any, told: str) -> None:
    with pytest.raises(ExportInputError, match=f"runs/mine was trained on {told}, which --pixel-scale raw contradicts"):
        read_how(arguments(pixel_scale="raw"), recorded(pixel_scale=scale), path=RUN)


def test_a_run_of_a_classifier_is_not_verified_by_outputs_only() -> None:
    with pytest.raises(ExportInputError, match="trained as a classifier, which --outputs-only contradicts: leave it"):
        read_how(arguments(outputs_only=True), recorded(), path=RUN)


def test_a_scale_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match="`pixel_scale` must be unit, signed, raw or FACTOR,OFFSET"):
        read_how(arguments(pixel_scale="half"), None, path=RUN)


def published(tmp_path: Path, record: RecordedModel | None = None, **description: Any) -> tuple[Path, Manifest]:
    """A folder of published files beside the `run.json` of `record`, and what its manifest would be."""
    if record is not None:
        (tmp_path / "run.json").write_text(json.dumps(run_json(model=record.as_json())))
    about = Description(
        class_names=("a",),
        dataset="d",
        dataset_digest="d",
        accuracy=None,
        source_digest="s",
        **description,
    )
    empty: dict[str, Any] = {key: {} for key in ("files", "versions", "tolerances", "looser", "counted")}
    return tmp_path / "artifacts", Manifest(artifacts=(), description=about, look=None, **empty)


def test_published_files_without_a_run_tell_how_their_model_was_served(tmp_path: Path) -> None:
    how = how_published(*published(tmp_path, pixel_scale=(0.5, -1.0)), trusted=True)

    assert how == How(pixel_scale=(0.5, -1.0), wrap=True, is_classifier=True)


def test_files_of_a_run_were_served_as_the_run_says(tmp_path: Path) -> None:
    record = recorded(pixel_scale=UNIT, kind=RecordedKind.OUTPUTS)

    how = how_published(*published(tmp_path, record, kind=ModelKind.OUTPUTS), trusted=True)

    assert how == How(pixel_scale=UNIT, wrap=True, is_classifier=False)


def test_a_run_that_is_not_trusted_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("no JSON")

    how = how_published(*published(tmp_path), trusted=False)

    assert how == How(pixel_scale=None, wrap=True, is_classifier=True)


def test_files_that_say_less_than_their_run_were_exported_as_they_are(tmp_path: Path) -> None:
    how = how_published(*published(tmp_path, recorded(pixel_scale=UNIT), kind=ModelKind.OUTPUTS), trusted=True)

    assert how == How(pixel_scale=None, wrap=False, is_classifier=True)
