"""Where configurations are drawn: the same ones in this process and in one of its own, whatever the builder does."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import keras_tuner as kt
import psutil
import pytest

from tuning.data.search_data import SearchData
from tuning.errors import InputError
from tuning.executors import drawers
from tuning.executors.drawers import DrawerHere, DrawingProcess
from tuning.executors.interface import Workplace
from tuning.models.user_model import UserModel, Wishes
from tuning.space.drawing import BuildOutcome, Drawing, Otherwise
from tuning.space.known_space import KnownSpace

pytestmark = pytest.mark.slow
IS_WORKER = sys.argv[0] == "-c"


def build(hp: Any) -> keras.Model:
    """Does what `what` says."""
    what = hp.Choice("what", ["nothing", "impossible", "fails", "fatal", "killed", "hangs"])
    units = hp.Int("units", 4, 6)
    if what == "impossible":
        raise kt.errors.FailedTrialError("5 is no good")
    if what == "fails":
        raise KeyError(units)
    if what == "fatal":
        raise kt.errors.FatalValueError("no more")
    if what == "killed" and IS_WORKER:
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "hangs" and IS_WORKER:
        time.sleep(3600)
    model = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Flatten(), keras.layers.Dense(10)])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


@pytest.fixture(scope="module")
def builder(search_data: SearchData) -> UserModel:
    return UserModel(build, search_data, name="my.py:build", wishes=Wishes(pixel_scale=(1.0, 0.0)))


@pytest.fixture
def space() -> KnownSpace:
    return KnownSpace()


@pytest.fixture
def here(builder: UserModel, space: KnownSpace) -> DrawerHere:
    return DrawerHere(builder, space)


@pytest.fixture
def apart(builder: UserModel, space: KnownSpace, search_data: SearchData, tmp_path: Path) -> Iterator[DrawingProcess]:
    workplace = Workplace(builder=builder, training=search_data.training, validation=search_data.validation)
    made = DrawingProcess(workplace, space, folder=tmp_path)
    yield made
    made.close()


@pytest.fixture(params=["here", "apart"])
def drawer(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


def wish(what: str, units: int = 5) -> Drawing:
    return Drawing(wanted={"what": what, "units": units})


def drawn(drawer: Any, drawing: Drawing) -> Any:
    drawer.begin(drawing)
    return drawer.result(wait=True)


def test_a_configuration_is_drawn_as_it_was_wanted(drawer: Any) -> None:
    found = drawn(drawer, wish("nothing"))

    assert (found.point.values, found.outcome) == ({"what": "nothing", "units": 5}, BuildOutcome.POSSIBLE)


def test_what_was_taken_is_not_drawn_again(drawer: Any, space: KnownSpace) -> None:
    seen = []
    for seed in range(3):
        seen.append(drawn(drawer, Drawing(wanted={"what": "nothing"}, seed=seed)).point)
        space.add(seen[-1])

    assert sorted(point.values["units"] for point in seen) == [4, 5, 6]


def test_both_draw_the_same(here: DrawerHere, apart: DrawingProcess) -> None:
    drawing = Drawing(wanted={"what": "nothing"}, seed=7)

    assert drawn(here, drawing) == drawn(apart, drawing)


def test_an_impossible_combination_is_told_with_its_reason(drawer: Any) -> None:
    found = drawn(drawer, wish("impossible"))

    assert (found.outcome, found.point.values) == (BuildOutcome.IMPOSSIBLE, {"what": "impossible", "units": 5})
    assert found.reason.startswith("test_drawers.py line ")
    assert found.reason.endswith(": FailedTrialError: 5 is no good")


def test_a_failure_is_told_with_its_traceback(drawer: Any) -> None:
    found = drawn(drawer, wish("fails"))

    assert (found.outcome, found.reason.endswith(": KeyError: 5")) == (BuildOutcome.FAILED, True)
    assert found.traceback.endswith("KeyError: 5\n")


def test_a_builder_ends_the_search_by_an_error_that_says_so(drawer: Any) -> None:
    with pytest.raises(InputError, match=r"my\.py:build failed \(test_drawers\.py line .*: FatalValueError: no more\)"):
        drawn(drawer, wish("fatal"))


def test_a_drawer_here_draws_when_it_is_asked(here: DrawerHere) -> None:
    here.begin(wish("nothing"))

    assert not here.is_concurrent
    assert here.result(wait=False) is not None
    here.close()


def test_a_process_is_not_waited_for(apart: DrawingProcess) -> None:
    apart.begin(wish("nothing"))

    assert apart.is_concurrent
    assert apart.result(wait=False) is None
    assert apart.result(wait=True) is not None


@pytest.mark.exhaustive
def test_a_process_that_dies_costs_the_configuration_that_it_built(apart: DrawingProcess) -> None:
    found = drawn(apart, wish("killed"))

    assert (found.outcome, found.point.values) == (BuildOutcome.FAILED, {"what": "killed", "units": 5})
    assert found.reason == "its worker was ended by SIGKILL while it built a model"
    assert drawn(apart, wish("nothing")).outcome is BuildOutcome.POSSIBLE


def test_a_build_that_takes_too_long_is_given_up(apart: DrawingProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn(apart, wish("nothing"))
    monkeypatch.setattr(drawers, "LONGEST_SECONDS", 2.0)

    found = drawn(apart, wish("hangs"))

    assert (found.outcome, found.reason) == (BuildOutcome.FAILED, "it took longer than 2 s to build a model")


def test_a_process_that_dies_before_it_asked_for_anything_ends_the_search(
    apart: DrawingProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawers, "LONGEST_SECONDS", 0.0)

    with pytest.raises(InputError, match=r"^no model can be built: it took longer than 0 s to build a model \(what it"):
        drawn(apart, wish("nothing"))


def test_a_model_that_cannot_be_loaded_elsewhere_ends_the_search(apart: DrawingProcess, tmp_path: Path) -> None:
    (tmp_path / "drawing" / "job.pickle").write_bytes(b"nothing")

    with pytest.raises(InputError, match=r"a process that builds models can't load the model \(UnpicklingError"):
        drawn(apart, wish("nothing"))


def test_closing_leaves_no_process(apart: DrawingProcess) -> None:
    before = {process.pid for process in psutil.Process().children()}
    apart.begin(Drawing(otherwise=Otherwise.DEFAULT))

    apart.close()
    apart.close()

    assert {process.pid for process in psutil.Process().children()} <= before
