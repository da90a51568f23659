"""Callbacks of a user's own: made anew for each training, and nothing but callbacks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import pytest

from tuning.errors import InputError
from tuning.user_callbacks import TrialContext, load_factories, made_by

CONTEXT = TrialContext(run="mine", trial_id="0001", hyperparameters={"units": 8}, folder=Path("/runs/mine"))


def test_a_factory_is_told_of_the_training() -> None:
    seen: list[TrialContext] = []

    def factory(trial: TrialContext) -> keras.callbacks.Callback:
        seen.append(trial)
        return keras.callbacks.Callback()

    assert len(made_by((factory, factory), CONTEXT)) == 2
    assert seen == [CONTEXT, CONTEXT]


def test_a_factory_may_make_several() -> None:
    made = made_by((lambda trial: [keras.callbacks.Callback(), keras.callbacks.TerminateOnNaN()],), CONTEXT)

    assert [type(callback) for callback in made] == [keras.callbacks.Callback, keras.callbacks.TerminateOnNaN]


@pytest.mark.parametrize("given", [None, "tensorboard", [3]])
def test_anything_but_a_callback_is_refused(given: Any) -> None:
    with pytest.raises(InputError, match=r"a callback factory returned .* but must return Keras callbacks"):
        made_by((lambda trial: given,), CONTEXT)


def test_factories_are_found_by_their_source(tmp_path: Path) -> None:
    (tmp_path / "track.py").write_text("import keras\ndef track(trial): return keras.callbacks.Callback()\n")

    (factory,) = load_factories([f"{tmp_path}/track.py:track"])

    assert len(made_by((factory,), CONTEXT)) == 1


@pytest.mark.parametrize("made", ["5", "keras.callbacks.Callback()"])
def test_what_is_no_function_is_refused(made: str, tmp_path: Path) -> None:
    (tmp_path / "fixed.py").write_text(f"import keras\nfixed = {made}\n")

    with pytest.raises(InputError, match=r"fixed\.py:fixed is a \w+ but must be a function from a trial to its callba"):
        load_factories([f"{tmp_path}/fixed.py:fixed"])
