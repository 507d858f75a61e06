"""Tables in the documents."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def cells(document: str, heading: str) -> list[list[str]]:
    """Read the rows of the first table below a line, a heading for instance, without the table's own."""
    text = (ROOT / document).read_text().split(f"\n{heading}\n", 1)[1]
    rows = itertools.dropwhile(lambda line: not line.startswith("|"), text.splitlines())
    table = [[cell.strip() for cell in row[1:-1].split("|")] for row in itertools.takewhile(lambda line: line.startswith("|"), rows)]
    return [table[0], *table[2:]]


def words(cell: str) -> list[str]:
    """Return what is in backquotes."""
    return re.findall(r"`([^`]+)`", cell)
