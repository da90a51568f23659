"""Callbacks of a user's own: made anew for each training, and nothing but callbacks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import pytest

from tuning.errors import InputError
from tuning.plugins.user_callbacks import TrialContext, load_factories, make_callbacks


@pytest.fixture
def context(tmp_path: Path) -> TrialContext:
    folder = tmp_path / "mine" / "trials" / "0001"
    return TrialContext(
        run="mine", trial_id="0001", hyperparameters={"units": 8}, folder=folder, run_folder=tmp_path / "mine"
    )


def test_a_factory_is_told_of_the_training(context: TrialContext) -> None:
    seen: list[TrialContext] = []

    def factory(trial: TrialContext) -> keras.callbacks.Callback:
        seen.append(trial)
        return keras.callbacks.Callback()

    assert len(make_callbacks((factory, factory), context)) == 2
    assert seen == [context, context]
    assert context.folder.is_dir()


def test_without_factories_nothing_is_made(context: TrialContext) -> None:
    assert make_callbacks((), context) == []
    assert not context.folder.exists()


def test_a_factory_may_make_several(context: TrialContext) -> None:
    made = make_callbacks((lambda trial: [keras.callbacks.Callback(), keras.callbacks.TerminateOnNaN()],), context)

    assert [type(callback) for callback in made] == [keras.callbacks.Callback, keras.callbacks.TerminateOnNaN]


@pytest.mark.parametrize("given", [None, "tensorboard", [3]])
def test_anything_but_a_callback_is_refused(given: Any, context: TrialContext) -> None:
    with pytest.raises(InputError, match=r"a callback factory returned .* but must return Keras callbacks"):
        make_callbacks((lambda trial: given,), context)


def test_factories_are_found_by_their_source(tmp_path: Path, context: TrialContext) -> None:
    (tmp_path / "track.py").write_text("import keras\ndef track(trial): return keras.callbacks.Callback()\n")

    (factory,) = load_factories([f"{tmp_path}/track.py:track"])

    assert len(make_callbacks((factory,), context)) == 1


@pytest.mark.parametrize("made", ["5", "keras.callbacks.Callback()"])
def test_what_is_no_function_is_refused(made: str, tmp_path: Path) -> None:
    (tmp_path / "fixed.py").write_text(f"import keras\nfixed = {made}\n")

    with pytest.raises(InputError, match=r"fixed\.py:fixed is a \w+ but must be a function from a trial to its callba"):
        load_factories([f"{tmp_path}/fixed.py:fixed"])
