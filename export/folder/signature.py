"""A detached Ed25519 signature over the manifest, which names every other file, so that a folder is known by its maker.

The digests in a manifest show that a file was changed by accident; whoever changes files on purpose seals the folder
again. `manifest.json.sig` holds the 64 bytes of the signature as base64 in one line.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
    load_ssh_private_key,
    load_ssh_public_key,
)

from export.artifact import MANIFEST, SIGNATURE
from export.errors import InputError, VerificationError
from export.files.regular_file import read_regular
from export.folder.manifest import Manifest, parse_manifest, read_manifest_bytes

Signer = Callable[[bytes], bytes]
"""The bytes of a manifest → those of the file with its signature."""

SIGN, SIGNED_BY = "--sign", "--signed-by"
_LARGEST_KEY_BYTES, _LARGEST_SIGNATURE_BYTES = 1 << 16, 100
_SIGNATURE_BYTES = 64
_MAKE = "openssl genpkey -algorithm ed25519 -out key.pem"
_MADE_BY = {SIGN: f"{_MAKE} makes", SIGNED_BY: "openssl pkey -in key.pem -pubout -out public.pem writes"}


@dataclass(frozen=True, kw_only=True, eq=False)
class PublicKey:
    """`path`: the file that it is from."""

    path: Path
    key: Ed25519PublicKey

    @property
    def fingerprint(self) -> str:
        """As ssh-keygen writes it."""
        line = self.key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
        digest = hashlib.sha256(base64.b64decode(line.split()[1])).digest()
        return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


def read_signer(path: Path) -> Signer:
    """What signs with the private key in a file: PKCS8 as PEM, or OpenSSH's form. Raises InputError for any other."""
    content = _read_key(path, SIGN)
    if b"PRIVATE KEY-----" not in content:
        if b"PUBLIC KEY-----" in content or content.startswith(b"ssh-"):
            raise InputError(f"{path} holds a public key: give {SIGN} the private one")
        raise _no_key(path, SIGN)
    load = load_ssh_private_key if b"BEGIN OPENSSH" in content else load_pem_private_key
    try:
        key: Any = load(content, password=None)
    except TypeError as error:
        raise _refuse_encrypted(path) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _no_key(path, SIGN) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise _another_kind(path)
    return lambda content: base64.b64encode(key.sign(content)) + b"\n"


def read_public_key(path: Path) -> PublicKey:
    """The public key in a file, as PEM or in OpenSSH's form. Raises InputError for any other."""
    content = _read_key(path, SIGNED_BY)
    if b"PRIVATE KEY-----" in content:
        raise InputError(
            f"{path} holds a private key: give {SIGNED_BY} the public one, which openssl pkey -in {path} -pubout writes"
        )
    load = load_ssh_public_key if content.startswith(b"ssh-") else load_pem_public_key
    try:
        key: Any = load(content)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _no_key(path, SIGNED_BY) from error
    if not isinstance(key, Ed25519PublicKey):
        raise _another_kind(path)
    return PublicKey(path=path, key=key)


def read_signed_manifest(folder: Path, key: PublicKey) -> Manifest:
    """The manifest of a published folder, of the very bytes that the key's owner signed.

    Raises VerificationError if they are not, and InputError as `read_manifest` does.
    """
    content = read_manifest_bytes(folder)
    check_signature(folder, content, key)
    return parse_manifest(content, folder)


def check_signature(folder: Path, manifest: bytes, key: PublicKey) -> None:
    """Raise VerificationError unless the folder holds the key owner's signature over these bytes of its manifest."""
    path = folder / SIGNATURE
    if not os.path.lexists(path):
        raise VerificationError(f"{folder} is not signed: there is no {path} in it, so nothing shows who made it")
    content = None if path.is_symlink() else _read_small(path, _LARGEST_SIGNATURE_BYTES)
    signature = _decode(content)
    if signature is None:
        raise VerificationError(
            f"{path} must be a file of one line, {_SIGNATURE_BYTES} bytes as base64: get the folder from its maker"
        )
    try:
        key.key.verify(signature, manifest)
    except InvalidSignature as error:
        raise VerificationError(
            f"{path} was not made for {folder / MANIFEST} with the private key of {key.path}: the folder was changed "
            "or sealed by somebody else, so get it from its maker"
        ) from error


def _decode(content: bytes | None) -> bytes | None:
    """The bytes of a signature; None of anything else."""
    if content is None:
        return None
    try:
        signature = base64.b64decode(content.rstrip(b"\r\n"), validate=True)
    except binascii.Error:
        return None
    return signature if len(signature) == _SIGNATURE_BYTES else None


def _read_key(path: Path, option: str) -> bytes:
    try:
        content = _read_small(path, _LARGEST_KEY_BYTES)
    except FileNotFoundError as error:
        raise InputError(f"there is no file {path}: give {option} an Ed25519 key, as {_MADE_BY[option]}") from error
    if content is None:
        raise _no_key(path, option)
    return content


def _read_small(path: Path, most: int) -> bytes | None:
    """What a regular file of at most so many bytes holds; None for anything else. Raises FileNotFoundError."""
    try:
        return read_regular(path, most)
    except FileNotFoundError:
        raise
    except (OSError, ValueError):
        return None


def _no_key(path: Path, option: str) -> InputError:
    return InputError(f"{path} can't be read as a key: give {option} an Ed25519 key as PEM or in OpenSSH's form")


def _another_kind(path: Path) -> InputError:
    return InputError(f"{path} holds a key of another kind than Ed25519: make one with {_MAKE}")


def _refuse_encrypted(path: Path) -> InputError:
    return InputError(
        f"{path} is encrypted: give {SIGN} a key without a passphrase, as openssl pkey -in {path} -out FILE writes it"
    )
