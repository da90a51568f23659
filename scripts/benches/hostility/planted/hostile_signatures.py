"""Folders that somebody else sealed, signatures that are none, and keys of the wrong kind."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from scripts.benches.hostility.case import Attack, AttackKind, CasePlace

SIGNATURE, MANIFEST = "manifest.json.sig", "manifest.json"
VERIFY = ("verify.py", "artifacts", "--format", "onnx", "--signed-by", "public.pem")
COMMANDS = {
    "verify.py": VERIFY,
    "predict.py": ("predict.py", "one.png", "--artifacts", "artifacts", "--signed-by", "public.pem"),
    "benchmark.py": ("benchmark.py", "artifacts", "--signed-by", "public.pem"),
}
OURS, THEIRS = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
OTHER_KIND = generate_private_key(SECP256R1())
Spoil = Callable[[Path], None]


def public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def private(key: Ed25519PrivateKey, password: bytes = b"") -> bytes:
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def sign(folder: Path, key: Ed25519PrivateKey = OURS) -> None:
    (folder / SIGNATURE).write_bytes(base64.b64encode(key.sign((folder / MANIFEST).read_bytes())) + b"\n")


def signed(spoil: Spoil, words: Sequence[str] = VERIFY) -> Callable[[CasePlace], Sequence[str]]:
    """A folder that we signed, and what somebody else made of it."""

    def prepare(place: CasePlace) -> Sequence[str]:
        folder = place.goods.artifacts(place.folder)
        (place.folder / "public.pem").write_bytes(public(OURS))
        sign(folder)
        spoil(folder)
        return words

    return prepare


def reseal(folder: Path) -> None:
    """Another file, and a manifest that names it."""
    content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    content["description"]["note"] = "made by somebody else"
    (folder / MANIFEST).write_text(json.dumps(content), encoding="utf-8")


def seal_as_theirs(folder: Path) -> None:
    reseal(folder)
    sign(folder, THEIRS)


def add_a_space(folder: Path) -> None:
    with (folder / MANIFEST).open("ab") as file:
        file.write(b" ")


def change_a_file(folder: Path) -> None:
    with (folder / "model.onnx").open("ab") as file:
        file.write(b"x")


def replaced(make: Spoil) -> Spoil:
    def spoil(folder: Path) -> None:
        (folder / SIGNATURE).unlink()
        make(folder / SIGNATURE)

    return spoil


def written(change: Callable[[bytes], bytes]) -> Spoil:
    def spoil(folder: Path) -> None:
        (folder / SIGNATURE).write_bytes(change((folder / SIGNATURE).read_bytes()))

    return spoil


def huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


ONE_LINE = "must be a file of one line, 64 bytes as base64"
OTHER = "was not made for .* with the private key of public.pem"
SPOILED: dict[str, tuple[Spoil, str]] = {
    "missing": (lambda folder: (folder / SIGNATURE).unlink(), "is not signed"),
    "of a manifest that was replaced": (reseal, OTHER),
    "somebody else's": (seal_as_theirs, OTHER),
    "of a manifest without its last space": (add_a_space, OTHER),
    "right and a file was changed": (change_a_file, "was changed since it was published"),
    "empty": (written(lambda content: b""), ONE_LINE),
    "cut off": (written(lambda content: content[:40]), ONE_LINE),
    "there twice": (written(lambda content: content * 2), ONE_LINE),
    "raw bytes": (written(base64.b64decode), ONE_LINE),
    "of zeros": (written(lambda content: base64.b64encode(bytes(64))), OTHER),
    "followed by a megabyte": (written(lambda content: content + b"\n" * (1 << 20)), ONE_LINE),
    "a folder": (replaced(Path.mkdir), ONE_LINE),
    "a link": (replaced(lambda path: path.symlink_to("../public.pem")), ONE_LINE),
    "a link to an endless device": (replaced(lambda path: path.symlink_to("/dev/zero")), ONE_LINE),
    "a link to nothing": (replaced(lambda path: path.symlink_to("nowhere")), ONE_LINE),
    "a FIFO": (replaced(lambda path: os.mkfifo(path)), ONE_LINE),
    "of a tebibyte": (replaced(huge), ONE_LINE),
}


def with_key(make: Spoil, words: Sequence[str]) -> Callable[[CasePlace], Sequence[str]]:
    def prepare(place: CasePlace) -> Sequence[str]:
        sign(place.goods.artifacts(place.folder))
        make(place.folder / "key")
        return words

    return prepare


def holding(content: bytes) -> Spoil:
    def spoil(path: Path) -> None:
        path.write_bytes(content)

    return spoil


NO_KEY = "key can't be read as a key"
OF_OTHER_KIND = OTHER_KIND.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
OF_OTHER_KIND_TOO = OTHER_KIND.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
KEYS: dict[str, tuple[Spoil, str, str]] = {
    "--sign a public one": (holding(public(OURS)), "--sign", "holds a public key"),
    "--sign one of another kind": (holding(OF_OTHER_KIND), "--sign", "another kind than Ed25519"),
    "--sign an encrypted one": (holding(private(OURS, b"secret")), "--sign", "is encrypted"),
    "--sign text": (holding(b"hello\n"), "--sign", NO_KEY),
    "--sign nothing": (lambda path: None, "--sign", "there is no file key"),
    "--sign a FIFO": (lambda path: os.mkfifo(path), "--sign", NO_KEY),
    "--sign an endless device": (lambda path: path.symlink_to("/dev/zero"), "--sign", NO_KEY),
    "--signed-by a private one": (holding(private(OURS)), "--signed-by", "holds a private key"),
    "--signed-by one of another kind": (holding(OF_OTHER_KIND_TOO), "--signed-by", "another kind than Ed25519"),
    "--signed-by text": (holding(b"hello\n"), "--signed-by", NO_KEY),
    "--signed-by half of one": (holding(public(OURS)[:50]), "--signed-by", NO_KEY),
    "--signed-by a folder": (Path.mkdir, "--signed-by", NO_KEY),
    "--signed-by a tebibyte": (huge, "--signed-by", NO_KEY),
}


def _words(option: str) -> Sequence[str]:
    command = ("export.py", "--run", "first") if option == "--sign" else ("verify.py", "artifacts")
    return [*command, option, "key"]


SIGNATURES: tuple[Attack, ...] = (
    *(
        Attack(kind=AttackKind.CODE, name=f"a signature is {name}", prepare=signed(spoil), codes=(1,), says=says)
        for name, (spoil, says) in SPOILED.items()
    ),
    *(
        Attack(
            kind=AttackKind.CODE,
            name=f"{script} is given a folder that somebody else sealed",
            prepare=signed(seal_as_theirs, words),
            codes=(1,),
            says=OTHER,
        )
        for script, words in COMMANDS.items()
    ),
    *(
        Attack(
            kind=AttackKind.CODE,
            name=f"a key is for {name}",
            prepare=with_key(make, _words(option)),
            codes=(2,),
            says=says,
        )
        for name, (make, option, says) in KEYS.items()
    ),
)
