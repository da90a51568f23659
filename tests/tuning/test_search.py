"""A search from its first suggestion to its result, and whatever may come in between."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import shutil
import sys

import pytest

from tuning.budget import Budget
from tuning.dataset import Split
from tuning.errors import InputError
from tuning.journal import Journal, Suggestion
from tuning.records import SearchConfig, Status, TrialRecord
from tuning.run_folder import RunFolder
from tuning.search import Silent, default_epochs, search
from tuning.seeds import derive_seed
from tuning.settings import Labels, Schedule, TrainingSettings
from tuning.space import Choices, FloatRange


class Counting(Silent):
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
    return SearchConfig(**{"algorithm": "random", "max_trials": 2, "epochs": 1, "seed": 0, "enqueued": (), **changes})


def folder_of(path):
    path.mkdir(parents=True, exist_ok=True)
    return RunFolder(path=path)


@pytest.fixture
def run(tiny, search_data, tmp_path):
    """Run a search in the test's own folder."""

    def call(asked, *, hypermodel=tiny, data=search_data, budget=None, observer=None):
        return search(
            hypermodel,
            data,
            tmp_path / "run",
            asked,
            budget=budget if budget is not None else Budget(None),
            observer=observer if observer is not None else Silent(),
        )

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


def outcome(result):
    """What has to be the same in two runs of one search: everything but the seconds."""
    return [
        (trial.trial_id, trial.status, trial.hyperparameters, trial.seed, [epoch.val_loss for epoch in trial.epochs])
        for trial in result.trials
    ]


@pytest.mark.parametrize(("examples", "epochs"), [(55_000, 2), (120_000, 2), (10**7, 2), (1300, 20), (10_000, 10)])
def test_fewer_images_are_shown_more_often(examples, epochs):
    assert default_epochs(examples, "random") == epochs


@pytest.mark.parametrize(("examples", "epochs"), [(55_000, 9), (1300, 20)])
def test_hyperband_has_epochs_for_three_rounds(examples, epochs):
    assert default_epochs(examples, "hyperband") == epochs


def test_retraining_has_the_validation_images_too(search_data):
    assert len(search_data.for_retraining(keeps_validation=False)[0]) == 300
    assert search_data.for_retraining(keeps_validation=True) == (search_data.training, search_data.validation)


@pytest.mark.slow
def test_a_search_ends_after_its_trials_and_records_every_step(run, tmp_path, search_data):
    observer = Counting()
    result = run(config(epochs=2), observer=observer)
    assert result.stopped_by == "max_trials"
    assert [trial.trial_id for trial in result.trials] == ["0000", "0001"]
    assert [trial.seed for trial in result.trials] == [derive_seed(0, "trial", number) for number in (0, 1)]
    assert all(trial.status is Status.COMPLETED and trial.parameters > 0 for trial in result.trials)
    assert observer.started == ["0000", "0001"]
    assert observer.epochs == ["0000"] * 2 + ["0001"] * 2
    assert observer.finished[-1] == ("0001", result.winner.trial_id)
    events = Journal(tmp_path / "run" / "trials.jsonl").read()
    assert [type(event) for event in events] == [Suggestion, TrialRecord] * 2
    assert [event for event in events if isinstance(event, TrialRecord)] == list(result.trials)
    assert (tmp_path / "run" / "trials.csv").read_text().count("\n") == 3


@pytest.mark.slow
def test_tensorboard_is_not_needed(run, monkeypatch):
    """Every trial of Keras Tuner's own loop fails without it."""
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    assert run(config(max_trials=1)).winner is not None


@pytest.mark.slow
def test_a_failed_trial_is_recorded_with_its_reason_and_the_search_goes_on(run, rates):
    enqueued = (({"learning_rate": HOPELESS}, None), ({"learning_rate": 0.01}, None))
    result = run(config(enqueued=enqueued), hypermodel=rates(HOPELESS, 0.01))
    assert [trial.status for trial in result.trials] == [Status.FAILED, Status.COMPLETED]
    assert result.trials[0].reason == "the loss became NaN or infinite in epoch 1"
    assert result.winner.trial_id == "0001"


@pytest.mark.slow
def test_where_every_trial_fails_nobody_wins_and_the_search_still_goes_on(run, search_data):
    """Three failures in a row abort a search of Keras Tuner."""
    small = search_data.training.images[:, :20, :20]
    training = Split(images=small, labels=search_data.training.labels)
    data = dataclasses.replace(search_data, training=training, everything=training)
    observer = Counting()
    result = run(config(max_trials=5), data=data, observer=observer)
    assert (result.winner, result.stopped_by) == (None, "max_trials")
    assert [trial.status for trial in result.trials] == [Status.FAILED] * 5
    assert all(trial.reason.startswith("ValueError: ") and trial.epochs == () for trial in result.trials)
    assert observer.finished[-1] == ("0004", None)


@pytest.mark.slow
def test_enqueued_configurations_come_first_with_settings_of_their_own(run):
    own = TrainingSettings(epochs=2, schedule=Schedule.STEP, labels=Labels.ONE_HOT)
    enqueued = (({"learning_rate": 0.004}, own), ({"learning_rate": 0.005}, None))
    first, second, third = run(config(max_trials=3, enqueued=enqueued)).trials
    assert [trial.hyperparameters["learning_rate"] for trial in (first, second)] == [0.004, 0.005]
    assert [trial.settings for trial in (first, second, third)] == [own, *[TrainingSettings(epochs=1)] * 2]
    assert len(first.epochs) == 2
    assert third.hyperparameters["learning_rate"] not in (0.004, 0.005)


def test_an_enqueued_configuration_outside_the_space_is_refused(run):
    with pytest.raises(InputError, match=r"learning_rate must be 0\.003 to 0\.02 \(log scale\), got 0\.5"):
        run(config(enqueued=(({"learning_rate": 0.5}, None),)))


@pytest.mark.slow
def test_a_grid_that_is_used_up_ends_the_search(run, rates):
    result = run(config(algorithm="grid", max_trials=10), hypermodel=rates(0.004, 0.008))
    assert result.stopped_by == "space"
    assert sorted(trial.hyperparameters["learning_rate"] for trial in result.trials) == [0.004, 0.008]


@pytest.mark.slow
def test_the_budget_ends_the_search(run):
    now = [0.0]

    class Slow(Silent):
        """Lets the clock run on by most of the budget in every trial."""

        def trial_finished(self, trial, best):
            now[0] += 6e5

    result = run(config(max_trials=10), budget=Budget(1e6, clock=lambda: now[0]), observer=Slow())
    assert result.stopped_by == "budget"
    assert [trial.status for trial in result.trials] == [Status.COMPLETED] * 2


@pytest.mark.slow
def test_a_budget_too_small_for_anything_still_gives_one_stopped_trial(run):
    result = run(config(max_trials=10, epochs=5), budget=Budget(1e-3))
    [trial] = result.trials
    assert result.stopped_by == "budget"
    assert (trial.status, trial.reason) == (Status.STOPPED, "its share of the time budget was used up")
    assert len(trial.epochs) == 1
    assert math.isfinite(trial.val_loss)
    assert result.winner == trial


ASKED = {
    "random": config(max_trials=3),
    # With 3 epochs, Hyperband promotes the best of its first three trials to be the fourth.
    "hyperband": config(algorithm="hyperband", max_trials=4, epochs=3),
}


@pytest.fixture(scope="module")
def uninterrupted(tiny, search_data, tmp_path_factory):
    """(config, folder, result) of a whole search by algorithm, run once each."""
    done = {}

    def call(algorithm):
        if algorithm not in done:
            asked = ASKED[algorithm]
            folder = folder_of(tmp_path_factory.mktemp(algorithm))
            result = search(tiny, search_data, folder.path, asked, budget=Budget(None), observer=Silent())
            done[algorithm] = asked, folder, result
        return done[algorithm]

    return call


@pytest.mark.slow
@pytest.mark.parametrize(
    ("algorithm", "events"),
    [*itertools.product(["random"], range(7)), *itertools.product(["hyperband"], [6, 7])],
)
def test_a_search_cut_at_any_event_goes_on_to_the_same_result(
    uninterrupted, tiny, search_data, tmp_path, algorithm, events
):
    asked, folder, expected = uninterrupted(algorithm)
    copy = RunFolder(path=tmp_path / "run")
    shutil.copytree(folder.path, copy.path)
    lines = copy.journal.read_bytes().splitlines(keepends=True)
    copy.journal.write_bytes(b"".join(lines[:events]) + b'{"event": "sugg')
    observer = Counting()
    result = search(tiny, search_data, copy.path, asked, budget=Budget(None), observer=observer)
    assert outcome(result) == outcome(expected)
    assert result.winner.trial_id == expected.winner.trial_id
    assert observer.started == [trial.trial_id for trial in expected.trials[events // 2 :]]


@pytest.mark.slow
def test_hyperband_continues_a_promoted_trial_from_its_weights(uninterrupted):
    _, folder, result = uninterrupted("hyperband")
    promoted = [event for event in Journal(folder.journal).read() if isinstance(event, Suggestion)][3]
    parent = next(trial for trial in result.trials if trial.trial_id == promoted.parent)
    assert parent.val_loss == min(trial.val_loss for trial in result.trials[:3])
    assert [len(trial.epochs) for trial in result.trials] == [1, 1, 1, 2]
    assert (promoted.initial_epoch, promoted.epochs) == (1, 3)
    assert result.trials[3].epochs[0].loss < parent.epochs[0].loss
    assert (folder.weights / f"{promoted.parent}.weights.h5").is_file()


@pytest.mark.slow
def test_only_hyperband_keeps_weights(uninterrupted):
    assert not uninterrupted("random")[1].weights.exists()


@pytest.mark.slow
def test_a_larger_number_of_trials_extends_a_finished_search(uninterrupted, tiny, search_data, tmp_path):
    _, folder, expected = uninterrupted("random")
    copy = folder_of(tmp_path / "run")
    copy.journal.write_bytes(b"".join(folder.journal.read_bytes().splitlines(keepends=True)[:4]))
    observer = Counting()
    finished = search(tiny, search_data, copy.path, config(max_trials=2), budget=Budget(None), observer=observer)
    assert outcome(finished) == outcome(expected)[:2]
    assert observer.started == []
    extended = search(tiny, search_data, copy.path, config(max_trials=3), budget=Budget(None), observer=observer)
    assert outcome(extended) == outcome(expected)
    assert observer.started == ["0002"]


@pytest.mark.slow
def test_another_seed_gives_another_search(uninterrupted, run):
    _, _, expected = uninterrupted("random")
    [trial] = run(config(max_trials=1, seed=1)).trials
    assert trial.seed != expected.trials[0].seed
    assert trial.hyperparameters != expected.trials[0].hyperparameters


@pytest.mark.slow
def test_a_journal_of_another_search_is_refused(uninterrupted, tiny, search_data, rates, tmp_path):
    _, folder, _ = uninterrupted("random")
    copy = folder_of(tmp_path / "run")
    shutil.copy(folder.journal, copy.journal)
    narrowed = type(tiny)(tiny.task, ranges={**tiny.ranges, "learning_rate": FloatRange(low=0.004, high=0.005)})
    others = [
        (tiny, config(max_trials=3, seed=1)),
        (tiny, config(max_trials=3, epochs=2)),
        (tiny, config(max_trials=3, algorithm="grid")),
        (tiny, config(max_trials=3, enqueued=(({"learning_rate": 0.01}, None),))),
        (narrowed, config(max_trials=3)),
        (rates(0.01), config(max_trials=3)),
    ]
    before = copy.journal.read_bytes()
    for hypermodel, asked in others:
        with pytest.raises(InputError, match="the journal's trial 0000 is not what this search suggests there: it was"):
            search(hypermodel, search_data, copy.path, asked, budget=Budget(None), observer=Silent())
    assert copy.journal.read_bytes() == before


@pytest.mark.slow
@pytest.mark.parametrize("lost", [0, 1])
def test_a_journal_that_lost_a_line_is_refused(uninterrupted, tiny, search_data, tmp_path, lost):
    asked, folder, _ = uninterrupted("random")
    copy = folder_of(tmp_path / "run")
    lines = folder.journal.read_bytes().splitlines(keepends=True)
    copy.journal.write_bytes(b"".join(lines[:lost] + lines[lost + 1 :]))
    with pytest.raises(InputError, match="journal"):
        search(tiny, search_data, copy.path, asked, budget=Budget(None), observer=Silent())


@pytest.mark.slow
def test_a_journal_with_a_result_twice_is_refused(uninterrupted, tiny, search_data, tmp_path):
    asked, folder, _ = uninterrupted("random")
    copy = folder_of(tmp_path / "run")
    lines = folder.journal.read_bytes().splitlines(keepends=True)
    copy.journal.write_bytes(b"".join([*lines[:2], lines[1], *lines[2:]]))
    with pytest.raises(InputError, match="journal"):
        search(tiny, search_data, copy.path, asked, budget=Budget(None), observer=Silent())


@pytest.mark.slow
def test_an_interrupted_search_has_everything_finished_on_record(run, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(config(), observer=Interrupting())
    kinds = [json.loads(line)["event"] for line in (tmp_path / "run" / "trials.jsonl").read_text().splitlines()]
    assert kinds == ["suggested", "finished"]
    assert (tmp_path / "run" / "trials.csv").exists()


@pytest.mark.slow
def test_a_row_that_a_crash_kept_from_the_table_is_there_after_resuming(run, tmp_path):
    run(config(max_trials=1))
    (tmp_path / "run" / "trials.csv").unlink()
    run(config(max_trials=1))
    assert (tmp_path / "run" / "trials.csv").read_text().count("\n") == 2
