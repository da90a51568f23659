"""`--sign KEY` and `--signed-by KEY`: who made a published folder, and whether it was that one."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from export.artifact import SIGNATURE
from export.folder.manifest import read_manifest
from scripts import _entry
from scripts.terminal.console import yellow

if TYPE_CHECKING:
    from export.folder.manifest import Manifest
    from export.folder.signature import PublicKey, Signer
    from scripts.terminal.console import Console

_INSTALL = ', or pip install ".[sign]" into this one'


def add_sign_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--sign",
        type=Path,
        metavar="KEY",
        help="private Ed25519 key to sign the manifest with, so that --signed-by finds out who else sealed the folder",
    )


def add_signed_by_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--signed-by",
        type=Path,
        metavar="KEY",
        help="public Ed25519 key: go on only if the folder was signed with the private one that belongs to it",
    )


def read_sign(arguments: argparse.Namespace) -> Signer | None:
    """What signs, if that was asked for. Raises InputError for what is no such key."""
    if arguments.sign is None:
        return None
    _entry.hand_over(["cryptography"], or_else=_INSTALL)
    from export.folder.signature import read_signer

    return read_signer(arguments.sign)


def read_signed_by(arguments: argparse.Namespace) -> PublicKey | None:
    """The key that a folder must be signed with, if one was given. Raises InputError for what is no such key."""
    if arguments.signed_by is None:
        return None
    _entry.hand_over(["cryptography"], or_else=_INSTALL)
    from export.folder.signature import read_public_key

    return read_public_key(arguments.signed_by)


def read_published(folder: Path, key: PublicKey | None) -> Manifest:
    """The manifest of a published folder, which the key's owner must have signed, if a key was given.

    Raises VerificationError if that is not so, and InputError where there is no manifest or it is damaged.
    """
    if key is None:
        return read_manifest(folder)
    from export.folder.signature import read_signed_manifest

    return read_signed_manifest(folder, key)


def tell_signature(console: Console, folder: Path, key: PublicKey | None) -> None:
    """Say who signed the folder, or that a signature in it was not checked."""
    if key is not None:
        console.print(f"signed by {key.path} ({key.fingerprint})")
    elif os.path.lexists(folder / SIGNATURE):
        console.print(yellow("note: "), f"{SIGNATURE} was not checked: --signed-by KEY.pem does that")
