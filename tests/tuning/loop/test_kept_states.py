"""States of paused trials take only so much disk space, and what was dropped is known."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tuning.loop.kept_states import KeptStates


@pytest.fixture
def kept(tmp_path, make_trial):
    """Of trials with these losses, each with a state of 100 bytes; those that are under way and of use are given."""

    def make(losses, *, most, under_way=(), of_use=None):
        names = [f"{number:04d}" for number in range(len(losses))]
        for name in names:
            (tmp_path / name).mkdir()
            (tmp_path / name / "state.h5").write_bytes(b"x" * 100)
        dropped = []
        state = SimpleNamespace(
            under_way=dict.fromkeys(under_way),
            records={name: make_trial(loss, trial_id=name) for name, loss in zip(names, losses, strict=True)},
            suggestions={name: SimpleNamespace(oracle_id=f"o{name}") for name in names},
            driver=SimpleNamespace(note_dropped=lambda ids: dropped.append(sorted(ids))),
            with_future=lambda: set(names if of_use is None else of_use),
        )
        return KeptStates(state=state, folder=tmp_path, most_bytes=most), dropped

    return make


def there(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_worst_paused_ones_make_way(kept, tmp_path):
    states, dropped = kept([0.3, 0.1, 0.2, 0.4], most=250)
    states.tidy()
    assert there(tmp_path) == ["0001", "0002"]
    assert dropped == [["o0000", "o0003"]]


def test_the_state_of_a_trial_under_way_stays_however_large(kept, tmp_path):
    states, dropped = kept([0.3, 0.1], most=0, under_way=["0000"])
    states.tidy()
    assert (there(tmp_path), dropped) == (["0000"], [["o0001"]])


def test_what_is_of_no_use_is_removed_without_a_word(kept, tmp_path):
    states, dropped = kept([0.3, 0.1], most=1000, of_use=["0001"])
    states.tidy()
    assert (there(tmp_path), dropped) == (["0001"], [[]])


def test_a_state_that_is_missing_is_told_as_well(kept, tmp_path):
    states, dropped = kept([0.3, 0.1], most=1000)
    (tmp_path / "0001" / "state.h5").unlink()
    (tmp_path / "0001").rmdir()
    states.tidy()
    assert dropped == [["o0001"]]
