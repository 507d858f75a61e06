"""What a desk leaves behind, for the comparison: the jobs and events of its store, the logs, and when jobs may have been lost."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from jobwire.client.library.client import Client
from jobwire.keys.identity import Identity
from jobwire.schemas.generated import event_pb2, job_pb2
from jobwire.schemas.jobs.states import Outcome
from jobwire.schemas.wire_codec import outcome_from_wire


@dataclass(slots=True)
class Gap:
    """A time in which neither supervisor nor keeper held the jobs; 0: it has not ended."""

    begin_us: int
    end_us: int = 0

    def touches(self, begin_us: int, end_us: int) -> bool:
        return begin_us <= (self.end_us or end_us) and end_us >= self.begin_us


@dataclass(frozen=True, slots=True)
class Row:
    """One job of the store."""

    id: bytes
    owner: bytes
    attempt: int
    state: int
    pid: int
    queued_at_us: int
    started_at_us: int
    ended_at_us: int
    outcome: Outcome | None
    # What its worker has signed of its end, and the hashes of its logs, if they are known; lists are without them, so the outcome is too.
    attestation: bytes = b""
    stdout_root: bytes = b""
    stderr_root: bytes = b""


class Evidence(Protocol):
    """A worker, or a broker with its workers, when everything has ended."""

    @property
    def store(self) -> Path:
        """The file with the store."""

    @property
    def slots(self) -> int:
        """How many slots there are where a job is placed."""

    @property
    def clock_slack_us(self) -> int:
        """By how much its clock was set off."""

    def connect(self, identity: Identity | None = None) -> Client: ...

    def gaps_of(self, row: Row) -> Sequence[Gap]:
        """Return when nobody held the jobs where this one ran."""

    def log_of(self, row: Row, stream: str) -> bytes | None:
        """Return what the last attempt at a job wrote, as users get it; None if there is no log."""

    def place_of(self, name: str) -> str:
        """Return where an attempt was placed, by its name in the ledger: what jobs share, they share there."""

    def leftovers(self) -> Iterable[str]:
        """Return a sentence for everything that should not be there any more."""


def read_store(path: Path) -> tuple[list[Row], list[tuple[int, event_pb2.Event]]]:
    """Return the jobs and the events of a store, in order."""
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute(
            "SELECT id, owner, attempt, state, pid, queued_at, started_at, ended_at, outcome FROM jobs ORDER BY row"
        ).fetchall()
        rows = [Row(*fields, *_outcome(raw)) for *fields, raw in found]
        events = [(seq, event_pb2.Event.FromString(raw)) for seq, raw in connection.execute("SELECT seq, event FROM events ORDER BY seq")]
    return rows, events


def _outcome(raw: bytes | None) -> tuple[Outcome | None, bytes, bytes, bytes]:
    if raw is None:
        return None, b"", b"", b""
    outcome = outcome_from_wire(job_pb2.Outcome.FromString(raw))
    listed = replace(outcome, attestation=b"", stdout_root=b"", stderr_root=b"", hash_follows=False, hash_problem="")
    return listed, outcome.attestation, outcome.stdout_root, outcome.stderr_root
