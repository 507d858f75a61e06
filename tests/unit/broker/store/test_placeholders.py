"""How parameters are written in statements."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from jobwire.broker import store

ROOM = Path(store.__file__).parent
SOURCES = sorted(path.relative_to(ROOM) for path in ROOM.rglob("*.py"))


@pytest.mark.parametrize("source", SOURCES, ids=str)
def test_no_parameter_has_a_number(source: Path) -> None:
    """Python 3.12.0 to 3.12.3 warn that `?1` will be refused, for a sequence of parameters (gh-117995)."""
    assert re.search(r"\?\d", (ROOM / source).read_text()) is None


def test_there_are_statements_to_look_at() -> None:
    assert any("WHERE row = ?" in (ROOM / source).read_text() for source in SOURCES)
