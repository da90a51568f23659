"""Searches with several workers that die, hang, fail and finish in any order: by a simulated executor."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections import Counter
from pathlib import Path

import keras_tuner as kt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulated_executor import EVERY, Simulated

from tuning._search import search
from tuning.errors import InputError
from tuning.loop.budget import Budget
from tuning.loop.journal import AttemptLost, EpochReported, Journal, SearchBegan, Suggestion
from tuning.loop.observer import Silent
from tuning.loop.resources import Resources
from tuning.oracles.by_name import algorithm_names
from tuning.records import SearchConfig, TrialRecord, TrialStatus


class Killed(BaseException):
    """What a SIGKILL of the parent is to the code: nothing after it runs."""


@pytest.fixture(scope="module")
def run(tiny, search_data):
    """Search the tiny model's space by a simulated executor."""

    def call(
        folder,
        *,
        workers=2,
        seed=0,
        fates=None,
        states=None,
        starting=0,
        observer=None,
        resources=None,
        search_seed=0,
        **asked,
    ):
        config = SearchConfig(
            **{"algorithm": "random", "max_trials": 8, "epochs": 9, "repeats": 0, "seed": search_seed, **asked}
        )
        made = []

        def make(workplace, work):
            made.append(Simulated(workers=workers, seed=seed, fates=fates, states=states, starting=starting))
            return made[-1]

        using = Resources(make_executor=make, **(resources or {}))
        result = search(tiny, search_data, folder, config, resources=using, observer=observer)
        assert made[-1].closed
        return result

    return call


def outcome(result):
    return [
        (trial.trial_id, trial.status, dict(trial.hyperparameters), trial.seed, [e.val_loss for e in trial.epochs])
        for trial in (*result.trials, *result.repeats)
    ]


def events_of(folder):
    return Journal(folder / "trials.jsonl").read()


@pytest.mark.parametrize("algorithm", EVERY)
@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow), 5])
def test_a_search_ends_with_all_its_trials_whatever_the_algorithm_and_the_workers(run, tmp_path, algorithm, workers):
    result = run(tmp_path, algorithm=algorithm, workers=workers, max_trials=12)
    assert len(result.trials) == 12
    assert result.stopped_by == "max_trials"
    assert len({tuple(trial.hyperparameters.items()) for trial in result.trials}) == 12
    assert result.winner is not None


@pytest.mark.parametrize("algorithm", EVERY)
def test_one_worker_makes_every_search_the_same(run, tmp_path, algorithm):
    results = [run(tmp_path / str(seed), algorithm=algorithm, workers=1, seed=seed, repeats=1) for seed in (1, 2)]
    assert outcome(results[0]) == outcome(results[1])


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", algorithm_names())
def test_a_search_of_one_worker_that_is_cut_at_any_event_goes_on_to_the_same_result(run, tmp_path, algorithm):
    whole = run(tmp_path / "whole", algorithm=algorithm, workers=1, max_trials=5, epochs=4, repeats=1)
    lines = (tmp_path / "whole" / "trials.jsonl").read_bytes().splitlines(keepends=True)
    for length in range(0, len(lines), 1 if algorithm in ("halving", "hyperband") else 5):
        folder = tmp_path / f"cut{length}"
        folder.mkdir()
        (folder / "trials.jsonl").write_bytes(b"".join(lines[:length]) + b'{"event": "ep')
        again = run(folder, algorithm=algorithm, workers=1, max_trials=5, epochs=4, repeats=1)
        assert outcome(again) == outcome(whole)
        assert again.selection == whole.selection


class KilledAt(Silent):
    """Ends the search as a SIGKILL would, when so many things have happened."""

    def __init__(self, number):
        self.left = number

    def _count(self):
        self.left -= 1
        if self.left < 0:
            raise Killed

    def trial_started(self, suggestion):
        self._count()

    def epoch_finished(self, trial_id, epoch):
        self._count()

    def trial_finished(self, trial, best):
        self._count()


@pytest.mark.slow
@given(
    algorithm=st.sampled_from(algorithm_names()),
    workers=st.integers(1, 4),
    kills=st.lists(st.integers(0, 25), max_size=5),
    lost=st.dictionaries(st.sampled_from([f"{number:04d}" for number in range(6)]), st.integers(1, 4), max_size=4),
    seed=st.integers(0, 1000),
)
def test_nothing_is_lost_and_nothing_finished_twice_however_often_a_search_is_killed(
    run, algorithm, workers, kills, lost, seed
):
    fates = {trial: [f"lost {epoch}"] for trial, epoch in lost.items()}
    states = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number, kill in enumerate(kills):
            with contextlib.suppress(Killed):
                run(
                    folder,
                    algorithm=algorithm,
                    workers=workers,
                    seed=seed + number,
                    # A trial that loses its worker twice has failed.
                    fates={} if number else fates,
                    states=states,
                    observer=KilledAt(kill),
                    max_trials=6,
                    epochs=4,
                    repeats=1,
                )
        result = run(folder, algorithm=algorithm, workers=workers, seed=seed, states=states, max_trials=6, epochs=4)
        events = events_of(folder)
    assert len(result.trials) == 6
    assert all(trial.has_result for trial in result.trials)
    ends = Counter((event.trial_id, len(event.epochs)) for event in events if isinstance(event, TrialRecord))
    assert set(ends.values()) == {1}
    epochs = Counter((event.trial_id, event.number) for event in events if isinstance(event, EpochReported))
    assert set(epochs.values()) == {1}


def test_a_lost_attempt_is_made_up_for_by_a_second_one_from_its_last_state(run, tmp_path):
    states = {}
    result = run(tmp_path, fates={"0001": ["lost 5"]}, states=states, max_trials=3)
    assert [trial.status for trial in result.trials] == [TrialStatus.COMPLETED] * 3
    [lost] = [event for event in events_of(tmp_path) if isinstance(event, AttemptLost)]
    assert (lost.trial_id, lost.reason) == ("0001", "its worker was ended by SIGKILL")


@pytest.mark.parametrize("ends", [["lost 2", "lost 2"], ["nan"], ["error"]])
def test_a_promoted_trial_that_fails_keeps_the_result_that_it_had(run, tmp_path, ends):
    fates = {f"{number:04d}": ["ok", *ends] for number in range(12)}
    result = run(tmp_path, algorithm="hyperband", max_trials=12, fates=fates)
    stopped = [trial for trial in result.trials if trial.status is TrialStatus.STOPPED]
    assert stopped
    assert all(trial.has_result for trial in result.trials)
    assert all(trial.reason for trial in stopped)


def test_a_trial_whose_worker_dies_twice_failed_and_says_why(run, tmp_path):
    result = run(tmp_path, fates={"0001": ["lost 3", "lost 3"]}, max_trials=3)
    failed = {trial.trial_id: trial for trial in result.trials}["0001"]
    assert (failed.status, failed.reason) == (TrialStatus.FAILED, "its worker was ended by SIGKILL")
    assert len(result.trials) == 3


def test_a_nan_fails_the_trial_at_that_epoch_and_is_not_tried_again(run, tmp_path):
    result = run(tmp_path, fates={"0001": ["nan"]}, max_trials=3)
    failed = {trial.trial_id: trial for trial in result.trials}["0001"]
    assert (failed.status, failed.reason) == (TrialStatus.FAILED, "the loss became NaN or infinite in epoch 1")
    assert len(failed.epochs) == 1


def test_a_good_result_is_not_discarded_for_a_later_bad_one(run, tmp_path):
    """Keras Tuner trains a NaN trial again and keeps only what came last."""
    result = run(tmp_path, fates={"0001": ["ok", "nan"]}, max_trials=3)
    assert {trial.trial_id: trial for trial in result.trials}["0001"].has_result


class Clock:
    """Advances by a second, or another `step`, whenever it is read."""

    def __init__(self):
        self.now, self.step = 0.0, 1.0

    def __call__(self):
        self.now += self.step
        return self.now


def test_a_trial_that_hangs_is_given_up_after_the_timeout_and_the_search_goes_on(run, tmp_path):
    budget = Budget(None, clock=Clock())
    fates = {"0001": ["hangs", "hangs"]}
    result = run(tmp_path, fates=fates, max_trials=4, resources={"trial_timeout": 400.0, "budget": budget})
    failed = {trial.trial_id: trial for trial in result.trials}["0001"]
    assert (failed.status, failed.reason) == (TrialStatus.FAILED, "it took longer than the trial timeout of 400 s")
    assert sum(trial.has_result for trial in result.trials) == 3


def test_a_trial_that_does_not_heed_the_end_of_the_budget_is_ended(run, tmp_path):
    fates = {"0000": ["hangs"]}
    budget = Budget(300.0, clock=Clock())
    result = run(tmp_path, fates=fates, workers=1, resources={"budget": budget})
    assert result.stopped_by == "budget"
    assert result.trials[0].status is TrialStatus.FAILED
    assert result.trials[0].reason == "it did not stop within 60 s"


@pytest.mark.parametrize("workers", [1, 2])
def test_a_budget_too_small_for_anything_still_gives_a_first_result(run, tmp_path, workers):
    """The time may be over while the workers start."""
    clock = Clock()
    result = run(tmp_path, workers=workers, epochs=1000, starting=3, resources={"budget": Budget(1e-3, clock=clock)})
    assert result.stopped_by == "budget"
    assert len(result.trials) == workers
    assert all(trial.status is TrialStatus.STOPPED for trial in result.trials)
    assert result.winner.has_result


def test_a_worker_that_never_builds_its_first_model_is_ended_with_the_budget(run, tmp_path):
    fates = {"0000": ["stuck", "stuck"]}
    result = run(tmp_path, fates=fates, workers=1, resources={"budget": Budget(300.0, clock=Clock())})
    assert result.trials[0].reason == "it did not stop within 60 s"


def test_running_trials_are_stopped_at_the_end_of_the_budget_and_count(run, tmp_path):
    budget = Budget(120.0, clock=Clock())
    result = run(tmp_path, workers=2, epochs=1000, resources={"budget": budget})
    assert result.stopped_by == "budget"
    assert all(trial.status is TrialStatus.STOPPED and trial.has_result for trial in result.trials)
    assert {trial.reason for trial in result.trials} <= {
        "the time of the search was used up",
        "a retraining would not get through as many of its epochs in time",
    }


def test_a_trial_that_is_far_too_slow_does_not_use_up_the_search(run, tmp_path):
    budget = Budget(3000.0, clock=Clock())
    result = run(tmp_path, fates={"0000": ["hangs"]}, workers=1, resources={"budget": budget})
    assert result.trials[0].reason == "it did not stop within 60 s"
    assert result.stopped_by == "max_trials"


def test_who_can_not_win_any_more_is_not_trained_again(run, tmp_path):
    result = run(tmp_path, repeats=4, finalists=8)
    times = Counter(trial.repeat_of for trial in result.repeats)
    assert 2 <= max(times.values()) <= 4
    assert min(times[trial.trial_id] for trial in result.trials) == 0


def test_time_that_the_repeats_leave_is_for_more_trials(run, tmp_path):
    clock = Clock()

    class RepeatsAreQuick(Silent):
        def trial_started(self, suggestion):
            clock.step = 0.1 if suggestion.repeat_of else 1.0

    using = {"resources": {"budget": Budget(4000.0, clock=clock)}, "observer": RepeatsAreQuick()}
    result = run(tmp_path, workers=1, max_trials=1000, repeats=2, **using)
    kept = [bool(event.repeat_of) for event in events_of(tmp_path) if isinstance(event, Suggestion)]
    assert result.stopped_by == "budget"
    assert kept.index(True) < len(kept) - 1 - kept[::-1].index(False), "trials come behind the first repeats"


@pytest.mark.slow
def test_models_that_are_too_large_are_skipped_and_are_no_failures(run, tmp_path):
    result = run(tmp_path, max_parameters=999, max_trials=2)
    assert result.stopped_by == "skipped"
    assert {trial.status for trial in result.trials} == {TrialStatus.SKIPPED}
    assert result.trials[0].reason == "it has 1000 parameters, more than 999"
    assert all(trial.epochs == () for trial in result.trials)
    assert result.winner is None


def test_skipped_configurations_do_not_use_up_the_trials(run, tmp_path):
    result = run(tmp_path, max_parameters=1000, max_trials=4)
    assert [trial.status for trial in result.trials] == [TrialStatus.COMPLETED] * 4


def test_the_finalists_are_trained_again_with_other_seeds_and_the_mean_decides(run, tmp_path):
    result = run(tmp_path, repeats=2, finalists=3)
    finalists = [trial.trial_id for trial in sorted(result.trials, key=lambda trial: trial.rank)[:3]]
    times = Counter(trial.repeat_of for trial in result.repeats)
    assert set(times) == set(finalists)
    assert times[result.winner.trial_id] == 2
    seeds = [trial.seed for trial in (*result.trials, *result.repeats)]
    assert len(set(seeds)) == len(seeds)
    means = result.selection.means
    assert result.winner.trial_id == min(means, key=means.get)
    assert result.selection.optimism is not None
    assert {trial.repeat_of for trial in result.winner_curves} == {result.winner.trial_id}
    assert len((tmp_path / "trials.csv").read_text().splitlines()) == 1 + 8


def test_a_single_trial_is_not_repeated_as_there_is_nothing_to_choose(run, tmp_path):
    assert run(tmp_path, max_trials=1, repeats=2).repeats == ()


def test_a_lost_repeat_is_made_up_for(run, tmp_path):
    whole = run(tmp_path / "whole", max_trials=3, repeats=1)
    repeated = whole.repeats[0].trial_id
    again = run(tmp_path / "again", max_trials=3, repeats=1, fates={repeated: ["lost 2"]})
    assert sorted(outcome(again)) == sorted(outcome(whole))


def test_halving_stops_the_bad_ones_early_and_never_the_best_two(run, tmp_path):
    result = run(tmp_path, algorithm="halving", max_trials=20, workers=1)
    stopped = [trial for trial in result.trials if trial.status is TrialStatus.STOPPED]
    assert len(stopped) > 5
    assert {trial.reason for trial in stopped} <= {
        "it was not among the best after 1 epoch",
        "it was not among the best after 3 epochs",
    }
    assert all(len(trial.epochs) in (1, 3) for trial in stopped)
    assert result.winner.status is TrialStatus.COMPLETED


def test_hyperband_promotes_by_continuing_the_same_trial(run, tmp_path):
    result = run(tmp_path, algorithm="hyperband", max_trials=9, workers=2)
    suggested = Counter(event.trial_id for event in events_of(tmp_path) if isinstance(event, Suggestion))
    assert max(suggested.values()) == 3
    lengths = Counter(len(trial.epochs) for trial in result.trials if trial.trial_id != "0000")
    assert lengths[9] >= 1
    assert lengths[1] >= 4


def test_one_failed_trial_in_a_bracket_leaves_the_top_rung_reached(run, tmp_path):
    """In Keras Tuner one failed trial keeps its bracket from ever reaching the top rung."""
    fates = {"0001": ["error"], "0002": ["nan"], "0003": ["lost 1", "lost 1"]}
    result = run(tmp_path, algorithm="hyperband", max_trials=10, fates=fates)
    assert max(len(trial.epochs) for trial in result.trials if trial.trial_id != "0000") == 9


def test_a_journal_of_a_search_with_other_settings_is_refused_and_left_as_it_is(run, tmp_path):
    run(tmp_path, max_trials=2)
    before = (tmp_path / "trials.jsonl").read_bytes()
    for changed in ({"search_seed": 1}, {"epochs": 8}, {"algorithm": "grid"}, {"enqueued": ()}, {"min_epochs": 2}):
        with pytest.raises(InputError, match=r"the journal was begun by a search with .* and can't go on with"):
            run(tmp_path, **{"max_trials": 2, **changed})
    assert (tmp_path / "trials.jsonl").read_bytes() == before


@pytest.mark.parametrize("lost", [0, 1, 2, 3])
def test_a_journal_that_lost_a_line_is_refused(run, tmp_path, lost):
    run(tmp_path / "whole", max_trials=2, workers=1)
    lines = (tmp_path / "whole" / "trials.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "trials.jsonl").write_bytes(b"".join(lines[:lost] + lines[lost + 1 :]))
    with pytest.raises(InputError, match="journal"):
        run(tmp_path, max_trials=2)


def test_everything_is_on_record_before_anybody_is_told(run, tmp_path):
    seen = []

    class Looking(Silent):
        def epoch_finished(self, trial_id, epoch):
            seen.append(json.loads((tmp_path / "trials.jsonl").read_text().splitlines()[-1])["event"])

        def trial_finished(self, trial, best):
            seen.append(json.loads((tmp_path / "trials.jsonl").read_text().splitlines()[-1])["event"])

    run(tmp_path, max_trials=2, workers=1, epochs=2, observer=Looking())
    assert seen == ["epoch", "epoch", "finished"] * 2


def test_the_events_of_a_search_come_in_order(run, tmp_path):
    run(tmp_path, max_trials=1, workers=1, epochs=2)
    kinds = [type(event) for event in events_of(tmp_path)]
    assert kinds == [SearchBegan, Suggestion, EpochReported, EpochReported, TrialRecord]


@pytest.mark.slow
def test_bayesian_thinks_of_the_next_trial_while_the_workers_train(run, tmp_path):
    run(tmp_path, algorithm="bayesian", max_trials=3, workers=1)
    kinds = [(type(event).__name__, event.trial_id) for event in events_of(tmp_path)[1:]]
    assert kinds[:2] == [("Suggestion", "0000"), ("Suggestion", "0001")]


def test_an_oracle_of_the_caller_s_own_is_used_and_can_stop_trials(run, tmp_path, tiny):
    class Impatient(kt.oracles.RandomSearchOracle):
        def update_trial(self, trial_id, metrics, step=0):
            trial = super().update_trial(trial_id, metrics, step)
            if step == 2:
                trial.status = "STOPPED"
            return trial

    oracle = Impatient(objective=kt.Objective("val_loss", "min"), max_trials=3, seed=5)
    result = run(tmp_path, algorithm=oracle, workers=1)
    assert [len(trial.epochs) for trial in result.trials] == [2, 2, 2]
    assert result.stopped_by == "space"


def test_costs_choose_the_smallest_of_the_best(run, tmp_path):
    result = run(tmp_path, costs=("params", "macs"), repeats=2)
    assert result.winner is not None
    assert all(trial.macs == 10 * trial.parameters for trial in result.trials)


@pytest.mark.parametrize("algorithm", [name for name in EVERY if name != "grid"])
def test_searches_with_different_seeds_share_no_configuration_but_the_known_one(run, tmp_path, algorithm):
    drawn = [
        {
            str(trial.hyperparameters)
            for trial in run(tmp_path / str(seed), algorithm=algorithm, search_seed=seed).trials
        }
        for seed in range(4)
    ]
    assert len(set.intersection(*drawn)) == 1
    assert len(set.union(*drawn)) == sum(len(each) - 1 for each in drawn) + 1


def test_states_are_kept_of_running_and_promotable_trials_only(run, tmp_path, tiny):
    kept = []

    class Looking(Silent):
        def trial_finished(self, trial, best):
            kept.append({path.name for path in (tmp_path / "weights").iterdir()})

    for number in range(40):
        (tmp_path / "weights" / f"{number:04d}").mkdir(parents=True)
    result = run(tmp_path, algorithm="hyperband", max_trials=12, workers=1, observer=Looking())
    ended = {trial.trial_id for trial in result.trials if trial.status is not TrialStatus.PAUSED}
    lost = {trial.trial_id for trial in result.trials if trial.status is TrialStatus.PAUSED}
    assert lost
    assert not kept[-1] & ended
    assert kept[-1] <= lost
    assert len(kept[-1] & lost) < len(lost) / 2
