from __future__ import annotations

from collections.abc import Iterator

import pytest
import zmq
from curve_router import curve_router


@pytest.fixture
def router() -> Iterator[zmq.Socket[bytes]]:
    with curve_router() as made:
        yield made
