"""A worker for each test that asks for one; its log is shown when the test fails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from daemons import Worker


@pytest.fixture
def worker(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Worker]:
    with Worker(tmp_path, **getattr(request, "param", {})).start() as made:
        yield made
