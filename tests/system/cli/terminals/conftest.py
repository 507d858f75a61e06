"""A terminal for each test that asks for one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from home import Home
from tmux import Tmux


@pytest.fixture
def tmux(home: Home, tmp_path: Path) -> Iterator[Tmux]:
    made = Tmux(home, tmp_path)
    yield made
    made.run("kill-server")
