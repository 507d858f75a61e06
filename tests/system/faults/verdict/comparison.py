"""After the faults: compare what jobs recorded, what is stored and listed, the logs, and what subscribers received.

Gives every difference as a sentence. A job may be `lost` only where it touches a gap in which supervisor and keeper were both dead.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ledger as ledgers
import promises
from evidence import Evidence, Row, read_store
from orders import Deed, Order
from witness import Heard, Witness

from jobwire.keys.digests import sha256
from jobwire.keys.proofs.log_hash import BLOCK_BYTES, LEAF, LogTree
from jobwire.schemas.generated import event_pb2
from jobwire.schemas.jobs.states import EventKind, OutcomeKind, State
from jobwire.schemas.naming import JobKey, format_id
from jobwire.schemas.wire_codec import outcome_from_wire

_Say = Callable[[str], None]
# Between the last action of a job and its exit.
_EXIT_US = 1_000_000


@dataclass(slots=True)
class Account:
    """What was compared, and a sentence for each difference."""

    jobs: int = 0
    attempts: int = 0
    cancelled: int = 0
    over_limit: int = 0
    events: int = 0
    log_bytes: int = 0
    # Ended while nobody could see it, and reported as such.
    honestly_lost: int = 0
    problems: list[str] = field(default_factory=list)


def compare(
    desk: Evidence,
    orders: Sequence[Order],
    acknowledged: set[str],
    stopped: set[str],
    ledger: Path,
    witnesses: Sequence[Witness],
    visitors: Collection[bytes] = (),
) -> Account:
    """Compare when everything has ended. `acknowledged` and `stopped` are ids in hex; a stop counts from when it was sent.

    `visitors` are members whose jobs nobody ordered, and who look after these themselves.
    """
    account = Account()
    rows, events = read_store(desk.store)
    by_id = {row.id: row for row in rows}
    written = ledgers.read(ledger)
    account.problems += [f"a job found signals ignored or blocked: {line}" for line in written.odd]
    known = {order.text_id for order in orders}
    say = account.problems.append
    ran = {name.partition(".")[0] for name in written.starts}
    for stranger in (ran | {format_id(row.id) for row in rows if row.owner not in visitors}) - known:
        say(f"{stranger} ran or is stored, and nobody ordered it")
    ends = {order.id: promises.End(row.attempt, row.outcome) for order in orders if (row := by_id.get(order.key_id)) and row.outcome}
    may_be_stopped = stopped | promises.stopped_by_runs(orders, ends)
    account.problems += promises.broken(
        orders, ends, written, stopped, [event for seq, event in events if seq > 0], desk.slots, desk.place_of
    )
    for order in orders:
        row = by_id.get(order.key_id)
        if row is None:
            if order.id in acknowledged:
                say(f"{order.text_id} was acknowledged, and is not in the store")
            if order.text_id in ran:
                say(f"{order.text_id} ran, and is not in the store")
            continue
        account.jobs += 1
        _check_job(account, desk, order, row, written, stopped=order.id in may_be_stopped)
    account.events = len(events)
    _check_lives(events, by_id, say)
    for witness in witnesses:
        _check_witness(witness, events, say)
    _check_listing(desk, rows, say)
    account.problems += desk.leftovers()
    return account


def _check_job(account: Account, desk: Evidence, order: Order, row: Row, written: ledgers.Ledger, *, stopped: bool) -> None:
    name = order.name_of(row.attempt)
    starts = written.starts.get(name, [])

    def say(sentence: str) -> None:
        account.problems.append(f"{name} ({order.deed.value}, {row.pid}): {sentence}")

    if len(starts) > 1:
        say(f"it ran {len(starts)} times, as {starts}")
    if row.state != State.FINISHED or row.outcome is None:
        say(f"it is in state {State(row.state).name}, and all should have ended")
        return
    outcome = row.outcome
    account.attempts += row.attempt
    account.cancelled += outcome.kind is OutcomeKind.CANCELLED
    account.over_limit += outcome.kind is OutcomeKind.OVER_LIMIT
    if outcome.kind is OutcomeKind.LOST:
        # The last state is known for those that have ended.
        left_at_us = written.ended_at_us.get(name, 0)
        latest_us = left_at_us + _EXIT_US if left_at_us else row.ended_at_us
        # The worker's records use its own clock.
        slack_us = 0 if left_at_us else desk.clock_slack_us
        if not any(gap.touches((left_at_us or row.queued_at_us) - slack_us, latest_us + slack_us) for gap in desk.gaps_of(row)):
            say(f"it is lost, though supervisor and keeper were not both dead then: {outcome.sentence}")
        account.honestly_lost += 1
    elif not order.allows(outcome, stopped=stopped or bool(order.after), attempt=row.attempt):
        say(f"it ended {outcome}, which it did not")
    if not outcome.sentence:
        say("its end has no sentence")
    ran_to_end = outcome.kind is OutcomeKind.EXITED or (order.deed is Deed.KILL_ITSELF and outcome.signal == signal.SIGKILL)
    if (starts and not row.pid and outcome.kind is not OutcomeKind.LOST) or (starts and row.pid and starts != [row.pid]):
        say(f"it ran as {starts}")
    if ran_to_end and (not starts or written.ends[name] != 1):
        say(f"it is said to have ended by itself, and wrote down {len(starts)} starts and {written.ends[name]} ends")
    _check_logs(account, desk, order, row, written.wrote.get(name, 0) if not ran_to_end else order.rounds * order.lines, say)


def _check_logs(account: Account, desk: Evidence, order: Order, row: Row, lines: int, say: _Say) -> None:
    if row.outcome is None or row.outcome.kind is OutcomeKind.CANCELLED:
        return
    whole = order.written() if order.deed is not Deed.NO_PROGRAM else b""
    outcome = row.outcome
    for stream, told, problem, root in (
        ("stdout", outcome.stdout_bytes, outcome.stdout_problem, row.stdout_root),
        ("stderr", outcome.stderr_bytes, outcome.stderr_problem, row.stderr_root),
    ):
        data = desk.log_of(row, stream)
        if data is None:
            if row.outcome.kind is not OutcomeKind.LOST:
                say(f"it has no {stream}")
            continue
        account.log_bytes += len(data)
        # A shell whose command was signalled first has time to report that.
        written = data.removesuffix(b"Terminated\n") if stream == "stderr" and row.outcome.signal == signal.SIGTERM else data
        if not whole.startswith(written):
            say(f"its {stream} holds what it did not write, {len(data)} bytes")
        elif data.count(b"\n") < lines and row.outcome.kind is not OutcomeKind.LOST and not (problem and desk.gaps_of(row)):
            # While nobody held its pipes; that the log is incomplete is reported.
            say(f"its {stream} holds {len(data)} bytes, not all of the {lines} lines that it wrote")
        if told != len(data) and row.outcome.kind is not OutcomeKind.LOST:
            say(f"its {stream} holds {len(data)} bytes, and its outcome says {told}")
        if root and root != _root_of(data):
            say(f"its {stream} has another hash than its outcome says")


def _root_of(log: bytes) -> bytes:
    tree = LogTree(len(log))
    for at in range(0, len(log), BLOCK_BYTES):
        tree.add(sha256(LEAF + log[at : at + BLOCK_BYTES]))
    return tree.root


def _check_lives(events: Sequence[tuple[int, event_pb2.Event]], by_id: dict[bytes, Row], say: _Say) -> None:
    """Compare the events of each job with the only possible order."""
    lives: dict[bytes, list[EventKind]] = {}
    attempts: dict[bytes, list[int]] = {}
    for seq, event in events:
        if seq < 1 or not event.key.id:
            continue
        lives.setdefault(event.key.id, []).append(EventKind(event.kind))
        attempts.setdefault(event.key.id, []).append(event.attempt or 1)
    for job_id, row in by_id.items():
        life = lives.get(job_id, [])
        once = [kind for kind in life if kind is not EventKind.ADOPTED]
        retried = [EventKind.STARTED, EventKind.RETRYING] * (row.attempt - 1)
        expected = [EventKind.QUEUED, *retried, *([EventKind.STARTED] if row.pid else []), EventKind.FINISHED]
        if [kind for kind in once if kind is not EventKind.STOPPING] != expected or once.count(EventKind.STOPPING) > 1:
            say(f"{format_id(job_id)} has the events {[kind.name for kind in life]}")
        elif sorted(attempts[job_id]) != attempts[job_id] or set(attempts[job_id]) != set(range(1, row.attempt + 1)):
            say(f"{format_id(job_id)} has {row.attempt} attempts, and its events are of {attempts[job_id]}")
        elif life[-1] is not EventKind.FINISHED:
            say(f"{format_id(job_id)} has events after its end: {[kind.name for kind in life]}")


def _check_witness(witness: Witness, events: Sequence[tuple[int, event_pb2.Event]], say: _Say) -> None:
    name = witness.wanted.name
    if witness.failure is not None:
        say(f"the subscriber {name} failed: {witness.failure!r}")
    expected = [_heard(seq, event) for seq, event in events if seq > witness.first_seq and witness.wanted.lets_through(event)]
    if witness.heard == expected:
        return
    for number, (heard, wanted) in enumerate(zip(witness.heard, expected, strict=False)):
        if heard != wanted:
            say(f"the subscriber {name} heard {heard} as number {number}, and {wanted} is stored")
            return
    say(f"the subscriber {name} heard {len(witness.heard)} events of {len(expected)}")


def _heard(seq: int, event: event_pb2.Event) -> Heard:
    outcome = outcome_from_wire(event.outcome) if event.HasField("outcome") else None
    told: Any = outcome and (int(outcome.kind), outcome.exit_status, outcome.signal)
    return Heard(seq, event.kind, event.key.owner, event.key.id, event.pid, told or None)


def _check_listing(desk: Evidence, rows: Sequence[Row], say: _Say) -> None:
    """Check that users are shown what is stored."""
    with desk.connect() as client:
        # Sorted by dates; the machine's clock was set.
        shown_jobs = list(client.list(all=True))
        listed = {job.key: job for job in shown_jobs}
        if len(shown_jobs) != len(rows) or listed.keys() != {JobKey(row.owner, row.id) for row in rows}:
            say(f"{len(shown_jobs)} jobs are listed, and {len(rows)} are stored")
            return
        for row in rows:
            job = listed[JobKey(row.owner, row.id)]
            if (job.state, job.pid or 0, job.outcome) != (State(row.state), row.pid, row.outcome):
                say(f"{job.id} is listed as {job.state.name} {job.outcome}, and stored as {row.outcome}")
        if list(client.list()):
            say("jobs are listed as running, and none should run")
        for row in rows[:: max(1, len(rows) // 20)]:
            shown = client.job_by_key(row.owner, row.id).info()
            if shown.outcome != row.outcome:
                say(f"{shown.id} is shown as {shown.outcome}, and stored as {row.outcome}")
