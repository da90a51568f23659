"""What the attacks share: right things."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.benches.hostility.goods import Goods, make_goods


@pytest.fixture(scope="session")
def goods(finished: Path) -> Goods:
    return make_goods(finished.parent)
