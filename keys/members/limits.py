"""The limits of one member over all its connections, which an entry of the roster can lower or raise.

Pure: knows no roster file (roster_text.py reads it) and counts nothing; each limit is enforced where it applies.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from ...schemas.frames import MOST_CONNECTIONS, MOST_FILE_BYTES, MOST_GRANTS, MOST_QUEUED_JOBS, MOST_STREAMS, MOST_UNREAD_BYTES
from ...schemas.jobs.spec_check import HIGHEST_PRIORITY

# More would be a limit of the machine, not of this program.
_MOST = 1_000_000_000
_MOST_FILE_BYTES = 1 << 50
# More than the largest single reply: two ranges of a log behind a job with two MiB of arguments.
_FEWEST_UNREAD_BYTES = 5 * 1024 * 1024

_RANGES = {
    "unread_bytes": (_FEWEST_UNREAD_BYTES, _MOST),
    "file_bytes": (1, _MOST_FILE_BYTES),
    "highest_priority": (-HIGHEST_PRIORITY, HIGHEST_PRIORITY),
}


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one member; the defaults apply to what its entry in the roster does not set.

    `connections`, for requests. `streams`: watched starts and stops, and followed logs. `grants`: subscriptions to events. `unread_bytes`:
    bytes sent that its machine has not received yet, for replies and for events separately. `queued_jobs`: jobs that wait. `running_jobs`:
    jobs that run (0: as many as there are slots). `file_bytes`: stored contents of files that it has sent. `highest_priority`: of jobs that
    it starts or changes.
    """

    connections: int = MOST_CONNECTIONS
    streams: int = MOST_STREAMS
    grants: int = MOST_GRANTS
    unread_bytes: int = MOST_UNREAD_BYTES
    queued_jobs: int = MOST_QUEUED_JOBS
    running_jobs: int = 0
    file_bytes: int = MOST_FILE_BYTES
    highest_priority: int = HIGHEST_PRIORITY


EVERYBODYS = Limits()
# Of a temporary key, which sends one request.
OF_PAIRING = Limits(connections=4, streams=1, grants=1, unread_bytes=_FEWEST_UNREAD_BYTES, queued_jobs=1, running_jobs=1, file_bytes=1)
# Those that may be written as sizes.
SIZES = frozenset({"unread_bytes", "file_bytes"})
NAMES = tuple(field.name for field in fields(Limits))


def limit_problem(name: str, value: object) -> str:
    """Return what is wrong with a limit in a roster; empty if it is valid."""
    fewest, most = _RANGES.get(name, (1, _MOST))
    # True is a number too.
    if isinstance(value, int) and not isinstance(value, bool) and fewest <= value <= most:
        return ""
    written = f"{name} must be a whole number from {fewest} to {most}"
    return f"{written}, or a size such as 64M" if name in SIZES else written
