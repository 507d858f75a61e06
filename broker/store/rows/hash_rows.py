"""The rows about the hashes of logs: which are still to be computed, and those of parts of longer logs. The roots are in the outcomes."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

from ....schemas.naming import AttemptKey, JobKey
from ...writes.jobs import RecordHashes

_Execute = Callable[..., sqlite3.Cursor]
_Read = Callable[..., list[tuple[Any, ...]]]


def record(execute: _Execute, write: RecordHashes) -> None:
    """Record the outcome of an attempt with its hashes: in the row of its job if it is the last attempt, else in its own row."""
    key, n = write.key.job, write.key.attempt
    found = execute("SELECT row, attempt, state FROM jobs WHERE owner = ? AND id = ?", key).fetchone()
    if found is None:
        return
    row, last, state = found
    if n == last and state == 4:  # noqa: PLR2004 -- State.FINISHED, as in all statements
        execute("UPDATE jobs SET outcome = ? WHERE row = ?", (write.outcome, row))
    elif not execute("UPDATE attempts SET outcome = ? WHERE job = ? AND n = ?", (write.outcome, row, n)).rowcount:
        return
    execute("DELETE FROM unhashed WHERE job = ? AND n = ?", (row, n))
    if write.stdout_hashes or write.stderr_hashes:
        ((before,),) = execute("SELECT coalesce(sum(length(stdout) + length(stderr)), 0) FROM log_hashes WHERE job = ? AND n = ?", (row, n))
        more = len(write.stdout_hashes) + len(write.stderr_hashes) - before
        execute("UPDATE jobs SET store_bytes = store_bytes + ? WHERE row = ?", (more, row))
        if state == 4:  # noqa: PLR2004 -- as above
            execute("UPDATE kept SET store_bytes = store_bytes + ?", (more,))
        execute(
            "INSERT OR REPLACE INTO log_hashes (job, n, stdout, stderr) VALUES (?, ?, ?, ?)",
            (row, n, write.stdout_hashes, write.stderr_hashes),
        )


def drop(execute: _Execute, row: int) -> None:
    """Delete what is stored about the output of a job."""
    execute("DELETE FROM unhashed WHERE job = ?", (row,))
    execute("DELETE FROM log_hashes WHERE job = ?", (row,))


def unhashed(read: _Read) -> Iterator[AttemptKey]:
    """Iterate over the attempts whose output is still to be hashed, oldest first."""
    for row in read("SELECT owner, id, n FROM unhashed JOIN jobs ON jobs.row = job ORDER BY job, n"):
        yield AttemptKey(*row)


def hashes_of(read: _Read, key: JobKey) -> dict[int, tuple[bytes, bytes]]:
    """Return the hashes of parts of the logs of a job, stdout and stderr, by attempt."""
    rows = read("SELECT n, stdout, stderr FROM log_hashes WHERE job = (SELECT row FROM jobs WHERE owner = ? AND id = ?)", key)
    return {n: (stdout, stderr) for n, stdout, stderr in rows}
