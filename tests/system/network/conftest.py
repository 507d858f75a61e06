"""What tests of networks share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from two_machines import TwoMachines


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[TwoMachines]:
    """Return two machines with a line between them, one of which has a worker; its log is shown if the test fails."""
    made = TwoMachines(tmp_path)
    yield made
    print(made.worker.logged())
    made.close()
