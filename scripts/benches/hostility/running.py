"""One attack, carried out in a folder of its own: was it answered as expected, and is everything else as it was?"""

from __future__ import annotations

import importlib
import importlib.util
import os
import posixpath
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.benches.hostility.case import Attack, AttackKind, CasePlace
from scripts.benches.hostility.goods import SCRIPTS, Goods
from scripts.benches.hostility.snapshot import differences, snapshot
from scripts.benches.hostility.watching import CommandLimits, CommandResult, watch

OUR_ERROR = 70
LONGEST_QUOTE = 300
ADDED_MEBIBYTES = 500.0
"""What an attack may hold above what its command holds on right things."""
_EMPTY = {
    "HOME": "home",
    "KERAS_HOME": "home",
    "XDG_CACHE_HOME": "home",
    "XDG_CONFIG_HOME": "home",
    "XDG_DATA_HOME": "home",
    "XDG_STATE_HOME": "home",
    "TMPDIR": "tmp",
    "TMP": "tmp",
    "TEMP": "tmp",
}
_UNSET = ("PYTHONPATH", "TUNING_DATA_DIR", "XDG_RUNTIME_DIR", "COLUMNS", "NO_COLOR", "FORCE_COLOR")

_CACHES = (
    "home/keras.json",
    "home/matplotlib",
    "home/Microsoft/DeveloperTools",
    "home/Microsoft",
    "tmp/.ses",
    "tmp/__autograph_*",
)
"""What libraries keep for themselves in a user's home at their first import."""

Execute = Callable[[Sequence[str], CasePlace, Mapping[str, str]], CommandResult]
"""Runs words in a place's folder with an environment."""


@dataclass(frozen=True, kw_only=True)
class AttackResult:
    """What became of an attack. `faults`: what was not as expected; `skipped`: why it could not be tried here."""

    attack: Attack
    seconds: float = 0.0
    mebibytes: float = 0.0
    faults: tuple[str, ...] = ()
    skipped: str = ""


def collect(kinds: Sequence[AttackKind] = tuple(AttackKind)) -> list[Attack]:
    """Every attack of the kinds that are written. Raises ValueError where two have one name."""
    found: list[Attack] = []
    for kind in kinds:
        if importlib.util.find_spec(f"scripts.benches.hostility.kinds.{kind}") is not None:
            found += importlib.import_module(f"scripts.benches.hostility.kinds.{kind}").CASES
    names = [(attack.kind, attack.name) for attack in found]
    repeated = {name for name in names if names.count(name) > 1}
    if repeated:
        raise ValueError(f"two attacks have one name: {', '.join(map(str, sorted(repeated)))}")
    return found


def execute_in_processes(limits: CommandLimits, usual: Mapping[str, float] = {}) -> Execute:
    """Real commands: scripts by this Python, anything else as it is.

    `usual`: MiB that scripts hold on right things. A command with one of them may hold so much more than that.
    """

    def execute(words: Sequence[str], place: CasePlace, environment: Mapping[str, str]) -> CommandResult:
        held = [mebibytes for script, mebibytes in usual.items() if any(script in word for word in words)]
        most = max(held) + ADDED_MEBIBYTES if held else limits.mebibytes
        allowed = CommandLimits(seconds=limits.seconds, mebibytes=most)
        return watch(as_command(words), folder=place.folder, environment=environment, limits=allowed)

    return execute


def as_command(words: Sequence[str]) -> list[str]:
    """Words with a script's name first, as a command; others stay."""
    return [sys.executable, str(SCRIPTS / words[0]), *words[1:]] if is_script(words) else list(words)


def is_script(words: Sequence[str]) -> bool:
    """Whether the first of these words names one of the scripts."""
    return words[0].endswith(".py") and words[0] == Path(words[0]).name and (SCRIPTS / words[0]).is_file()


def reason_to_skip(attack: Attack) -> str:
    """Why this attack can't be prepared on this machine; empty if it can."""
    if attack.needs_linux and not sys.platform.startswith("linux"):
        return "it needs Linux"
    if attack.needs_root and (os.name == "nt" or os.geteuid() != 0):
        return "it needs root"
    return ""


def run_attack(attack: Attack, goods: Goods, execute: Execute) -> AttackResult:
    """Prepare it in an empty folder, run its command, and compare all that came of it with what is expected."""
    reason = reason_to_skip(attack)
    if reason:
        return AttackResult(attack=attack, skipped=reason)
    base = Path(tempfile.mkdtemp(prefix="attack-")).resolve()
    try:
        return _run_in(make_base(base), attack, goods, execute)
    finally:
        remove_all(base)


def remove_all(folder: Path) -> None:
    """Remove a folder in which a case may have put a thousand folders in one another."""
    try:
        shutil.rmtree(folder, ignore_errors=True)
    except RecursionError:
        subprocess.run(["rm", "-rf", "--", folder], check=False)


def make_base(base: Path) -> Path:
    """Make the empty folders of a case there: its own, a home, and one for what is temporary."""
    for name in ("folder", "home", "tmp"):
        (base / name).mkdir()
    return base


def environment_of(base: Path) -> dict[str, str]:
    """This process's environment, with everything that points to a place of the user's own in empty folders."""
    kept = {name: value for name, value in os.environ.items() if name not in _UNSET}
    # Python itself keeps the modules that it read from a user's folder.
    return {**kept, **{name: str(base / folder) for name, folder in _EMPTY.items()}, "PYTHONDONTWRITEBYTECODE": "1"}


def _run_in(base: Path, attack: Attack, goods: Goods, execute: Execute) -> AttackResult:
    place = CasePlace(folder=base / "folder", goods=goods)
    try:
        words = [str(word) for word in attack.prepare(place)]
    except (OSError, ValueError, LookupError, subprocess.SubprocessError) as error:
        return AttackResult(attack=attack, faults=(f"it can't be prepared: {type(error).__name__}: {error}",))
    before, right = snapshot(base), snapshot(goods.folder, bytes_too=False)
    ended = execute(words, place, environment_of(base))
    allowed = [*_CACHES, *(posixpath.normpath(f"folder/{name}") for name in attack.changes)]
    faults = [
        *_unlike(attack, ended.done),
        *ended.faults,
        *differences(before, snapshot(base), allowed=allowed),
        *(f"of the goods, {change}" for change in differences(right, snapshot(goods.folder, bytes_too=False))),
        *(attack.check(place, ended.done) if attack.check is not None else ()),
    ]
    return AttackResult(attack=attack, seconds=ended.seconds, mebibytes=ended.mebibytes, faults=tuple(faults))


def _unlike(attack: Attack, done: subprocess.CompletedProcess[str]) -> list[str]:
    """What of exit code and output is not as expected."""
    output = f"{done.stdout}\n{done.stderr}"
    plain = " ".join(output.split())
    found = []
    if done.returncode not in attack.codes:
        expected = " or ".join(map(str, attack.codes))
        found.append(f"it ended with {done.returncode}, not {expected}: {plain[-LONGEST_QUOTE:]}")
    elif done.returncode == OUR_ERROR:
        found.append("70 is never a right answer")
    if "Traceback (most recent call last)" in output:
        found.append(f"it printed a traceback: {plain[-LONGEST_QUOTE:]}")
    if attack.says and not any(re.search(attack.says, text, re.DOTALL | re.IGNORECASE) for text in (output, plain)):
        found.append(f"it did not say {attack.says!r} but {plain[-LONGEST_QUOTE:]!r}")
    return found
