"""Decide what happens to jobs: requests and facts are inputs, writes and effects are outputs.

Pure: no I/O, no clock, no callback is called. `State` is changed in place. A decision is written first; effects are decided when the
write has succeeded or failed (`Written`), from the phase at that moment. The inputs and their moments suffice to repeat every decision.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import assert_never

from ...schemas.generated import event_pb2
from ...schemas.job import EventKind
from ...schemas.naming import AttemptKey, format_id
from ...schemas.refusal import Code, Reason, Refused
from ..engine import Delayed, Ended, Fact, Launch, Paused, Started
from ..store.writes import Added, AddJobs, Altered, Change, ChangeJobs, Conflict, EventRow, NewRow, Width
from .alterations import apply, why_not
from .effects import End, Launches, LimitTime, Publish, Reply, Settle, SignalAll, Tell, Word
from .events import change_of, event_of, id_taken
from .facts import cancelled, take_in
from .inputs import (
    Accepted,
    Alter,
    Asked,
    Facts,
    Input,
    Moment,
    Reconsidered,
    Recovered,
    SetWidth,
    Signal,
    Start,
    Stop,
    Suspend,
    WriteDelayed,
    Written,
)
from .job import FIRST_ATTEMPT, Attempt, Job
from .life import ENDED, NEXT, RECOVERED, SIGNALED, WAITING, WITH_ENGINE, Happening, Phase, TakeUp
from .state import Accepting, Recording, State
from .turn import Decision, Turn

# What the engine was given, and has not been told to end.
_LIMITED = frozenset({Phase.LAUNCHED, Phase.STARTED, Phase.RUNNING})


def decide(state: State, one: Input, moment: Moment | None) -> Decision:
    """Return the decision about one input at this moment; None for `Written`, as what was written has its date.

    Raises Impossible for an input that cannot happen, which is a bug.
    """
    turn = Turn(state, moment)
    # The most frequent first.
    match one:
        case Written():
            _written(turn, one)
        case Facts():
            _hear(turn, one.facts)
        case Start():
            _start(turn, one)
        case Stop():
            _stop(turn, one)
        case Signal() | Suspend():
            _act_on_processes(turn, one)
        case Alter() | SetWidth():
            _change(turn, one)
        case Recovered():
            _take_up(turn, one.facts)
        case WriteDelayed():
            _write_delayed(turn, one)
        case Reconsidered():
            pass
        case _:
            assert_never(one)
    _choose_and_record(turn)
    return turn


def _start(turn: Turn, start: Start) -> None:
    state, moment = turn.state, turn.moment
    count = len(start.asked)
    room = max(0, state.queue.room_of(start.owner) - state.promised)
    # Jobs that will start at once are recorded as launched now, which saves a commit before their start.
    cleared = _best(start.asked, min(room, (start.batch and start.batch.parallel) or count))
    promised = len(cleared)
    jobs: list[Job] = []
    events: list[event_pb2.Event] = []
    rows: list[NewRow] = []
    spec_bytes = 0
    for position, one in enumerate(start.asked):
        clear = position in cleared
        key = AttemptKey(start.owner, one.id, FIRST_ATTEMPT)
        job = Job(
            0,  # its row comes with the commit
            key.job,
            one.spec,
            one.digest,
            start.batch,
            moment.now_us,
            Attempt(key, Phase.CLEARING if clear else Phase.ACCEPTING, moment.passed_us),
            priority=one.spec.priority,
            held_by="" if one.spec.held else None,
            rerun_of=one.rerun_of,
            spec_bytes=len(one.raw),
        )
        event = event_of(EventKind.QUEUED, job, moment.now_us)
        row = NewRow(
            job.key,
            job.digest,
            job.spec.name,
            one.raw,
            moment.now_us,
            EventRow(start.owner, event.SerializeToString(), moment.aged_us),
            clear,
            labels=one.spec.labels,
            rerun_of=one.rerun_of,
            files=one.spec.files,
            priority=job.priority,
            held_by=job.held_by,
            has_folder=one.spec.has_folder,
        )
        jobs.append(job)
        events.append(event)
        rows.append(row)
        spec_bytes += job.spec_bytes
    state.promised += promised
    state.arriving[start.owner] += count
    state.hold(start.owner, spec_bytes)
    turn.submit(Accepting(AddJobs(rows, start.batch, start.proof, start.shortage), start, jobs, events, promised))


def _best(asked: Sequence[Asked], count: int) -> Collection[int]:
    """Return the positions of those of new jobs that would start first."""
    if all(not one.spec.held and one.spec.priority == asked[0].spec.priority for one in asked):
        return range(min(count, len(asked)))
    able = [position for position, one in enumerate(asked) if not one.spec.held]
    return set(sorted(able, key=lambda position: -asked[position].spec.priority)[:count])


def _stop(turn: Turn, stop: Stop) -> None:
    turn.replies.append(Reply(stop.done))
    turn.proof = stop.proof
    for key, order in stop.orders:
        job = turn.state.live.get(key)
        if job is None or job.attempt.phase in ENDED:
            continue
        attempt, before = job.attempt, job.attempt.phase
        if stop.only_queued and NEXT[before, Happening.STOP_ASKED] is not Phase.ENDED_QUEUED:
            continue
        attempt.happened(Happening.STOP_ASKED)
        if before is attempt.phase:
            # A second stop makes no event. A shorter grace is recorded, for the next run of this worker.
            if job.stop is None or order.grace_ms < job.stop.grace_ms:
                job.stop = order
                turn.events.setdefault(job, [])
            turn.ending.append((job, order))
            continue
        job.stop = order
        if attempt.phase not in ENDED:
            turn.events[job] = [event_of(EventKind.STOPPING, job, turn.moment.now_us, f"stopped by {order.asked_by}")]
            turn.ending.append((job, order))
            continue
        if before in WAITING:
            turn.state.queue.withdraw(key)
        else:
            turn.state.queue.release(key)
        attempt.ended_at_us = turn.moment.now_us
        attempt.outcome = cancelled(job, turn.moment.now_us).outcome
        turn.events[job] = [event_of(EventKind.FINISHED, job, turn.moment.now_us)]


def _act_on_processes(turn: Turn, one: Signal | Suspend) -> None:
    if isinstance(one, Signal):
        _signal(turn, one)
    else:
        turn.effects += turn.state.pauses.ask(one, [turn.state.live.get(key) for key in one.keys])


def _signal(turn: Turn, signal: Signal) -> None:
    job = turn.state.live.get(signal.key)
    if job is not None and job.attempt.phase in SIGNALED:
        turn.effects.append(SignalAll(job.attempt.key, signal.number, signal.done))
        return
    state, reason = ("has ended", Reason.ENDED) if job is None or job.attempt.phase in ENDED else ("has not started", Reason.NOT_STARTED)
    refused = Refused(Code.FAILED_PRECONDITION, f"the job {format_id(signal.key.id)} {state} and takes no signal", reason=reason)
    turn.effects.append(Reply(partial(signal.done, refused)))


def _change(turn: Turn, one: Alter | SetWidth) -> None:
    if isinstance(one, Alter):
        _alter(turn, one)
    else:
        _set_width(turn, one)


def _alter(turn: Turn, alter: Alter) -> None:
    jobs = {key: turn.state.live.get(key) for key in alter.keys}
    if not alter.skips and (refused := next(filter(None, (why_not(key, job, alter) for key, job in jobs.items())), None)):
        turn.effects.append(Reply(partial(alter.done, refused)))
        return
    turn.replies.append(Reply(partial(alter.done, None)))
    for job in jobs.values():
        limit_ms = job.changed_limit_ms if job is not None else None
        if job is not None and (events := apply(job, alter, turn.state.queue, turn.moment.now_us)):
            turn.events[job] = events
            turn.altered[job] = alter.proof
            if job.changed_limit_ms != limit_ms:
                turn.limiting.append(job)


def _set_width(turn: Turn, order: SetWidth) -> None:
    state = turn.state
    turn.replies.append(Reply(order.done))
    for run in order.runs:
        for job in state.runs.get(run, {}).values():
            job.batch = job.batch and replace(job.batch, parallel=order.parallel)
        state.queue.set_width(run, order.parallel)
        for pending in state.under_way.values():
            if isinstance(pending, Accepting) and pending.start.batch and (pending.start.owner, pending.start.batch.id) == run:
                pending.parallel = order.parallel
        turn.widths.append(Width(run, order.parallel, order.proof))


def _take_up(turn: Turn, facts: Sequence[Fact]) -> None:
    state, moment = turn.state, turn.moment
    known = {fact.key for fact in facts}
    ways: dict[Job, TakeUp] = {}
    for key, job in state.live.items():
        attempt = job.attempt
        attempt.since_us = _since(moment, attempt.started_at_us or job.queued_at_us)
        attempt.phase, ways[job] = RECOVERED[attempt.phase, attempt.key in known]
        if ways[job] is TakeUp.QUEUE:
            state.queue.add(key, job.batch, job.priority, held=job.held_by is not None)
        else:
            state.queue.add_running(key, job.batch)
    _hear(turn, facts)
    for job, way in ways.items():
        if way is TakeUp.COUNT_AS_RUNNING and job.changed_limit_ms is not None and job.attempt.phase in _LIMITED:
            turn.effects.append(LimitTime(job.attempt.key, job.changed_limit_ms))
        if way is TakeUp.REPEAT_STOP and job.stop is not None and job.attempt.phase not in ENDED:
            turn.effects.append(End(job.attempt.key, job.stop.signal, job.stop.grace_ms))
    _hear(turn, [cancelled(job, moment.now_us) for job, way in ways.items() if way is TakeUp.CANCEL])


def _hear(turn: Turn, facts: Iterable[Fact]) -> None:
    state = turn.state
    settled: list[AttemptKey] = []
    for fact in facts:
        job = state.live.get(fact.key.job)
        if job is None or job.attempt.key != fact.key:
            if isinstance(fact, Ended):
                # Recorded before the last restart, or of another attempt than the current one, but the engine was not notified.
                settled.append(fact.key)
            continue
        if job.attempt.phase in ENDED:
            continue
        match fact:
            case Paused():
                turn.effects += state.pauses.hear(job, paused=fact.paused, why=fact.why)
            case Delayed():
                job.attempt.delayed_by = fact.why
                if fact.stuck:
                    turn.effects.append(Tell(job, Word.STUCK))
            case _:
                _hear_life(turn, job, fact)
    if settled:
        turn.effects.append(Settle(settled))


def _hear_life(turn: Turn, job: Job, fact: Started | Ended) -> None:
    if job.attempt.pid != fact.pid:
        job.attempt.since_us = _since(turn.moment, fact.started_at_us)
    turn.events.setdefault(job, []).extend(take_in(job, fact, turn.moment.now_us))
    if isinstance(fact, Ended):
        job.attempt.delayed_by = ""
        turn.state.queue.release(job.key)
        turn.effects += turn.state.pauses.hear(job, paused=False)


def _since(moment: Moment, at_us: int) -> int:
    return moment.passed_us - max(0, moment.now_us - at_us)


def _written(turn: Turn, written: Written) -> None:
    pending = turn.state.under_way.pop(written.number)
    if isinstance(pending, Accepting):
        _accepting_written(turn, pending, written.result)
    elif isinstance(written.result, int):
        _recording_written(turn, pending, written.result)


def _write_delayed(turn: Turn, delayed: WriteDelayed) -> None:
    """Tell those who wait for these jobs."""
    pending = turn.state.under_way[delayed.number]
    for job in (*pending.events, *pending.launching) if isinstance(pending, Recording) else ():
        job.attempt.unrecorded = f"what happened to it cannot be recorded: {delayed.why}; this is tried again and again"
        turn.effects.append(Tell(job, Word.STUCK))


def _accepting_written(turn: Turn, pending: Accepting, result: Added | Conflict | Refused | int) -> None:
    state, start = turn.state, pending.start
    state.promised -= pending.promised
    state.arriving[start.owner] -= len(pending.jobs)
    if not state.arriving[start.owner]:
        del state.arriving[start.owner]
    # Those that are not new are held already, or not at all.
    held_twice = pending.jobs if not isinstance(result, Added) else [pending.jobs[position] for position in result.known]
    if held_twice:
        state.hold(start.owner, -sum(job.spec_bytes for job in held_twice))
    if isinstance(result, Conflict):
        turn.effects.append(Reply(partial(start.done, id_taken(start.asked[result.position].id, result))))
    elif isinstance(result, Refused):
        turn.effects.append(Reply(partial(start.done, result)))
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
            state.queue.add(job.key, job.batch, job.priority, held=job.held_by is not None)
            fresh.append(pending.events[position])
        # First the one who waits for it.
        accepted = Accepted([job.key for job in pending.jobs], len(result.known), result.first_seq - 1)
        turn.effects.append(Reply(partial(start.done, accepted)))
        if fresh:
            turn.effects.append(_numbered(fresh, result.first_seq))


def _recording_written(turn: Turn, pending: Recording, first_seq: int) -> None:
    if told := [event for events in pending.events.values() for event in events]:
        turn.effects.append(_numbered(told, first_seq))
    if pending.launching:
        _launches_recorded(turn, pending.launching)
    turn.effects += pending.replies
    for job, order in pending.ending:
        if job.attempt.phase in WITH_ENGINE:
            turn.effects.append(End(job.attempt.key, order.signal, order.grace_ms))
    turn.effects += [LimitTime(job.attempt.key, job.changed_limit_ms or 0) for job in pending.limiting if job.attempt.phase in _LIMITED]
    settled: list[AttemptKey] = []
    for job, events in pending.events.items():
        job.attempt.unrecorded = ""
        for event in events:
            if event.kind == event_pb2.EVENT_KIND_STARTED:
                job.attempt.happened(Happening.START_RECORDED)
                turn.effects.append(Tell(job, Word.STARTED))
            elif event.kind == event_pb2.EVENT_KIND_FINISHED:
                job.attempt.happened(Happening.END_RECORDED)
                turn.state.remove(job)
                settled.append(job.attempt.key)
                turn.effects.append(Tell(job, Word.FINISHED))
    if settled:
        turn.effects.append(Settle(settled))


def _launches_recorded(turn: Turn, jobs: Sequence[Job]) -> None:
    launched: list[Job] = []
    for job in jobs:
        job.attempt.unrecorded = ""
        job.attempt.happened(Happening.LAUNCH_RECORDED)
        if job.attempt.phase is Phase.LAUNCHED:
            launched.append(job)
    _launch(turn, launched)


def _numbered(events: Sequence[event_pb2.Event], first_seq: int) -> Publish:
    for seq, event in enumerate(events, first_seq):
        event.seq = seq
    return Publish(events)


def _choose_and_record(turn: Turn) -> None:
    """Start the jobs that may start now, and record changes. That a job is launched is durable before it is."""
    launched: list[Job] = []
    launching: list[Job] = []
    for key in turn.state.queue.take():
        job = turn.state.live[key]
        job.attempt.happened(Happening.CHOSEN)
        (launched if job.attempt.phase is Phase.LAUNCHED else launching).append(job)
    if launched:
        _launch(turn, launched)
    if not (turn.events or turn.replies or launching or turn.widths):
        return
    changes: list[Change] = []
    for job, events in turn.events.items():
        job.aged_from_us = turn.moment.aged_us
        change = change_of(job, events, turn.proof)
        proof = turn.altered.get(job)
        changes.append(
            change if proof is None else change._replace(altered=Altered(job.priority, job.held_by, job.changed_limit_ms, proof))
        )
    write = ChangeJobs(changes, turn.widths, launched=[job.row for job in launching])
    turn.submit(Recording(write, turn.events, launching, turn.replies, turn.ending, turn.limiting))


def _launch(turn: Turn, jobs: Sequence[Job]) -> None:
    if jobs:
        turn.effects.append(
            Launches([Launch(job.attempt.key, job.spec, job.queued_at_us, job.rerun_of, job.changed_limit_ms) for job in jobs])
        )
