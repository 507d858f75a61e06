"""The cost of a job after 200,000 others have ended, compared with an empty store."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from groups.launching import PROGRAM, launch_at_once
from stage import Ground
from table import Line, at_most, in_turns

from jobwire.broker.store import tables
from jobwire.client.library.client import Client
from jobwire.keys.identity import Identity
from jobwire.schemas.generated import event_pb2, job_pb2
from jobwire.schemas.jobs.spec import JobSpec, digest, to_wire
from jobwire.schemas.jobs.states import EventKind, JobTime, Outcome, OutcomeKind, State
from jobwire.schemas.naming import JobKey, format_folder, new_id
from jobwire.schemas.wire_codec import event_kind_to_wire, outcome_to_wire

_FOLDERS = 1000
_FIRST_US = 1_700_000_000_000_000
_SLOTS = 4


def measure(ground: Ground) -> list[Line]:
    """Measure the throughput of 500 jobs on both stores in turns, and lists with many jobs and with few."""
    past, count, rounds = (20_000, 200, 4) if ground.quick else (200_000, 500, 8)
    # Nothing is dropped meanwhile, because a long history is measured, not its removal.
    keep = ("--keep-for", "all", "--keep-jobs", "all")
    full = ground.stage(slots=_SLOTS, before=lambda state, admin: fill(state, admin, past), options=keep)
    empty = ground.stage(slots=_SLOTS)
    with full, empty, full.client() as in_full, empty.client() as in_empty:
        for client in (in_full, in_empty):
            launch_at_once(client, 100)

        pairs = in_turns(lambda: 1e6 / launch_at_once(in_empty, count), lambda: 1e6 / launch_at_once(in_full, count), rounds)
    note = "the whole cost by the throughput of one start; limit: the same with an empty store"
    return [pairs.line(f"cost of a job after {past} others", "us", at_most(1.15, 1.0), note=note), *_measure_lists(ground, past, keep)]


def _measure_lists(ground: Ground, past: int, options: Sequence[str]) -> list[Line]:
    """Measure one page of a list with many jobs and with few, in turns."""
    few = 1000
    day = {count: datetime.fromtimestamp(_times(max(1, count - few))[-1] / 1e6, UTC) for count in (past, few)}
    full, short = (
        ground.stage(slots=_SLOTS, before=lambda state, admin, count=count: fill(state, admin, count), options=options)
        for count in (past, few)
    )
    lines: list[Line] = []
    with full, short, full.client() as in_full, short.client() as in_short:

        def newest(client: Client, _: int) -> float:
            return _microseconds(lambda: list(client.list(all=True, newest_first=True, limit=50)))

        def failures(client: Client, count: int) -> float:
            return _microseconds(lambda: list(client.list(failed=True, sorted_by=JobTime.ENDED, since=day[count])))

        for what, look in (("list --limit 50", newest), ("list --failed --since 1d", failures)):
            pairs = in_turns(partial(look, in_short, few), partial(look, in_full, past), 50)
            note = f"with {past} jobs; limit: with {few} of them"
            lines.append(pairs.line(f"{what} of {past}", "us", at_most(1.3, 1.0), note=note))
    return lines


def _microseconds(do: Callable[[], object]) -> float:
    begun = time.perf_counter()
    do()
    return (time.perf_counter() - begun) * 1e6


def fill(state: Path, admin: Identity, count: int) -> None:
    """Write ended jobs into the store, with all their events, and the log folders of the last of them."""
    store = tables.connect(state / "state.db")
    tables.prepare(store, state / "state.db")
    spec = JobSpec((PROGRAM,))
    hashed, wire = digest(spec), to_wire(spec).SerializeToString()
    outcome = outcome_to_wire(Outcome(OutcomeKind.EXITED, sentence="exited with status 0"))
    outcome_bytes = outcome.SerializeToString()
    keys = [JobKey(admin.public, new_id()) for _ in range(count)]
    store.execute("BEGIN IMMEDIATE")
    store.execute("INSERT INTO proofs (row, envelope) VALUES (1, ?)", (bytes(300),))
    store.executemany(
        "INSERT INTO jobs"
        " (row, owner, id, digest, state, name, proof, spec, launched, queued_at, started_at, ended_at, aged_from, pid, outcome, ok)"
        f" VALUES (?, ?, ?, ?, {State.FINISHED.value}, '', 1, ?, 1, ?, ?, ?, ?, ?, ?, ?)",
        ((row, *key, hashed, wire, *_times(row), _times(row)[-1], _pid(row), *_end(row, outcome_bytes)) for row, key in enumerate(keys, 1)),
    )
    kinds = (EventKind.QUEUED, EventKind.STARTED, EventKind.FINISHED)
    store.executemany(
        "INSERT INTO events (seq, owner, event, aged_from) VALUES (?, ?, ?, ?)",
        (
            (3 * row - 2 + place, key.owner, _event(kind, key, row, outcome), _times(row)[place])
            for row, key in enumerate(keys, 1)
            for place, kind in enumerate(kinds)
        ),
    )
    store.execute("UPDATE kept SET ended = ended + ?", (count,))
    store.execute("COMMIT")
    store.close()
    for row in range(max(1, count - _FOLDERS + 1), count + 1):
        _, started_at, ended_at = _times(row)
        folder = state / "logs" / format_folder(_pid(row), started_at, ended_at)
        folder.mkdir(mode=0o700)
        for name in ("stdout", "stderr", "job", "outcome"):
            (folder / name).write_bytes(b"")


def _end(row: int, outcome: bytes) -> tuple[bytes, bool]:
    """Return the outcome, and whether it is ok: every hundredth job failed."""
    if row % 100:
        return outcome, True
    return outcome_to_wire(Outcome(OutcomeKind.EXITED, exit_status=1)).SerializeToString(), False


def _times(row: int) -> tuple[int, int, int]:
    begun = _FIRST_US + row * 1000
    return begun, begun + 300, begun + 900


def _pid(row: int) -> int:
    return 1000 + row % 30_000


def _event(kind: EventKind, key: JobKey, row: int, outcome: job_pb2.Outcome) -> bytes:
    queued_at, started_at, ended_at = _times(row)
    at_us = {EventKind.QUEUED: queued_at, EventKind.STARTED: started_at, EventKind.FINISHED: ended_at}[kind]
    event = event_pb2.Event(kind=event_kind_to_wire(kind), key=job_pb2.JobKey(owner=key.owner, id=key.id), at_us=at_us)
    if kind is not EventKind.QUEUED:
        event.pid, event.started_at_us = _pid(row), started_at
    if kind is EventKind.FINISHED:
        event.outcome.CopyFrom(outcome)
    return event.SerializeToString()
