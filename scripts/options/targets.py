"""Which files a command is about, as options: formats and number types."""

from __future__ import annotations

import argparse

from export.artifact import Format, Variant


def add_format_argument(parser: argparse.ArgumentParser, *, default: str) -> None:
    """`--format`, repeatable; `default` says in the help what none means."""
    parser.add_argument(
        "--format",
        action="append",
        default=[],
        metavar="NAME",
        help=f"{', '.join(Format)} or all; may be repeated (default: {default})",
    )


def add_variant_argument(parser: argparse.ArgumentParser, *, default: str, more: str = "") -> None:
    """`--variant`, repeatable; `default` as above, `more`: what else may be given."""
    parser.add_argument(
        "--variant",
        action="append",
        default=[],
        metavar="NAME",
        help=f"number types: {', '.join(Variant)} or all, may be repeated{more} (default: {default})",
    )
