"""Check that the installed version can be keeper and supervisor, by importing their code in a separate process."""

from __future__ import annotations

from .keeper import handover, process
from .supervisor import main

# Imported only to check that it is possible.
del process, main


def tell() -> None:
    """Print the handover versions that this version can read."""
    print(*handover.READABLE)  # noqa: T201 -- the answer
