"""Damaged files are read in watched processes, and whatever is not a refusal or a right answer is found."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

import pytest

import scripts.benches.mutations as bench
from scripts.benches.damage.files import CONFIG, FILES, SPACE, seal
from scripts.benches.damage.mutating import mutate_bytes, mutate_json, mutate_toml
from scripts.benches.hostility.goods import Goods

pytestmark = pytest.mark.slow

SERVES = """
import json, os, sys, time
for line in sys.stdin:
    {act}
    print(json.dumps({{"code": 0, "said": ""}}), flush=True)
"""


@pytest.mark.parametrize(
    ("mutate", "content"),
    [
        (mutate_bytes, b"x" * 100),
        (mutate_json, b'{"a": [1, {"b": 2}]}'),
        (mutate_toml, SPACE.encode()),
        (mutate_toml, CONFIG.encode()),
    ],
)
def test_damage_depends_on_the_seed_alone(mutate, content):
    once = [mutate(content, random.Random(seed)) for seed in range(50)]

    assert once == [mutate(content, random.Random(seed)) for seed in range(50)]
    assert len(set(once)) > 10


def test_the_manifest_fits_a_damaged_file_again(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    (tmp_path / "manifest.json").write_text('{"files": {"a": "old", "b": "kept"}, "artifacts": []}')

    seal(tmp_path, "a")

    files = json.loads((tmp_path / "manifest.json").read_text())["files"]
    assert files["a"].startswith("2d711642")
    assert files["b"] == "kept"


def test_the_shares_are_of_one_whole() -> None:
    assert sum(damaged.share for damaged in FILES.values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("act", "fault"),
    [
        ("pass", ""),
        ("os.kill(os.getpid(), 11)", "its process crashed (-11)"),
        ("time.sleep(60)", "it hangs"),
        ("print(json.dumps({'code': 70, 'said': 'ours'}), flush=True); continue", "it ended with 70: ours"),
        ("print(json.dumps({'code': 2, 'said': 'Traceback'}), flush=True); continue", "it ended with 2: Traceback"),
        ("open('../outside', 'w').close()", "up to this one: outside was made"),
        ("open('ran', 'w').close()", "up to this one: folder/ran was made"),
    ],
)
def test_what_is_not_as_expected_is_found(
    act: str, fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "_PROGRAM", SERVES.replace("{act}", act.replace("{", "{{").replace("}", "}}")))
    monkeypatch.setattr("scripts.benches.damage.child.prepare", lambda goods, folder: None)

    (read,) = bench.read_all([("space", 1)], Goods(tmp_path), seconds=0.7)

    assert read.fault == fault


@pytest.mark.parametrize(("fault", "code"), [("", 0), ("it hangs", 1)])
def test_the_bench_ends_with_one_where_something_is_wrong(
    fault: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["mutations", "--count", "20", "--jobs", "1"])
    monkeypatch.setattr(bench, "make_goods", lambda folder: Goods(tmp_path))
    monkeypatch.setattr(
        bench, "read_all", lambda tasks, goods: [bench.Read(kind=kind, seed=seed, fault=fault) for kind, seed in tasks]
    )

    assert bench.main() == code


@pytest.mark.parametrize("seeds", [range(5), pytest.param(range(5, 15), marks=pytest.mark.exhaustive)])
def test_a_few_damaged_files_of_every_kind_are_answered(seeds: range, goods: Goods) -> None:
    tasks = [(kind, seed) for kind in FILES for seed in seeds]

    assert [read for read in bench.read_all(tasks, goods) if read.fault] == []
