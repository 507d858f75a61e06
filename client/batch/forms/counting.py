"""How many jobs a batch file may have."""

from __future__ import annotations

from ....schemas.refusal import Code, Refused

# What fits into the memory of a client; a worker may take fewer at once.
MOST_JOBS = 100_000


def check_count(jobs: int, file: str) -> None:
    """Raise `Refused(INVALID_ARGUMENT)` if a file has too many jobs."""
    if jobs > MOST_JOBS:
        raise Refused(Code.INVALID_ARGUMENT, f"{file} has more than {MOST_JOBS} jobs, the limit for a batch", "divide it")
