"""Facts that survive the way to disk and back, and the few rules that they keep."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuning.ranking.choice import SearchResult
from tuning.ranking.selection import Selection
from tuning.records import Epoch, SearchConfig, StopReason, TrialRecord, TrialStatus
from tuning.runs.trained import Promise, TrainedModel
from tuning.settings import TrainingPlan, TrainingSettings


def through_json(data):
    return json.loads(json.dumps(data, allow_nan=False))


@given(data=st.data())
def test_settings_read_from_json_equal_those_written(data, settings_records):
    written = data.draw(settings_records)
    assert TrainingSettings.from_json(through_json(written.as_json())) == written


@given(data=st.data())
def test_an_epoch_read_from_json_equals_the_one_written(data, epoch_records):
    written = data.draw(epoch_records)
    assert Epoch.from_json(through_json(written.as_json())) == written


@given(data=st.data())
def test_a_trial_read_from_json_equals_the_one_written(data, trial_records):
    written = data.draw(trial_records)
    assert TrialRecord.from_json(through_json(written.as_json())) == written


@given(data=st.data())
def test_a_plan_read_from_json_equals_the_one_written(data, configurations, settings_records):
    plans = st.builds(
        TrainingPlan,
        hyperparameters=configurations,
        settings=settings_records,
        seed=st.integers(min_value=0),
    )
    plan = data.draw(plans)
    assert TrainingPlan.from_json(through_json(plan.as_json())) == plan


@given(data=st.data())
def test_a_trained_model_read_from_json_equals_the_one_written(data, configurations, epoch_records, settings_records):
    written = TrainedModel(
        hyperparameters=data.draw(configurations),
        settings=data.draw(settings_records),
        seed=3,
        examples=10,
        parameters=20,
        epochs=(data.draw(epoch_records),),
        result_epoch=0,
        seconds=1.5,
        why_weights_only="a layer has no get_config",
        promise=Promise(
            objective="val_loss", trial=0.1, retrained=math.inf, standard_error=0.01, examples=10, is_kept=False
        ),
    )
    assert TrainedModel.from_json(through_json(written.as_json())) == written


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
def test_an_epoch_that_diverged_is_the_same_after_json(loss, make_epoch):
    epoch = Epoch.from_json(through_json(make_epoch(loss=loss, val_loss=loss).as_json()))
    assert str(epoch.loss) == str(epoch.val_loss) == str(loss)
    assert not epoch.is_finite


def test_a_trial_with_nan_has_no_result_before_and_after_json(make_trial):
    trial = make_trial(val_loss=math.nan)
    again = TrialRecord.from_json(through_json(trial.as_json()))
    assert [trial.has_result, again.has_result] == [False, False]
    assert [trial.val_loss, again.val_loss] == [None, None]


@pytest.mark.parametrize("changes", [{"val_loss": math.nan}, {"val_loss": math.inf}, {"loss": math.nan}])
def test_a_nan_or_infinite_loss_makes_an_epoch_not_finite(changes, make_epoch):
    assert make_epoch().is_finite
    assert not make_epoch(**changes).is_finite


def test_an_epoch_without_validation_is_finite(make_epoch):
    assert make_epoch(val_loss=None, val_accuracy=None).is_finite


def test_the_result_is_that_of_the_epoch_the_trial_ended_with(make_trial, make_epoch):
    epochs = (make_epoch(val_loss=0.2, val_accuracy=0.9), make_epoch(val_loss=0.4, val_accuracy=0.7))
    trial = make_trial(epochs=epochs, result_epoch=0)
    assert (trial.val_loss, trial.val_accuracy) == (0.2, 0.9)


def test_a_trial_without_epochs_has_no_result(make_trial):
    trial = make_trial(epochs=())
    assert (trial.val_loss, trial.val_accuracy, trial.value, trial.rank) == (None, None, None, math.inf)
    assert not trial.has_result


def test_a_failed_trial_has_no_result_whatever_its_loss(make_trial):
    assert not make_trial(val_loss=0.1, status=TrialStatus.FAILED).has_result


def test_a_stopped_trial_can_be_ranked(make_trial):
    assert make_trial(val_loss=0.1, status=TrialStatus.STOPPED).has_result


def test_a_skipped_trial_has_no_result(make_trial):
    assert not make_trial(val_loss=0.1, status=TrialStatus.SKIPPED).has_result


def result(trials, winner, repeats=()):
    chosen = Selection(finalists=(), winner=winner, optimism=None, noise=None, standard_error=None)
    return SearchResult(trials=tuple(trials), stopped_by=StopReason.BUDGET, repeats=tuple(repeats), selection=chosen)


def test_the_winner_is_the_trial_that_was_selected(make_trial):
    trials = [make_trial(loss, trial_id=str(index)) for index, loss in enumerate([0.3, 0.1, 0.2])]
    assert result(trials, "2").winner == trials[2]


def test_nobody_wins_where_nothing_was_selected(make_trial):
    nothing = SearchResult(trials=(make_trial(status=TrialStatus.FAILED),), stopped_by=StopReason.MAX_TRIALS)
    assert (nothing.winner, nothing.winner_curves) == (None, ())


def test_the_winner_s_curves_are_those_of_its_repeats_that_have_a_result(make_trial):
    trials = [make_trial(trial_id="a"), make_trial(trial_id="b")]
    repeats = [
        make_trial(trial_id="a.1", repeat_of="a"),
        make_trial(trial_id="b.1", repeat_of="b"),
        make_trial(trial_id="a.2", repeat_of="a", status=TrialStatus.FAILED),
        make_trial(trial_id="a.3", repeat_of="a", status=TrialStatus.STOPPED),
    ]
    assert result(trials, "a", repeats).winner_curves == (repeats[0],)
    assert result(trials, "a", repeats[1:]).winner_curves == (trials[0],)
    assert result(trials, "a").winner_curves == (trials[0],)


def test_settings_refuse_no_epochs():
    with pytest.raises(ValueError, match="epochs must be 1 or more, got 0"):
        TrainingSettings(epochs=0)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("max_trials", 0, "`max_trials` must be 1 or more, got 0"),
        ("epochs", 0, "`epochs` must be 1 or more, got 0"),
        ("min_epochs", 0, "`min_epochs` must be 1 or more, got 0"),
        ("seed", -1, "`seed` must be 0 or more, got -1"),
        ("max_parameters", 0, "`max_parameters` must be 1 or more, got 0"),
        ("finalists", 0, "`finalists` must be 1 or more, got 0"),
        ("repeats", -1, "`repeats` must be 0 or more, got -1"),
    ],
)
def test_a_search_config_refuses_numbers_below_their_least(name, value, message):
    valid = {"algorithm": "random", "max_trials": 1, "epochs": 1, "seed": 0}
    with pytest.raises(ValueError, match=message):
        SearchConfig(**{**valid, name: value})
