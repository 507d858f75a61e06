"""Queries about batches that are staged in parts; staged_rows.py says how they are stored."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

from .....schemas.batches.parts import HASH_BYTES
from .....schemas.jobs.states import OnFailure
from ....jobs.job import BatchRun, RunKey
from ....writes.staged import Part, Pending
from . import template_rows

_Execute = Callable[..., sqlite3.Cursor]
_Read = Callable[..., Sequence[tuple[Any, ...]]]


def pending(read: _Read, only: int | None = None) -> list[Pending]:
    """Return the runs that are staged and not completely queued, in the order in which they were begun. `only`: that row, if it is."""
    of_row, values = ("", ()) if only is None else ("row = ? AND ", (only,))
    rows = read(
        "SELECT row, owner, id, name, parallel, on_failure, jobs, left, left_bytes, aged_from, proof, proof_bytes, groups_upto,"  # noqa: S608 -- our own text
        f" template FROM staged_runs WHERE {of_row}NOT is_whole ORDER BY row",
        values,
    )
    return [
        Pending(
            row,
            RunKey(owner, run),
            BatchRun(run, name, parallel, OnFailure(on_failure)),
            *(jobs, left, left_bytes, aged_from, proof or 0, proof_bytes // max(1, jobs) + HASH_BYTES, groups),
            template or 0,
        )
        for row, owner, run, name, parallel, on_failure, jobs, left, left_bytes, aged_from, proof, proof_bytes, groups, template in rows
    ]


def next_part(read: _Read, pending: Pending) -> Part | None:
    """Return the first part of a run whose jobs are not all queued."""
    if pending.template:
        return template_rows.next_part(read, pending)
    run = pending.row
    rows = read(
        "SELECT number, content, queued, number + 1 = (SELECT parts FROM staged_runs WHERE row = run), reruns FROM staged_parts"
        " WHERE run = ? AND content IS NOT NULL ORDER BY number LIMIT 1",
        (run,),
    )
    if not rows:
        return None
    number, content, queued, is_final, reruns = rows[0]
    clean_up = read("SELECT job FROM staged_clean_up WHERE run = ? AND part = ?", (run, number))
    return Part(number, content, queued, bool(is_final), frozenset(job for (job,) in clean_up), reruns)


def precedence_of(read: _Read, run: RunKey) -> tuple[int, int]:
    """Return the highest priority and the lowest nice value of the jobs of a staged run."""
    rows = read(
        "SELECT max(priority), min(nice) FROM staged_parts WHERE run = (SELECT row FROM staged_runs WHERE owner = ? AND id = ?)", run
    )
    return rows[0][0] or 0, rows[0][1] or 0


def hashes_of(read: _Read, proof: int) -> Sequence[tuple[int, bytes]]:
    """Return the job hashes of each part, by its number, of the batch that a request committed or a schedule started."""
    rows = read(
        "SELECT number, hashes FROM staged_parts"
        " WHERE run = (SELECT coalesce(template, row) FROM staged_runs WHERE proof = ? LIMIT 1) ORDER BY number",
        (proof,),
    )
    return [(int(number), bytes(hashes)) for number, hashes in rows]


def has_part(read: _Read, run: RunKey, number: int) -> bool:
    """Return whether a part of a run is staged, or was."""
    row = "(SELECT row FROM staged_runs WHERE owner = ? AND id = ?)"
    return bool(read(f"SELECT 1 FROM staged_parts WHERE run = {row} AND number = ?", (*run, number)))  # noqa: S608 -- our own text
