"""A conversation in which the worker has answered `hello`."""

from __future__ import annotations

import pytest
from conversation_house import House


@pytest.fixture
def house() -> House:
    made = House()
    made.connect()
    return made
