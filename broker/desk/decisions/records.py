"""Changes of jobs: what is written together, and what follows once it is durable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ....schemas.generated import event_pb2
from ....schemas.naming import AttemptKey
from ...engine import Launch
from ...jobs.job import Job
from ...jobs.life import LIMITED, WAITING, WITH_ENGINE, Happening, Phase
from ...writes.events import change_of, retried
from ...writes.jobs import Altered, Change, ChangeJobs
from ..effects import ChooseOn, Continue, End, Launches, LimitTime, Settle, Tell, Word, numbered
from ..inputs import WriteDelayed
from ..state import Recording
from ..turn import Turn
from . import finishes
from .consequences import cancelled_instead
from .start_times import expired_instead

# Of an attempt: that of the job too, or another one follows.
_ENDS = frozenset({event_pb2.EVENT_KIND_FINISHED, event_pb2.EVENT_KIND_RETRYING})
# Some 30 us for each that starts.
_MOST_CHOSEN = 64


def choose_and_record(turn: Turn) -> None:
    """Choose the jobs that start now, and record changes. A launch is durable before it is carried out."""
    launching = _choose(turn)
    of_jobs = turn.events or launching or turn.returned
    if not (of_jobs or turn.replies or turn.widths or turn.broken or turn.capacity or turn.finishes):
        return
    changes: list[Change] = []
    unhashed: list[tuple[int, int]] = []
    for job, events in turn.events.items():
        job.aged_from_us = turn.moment.aged_us
        change = change_of(job, events, turn.proof)
        if job in turn.retrying:
            change = change._replace(retried=retried([job.attempt], job.not_before_us))
        outcome = job.attempt.outcome
        if outcome is not None and outcome.hash_follows and not outcome.attestation:
            # It is hashed here; the output of a job of a broker is at its worker.
            unhashed.append((job.row, job.attempt.key.attempt))
        proof = turn.altered.get(job)
        changes.append(
            change if proof is None else change._replace(altered=Altered(job.priority, job.held_by, job.changed_limit_ms, proof))
        )
    write = ChangeJobs(changes, turn.widths, broken=turn.broken, capacity=turn.capacity)
    # Most writes have none of these.
    if launching:
        given = [(job, turn.state.queue.taken_by(job.key)) for job in launching]
        write.launched = [job.row for job in launching]
        write.handed_out = [(job.row, one.gpus) for job, one in given if one.gpus]
        write.placed = [(job.row, job.latest.key.attempt, one.machine) for job, one in given if one.machine]
    if turn.returned:
        write.freed = [(job.row, job.attempt.key.attempt) for job in turn.returned]
    if turn.finishes:
        write.finishes = finishes.rows_of(turn)
    if unhashed:
        write.unhashed = unhashed
    of_others = turn.finishes, turn.returned, turn.goes_on
    turn.submit(Recording(write, turn.events, launching, turn.replies, turn.ending, turn.limiting, *of_others))


def _choose(turn: Turn) -> list[Job]:
    """Choose jobs that may start now and whose launch is recorded; return the others. Very many are chosen over several turns."""
    launched: list[Job] = []
    launching: list[Job] = []
    if turn.state.recovering is not None:
        return launching
    places_jobs = turn.state.queue.stock.places_jobs
    chosen = turn.state.queue.take(_MOST_CHOSEN)
    for key in chosen:
        job = turn.state.live[key]
        if (turn.state.sparing and cancelled_instead(turn, job)) or expired_instead(turn, job):
            continue
        attempt = job.latest
        attempt.happened(Happening.CHOSEN)
        if (job.wants.others or places_jobs) and job.following is None:
            job.gpus, job.machine = turn.state.queue.taken_by(key)
        (launched if attempt.phase is Phase.LAUNCHED else launching).append(job)
    _launch(turn, launched)
    if len(chosen) == _MOST_CHOSEN:
        turn.effects.append(ChooseOn())
    return launching


def recorded(turn: Turn, pending: Recording, first_seq: int) -> None:
    """Publish, reply, launch and end, now that the changes are durable."""
    # Before the last jobs of their runs leave: who waits for a run waits for what it ends with too.
    queued = finishes.finishes_recorded(turn, pending) if pending.finishes else []
    told = [event for events in pending.events.values() for event in events] + queued
    if told:
        turn.effects.append(numbered(told, first_seq))
    # These follow attempts whose ends come first.
    following = [job for job in pending.launching if job.following is not None]
    _launches_recorded(turn, [job for job in pending.launching if job.following is None])
    for job in pending.returned:
        _place_anew(turn, job)
    turn.effects += pending.replies
    for job, order in pending.ending:
        if job.attempt.phase in WITH_ENGINE:
            turn.effects.append(End(job.attempt.key, order.signal, order.grace_ms))
    for job in pending.limiting:
        if job.attempt.phase in LIMITED:
            turn.effects.append(LimitTime(job.attempt.key, job.changed_limit_ms or 0))
    if settled := _take_steps(turn, pending.events):
        turn.effects.append(Settle(settled))
    _launches_recorded(turn, following)
    if pending.goes_on:
        turn.effects.append(Continue())


def _take_steps(turn: Turn, recorded_events: Mapping[Job, Sequence[event_pb2.Event]]) -> list[AttemptKey]:
    """Advance jobs by the steps that are durable now, and publish them; return the attempts whose ends are among them."""
    settled: list[AttemptKey] = []
    for job, events in recorded_events.items():
        job.attempt.unrecorded = ""
        for event in events:
            if event.kind == event_pb2.EVENT_KIND_STARTED:
                job.attempt.happened(Happening.START_RECORDED)
                turn.effects.append(Tell(job, Word.STARTED))
            elif event.kind in _ENDS:
                settled.append(job.attempt.key)
                job.attempt.happened(Happening.END_RECORDED)
                if event.kind == event_pb2.EVENT_KIND_FINISHED:
                    turn.state.remove(job)
                    turn.effects.append(Tell(job, Word.FINISHED))
                else:
                    _go_on(turn, job)
    return settled


def _go_on(turn: Turn, job: Job) -> None:
    """Replace an attempt whose end is durable with the next one, which may have been chosen or stopped meanwhile."""
    job.earlier = (*job.earlier, job.attempt)
    job.attempt, job.following = job.latest, None
    if job.attempt.phase is Phase.LAUNCHING:
        job.gpus, job.machine = turn.state.queue.taken_by(job.key)
    turn.effects.append(Tell(job, Word.RETRYING))


def write_delayed(turn: Turn, delayed: WriteDelayed) -> None:
    """Notify those who wait for these jobs."""
    pending = turn.state.under_way[delayed.number]
    # A job of which an attempt ends and the next one is launched is there twice.
    for job in dict.fromkeys((*pending.events, *pending.launching, *pending.returned)) if isinstance(pending, Recording) else ():
        job.attempt.unrecorded = f"its state cannot be recorded: {delayed.why}; the worker keeps trying"
        turn.effects.append(Tell(job, Word.STUCK))


def _launches_recorded(turn: Turn, jobs: Sequence[Job]) -> None:
    launched: list[Job] = []
    for job in jobs:
        job.attempt.unrecorded = ""
        job.attempt.happened(Happening.LAUNCH_RECORDED)
        if job.attempt.phase is Phase.LAUNCHED:
            launched.append(job)
    _launch(turn, launched)


def _place_anew(turn: Turn, job: Job) -> None:
    """Let a job wait for a machine again, now that it is durable that it has none. The job may have been stopped meanwhile."""
    job.attempt.unrecorded = ""
    job.attempt.happened(Happening.RETURN_RECORDED)
    if job.attempt.phase in WAITING:
        job.machine = b""
        turn.state.queue.release(job.key)
        turn.state.enqueue(job)


def _launch(turn: Turn, jobs: Sequence[Job]) -> None:
    if jobs:
        turn.effects.append(
            Launches(
                [
                    Launch(
                        job.attempt.key,
                        job.spec,
                        job.queued_at_us,
                        job.rerun_of,
                        job.changed_limit_ms,
                        job.gpus,
                        job.machine,
                        started_by=job.started_by,
                        depth=job.depth,
                    )
                    for job in jobs
                ]
            )
        )
