"""Only those are trained again that may win."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuning.ranking.choice import repeats_wanted
from tuning.ranking.contenders import contenders
from tuning.ranking.scale import as_logarithms
from tuning.records import SearchConfig, TrialStatus
from tuning.settings import Objective, TrainingSettings


@pytest.fixture(scope="session")
def made(make_trial, make_epoch):
    """Trials of the given first values, and repeats of (number, value) each; of a loss, or another objective."""

    def make(firsts, repeats=(), objective=None):
        settings = TrainingSettings(epochs=1) if objective is None else TrainingSettings(epochs=1, objective=objective)

        def one(value, **named):
            name = settings.objective.name
            known = {name: value} if name in ("val_loss", "val_accuracy") else {"metrics": {name: value}}
            epoch = make_epoch(**known)
            return make_trial(settings=settings, epochs=(epoch,), **named)

        trials = tuple(one(value, trial_id=f"{number:04d}") for number, value in enumerate(firsts))
        return trials, tuple(one(value, repeat_of=f"{number:04d}") for number, value in repeats)

    return make


def names(trials):
    return [trial.trial_id for trial in trials]


def test_who_is_many_times_worse_is_out_before_any_repeat(made):
    assert names(contenders(*made([0.020, 0.022, 0.060, 0.8]))) == ["0000", "0001"]


def test_one_that_is_clearly_the_best_needs_no_repeat(made):
    trials, _ = made([0.02, 0.06])
    assert names(contenders(trials, ())) == ["0000"]
    assert repeats_wanted(trials, (), SearchConfig(), begun=()) == []


def test_repeats_that_agree_drop_who_is_behind_and_repeats_that_differ_keep_it(made):
    firsts = [0.100, 0.116]
    agreeing = [(0, 0.100), (0, 0.1), (1, 0.116), (1, 0.116)]
    differing = [(0, 0.15), (0, 0.08), (1, 0.09), (1, 0.16)]
    assert names(contenders(*made(firsts))) == ["0000", "0001"]
    assert names(contenders(*made(firsts, agreeing * 4))) == ["0000"]
    assert names(contenders(*made(firsts, differing))) == ["0000", "0001"]


def test_a_lucky_first_value_falls_back_and_those_behind_it_are_in_again(made):
    firsts = [0.02, 0.035]
    assert names(contenders(*made(firsts))) == ["0000"]
    assert names(contenders(*made(firsts, [(0, 0.04)]))) == ["0000", "0001"]


def test_accuracies_are_compared_by_what_they_lack(made):
    accuracy = Objective(name="val_accuracy", maximize=True)
    assert names(contenders(*made([0.99, 0.991, 0.95], objective=accuracy))) == ["0001", "0000"]


def test_of_another_objective_all_may_win_until_repeats_tell_its_noise(made):
    score = Objective(name="val_score", maximize=True)
    firsts = [40.0, 41.0, -7.0]
    assert names(contenders(*made(firsts, objective=score))) == ["0001", "0000", "0002"]
    repeats = [(0, 41.0), (0, 40.2), (1, 41.5), (1, 40.5), (2, -6.0)]
    assert names(contenders(*made(firsts, repeats, objective=score))) == ["0001", "0000"]


def test_a_repeat_that_failed_or_was_cut_short_tells_nothing(made, make_trial):
    trials, _ = made([0.100, 0.116])
    cut = [make_trial(9.0, repeat_of="0000", status=status) for status in (TrialStatus.STOPPED, TrialStatus.FAILED)]
    assert names(contenders(trials, cut)) == ["0000", "0001"]


def test_nobody_races_without_a_result(made, make_trial):
    assert contenders((), ()) == ()
    assert contenders((make_trial(status=TrialStatus.FAILED),), ()) == ()


def test_each_contender_gets_its_repeats_and_no_more(made):
    trials, _ = made([0.100, 0.101, 0.9])
    wanted = repeats_wanted(trials, (), SearchConfig(repeats=2), begun=["0000", "0001", "0001"])
    assert [(trial.trial_id, number) for trial, number in wanted] == [("0000", 1)]


@given(values=st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=6), factor=st.floats(1e-3, 1e3))
def test_who_may_win_does_not_depend_on_the_unit_of_the_loss(made, values, factor):
    scaled = [value * factor for value in values]
    assert names(contenders(*made(values))) == names(contenders(*made(scaled)))
    assert names(contenders(*made(values)))[0] == f"{values.index(min(values)):04d}"


def test_shares_without_a_miss_are_on_the_scale_and_other_ranks_are_not():
    assert as_logarithms([-1.0, -0.5]) == pytest.approx([-6.2146, -0.6892], abs=1e-4)
    assert as_logarithms([0.5, -0.5]) is None
    assert as_logarithms([]) == []
