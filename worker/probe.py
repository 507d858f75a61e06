"""Whether what is installed can become keeper and supervisor: it loads all that they are made of. Run by itself, as they are."""

from __future__ import annotations

from .keeper import handover, process
from .supervisor import main

# Only to see that they can be loaded.
del process, main


def tell() -> None:
    """Print which forms of a handover it reads."""
    print(*handover.READABLE)  # noqa: T201 -- the answer
