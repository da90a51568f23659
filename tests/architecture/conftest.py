"""Syntax trees of all modules are let go when the last rule is checked: garbage collections would look through them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .rooms import nodes, tree


@pytest.fixture(scope="package", autouse=True)
def _forgotten_trees() -> Iterator[None]:
    yield
    tree.cache_clear()
    nodes.cache_clear()
