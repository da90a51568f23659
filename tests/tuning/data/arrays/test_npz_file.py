"""Npz files that declare what is not there are refused before anything of it is read."""

from __future__ import annotations

import os
import random
import resource
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from scripts.benches.hostility.planted.hostile_npz import NPZ, member, write_npz
from tuning.data.arrays import npz_file
from tuning.data.sources.paths.npz import load_npz
from tuning.environment.free_memory import free_memory
from tuning.errors import InputError


@pytest.fixture
def little_memory() -> Iterator[None]:
    """No more than 600 MiB above what is taken already."""
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (taken + (600 << 20), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.mark.parametrize("name", [name for name in NPZ if "GiB" not in name and "MiB" not in name])
def test_a_hostile_file_is_refused_in_one_sentence(name: str, tmp_path: Path, little_memory: None) -> None:
    make, said = NPZ[name]

    with pytest.raises(InputError, match=said):
        load_npz(make(tmp_path / "a.npz"))


def test_arrays_that_do_not_fit_into_memory_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npz_file, "free_memory", lambda: 100.0)

    with pytest.raises(InputError, match=r"the arrays in .*a\.npz take .* GiB but .* GiB of memory are free: give few"):
        load_npz(write_npz(tmp_path / "a.npz", {}))


def test_free_memory_is_some_and_no_more_than_the_machine_has() -> None:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")

    assert 0 < free_memory() <= total


def test_images_that_are_all_zero_are_read_however_small_they_are_packed(tmp_path: Path) -> None:
    images = np.zeros((8_000, 64, 64), np.uint8)
    labels = np.arange(8_000) % 2
    np.savez_compressed(tmp_path / "a.npz", x_train=images, y_train=labels)

    assert (tmp_path / "a.npz").stat().st_size < images.nbytes / 500
    assert len(load_npz(tmp_path / "a.npz").training) == 6_666


@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_come_back_as_they_were(tmp_path: Path, order: str) -> None:
    images = np.asarray(np.random.default_rng(0).integers(0, 255, (40, 8, 8, 3)), np.uint8, order=order)
    labels = np.arange(40) % 2
    np.savez(tmp_path / "a.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)

    assert np.array_equal(load_npz(tmp_path / "a.npz").training.images, images)


def test_mutated_files_are_read_or_refused(tmp_path: Path) -> None:
    honest = write_npz(tmp_path / "honest.npz", {}, method=zipfile.ZIP_STORED).read_bytes()
    header = len(member(np.zeros((40, 8, 8), np.uint8))) - 40 * 64

    outcomes = [outcome(tmp_path / "a.npz", mutated(honest, header, seed)) for seed in range(600)]

    assert set(outcomes) == {"read", "refused"}


def outcome(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    try:
        load_npz(path)
    except InputError:
        return "refused"
    return "read"


def mutated(content: bytes, header: int, seed: int) -> bytes:
    """The archive with some bytes changed: of the first header, of the list of contents, or anywhere."""
    draw = random.Random(seed)
    changed = bytearray(content)
    places = [(30, 30 + header), (content.index(b"PK\x01\x02"), len(content)), (0, len(content))]
    low, high = draw.choice(places)
    for _ in range(draw.randint(1, 6)):
        changed[draw.randrange(low, high)] = draw.choice([0, 9, 32, 40, 44, 48, 57, 79, 255, draw.randrange(256)])
    return bytes(changed)
