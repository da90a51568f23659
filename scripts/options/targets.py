"""Which files a command is about, as options: formats and number types."""

from __future__ import annotations

import argparse
from collections.abc import Iterable

from export.artifact import Format, Variant
from export.formats.format import facts, how_to_install
from scripts import _entry


def add_format_argument(parser: argparse.ArgumentParser, *, default: str) -> None:
    """`--format`, repeatable; `default` says in the help what none means."""
    parser.add_argument(
        "--format",
        action="append",
        default=[],
        metavar="NAME",
        help=f"{', '.join(Format)} or all; may be repeated (default: {default})",
    )


def require_formats(formats: Iterable[Format], *others: str, or_else: str = "") -> None:
    """Go on where the runtimes of these formats, and other packages, are installed; `or_else` as `hand_over` has it."""
    wanted = sorted(formats)
    for kind in wanted:
        if facts(kind).is_optional:
            _entry.hand_over([facts(kind).module], remedy=how_to_install(kind), or_else=or_else)
    _entry.hand_over([*(facts(kind).module for kind in wanted), *others], or_else=or_else)


def add_variant_argument(parser: argparse.ArgumentParser, *, default: str, more: str = "") -> None:
    """`--variant`, repeatable; `default` as above, `more`: what else may be given."""
    parser.add_argument(
        "--variant",
        action="append",
        default=[],
        metavar="NAME",
        help=f"number types: {', '.join(Variant)} or all, may be repeated{more} (default: {default})",
    )
