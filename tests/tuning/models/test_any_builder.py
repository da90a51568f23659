"""Whatever a builder asks for, in loops, under conditions and with ranges that depend on other values: no model is
trained twice, small spaces are finished exactly, and a journal leads to the same trials.
"""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path

import pytest
from asking_builder import Asking
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_executor import Simulated

from tuning._search import search
from tuning.loop.journal import Journal, Suggestion
from tuning.loop.resources import Resources
from tuning.oracles.by_name import algorithm_class, algorithm_names
from tuning.records import SearchConfig, TrialStatus
from tuning.space.ranges import is_finite
from tuning.space.recording import RecordingHyperParameters, answering

FEW = 60
"""Points of a space that is finished."""


class Program(Asking):
    """A model builder that runs statements, like those of a `build(hp)` function."""

    def __init__(self, statements):
        super().__init__(lambda hp: _run(statements, hp, {}))

    def all_points(self):
        """By a list of its own: every answer to every question."""
        waiting = [()]
        while waiting:
            answers = waiting.pop()
            left = iter(answers)
            questions = []

            def choose(name, domain, default, left=left, questions=questions):
                known = next(left, None)
                if known is None:
                    questions.append(domain)
                    return domain.list_values()[0]
                return known

            hp = RecordingHyperParameters(choose)
            self.ask(hp)
            if questions:
                waiting += [(*answers, value) for value in questions[0].list_values()]
            else:
                yield hp.point


def _run(statements, hp, values):
    for kind, name, *more in statements:
        if kind == "choice":
            values[name] = hp.Choice(name, more[0])
        elif kind == "int":
            values[name] = hp.Int(name, *more)
        elif kind == "float":
            values[name] = hp.Float(name, *more)
        elif kind == "up to":
            values[name] = hp.Int(name, 0, 1 + len(str(values.get(more[0], ""))) % 3)
        elif kind == "if":
            if hp.Boolean(f"is_{name}"):
                _run(more[0], hp, values)
        else:
            for number in range(hp.Int(f"number_{name}", 1, 2)):
                _run([(each[0], f"{each[1]}_{number}", *each[2:]) for each in more[0]], hp, values)


NAMES = st.sampled_from("abcd")
CHOICES = st.tuples(st.just("choice"), NAMES, st.sampled_from([["x", "y"], [1, 2, 3], [0.5, 1.5]]))
WHOLE = st.tuples(st.just("int"), NAMES, st.integers(0, 2), st.integers(3, 4))
REAL = st.tuples(st.just("float"), NAMES, st.just(0.0), st.sampled_from([0.5, 1.0]))
DEPENDENT = st.tuples(st.just("up to"), NAMES, NAMES)


def programs(*, real):
    simple = CHOICES | WHOLE | DEPENDENT | (REAL if real else CHOICES)
    blocks = st.recursive(
        st.lists(simple, min_size=1, max_size=2),
        lambda inner: st.lists(
            simple | st.tuples(st.sampled_from(["if", "loop"]), NAMES, inner), min_size=1, max_size=3
        ),
        max_leaves=4,
    )
    return blocks.map(Program)


@pytest.fixture(scope="module")
def run(search_data):
    def call(program, folder, **asked):
        config = SearchConfig(**{"max_trials": 300, "epochs": 2, "repeats": 0, **asked})
        using = Resources(make_executor=lambda workplace, work: Simulated(workers=asked.pop("workers", 1)))
        return search(program, search_data, folder, config, resources=using)

    return call


def models(program, trials):
    """What is built for each trial: everything that the program asks for, and how it is answered."""
    found = []
    for trial in trials:
        hp = RecordingHyperParameters(answering(trial.hyperparameters))
        program.ask(hp)
        assert hp.point.values == trial.hyperparameters
        found.append(repr(list(hp.point.values.items())))
    return found


ALGORITHM = st.sampled_from([name for name in algorithm_names() if not algorithm_class(name).is_slow])


@pytest.mark.slow
@settings(max_examples=150)
@given(program=programs(real=True), algorithm=ALGORITHM, seed=st.integers(0, 9))
def test_as_many_models_are_trained_as_there_are_trials(run, program, algorithm, seed):
    with tempfile.TemporaryDirectory() as folder:
        result = run(program, folder, algorithm=algorithm, seed=seed, max_trials=12)

    assert len(set(models(program, result.trials))) == len(result.trials)
    assert all(
        trial.status in (TrialStatus.COMPLETED, TrialStatus.PAUSED, TrialStatus.STOPPED) for trial in result.trials
    )


@pytest.mark.slow
@settings(max_examples=150)
@given(program=programs(real=False), algorithm=ALGORITHM, seed=st.integers(0, 9))
def test_a_small_space_is_finished_exactly(run, program, algorithm, seed):
    points = list(itertools.islice(program.all_points(), FEW + 1))
    with tempfile.TemporaryDirectory() as folder:
        result = run(program, folder, algorithm=algorithm, seed=seed, max_trials=FEW)

    whole = {repr(list(point.values.items())) for point in points}
    assert all(is_finite(domain) for point in points for domain in point.ranges.values())
    assert len(points) > FEW or set(models(program, result.trials)) == whole
    assert len(result.trials) == min(len(points), FEW)


@pytest.mark.slow
@settings(max_examples=60)
@given(program=programs(real=True), algorithm=ALGORITHM, seed=st.integers(0, 9), cut=st.integers(0, 40))
def test_a_journal_that_is_cut_anywhere_leads_to_the_same_trials(run, program, algorithm, seed, cut):
    with tempfile.TemporaryDirectory() as name:
        whole, part = Path(name) / "whole", Path(name) / "part"
        asked = {"algorithm": algorithm, "seed": seed, "max_trials": 8}
        result = run(program, whole, **asked)
        lines = (whole / "trials.jsonl").read_bytes().splitlines(keepends=True)
        part.mkdir()
        (part / "trials.jsonl").write_bytes(b"".join(lines[:cut]))
        again = run(program, part, **asked)

        suggested = [event for event in Journal(whole / "trials.jsonl").read() if isinstance(event, Suggestion)]

    assert [(trial.trial_id, trial.hyperparameters) for trial in again.trials] == [
        (trial.trial_id, trial.hyperparameters) for trial in result.trials
    ]
    assert all(event.ranges.keys() == event.hyperparameters.keys() for event in suggested)
