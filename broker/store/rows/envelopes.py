"""Envelopes kept as proofs: requests as they were received and signed. Each is kept while a row refers to it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator, Iterable

from .large_values import LARGE, fill

_Execute = Callable[..., sqlite3.Cursor]


def add(execute: _Execute, envelope: bytes) -> int:
    """Keep an envelope, and return its row."""
    return int(execute("INSERT INTO proofs (envelope) VALUES (?)", (envelope,)).lastrowid or 0)


def add_in_steps(connection: sqlite3.Connection, envelope: bytes) -> Generator[None, None, int]:
    """Do the same, in steps if it is large."""
    if len(envelope) <= LARGE:
        return add(connection.execute, envelope)
    row = int(connection.execute("INSERT INTO proofs (envelope) VALUES (zeroblob(?))", (len(envelope),)).lastrowid or 0)
    yield from fill(connection, "proofs", "envelope", row, envelope)
    return row


def drop_unused(execute: _Execute, envelopes: Iterable[int]) -> None:
    """Delete the envelopes in these rows that nothing refers to."""
    for envelope in envelopes:
        execute(
            "DELETE FROM proofs WHERE row = :row AND NOT EXISTS (SELECT 1 FROM jobs WHERE proof = :row AND shares_proof IS NOT NULL)"
            " AND NOT EXISTS (SELECT 1 FROM jobs WHERE stop_proof = :row) AND NOT EXISTS (SELECT 1 FROM jobs WHERE change_proof = :row)"
            " AND NOT EXISTS (SELECT 1 FROM jobs WHERE limit_proof = :row)"
            " AND NOT EXISTS (SELECT 1 FROM batches WHERE change_proof = :row)"
            " AND NOT EXISTS (SELECT 1 FROM batches WHERE finish_proof = :row)"
            " AND NOT EXISTS (SELECT 1 FROM staged_runs WHERE proof = :row)",
            {"row": envelope},
        )
