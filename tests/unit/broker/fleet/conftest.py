"""A broker to which workers can be connected."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from broker_lab import BrokerLab


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[BrokerLab]:
    made = BrokerLab(tmp_path)
    yield made
    for wire in made.wires:
        wire.worker.house.close()
    made.broker.house.close()
