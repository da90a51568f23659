"""Searches that train for real: in this process, where every loss can be compared, and once in worker processes."""

from __future__ import annotations

import dataclasses
import math
import multiprocessing
import shutil
import sys

import numpy as np
import psutil
import pytest

from tuning._search import default_epochs, default_parts, search
from tuning.data.dataset import Split
from tuning.data.search_data import SearchData
from tuning.errors import InputError
from tuning.loop.budget import Budget
from tuning.loop.journal import EpochReported, Journal, SearchBegan, Suggestion
from tuning.loop.observer import Silent
from tuning.loop.resources import Resources
from tuning.records import SearchConfig, TrialRecord, TrialStatus
from tuning.runs.run_folder import RunFolder
from tuning.seeds import derive_seed
from tuning.settings import Labels, Schedule, TrainingPlan, TrainingSettings
from tuning.space.ranges import Choices
from tuning.training.train import Watch, train


class Following(Silent):
    """Remembers what it was told."""

    def __init__(self):
        self.started, self.epochs, self.finished = [], [], []

    def trial_started(self, suggestion):
        self.started.append(suggestion.trial_id)

    def epoch_finished(self, trial_id, epoch):
        self.epochs.append(trial_id)

    def trial_finished(self, trial, best):
        self.finished.append((trial.trial_id, None if best is None else best.trial_id))


class Interrupting(Silent):
    """Stops the search from outside after its first trial."""

    def trial_finished(self, trial, best):
        raise KeyboardInterrupt


def config(**changes):
    usual = {"algorithm": "random", "max_trials": 2, "epochs": 1, "repeats": 0, "enqueued": ()}
    return SearchConfig(**{**usual, **changes})


@pytest.fixture
def run(tiny, search_data, tmp_path):
    """Run a search in the test's own folder and in this process, or as `resources` say."""

    def call(asked, *, model=tiny, data=search_data, observer=None, **resources):
        using = Resources(**{"workers": 0, **resources})
        return search(model, data, tmp_path / "run", asked, resources=using, observer=observer)

    return call


@pytest.fixture
def rates(tiny):
    """The tiny model with these learning rates to choose from and nothing else."""

    def call(*values):
        changes = {"learning_rate": Choices(values=values), "pooling": Choices(values=("max",))}
        return type(tiny)(tiny.task, ranges={**tiny.ranges, **changes})

    return call


HOPELESS = 1e30
"""A learning rate at which the loss is NaN within the first epoch."""


def losses(trial):
    return [(epoch.loss, epoch.val_loss) for epoch in trial.epochs]


def outcome(result):
    """What has to be the same in two runs of one search: everything but the seconds."""
    return [
        (trial.trial_id, trial.status, dict(trial.hyperparameters), trial.seed, losses(trial))
        for trial in (*result.trials, *result.repeats)
    ]


@pytest.mark.parametrize(("examples", "epochs"), [(55_000, 2), (120_000, 2), (10**7, 2), (1300, 20), (10_000, 10)])
def test_fewer_images_are_shown_more_often(examples, epochs):
    assert default_epochs(examples, "random") == epochs


@pytest.mark.parametrize(("examples", "parts"), [(100, 1), (14_000, 1), (16_000, 2), (55_000, 6)])
def test_many_images_are_shown_in_parts_where_a_trial_can_pause(tiny, examples, parts):
    assert default_parts(examples, "freeze-thaw", tiny) == parts
    assert default_parts(examples, "random", tiny) == 1


@pytest.mark.slow
def test_a_search_in_parts_says_how_often_all_images_were_shown(run):
    result = run(config(algorithm="freeze-thaw", max_trials=1, epochs=2, parts=2))
    assert [len(trial.epochs) for trial in result.trials] == [4]
    assert result.trials[0].passes == 2
    assert result.trials[0].settings.parts == 2


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, pytest.param(1, marks=pytest.mark.exhaustive)])
def test_with_folds_the_best_are_validated_on_each_of_the_others(digits, tiny, tmp_path, workers):
    few = dataclasses.replace(digits, training=digits.training.take(np.arange(240)))
    data = SearchData.of(few, folds=3)
    asked = SearchConfig(algorithm="random", max_trials=2, epochs=1, folds=3)
    found = search(tiny, data, tmp_path, asked, resources=Resources(workers=workers))
    assert data.folds is not None
    assert {repeat.trial_id[-2:] for repeat in found.repeats} == {".1", ".2"}
    for repeat in found.repeats:
        training, validation = data.folds.split(int(repeat.trial_id[-1]))
        plan = TrainingPlan(hyperparameters=repeat.hyperparameters, settings=repeat.settings, seed=repeat.seed)
        again = train(tiny, plan, training=training, validation=validation, watch=Watch())
        assert again.epochs[-1].val_loss == repeat.val_loss
    assert len(found.selection.finalists[0].repeats) == 2


def test_folds_have_to_be_those_of_the_data(tiny, search_data, tmp_path):
    with pytest.raises(InputError, match="`folds` is 3 but the data was made with None: ask for the same"):
        search(tiny, search_data, tmp_path, SearchConfig(folds=3))


@pytest.mark.parametrize("algorithm", ["hyperband", "halving"])
@pytest.mark.parametrize(("examples", "epochs"), [(55_000, 9), (1300, 20)])
def test_halving_has_epochs_for_three_rounds(algorithm, examples, epochs):
    assert default_epochs(examples, algorithm) == epochs


def test_retraining_has_the_validation_images_too(search_data):
    assert len(search_data.for_retraining(keeps_validation=False)[0]) == 300
    assert search_data.for_retraining(keeps_validation=True) == (search_data.training, search_data.validation)


@pytest.mark.slow
def test_a_search_records_every_step_and_leaves_nothing_but_its_record(run, tmp_path):
    observer = Following()
    result = run(config(epochs=2, repeats=1), observer=observer)
    assert result.stopped_by == "max_trials"
    assert [trial.seed for trial in result.trials] == [derive_seed(0, "trial", number) for number in (0, 1)]
    assert {trial.seed for trial in result.repeats} == {derive_seed(0, "repeat", number, 1) for number in (0, 1)}
    assert all(trial.status is TrialStatus.COMPLETED and trial.parameters > 0 for trial in result.trials)
    ranked = [trial.trial_id for trial in sorted(result.trials, key=lambda trial: trial.rank)]
    order = ["0000", "0001", *(f"{trial_id}.1" for trial_id in ranked)]
    assert observer.started == order
    assert observer.epochs == [trial_id for trial_id in order for _ in range(2)]
    assert observer.finished[-1] == (order[-1], ranked[0])
    assert [trial.repeat_of for trial in result.repeats] == ranked
    events = Journal(tmp_path / "run" / "trials.jsonl").read()
    kinds = [Suggestion, EpochReported, EpochReported, TrialRecord]
    assert [type(event) for event in events] == [SearchBegan, *kinds * 4]
    assert [event for event in events if isinstance(event, TrialRecord)] == [*result.trials, *result.repeats]
    assert (tmp_path / "run" / "trials.csv").read_text().count("\n") == 3
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["trials.csv", "trials.jsonl"]


@pytest.mark.slow
def test_tensorboard_is_not_needed(run, monkeypatch):
    """Every trial of Keras Tuner's own loop fails without it."""
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    assert run(config(max_trials=1)).winner is not None


@pytest.mark.slow
def test_a_failed_trial_is_recorded_with_its_reason_and_the_search_goes_on(run, rates):
    enqueued = (({"learning_rate": HOPELESS}, None), ({"learning_rate": 0.01}, None))
    result = run(config(enqueued=enqueued), model=rates(HOPELESS, 0.01))
    assert [trial.status for trial in result.trials] == [TrialStatus.FAILED, TrialStatus.COMPLETED]
    assert result.trials[0].reason == "the loss became NaN or infinite in epoch 1"
    assert result.winner.trial_id == "0001"


@pytest.mark.slow
def test_where_every_trial_fails_nobody_wins_and_the_search_still_goes_on(run, search_data):
    """Three failures in a row abort a search of Keras Tuner."""
    small = search_data.training.images[:, :20, :20]
    training = Split(images=small, labels=search_data.training.labels)
    data = dataclasses.replace(search_data, training=training, everything=training)
    observer = Following()
    result = run(config(max_trials=5, repeats=2), data=data, observer=observer)
    assert (result.winner, result.repeats, result.stopped_by) == (None, (), "max_trials")
    assert [trial.status for trial in result.trials] == [TrialStatus.FAILED] * 5
    assert all(trial.reason.startswith("ValueError: ") and trial.epochs == () for trial in result.trials)
    assert observer.finished[-1] == ("0004", None)


@pytest.mark.slow
def test_enqueued_configurations_come_first_with_settings_of_their_own(run, tiny):
    own = TrainingSettings(epochs=2, schedule=Schedule.STEP, labels=Labels.ONE_HOT)
    usual = tiny.trial_settings(1)
    enqueued = (({"learning_rate": 0.004}, own), ({"learning_rate": 0.005}, None))
    first, second, third = run(config(max_trials=3, enqueued=enqueued)).trials
    assert [trial.hyperparameters["learning_rate"] for trial in (first, second)] == [0.004, 0.005]
    assert [trial.settings for trial in (first, second, third)] == [own, *[usual] * 2]
    assert len(first.epochs) == 2
    assert third.hyperparameters["learning_rate"] not in (0.004, 0.005)


def test_an_enqueued_configuration_outside_the_space_is_refused(run, tmp_path):
    with pytest.raises(InputError, match=r"learning_rate must be 0\.003 to 0\.02 \(log scale\), got 0\.5"):
        run(config(enqueued=(({"learning_rate": 0.5}, None),)))
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_budget_too_small_for_anything_still_gives_one_stopped_trial(run):
    result = run(config(max_trials=10, epochs=5), budget=Budget(1e-3))
    [trial] = result.trials
    assert result.stopped_by == "budget"
    assert (trial.status, trial.reason) == (TrialStatus.STOPPED, "the time of the search was used up")
    assert len(trial.epochs) == 1
    assert math.isfinite(trial.val_loss)
    assert result.winner == trial


ASKED = {
    "random": config(max_trials=3, epochs=2, repeats=1, finalists=2),
    # With 3 epochs, Hyperband promotes the best of its first three trials.
    "hyperband": config(algorithm="hyperband", max_trials=3, epochs=3),
}


@pytest.fixture(scope="module")
def uninterrupted(tiny, search_data, tmp_path_factory):
    """(folder, result) of a whole search by algorithm, run once each."""
    done = {}

    def call(algorithm):
        if algorithm not in done:
            folder = RunFolder(path=tmp_path_factory.mktemp(algorithm))
            result = search(tiny, search_data, folder.path, ASKED[algorithm], resources=Resources(workers=0))
            done[algorithm] = folder, result
        return done[algorithm]

    return call


# In the midst of the first trial, where another one is due, in a repeat, where a promotion is due, and in it.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("algorithm", "events"), [("random", 3), ("random", 5), ("random", 16), ("hyperband", 10), ("hyperband", 12)]
)
def test_a_search_cut_at_any_event_goes_on_to_the_same_losses(uninterrupted, run, tmp_path, algorithm, events):
    folder, expected = uninterrupted(algorithm)
    lines = folder.journal.read_bytes().splitlines(keepends=True)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "trials.jsonl").write_bytes(b"".join(lines[:events]) + b'{"event": "sugg')
    result = run(ASKED[algorithm])
    assert outcome(result) == outcome(expected)
    assert result.selection == expected.selection


@pytest.mark.slow
def test_a_finished_search_trains_nothing_again(uninterrupted, run, tmp_path):
    folder, expected = uninterrupted("random")
    shutil.copytree(folder.path, tmp_path / "run")
    observer = Following()
    assert outcome(run(ASKED["random"], observer=observer)) == outcome(expected)
    assert observer.started == []


@pytest.mark.slow
def test_hyperband_goes_on_with_a_promoted_trial_as_if_it_had_never_paused(uninterrupted, tiny, search_data):
    folder, result = uninterrupted("hyperband")
    events = Journal(folder.journal).read()
    paused = [event for event in events if isinstance(event, TrialRecord) and event.status is TrialStatus.PAUSED]
    [promoted] = [trial for trial in result.trials if len(trial.epochs) == 3]
    assert promoted.trial_id == min(paused[:3], key=lambda trial: trial.rank).trial_id
    plan = TrainingPlan(hyperparameters=promoted.hyperparameters, settings=promoted.settings, seed=promoted.seed)
    whole = train(tiny, plan, training=search_data.training, validation=search_data.validation, watch=Watch())
    assert losses(whole) == losses(promoted)


@pytest.mark.slow
def test_a_larger_number_of_trials_extends_a_finished_search(uninterrupted, run):
    _, expected = uninterrupted("random")
    asked = dataclasses.replace(ASKED["random"], repeats=0)
    observer = Following()
    assert outcome(run(dataclasses.replace(asked, max_trials=2))) == outcome(expected)[:2]
    assert outcome(run(asked, observer=observer)) == outcome(expected)[:3]
    assert observer.started == ["0002"]


@pytest.mark.slow
def test_an_interrupted_search_has_everything_finished_on_record(run, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(config(), observer=Interrupting())
    kinds = [type(event) for event in Journal(tmp_path / "run" / "trials.jsonl").read()]
    assert kinds == [SearchBegan, Suggestion, EpochReported, TrialRecord]
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["trials.csv", "trials.jsonl"]


@pytest.mark.slow
def test_a_row_that_a_crash_kept_from_the_table_is_there_after_resuming(run, tmp_path):
    run(config(max_trials=1))
    (tmp_path / "run" / "trials.csv").unlink()
    run(config(max_trials=1))
    assert (tmp_path / "run" / "trials.csv").read_text().count("\n") == 2


@pytest.mark.slow
def test_worker_processes_train_all_trials_and_are_gone_afterwards(run, tmp_path):
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    result = run(config(max_trials=4, epochs=2, repeats=1), workers=2)
    assert sorted(trial.trial_id for trial in result.trials) == ["0000", "0001", "0002", "0003"]
    assert all(trial.status is TrialStatus.COMPLETED and len(trial.epochs) == 2 for trial in result.trials)
    assert len(result.repeats) == 3
    assert result.winner.trial_id == min(result.selection.means, key=result.selection.means.get)
    left = {child.pid for child in psutil.Process().children(recursive=True)} - before
    assert (left, multiprocessing.active_children()) == (set(), [])
    assert not (tmp_path / "run" / ".work").exists()
    assert not (tmp_path / "run" / "weights").exists()
