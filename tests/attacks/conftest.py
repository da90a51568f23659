"""What the attacks share: right things, and a process that has TensorFlow loaded."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from warm_scripts import WarmScripts

from scripts.benches.hostility.goods import Goods, make_goods


@pytest.fixture(scope="session")
def goods(tmp_path_factory: pytest.TempPathFactory) -> Goods:
    return make_goods(tmp_path_factory.mktemp("goods"))


@pytest.fixture(scope="session")
def warm() -> Iterator[WarmScripts]:
    scripts = WarmScripts()
    yield scripts
    scripts.close()
