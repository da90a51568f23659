"""What a journal amounts to, and which journals can't be true."""

from __future__ import annotations

import contextlib

import pytest

from tuning.errors import InputError
from tuning.loop.journal import AttemptLost, EpochReported, Repetition, SearchBegan, Suggestion
from tuning.loop.search_state import SearchState
from tuning.loop.suggesting import events_of, next_up
from tuning.oracles.by_name import make_oracle
from tuning.oracles.driver import OracleDriver
from tuning.records import SearchConfig, TrialStatus
from tuning.settings import TrainingSettings
from tuning.space.drawing import Drawing, complete, draw


@pytest.fixture
def state(tiny):
    """A state before its first event; closed after the test."""
    with contextlib.ExitStack() as closing:

        def call(**asked):
            config = SearchConfig(**{"epochs": 3, "enqueued": (), **asked})
            driver = closing.enter_context(contextlib.closing(OracleDriver(make_oracle(config))))
            enqueued = tuple((complete(tiny, values), own) for values, own in config.enqueued)
            return SearchState(builder=tiny, config=config, driver=driver, enqueued=enqueued)

        yield call


def suggest(state, tiny):
    """The state with one more suggestion under way."""
    found = next_up(state)
    if isinstance(found, Drawing):
        (found,) = events_of(state, draw(tiny, found, state.driver.space))
    state.replay(found)
    return found


@pytest.fixture
def begun(tiny):
    """The state with its first suggestion under way."""

    def call(state):
        state.replay(state.header())
        suggest(state, tiny)
        return state

    return call


def ended(state, make_trial, trial_id, **values):
    state.replay(make_trial(trial_id=trial_id, **values))


def test_a_suggestion_is_under_way_until_its_trial_has_ended(state, make_trial, make_epoch, begun):
    search = begun(state())
    assert list(search.under_way) == ["0000"]
    search.replay(EpochReported(trial_id="0000", number=1, epoch=make_epoch()))
    assert (search.count_epochs("0000"), search.goes_on("0000", 1)) == (1, True)
    search.replay(AttemptLost(trial_id="0000", reason="killed", seconds=2.0))
    assert [lost.seconds for lost in search.lost["0000"]] == [2.0]
    ended(search, make_trial, "0000")
    assert (search.under_way, search.lost, search.drawn) == ({}, {}, 1)
    assert search.best is search.trials[0]


def test_repeats_are_no_trials_and_can_t_be_the_best(state, make_trial, begun, tiny):
    search = begun(state())
    ended(search, make_trial, "0000", val_loss=0.5)
    values = search.suggestions["0000"].hyperparameters
    search.replay(
        Suggestion(trial_id="0000.1", oracle_id=None, hyperparameters=values, ranges={}, epochs=3, repeat_of="0000")
    )
    ended(search, make_trial, "0000.1", val_loss=0.1, repeat_of="0000")
    assert [trial.trial_id for trial in search.trials] == ["0000"]
    assert [trial.trial_id for trial in search.repeats] == ["0000.1"]
    assert search.best.trial_id == "0000"
    assert (search.drawn, suggest(search, tiny).trial_id) == (1, "0001")


def test_a_repeat_is_trained_as_its_trial_was_whatever_the_others_are(state, tiny, make_trial, begun):
    own = TrainingSettings(epochs=7)
    search = begun(state(enqueued=(({}, own),)))
    assert search.settings(search.suggestions["0000"]) == own
    ended(search, make_trial, "0000", settings=own)
    again = Suggestion(trial_id="0000.1", oracle_id=None, hyperparameters={}, ranges={}, epochs=7, repeat_of="0000")
    assert search.settings(again) == own


def test_skipped_trials_are_counted_apart(state, make_trial, begun, tiny):
    search = begun(state())
    ended(search, make_trial, "0000", status=TrialStatus.SKIPPED)
    suggest(search, tiny)
    ended(search, make_trial, "0001", status=TrialStatus.SKIPPED)
    assert (search.drawn, search.skipped_in_a_row) == (0, 2)
    suggest(search, tiny)
    ended(search, make_trial, "0002")
    assert (search.drawn, search.skipped_in_a_row) == (1, 0)


@pytest.mark.parametrize(
    ("asked", "is_judged"),
    [({}, False), ({"algorithm": "halving"}, True), ({"costs": ("params",)}, True), ({"max_parameters": 9}, True)],
    ids=str,
)
def test_trials_wait_for_an_answer_where_they_may_be_judged(state, asked, is_judged):
    assert state(**asked).is_judged is is_judged


def test_a_journal_of_another_search_is_refused(state):
    header = state(seed=1).header()
    with pytest.raises(InputError, match="the journal was begun by a search with seed 1 and can't go on with 0: ask"):
        state().replay(header)


def test_a_fact_that_an_older_journal_lacks_is_no_difference(state):
    header = state().header()
    older = SearchBegan(facts={name: value for name, value in header.facts.items() if name != "costs"})
    fresh = state()
    fresh.replay(older)
    assert fresh.began


def test_a_suggestion_before_the_search_began_is_refused(state, begun):
    with pytest.raises(InputError, match="the journal suggests trial 0000 where it can't have: restore the file"):
        state().replay(begun(state()).suggestions["0000"])


def test_a_suggestion_of_a_trial_that_is_under_way_is_refused(state, begun):
    search = begun(state())
    with pytest.raises(InputError, match="the journal suggests trial 0000 where it can't have: restore the file"):
        search.replay(search.suggestions["0000"])


def test_a_configuration_that_the_oracle_can_t_have_suggested_is_refused(state, begun):
    search = begun(state())
    first = search.suggestions["0000"]
    values = {**first.hyperparameters, "learning_rate": 5.0}
    event = Suggestion(trial_id="0001", oracle_id="0001", hyperparameters=values, ranges=first.ranges, epochs=3)
    with pytest.raises(
        InputError, match=r"trial 0001 has learning_rate 5\.0, which is not in its range \(0\.003 to 0\.02"
    ):
        search.replay(event)


def test_events_of_a_trial_that_is_not_under_way_are_refused(state, make_trial, make_epoch, begun):
    search = begun(state())
    for event in (
        EpochReported(trial_id="0007", number=1, epoch=make_epoch()),
        AttemptLost(trial_id="0007", reason="killed", seconds=1.0),
        make_trial(trial_id="0007"),
    ):
        with pytest.raises(InputError, match="holds an event of trial 0007, which was not under way there: restore"):
            search.replay(event)


def test_an_epoch_out_of_turn_is_refused(state, make_epoch, begun):
    search = begun(state())
    search.replay(EpochReported(trial_id="0000", number=1, epoch=make_epoch()))
    with pytest.raises(InputError, match="the journal holds epoch 3 of trial 0000 after epoch 1: restore the file"):
        search.replay(EpochReported(trial_id="0000", number=3, epoch=make_epoch()))


def test_a_repetition_of_a_trial_that_is_not_there_is_refused(state, begun):
    search = begun(state())
    with pytest.raises(InputError, match="the journal repeats trial 0007, which is not there: restore the file or"):
        search.replay(Repetition(oracle_id="0001", trial_id="0007"))
