"""What a user's own `fit` is given, and what is made of its answer."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
import pytest

from tuning.errors import InputError
from tuning.records import Epoch
from tuning.settings import VALIDATION_LOSS, Objective
from tuning.training.own_fit import OwnFit, with_results

ALL = {"epochs": 3, "callbacks": [], "verbose": 0, "validation_data": None}


def call(fit: Any, options: Any = None) -> Any:
    return OwnFit(fit=fit, name="it")(None, None, ("x", "y"), ALL if options is None else options)


def trains(*args: Any, epochs: int = 1, batch_size: int = 32, **options: Any) -> Any:
    return {"args": args, "epochs": epochs, "batch_size": batch_size, **options}


def test_everything_is_handed_over() -> None:
    seen = call(lambda hp, model, *args, **options: trains(*args, **options))

    assert (seen["args"], seen["epochs"]) == (("x", "y"), 3)


def test_what_it_sets_by_itself_is_left_to_it_and_remembered() -> None:
    own = OwnFit(fit=lambda hp, model, *args, **options: trains(*args, epochs=9, **options), name="it")

    assert own(None, None, ("x", "y"), ALL)["epochs"] == 9
    assert own.decides == {"epochs"}


def test_what_it_has_no_parameter_for_is_left_out() -> None:
    own = OwnFit(fit=lambda hp, model, x, y, epochs: epochs, name="it")

    assert own(None, None, ("x", "y"), ALL) == 3
    assert own.decides == {"callbacks", "verbose", "validation_data"}


def test_another_type_error_is_the_user_s() -> None:
    def broken(hp: Any, model: Any, *args: Any, **options: Any) -> Any:
        raise TypeError("mine")

    with pytest.raises(TypeError, match="mine"):
        call(broken)


@pytest.mark.parametrize("given", ["class_weight", "sample_weight"])
def test_weights_that_it_cannot_take_are_refused(given: str) -> None:
    with pytest.raises(InputError, match=rf"fit of it takes no {given}: add \*\*kwargs to it"):
        call(lambda hp, model, x, y: None, {given: {0: 1.0}})


def history(**values: Any) -> keras.callbacks.History:
    made = keras.callbacks.History()
    made.history = values
    return made


def results(given: Any, *, epochs: Any = (), objective: Objective = VALIDATION_LOSS) -> list[Epoch]:
    return with_results(epochs, given, objective, name="it", seconds=4.0).epochs


def test_a_history_stands_in_for_a_curve_that_no_callback_saw() -> None:
    curve = results(history(loss=[2.0, 1.0], val_loss=[3.0, 2.0], val_mine=[0.1, 0.2]))

    assert [(epoch.loss, epoch.val_loss, epoch.metrics) for epoch in curve] == [
        (2.0, 3.0, {"val_mine": 0.1}),
        (1.0, 2.0, {"val_mine": 0.2}),
    ]
    assert [epoch.seconds for epoch in curve] == [2.0, 2.0]


def test_a_curve_that_was_seen_counts_more_than_a_history(make_epoch: Any) -> None:
    assert results(history(loss=[2.0]), epochs=[make_epoch()]) == [make_epoch()]


def test_a_number_is_the_objective(make_epoch: Any) -> None:
    objective = Objective(name="val_mine", maximize=True)

    (alone,) = results(0.25)
    (added,) = results(np.float32(0.5), epochs=[make_epoch()], objective=objective)

    assert (alone.val_loss, alone.loss) == (0.25, None)
    assert (added.val_loss, added.value("val_mine")) == (make_epoch().val_loss, 0.5)


def test_a_dictionary_adds_its_numbers_to_the_last_epoch(make_epoch: Any) -> None:
    first, last = results({"val_loss": 0.1, "val_f1": 0.9}, epochs=[make_epoch(), make_epoch()])

    assert first == make_epoch()
    assert (last.val_loss, last.metrics) == (0.1, {"val_f1": 0.9})


@pytest.mark.parametrize(
    ("given", "is_answer"), [(0.5, True), ({"val_loss": 0.5}, True), ({"val_f1": 0.5}, False), (history(), False)]
)
def test_only_a_returned_objective_counts_more_than_the_epochs(given: Any, is_answer: bool, make_epoch: Any) -> None:
    assert with_results([make_epoch()], given, VALIDATION_LOSS, name="it", seconds=1.0).is_answer is is_answer


def test_nan_is_kept_as_it_is() -> None:
    assert math.isnan(results(math.nan)[0].val_loss)


@pytest.mark.parametrize("given", [None, "good", [1.0]])
def test_anything_else_is_refused(given: Any) -> None:
    with pytest.raises(InputError, match=r"fit of it returned .* but must return what model\.fit returns, a"):
        results(given)
