"""Keras files that would fill the memory or the disk, or lead to other files, are refused before they are loaded."""

from __future__ import annotations

import random
import zipfile
from pathlib import Path

import h5py
import keras
import pytest

from export.errors import InputError
from export.files.bounded_archive import open_archive
from export.files.bounded_hdf5 import check_weights
from export.model.stored_model import open_stored
from scripts.benches.hostility.planted.hostile_keras import KERAS, link_array, replace_array, rewrite

LARGE = ("GiB", "MiB")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a small right model."""
    path = tmp_path_factory.mktemp("saved") / "a.keras"
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, activation="softmax")]).save(path)
    return path.read_bytes()


@pytest.mark.parametrize("name", [name for name in KERAS if not any(part in name for part in LARGE)])
def test_a_hostile_file_is_refused_in_one_sentence(name: str, tmp_path: Path, saved: bytes) -> None:
    make, said = KERAS[name]
    (tmp_path / "a.keras").write_bytes(saved)
    path = make(tmp_path / "a.keras")

    with pytest.raises(InputError, match=said) as raised:
        open_stored(path)

    assert "\n" not in str(raised.value)


def test_a_part_that_is_larger_than_it_says_is_not_unpacked_at_once(tmp_path: Path, saved: bytes) -> None:
    (tmp_path / "a.keras").write_bytes(saved)
    rewrite(tmp_path / "a.keras", {"config.json": b"[" + b" " * 5_000_000 + b"]"})
    content = (tmp_path / "a.keras").read_bytes()
    real, false = (5_000_002).to_bytes(4, "little"), (100).to_bytes(4, "little")
    (tmp_path / "a.keras").write_bytes(content.replace(real, false))

    with pytest.raises(InputError, match=r"can't be read as a Keras file \(Bad CRC-32"):
        open_stored(tmp_path / "a.keras")


def test_a_file_that_was_packed_by_hand_is_read(tmp_path: Path, saved: bytes) -> None:
    (tmp_path / "a.keras").write_bytes(saved)
    rewrite(tmp_path / "a.keras", {}, method=zipfile.ZIP_DEFLATED)

    stored = open_stored(tmp_path / "a.keras")

    assert stored.load(stored.config).output_shape == (None, 2)


def test_infinity_in_a_configuration_is_read(tmp_path: Path) -> None:
    layers = [keras.Input((4,)), keras.layers.ReLU(max_value=float("inf"))]
    keras.Sequential(layers).save(tmp_path / "a.keras")

    assert open_stored(tmp_path / "a.keras").config["class_name"] == "Sequential"


def test_encrypted_and_repeated_parts_are_refused(tmp_path: Path, saved: bytes) -> None:
    path = tmp_path / "a.keras"
    path.write_bytes(saved)
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("config.json", b"{}")
    with pytest.raises(zipfile.BadZipFile, match=r"it holds config\.json twice"), open_archive(path):
        pass
    content = bytearray(saved)
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(zipfile.BadZipFile, match="in it is encrypted"), open_archive(path):
        pass


def test_parts_that_are_larger_than_the_file_are_refused(tmp_path: Path, saved: bytes) -> None:
    content = bytearray(saved)
    at = content.index(b"PK\x01\x02") + 20
    content[at : at + 4] = (1 << 30).to_bytes(4, "little")
    (tmp_path / "a.keras").write_bytes(content)

    with pytest.raises(zipfile.BadZipFile, match="more than the file"), open_archive(tmp_path / "a.keras"):
        pass


def test_a_long_list_of_contents_is_not_read(tmp_path: Path) -> None:
    size = 1 << 30
    with (tmp_path / "a.keras").open("wb") as file:
        file.truncate(size)
        file.seek(size)
        file.write(b"PK\x05\x06" + bytes(4) + b"\xfe\xff\xfe\xff" + size.to_bytes(4, "little") + bytes(6))

    said = "its list of contents has 1,073,741,824 bytes"
    with pytest.raises(zipfile.BadZipFile, match=said), open_archive(tmp_path / "a.keras"):
        pass


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"shape": (10**6, 10**6), "dtype": "f4", "chunks": (1000, 1000)}, "of which 0 are stored"),
        ({"shape": (10,), "dtype": "u1", "external": [("/etc/passwd", 0, 10)]}, "lies in another file"),
        (None, "in it is a link"),
    ],
)
def test_weights_alone_are_checked_as_well(tmp_path: Path, how: dict[str, object] | None, said: str) -> None:
    path = tmp_path / "a.weights.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("layers/dense/vars/0", data=[1.0])
        if how is None:
            link_array(file)
        else:
            replace_array(file, **how)

    with pytest.raises(InputError, match=rf"can't be read as a file of weights \(.*{said}.*\): train the model again"):
        check_weights(path)


@pytest.mark.slow
def test_mutated_files_are_opened_or_refused(tmp_path: Path, saved: bytes) -> None:
    outcomes = [_outcome(tmp_path / "a.keras", _mutated(saved, seed)) for seed in range(400)]

    assert set(outcomes) == {"opened", "refused"}


def _outcome(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    try:
        open_stored(path)
    except InputError:
        return "refused"
    return "opened"


def _mutated(content: bytes, seed: int) -> bytes:
    draw = random.Random(seed)
    changed = bytearray(content)
    low = draw.choice([0, content.index(b"PK\x01\x02")])
    for _ in range(draw.randint(1, 4)):
        changed[draw.randrange(low, len(content))] = draw.choice([0, 91, 123, 255, draw.randrange(256)])
    return bytes(changed)
