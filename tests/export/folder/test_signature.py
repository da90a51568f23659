"""A signature over the manifest finds out a folder that somebody else sealed anew; wrong keys are refused."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from export.artifact import MANIFEST, SIGNATURE
from export.errors import InputError, VerificationError
from export.folder.signature import check_signature, read_public_key, read_signer

OURS, THEIRS = ed25519.Ed25519PrivateKey.generate(), ed25519.Ed25519PrivateKey.generate()
CONTENT = b'{"artifacts": []}\n'
Write = Callable[[str, bytes | str], Path]


def pem(key: ed25519.Ed25519PrivateKey, form: PrivateFormat = PrivateFormat.PKCS8, password: bytes = b"") -> bytes:
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, form, encryption)


def public_pem(key: ed25519.Ed25519PrivateKey = OURS) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def public_ssh(key: ed25519.Ed25519PrivateKey = OURS) -> bytes:
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def call(name: str, content: bytes | str) -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return call


@pytest.fixture
def folder(tmp_path: Path, write: Write) -> Path:
    """A folder whose manifest is signed with our key."""
    made = tmp_path / "artifacts"
    made.mkdir()
    (made / MANIFEST).write_bytes(CONTENT)
    (made / SIGNATURE).write_bytes(read_signer(write("key.pem", pem(OURS)))(CONTENT))
    return made


@pytest.fixture
def ours(write: Write) -> Path:
    return write("public.pem", public_pem())


PRIVATE = {"pkcs8": pem(OURS), "openssh": pem(OURS, PrivateFormat.OpenSSH)}
PUBLIC = {
    "pem": public_pem(),
    "openssh": public_ssh(),
    "openssh with a comment": public_ssh() + b" me@home\n",
    "pem with text before it": b"the key of our releases\n" + public_pem(),
}


@pytest.mark.parametrize("private", list(PRIVATE))
@pytest.mark.parametrize("public", list(PUBLIC))
def test_a_signature_of_the_key_s_owner_is_accepted(folder: Path, write: Write, private: str, public: str) -> None:
    (folder / SIGNATURE).write_bytes(read_signer(write("private", PRIVATE[private]))(CONTENT))

    check_signature(folder, CONTENT, read_public_key(write("public", PUBLIC[public])))


def test_a_signature_is_one_line_of_64_bytes_as_base64(folder: Path) -> None:
    lines = (folder / SIGNATURE).read_bytes().splitlines(keepends=True)

    assert len(lines) == 1
    assert lines[0].endswith(b"\n")
    OURS.public_key().verify(base64.b64decode(lines[0][:-1], validate=True), CONTENT)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
def test_openssl_can_check_it(folder: Path, ours: Path, write: Write) -> None:
    raw = write("raw", base64.b64decode((folder / SIGNATURE).read_bytes()))
    command = ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", ours, "-sigfile", raw]

    done = subprocess.run([*command, "-in", folder / MANIFEST], capture_output=True, text=True, check=False)

    assert "Signature Verified Successfully" in done.stdout


def test_a_key_is_called_as_ssh_keygen_calls_it(ours: Path) -> None:
    key = read_public_key(ours)

    assert key.fingerprint.startswith("SHA256:")
    assert len(key.fingerprint) == len("SHA256:") + 43


def test_a_folder_that_somebody_else_signed_anew_is_found_out(folder: Path, ours: Path, write: Write) -> None:
    (folder / SIGNATURE).write_bytes(read_signer(write("theirs", pem(THEIRS)))(CONTENT))

    with pytest.raises(VerificationError, match=r"manifest\.json\.sig was not made for .*manifest\.json with"):
        check_signature(folder, CONTENT, read_public_key(ours))


def test_a_manifest_of_other_bytes_is_found_out(folder: Path, ours: Path) -> None:
    with pytest.raises(VerificationError, match=r"of .*public\.pem: the folder was changed or sealed by somebody els"):
        check_signature(folder, CONTENT + b" ", read_public_key(ours))


def test_a_folder_without_a_signature_is_not_accepted(folder: Path, ours: Path) -> None:
    (folder / SIGNATURE).unlink()

    with pytest.raises(VerificationError, match=r"artifacts is not signed: there is no .*manifest\.json\.sig in it"):
        check_signature(folder, CONTENT, read_public_key(ours))


GOOD = base64.b64encode(OURS.sign(CONTENT))
NO_SIGNATURES = {
    "empty": b"",
    "cut off": GOOD[:-4],
    "a byte short": base64.b64encode(OURS.sign(CONTENT)[:63]),
    "a byte long": base64.b64encode(OURS.sign(CONTENT) + b"\0"),
    "twice": GOOD + b"\n" + GOOD + b"\n",
    "with text": b"signature: " + GOOD,
    "raw bytes": OURS.sign(CONTENT),
    "other bytes": b"\xff" * 88,
    "hexadecimal": OURS.sign(CONTENT).hex().encode(),
    "long": GOOD + b"\n" * 10_000,
    "URL-safe": base64.urlsafe_b64encode(b"\xff" * 64),
}


@pytest.mark.parametrize("content", NO_SIGNATURES.values(), ids=list(NO_SIGNATURES))
def test_what_is_no_signature_is_not_accepted(folder: Path, ours: Path, content: bytes) -> None:
    (folder / SIGNATURE).write_bytes(content)

    with pytest.raises(
        VerificationError, match=r"manifest\.json\.sig must be a file of one line, 64 bytes as base64: get"
    ):
        check_signature(folder, CONTENT, read_public_key(ours))


def make_folder(path: Path) -> None:
    path.mkdir()


def make_link(path: Path) -> None:
    good = path.with_name("good")
    good.write_bytes(GOOD)
    path.symlink_to(good)


def make_huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


SPECIAL: dict[str, Callable[[Path], None]] = {
    "a folder": make_folder,
    "a link": make_link,
    "a link to a device": lambda path: path.symlink_to("/dev/zero"),
    "a link to nothing": lambda path: path.symlink_to("nowhere"),
    "a FIFO": lambda path: os.mkfifo(path),
    "huge": make_huge,
}


@pytest.mark.skipif(os.name == "nt", reason="links and FIFOs")
@pytest.mark.parametrize("make", SPECIAL.values(), ids=list(SPECIAL))
def test_a_signature_is_read_from_a_small_file_only(folder: Path, ours: Path, make: Callable[[Path], None]) -> None:
    (folder / SIGNATURE).unlink()
    make(folder / SIGNATURE)

    with pytest.raises(VerificationError, match=r"manifest\.json\.sig must be a file of one line, 64 bytes"):
        check_signature(folder, CONTENT, read_public_key(ours))


OTHER_KINDS = {
    "rsa": rsa.generate_private_key(65537, 1024),
    "p-256": ec.generate_private_key(ec.SECP256R1()),
    "ed448": ed448.Ed448PrivateKey.generate(),
    "x25519": x25519.X25519PrivateKey.generate(),
}


@pytest.mark.parametrize("kind", list(OTHER_KINDS))
def test_keys_of_other_kinds_are_refused(write: Write, kind: str) -> None:
    key = OTHER_KINDS[kind]
    private = write("private", key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public = write("public", key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))

    with pytest.raises(InputError, match="private holds a key of another kind than Ed25519: make one with openssl gen"):
        read_signer(private)
    with pytest.raises(InputError, match="public holds a key of another kind than Ed25519: make one with openssl genp"):
        read_public_key(public)


def test_an_encrypted_key_is_refused(write: Write) -> None:
    with pytest.raises(InputError, match="key is encrypted: give --sign a key without a passphrase, as openssl pkey -"):
        read_signer(write("key", pem(OURS, password=b"secret")))


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="needs ssh-keygen")
def test_keys_of_ssh_keygen_are_taken_unless_they_are_encrypted(tmp_path: Path) -> None:
    for name, password in (("plain", ""), ("locked", "secret")):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", password, "-f", tmp_path / name]
        subprocess.run(command, check=True)

    assert read_signer(tmp_path / "plain")(CONTENT)
    assert read_public_key(tmp_path / "plain.pub").fingerprint
    with pytest.raises(InputError, match="locked is encrypted: give --sign a key without a passphrase"):
        read_signer(tmp_path / "locked")


@pytest.mark.parametrize("content", PUBLIC.values(), ids=list(PUBLIC))
def test_a_public_key_signs_nothing(write: Write, content: bytes) -> None:
    with pytest.raises(InputError, match="key holds a public key: give --sign the private one"):
        read_signer(write("key", content))


@pytest.mark.parametrize("content", PRIVATE.values(), ids=list(PRIVATE))
def test_a_private_key_is_not_taken_for_a_public_one(write: Write, content: bytes) -> None:
    with pytest.raises(
        InputError, match="key holds a private key: give --signed-by the public one, which openssl pkey"
    ):
        read_public_key(write("key", content))


NO_KEYS = {
    "empty": b"",
    "text": b"hello\n",
    "bytes": b"\xff\xfe\x00",
    "a certificate": b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
    "cut off": pem(OURS)[:60],
    "damaged": b"-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2Vw\n-----END PRIVATE KEY-----\n",
    "a damaged openssh key": b"-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaA==\n-----END OPENSSH PRIVATE KEY-----\n",
    "ssh without a key": b"ssh-ed25519\n",
    "a damaged ssh key": b"ssh-ed25519 AAAA\n",
}


@pytest.mark.parametrize("content", NO_KEYS.values(), ids=list(NO_KEYS))
def test_what_is_no_key_is_refused(write: Write, content: bytes) -> None:
    path = write("key", content)

    with pytest.raises(InputError, match=r"key (can't be read as a key|holds a (private|public) key)"):
        read_signer(path)
    with pytest.raises(InputError, match=r"key (can't be read as a key|holds a private key)"):
        read_public_key(path)


def test_a_key_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no file .*none\.pem: give --sign an Ed25519 key, as opens"):
        read_signer(tmp_path / "none.pem")
    with pytest.raises(InputError, match=r"there is no file .*none\.pem: give --signed-by an Ed25519 key, as "):
        read_public_key(tmp_path / "none.pem")


@pytest.mark.skipif(os.name == "nt", reason="links and FIFOs")
@pytest.mark.parametrize("name", ["a folder", "a link to a device", "a FIFO", "huge"])
def test_a_key_is_read_from_a_small_file_only(tmp_path: Path, name: str) -> None:
    SPECIAL[name](tmp_path / "key")

    with pytest.raises(InputError, match="key can't be read as a key: give --sign"):
        read_signer(tmp_path / "key")


@pytest.mark.skipif(os.name == "nt", reason="links")
def test_a_key_may_be_a_link(tmp_path: Path, write: Write) -> None:
    (tmp_path / "link").symlink_to(write("key", pem(OURS)))

    assert read_signer(tmp_path / "link")(CONTENT) == GOOD + b"\n"
