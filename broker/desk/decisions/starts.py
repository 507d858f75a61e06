"""New jobs: written first, and queued when they are durable."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import partial
from operator import attrgetter

from ....schemas.generated import event_pb2
from ....schemas.jobs.states import EventKind, OnFailure
from ....schemas.naming import AttemptKey, JobKey
from ....schemas.refusal import Refused
from ....schemas.workers.capacity import PLAIN, wants_of
from ...jobs.clean_up import Waiter, find_clean_up
from ...jobs.job import FIRST_ATTEMPT, Attempt, Job, RunKey
from ...jobs.life import Happening, Phase
from ...writes.events import event_of, id_taken
from ...writes.jobs import Added, AddJobs, Conflict, EventRow, NewRow
from ..effects import Reply, numbered
from ..inputs import Accepted, Asked, Start
from ..state import Accepting, State
from ..turn import Turn
from .consequences import break_run, let_wait
from .finishes import jobs_added
from .start_times import left_until_expiry_us

_conditions_of = attrgetter("spec.after")


def start(turn: Turn, asked: Start) -> None:
    """Write new jobs, with their `queued` events."""
    state, moment = turn.state, turn.moment
    if _are_all_there(state, asked):
        keys = [JobKey(asked.owner, one.id) for one in asked.asked]
        turn.effects.append(Reply(partial(asked.done, Accepted(keys, len(keys), None))))
        return
    count = len(asked.asked)
    # Nothing starts before all is known that runs already.
    room = max(0, state.queue.room_of(asked.owner) - state.promised) if state.recovering is None else 0
    # Jobs that will start at once are recorded as launched now, which saves a commit before their start.
    cleared = _best(asked.asked, min(room, (asked.batch and asked.batch.parallel) or count))
    promised = len(cleared)
    jobs: list[Job] = []
    events: list[event_pb2.Event] = []
    rows: list[NewRow] = []
    spec_bytes = 0
    waits = any(map(_conditions_of, asked.asked))
    clean_up: Collection[int] = ()
    if asked.queued is not None:
        clean_up = {position for position, one in enumerate(asked.asked) if one.id in asked.clean_up}
    elif waits and asked.batch is not None:
        clean_up = find_clean_up([Waiter(one.id, one.spec.name, one.spec.after) for one in asked.asked], asked.batch.id)
    # What a schedule starts is wanted until that is removed; and what a broker brings it has looked at itself.
    expires = asked.fired is None and asked.origin is None and not (asked.queued is not None and asked.queued.is_scheduled)
    for position, one in enumerate(asked.asked):
        clear = position in cleared
        key = AttemptKey(asked.owner, one.id, FIRST_ATTEMPT)
        job = Job(
            0,  # its row comes with the commit
            key.job,
            one.spec,
            one.digest,
            asked.batch,
            moment.now_us,
            Attempt(key, Phase.CLEARING if clear else Phase.ACCEPTING, moment.passed_us),
            priority=one.spec.priority,
            held_by="" if one.spec.held else None,
            rerun_of=one.rerun_of,
            spec_bytes=len(one.raw),
            wants=wants_of(one.spec, asked.depth),
            started_by=asked.started_by,
            depth=asked.depth,
            cleans_up=position in clean_up,
        )
        if one.spec.start_in_ms:
            job.starts_passed_us = moment.passed_us + one.spec.start_in_ms * 1000
            job.starts_aged_us = moment.aged_us + one.spec.start_in_ms * 1000
        elif one.spec.start_at_us is not None and one.spec.start_at_us > moment.wall_us:
            job.starts_wall_us = one.spec.start_at_us
        if expires or one.spec.says_until_when:
            left_us = left_until_expiry_us(one.spec, moment)
            job.expires_passed_us, job.expires_aged_us = moment.passed_us + left_us, moment.aged_us + left_us
        event = event_of(EventKind.QUEUED, job, moment.now_us)
        row = NewRow(
            job.key,
            job.digest,
            job.spec.name,
            one.raw,
            moment.now_us,
            EventRow(asked.owner, event.SerializeToString(), moment.aged_us),
            clear,
            labels=one.spec.labels,
            rerun_of=one.rerun_of,
            files=one.spec.files,
            priority=job.priority,
            held_by=job.held_by,
            has_folder=bool(one.spec.files or one.spec.outputs),
            after=one.spec.after,
            starts_aged_us=job.starts_aged_us,
            expires_aged_us=job.expires_aged_us,
            started_by=asked.started_by,
            depth=asked.depth,
            cleans_up=job.cleans_up,
        )
        if one.spec.after:
            job.awaits = True
        jobs.append(job)
        events.append(event)
        rows.append(row)
        spec_bytes += job.spec_bytes
    state.promised += promised
    state.arriving[asked.owner] += count
    if asked.batch is not None:
        state.joining[RunKey(asked.owner, asked.batch.id)] += 1
    state.hold(asked.owner, spec_bytes)
    write = AddJobs(
        rows, asked.batch, asked.proof, asked.shortage, fired=asked.fired, origin=asked.origin, waits=waits, queued=asked.queued
    )
    turn.submit(Accepting(write, asked, jobs, events, promised))


def accepted(turn: Turn, pending: Accepting, result: Added | Conflict | Refused | int) -> None:
    """Reply that jobs are durable, and let them enter the queue after that; or reply why they were refused."""
    state, asked = turn.state, pending.start
    state.promised -= pending.promised
    state.arriving[asked.owner] -= len(pending.jobs)
    if not state.arriving[asked.owner]:
        del state.arriving[asked.owner]
    if asked.batch is not None:
        _joined(turn, RunKey(asked.owner, asked.batch.id))
    # Those that are not new are held already, or not at all.
    if not isinstance(result, Added) or result.known:
        held_twice = pending.jobs if not isinstance(result, Added) else [pending.jobs[position] for position in result.known]
        state.hold(asked.owner, -sum(job.spec_bytes for job in held_twice))
    if isinstance(result, (Conflict, Refused)):
        refused = id_taken(asked.asked[result.position].id, result) if isinstance(result, Conflict) else result
        turn.effects.append(Reply(partial(asked.done, refused)))
    elif isinstance(result, Added):
        fresh: list[event_pb2.Event] = []
        for position, job in enumerate(pending.jobs):
            if position in result.known:
                continue
            job.row = result.rows[position]
            # A run keeps the name and width that it was first submitted with.
            job.batch = result.batch or job.batch
            if pending.parallel is not None and job.batch is not None:
                job.batch = replace(job.batch, parallel=pending.parallel)
            job.attempt.happened(Happening.ACCEPTED)
            state.add(job)
            fresh.append(pending.events[position])
        # First the one who waits for it; their places in the queue, and which of them may start, are decided after that.
        state.entering.append((pending, result))
        turn.reconsiders = True
        answer = Accepted([job.key for job in pending.jobs], len(result.known), result.first_seq - 1)
        turn.effects.append(Reply(partial(asked.done, answer)))
        if fresh:
            turn.effects.append(numbered(fresh, result.first_seq))


def enter(turn: Turn) -> None:
    """Queue jobs that were acknowledged."""
    entering, turn.state.entering = turn.state.entering, []
    for pending, result in entering:
        for position, job in enumerate(pending.jobs):
            if position not in result.known:
                turn.state.enqueue(job)
        if result.waiting or result.batch is not None:
            _join(turn, pending.jobs, result)


def _are_all_there(state: State, asked: Start) -> bool:
    """Return whether the desk already has all jobs of a start, so that nothing is to be recorded, as when a large batch is watched."""
    if asked.fired is not None or asked.origin is not None or asked.queued is not None:
        return False
    known = ((state.live.get(JobKey(asked.owner, one.id)), one) for one in asked.asked)
    return all(job is not None and job.digest == one.digest for job, one in known)


def _joined(turn: Turn, run: RunKey) -> None:
    """Note that jobs that were to join a run are durable, or were refused."""
    turn.state.joined(run)
    # It may end with nothing else left, which is decided at a moment.
    turn.reconsiders = turn.reconsiders or run in turn.state.finishing


def _join(turn: Turn, jobs: Sequence[Job], result: Added) -> None:
    """Let new jobs wait for others, and cancel those that join a run after one of its jobs has failed."""
    if result.waiting:
        let_wait(turn, [(jobs[position], edges) for position, edges in result.waiting.items()])
    batch = result.batch
    if batch is not None and batch.on_finish:
        jobs_added(turn, jobs[0].key.owner, batch, len(jobs) - len(result.known))
    if batch is not None and batch.on_failure and len(result.known) < len(jobs):
        run = RunKey(jobs[0].key.owner, batch.id)
        if why := batch.broken_by or turn.state.broken.get(run):
            fresh = [job for position, job in enumerate(jobs) if position not in result.known]
            break_run(turn, run, why, stops=batch.on_failure is OnFailure.STOP_REST, fresh=fresh)


def _best(asked: Sequence[Asked], count: int) -> Collection[int]:
    """Return the positions of those of new jobs that would start first."""
    if len(asked) == 1 and _can_be_cleared(asked[0]):
        return range(min(count, 1))
    if all(_can_be_cleared(one) and one.spec.priority == asked[0].spec.priority for one in asked):
        return range(min(count, len(asked)))
    able = [position for position, one in enumerate(asked) if _can_be_cleared(one)]
    return set(sorted(able, key=lambda position: -asked[position].spec.priority)[:count])


def _can_be_cleared(one: Asked) -> bool:
    """Return whether a job is certain to start as soon as a slot is free. What it was given is part of the record of its launch."""
    spec = one.spec
    return not (spec.held or spec.after or spec.start_in_ms) and spec.start_at_us is None and wants_of(spec) is PLAIN
