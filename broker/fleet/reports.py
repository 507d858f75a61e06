"""Reports of workers as facts for the desk, and sentences about a worker that is gone or refuses a job. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...schemas.clock import date_text
from ...schemas.generated import request_pb2
from ...schemas.jobs.reserved_statuses import OWN_FAILURE
from ...schemas.jobs.states import Outcome, OutcomeKind, State
from ...schemas.naming import AttemptKey
from ...schemas.refusal import Refused
from ...schemas.wire_codec import outcome_from_wire, state_from_wire
from ...schemas.workers.capacity import GPUS, MEMORY, SLOTS, Capacity, Wants
from ...schemas.workers.labels import Labels
from ..engine import Delayed, Ended, Fact, Started


def name_of(report: request_pb2.Report) -> AttemptKey:
    """Return the attempt that a report is about."""
    return AttemptKey(report.key.owner, report.key.id, report.attempt)


def facts_of(fact: request_pb2.Fact, worker: str) -> Iterator[Fact]:
    """Iterate over the facts about a job, given its present state at a worker."""
    report, key = fact.report, name_of(fact.report)
    state = state_from_wire(report.state)
    if state is State.FINISHED:
        outcome = outcome_from_wire(report.outcome)
        yield Ended(key, report.pid, report.started_at_us, report.ended_at_us, outcome, ended_ago_us=fact.ended_ago_us)
        return
    if state is not State.QUEUED and report.pid:
        yield Started(key, report.pid, report.started_at_us, paused=fact.paused)
    why = f"at {worker}: {fact.waits_for}" if fact.waits_for else ""
    yield Delayed(key, why, stuck=bool(why) and state is not State.QUEUED)


def capacity_of(stocks: Sequence[request_pb2.Stock], labels: Labels) -> Capacity:
    """Return a worker's capacity for jobs."""
    totals = {one.name: one.total for one in stocks}
    gpus = tuple(map(str, range(totals.pop(GPUS, 0))))
    return Capacity(totals.pop(SLOTS, 0), totals.pop(MEMORY, 0), gpus, tuple(sorted(totals.items())), labels)


def others_of(stocks: Sequence[request_pb2.Stock]) -> Wants:
    """Return the part of it that is not available for jobs of this broker now."""
    others = {one.name: one.others for one in stocks if one.others}
    return Wants(others.pop(SLOTS, 0), tuple(sorted(others.items())))


def not_accepted(key: AttemptKey, refused: Refused, worker: str, now_us: int) -> Ended:
    """Return the outcome of a job that its worker refuses."""
    sentence = f"worker {worker} refused it: {refused}"
    return Ended(key, 0, 0, now_us, Outcome(OutcomeKind.FAILED_TO_START, OWN_FAILURE, sentence=sentence))


def lost(key: AttemptKey, pid: int, started_at_us: int, why: str, now_us: int) -> Ended:
    """Return the outcome of a job when nobody can tell how it ended, or whether it ran."""
    return Ended(key, pid, started_at_us, max(now_us, started_at_us), Outcome(OutcomeKind.LOST, sentence=why))


def withdrawn(key: AttemptKey, now_us: int) -> Ended:
    """Return the outcome of a job that was stopped before it was sent to a worker."""
    return Ended(key, 0, 0, now_us, Outcome(OutcomeKind.CANCELLED, sentence="stopped before it was sent to a worker"))


def unreachable(worker: str, since_us: int, *, stopped: bool) -> str:
    """Return the sentence about jobs of a worker that cannot be reached. `stopped`: it has reported that it was stopped."""
    return f"worker {worker} {away(since_us, stopped=stopped)}; its jobs continue there, and start nowhere else"


def away(since_us: int, *, stopped: bool) -> str:
    """Return since when a worker is away, and whether it was stopped, as the text after its name."""
    since = date_text(since_us)
    return f"was stopped on its machine at {since}" if stopped else f"cannot be reached since {since}"
