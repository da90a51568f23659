"""Every short attack is answered as expected. `scripts/bench attacks` has them all, with their time and memory."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import pytest
from warm_scripts import WarmScripts

from scripts.benches.hostility.case import Attack, CasePlace
from scripts.benches.hostility.goods import Goods
from scripts.benches.hostility.running import collect, execute_in_processes, is_script, reason_to_skip, run_attack
from scripts.benches.hostility.watching import CommandLimits, CommandResult

SECONDS = 60.0
"""Tests share a machine with others; times are measured by the bench."""

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    "attack",
    [attack for attack in collect() if not attack.slow],
    ids=lambda attack: f"{attack.kind}: {attack.name}",
)
def test_an_attack_is_answered_as_expected(attack: Attack, goods: Goods, warm: WarmScripts) -> None:
    in_processes = execute_in_processes(CommandLimits(seconds=SECONDS))

    def execute(words: Sequence[str], place: CasePlace, environment: Mapping[str, str]) -> CommandResult:
        if not is_script(words):
            # Such a command may run as another user, who can't write where coverage is measured.
            plain = {name: value for name, value in environment.items() if not name.startswith("COVERAGE")}
            return in_processes(words, place, plain)
        started = time.monotonic()
        done = warm.run(place.folder, *words, environment=environment, seconds=SECONDS)
        return CommandResult(done=done, seconds=time.monotonic() - started)

    if reason_to_skip(attack):
        pytest.skip(reason_to_skip(attack))
    answer = run_attack(attack, goods, execute)

    assert not answer.faults
