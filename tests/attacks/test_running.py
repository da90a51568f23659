"""The runner of attacks finds whatever is not as expected: it must be able to fail."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

import scripts.benches.attacks as attacks_bench
from scripts.benches.hostility.case import Attack, AttackKind, CasePlace
from scripts.benches.hostility.goods import Goods
from scripts.benches.hostility.running import (
    AttackResult,
    as_command,
    collect,
    execute_in_processes,
    is_script,
    run_attack,
)
from scripts.benches.hostility.watching import CommandLimits

pytestmark = pytest.mark.slow

LIMITS = CommandLimits(seconds=1.0, mebibytes=200.0)


@pytest.fixture
def goods(tmp_path: Path) -> Goods:
    folder = tmp_path / "goods"
    (folder / "runs").mkdir(parents=True)
    (folder / "runs" / "run.json").write_text("{}")
    return Goods(folder)


def attack_by(program: str, **facts: object) -> Attack:
    """An attack whose command is a Python program; the place's folder holds the file `there`."""

    def prepare(place: CasePlace) -> Sequence[str | Path]:
        (place.folder / "there").write_text("whole")
        return [sys.executable, "-c", program]

    return dataclasses.replace(Attack(kind=AttackKind.INPUT, name="a program", prepare=prepare, codes=(0,)), **facts)


def answer_to(goods: Goods, program: str, **facts: object) -> AttackResult:
    return run_attack(attack_by(program, **facts), goods, execute_in_processes(LIMITS))


def test_what_is_as_expected_has_no_faults(goods: Goods) -> None:
    answer = answer_to(goods, "import sys; print('a Clear\\nsentence'); sys.exit(2)", codes=(1, 2), says="clear sen")

    assert answer.faults == ()
    assert answer.seconds > 0


@pytest.mark.parametrize(
    ("program", "facts", "fault"),
    [
        ("raise SystemExit(3)", {}, "it ended with 3, not 0"),
        ("raise SystemExit(70)", {"codes": (70,)}, "70 is never a right answer"),
        ("import os; os.kill(os.getpid(), 11)", {}, "it ended with -11, not 0"),
        ("print('something else')", {"says": "one sentence"}, "it did not say 'one sentence' but 'something else'"),
        ("import traceback, sys; 1 / 0", {"codes": (1,)}, "it printed a traceback"),
        ("open('there', 'w').write('other')", {}, "folder/there was changed"),
        ("import os; os.chmod('there', 0o600)", {}, "folder/there was changed"),
        ("import os; os.remove('there'); os.symlink('x', 'there')", {}, "folder/there was changed"),
        ("import os; os.remove('there')", {}, "folder/there was removed"),
        ("open('left', 'w')", {}, "folder/left was made"),
        (
            "import os; os.makedirs('made/deeper'); open('made/deeper/x', 'w')",
            {"changes": ("mad",)},
            "folder/made/deep",
        ),
        ("open('../outside', 'w')", {"changes": ("*",)}, "outside was made"),
        ("import tempfile; tempfile.mkdtemp(prefix='left')", {}, "tmp/left"),
        ("import pathlib; (pathlib.Path.home() / '.cache').mkdir()", {}, "home/.cache was made"),
        ("import os; open(os.environ['KERAS_HOME'] + '/own.json', 'w')", {}, "home/own.json was made"),
        ("import time; time.sleep(1.2)", {}, "it took 1."),
        ("import time; time.sleep(60)", {}, "it was killed: it hangs"),
        ("import time; x = b'x' * 2**28; time.sleep(0.3)", {}, "MiB, more than 200"),
        (
            "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])",
            {},
            "a process was left running",
        ),
        ("", {"check": lambda place, done: [f"{done.returncode} is odd"]}, "0 is odd"),
    ],
)
def test_what_is_not_as_expected_is_found(goods: Goods, program: str, facts: dict[str, object], fault: str) -> None:
    answer = answer_to(goods, program, **facts)

    assert any(fault in found for found in answer.faults), answer.faults


def test_a_change_of_the_goods_is_found(goods: Goods) -> None:
    answer = answer_to(goods, f"open({str(goods.folder / 'runs' / 'run.json')!r}, 'a').write(' ')")

    assert answer.faults == ("of the goods, runs/run.json was changed",)


@pytest.mark.parametrize("changes", [("made",), ("mad*",), ("made/deeper",)])
def test_allowed_changes_are_no_faults(goods: Goods, changes: tuple[str, ...]) -> None:
    program = "import os; os.makedirs('made/deeper', exist_ok=True); open('made/deeper/x', 'w')"

    def prepare(place: CasePlace) -> Sequence[str | Path]:
        (place.folder / "made").mkdir()
        return [sys.executable, "-c", program]

    answer = answer_to(goods, program, prepare=prepare, changes=changes)

    assert answer.faults == ()


def test_memory_of_children_counts(goods: Goods) -> None:
    child = "import time; x = b'x' * 2**27; time.sleep(0.5)"
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"

    assert answer_to(goods, program).mebibytes > 128


def test_what_can_not_be_prepared_is_a_fault(goods: Goods) -> None:
    def prepare(place: CasePlace) -> Sequence[str | Path]:
        raise FileNotFoundError("no such thing")

    answer = answer_to(goods, "", prepare=prepare)

    assert answer.faults == ("it can't be prepared: FileNotFoundError: no such thing",)


def test_what_needs_root_is_skipped_elsewhere(goods: Goods, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    answer = answer_to(goods, "", needs_root=True)

    assert (answer.skipped, answer.faults) == ("it needs root", ())


def test_what_needs_linux_is_skipped_elsewhere(goods: Goods, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")

    assert answer_to(goods, "", needs_linux=True).skipped == "it needs Linux"


def test_a_script_is_run_by_this_python_and_other_programs_as_they_are(tmp_path: Path) -> None:
    assert as_command(["verify.py", "artifacts"])[0] == sys.executable
    assert Path(as_command(["verify.py", "artifacts"])[1]).is_file()
    assert as_command(["sh", "-c", "true"]) == ["sh", "-c", "true"]
    assert not is_script(["own.py"])


def test_no_two_attacks_have_one_name() -> None:
    names = [(attack.kind, attack.name) for attack in collect()]

    assert len(names) == len(set(names))


def test_one_name_twice_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    twin = attack_by("")
    module = type(sys)("scripts.benches.hostility.kinds.input")
    module.CASES = (twin, twin)  # type: ignore[attr-defined]
    module.__spec__ = type("Spec", (), {})()
    monkeypatch.setitem(sys.modules, "scripts.benches.hostility.kinds.input", module)

    with pytest.raises(ValueError, match="two attacks have one name"):
        collect([AttackKind.INPUT])


def run_bench(goods: Goods, monkeypatch: pytest.MonkeyPatch, attacks: Sequence[Attack], *words: str) -> int:
    """The bench's exit code where these are all attacks that there are."""
    monkeypatch.setattr(sys, "argv", ["attacks", *words])
    monkeypatch.setattr("scripts.benches.attacks.collect", lambda kinds: attacks)
    monkeypatch.setattr("scripts.benches.attacks.make_goods", lambda folder: goods)
    monkeypatch.setattr("scripts.benches.attacks.measure_usual", lambda goods: {"verify.py": 100.0})
    return attacks_bench.main()


def test_the_bench_ends_with_one_where_an_answer_is_wrong(
    goods: Goods, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = attack_by("raise SystemExit(3)", name="a wrong one")

    code = run_bench(goods, monkeypatch, [attack_by(""), wrong])

    out = capsys.readouterr().out
    assert code == 1
    assert "input: a wrong one: it ended with 3, not 0" in out
    assert re.search(r"^all +2 +1 +0 ", out, re.MULTILINE)


def test_the_bench_ends_with_zero_where_all_is_as_expected(
    goods: Goods, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = run_bench(
        goods, monkeypatch, [attack_by("", kind=AttackKind.MACHINE)], "--json", str(tmp_path / "answers.json")
    )

    assert code == 0
    assert json.loads((tmp_path / "answers.json").read_text())[0]["faults"] == []


def test_the_bench_shows_faults_of_the_machine_one_by_one(
    goods: Goods, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_bench(goods, monkeypatch, [attack_by("", kind=AttackKind.MACHINE, name="a clock that jumps")])

    assert "machine: a clock that jumps: as expected" in capsys.readouterr().out


def test_the_bench_refuses_a_name_that_no_attack_has(goods: Goods, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match="2"):
        run_bench(goods, monkeypatch, [attack_by("")], "--only", "nothing is called like this")
