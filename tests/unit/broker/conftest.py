"""A desk for each test; effects that nobody expected fail it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from desk_house import EngineDouble, House


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    made = House(tmp_path / "state.db", EngineDouble())
    made.open()
    yield made
    made.staging.close()
    made.store.close()
    assert made.engine.effects == [], "effects that nobody expected"
