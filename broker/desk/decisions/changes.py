"""Changes of jobs that wait or run, and of the widths of runs: when they are refused, and what they change."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from ....schemas.generated import event_pb2
from ....schemas.jobs.states import EventKind
from ....schemas.naming import JobKey, format_id
from ....schemas.refusal import Code, Reason, Refused
from ....schemas.workers.capacity import Settings
from ...jobs.job import Job
from ...jobs.life import ENDED, WAITING, Happening, Phase
from ...writes.events import event_of
from ...writes.jobs import CapacityChange, Width
from ..effects import Reply
from ..inputs import Alter, SetCapacity, SetMachine, SetWidth
from ..queue.queue import Queue
from ..state import Accepting, State
from ..turn import Turn

_ENDING = frozenset({Phase.ABORTING, Phase.STOPPING})


def alter(turn: Turn, asked: Alter) -> None:
    """Hold, release or change jobs: all of them or none, unless the request skips those that cannot be changed."""
    jobs = {key: turn.state.live.get(key) for key in asked.keys}
    if not asked.skips and (refused := next(filter(None, (_why_not(key, job, asked) for key, job in jobs.items())), None)):
        turn.effects.append(Reply(partial(asked.done, refused)))
        return
    turn.replies.append(Reply(partial(asked.done, None)))
    for job in jobs.values():
        limit_ms = job.changed_limit_ms if job is not None else None
        if job is not None and (events := _apply(job, asked, turn.state, turn.moment.now_us)):
            turn.events[job] = events
            turn.altered[job] = asked.proof
            if job.changed_limit_ms != limit_ms:
                turn.limiting.append(job)


def set_width(turn: Turn, order: SetWidth) -> None:
    """Change how many jobs of runs may run at once."""
    state = turn.state
    turn.replies.append(Reply(order.done))
    for run in order.runs:
        for job in state.runs.get(run, {}).values():
            job.batch = job.batch and replace(job.batch, parallel=order.parallel)
        if run not in state.broken or run in state.sparing:
            state.queue.set_width(run, order.parallel)
        for pending in state.under_way.values():
            if isinstance(pending, Accepting) and pending.start.batch and (pending.start.owner, pending.start.batch.id) == run:
                pending.parallel = order.parallel
        turn.widths.append(Width(run, order.parallel, order.proof))


def set_capacity(turn: Turn, order: SetCapacity) -> None:
    """Change what there is for jobs; those that run are not affected."""
    state = turn.state
    turn.replies.append(Reply(order.done))
    state.settings = (Settings() if order.reset else state.settings).then(order.settings)
    state.queue.set_capacity(state.settings.over(state.capacity))
    turn.capacity = CapacityChange(order.settings.rows(), order.reset, order.proof)


def set_machine(turn: Turn, order: SetMachine) -> None:
    """Change what a machine has for jobs; those that run there are not affected."""
    stock = turn.state.queue.stock
    stock.set_machine(order.machine, order.name, order.capacity, ready=order.ready, end=order.end, others=order.others)
    if order.why_closed:
        stock.note_closed(order.machine, order.why_closed)
    if order.renewed:
        stock.renew_machine(order.machine)
    if order.gone:
        stock.drop_machine(order.machine)
    turn.state.queue.stock_changed()


def _why_not(key: JobKey, job: Job | None, asked: Alter) -> Refused | None:
    """Return why a job cannot be changed this way; None if it can, or already has these values.

    A request is repeated when its answer was lost, and the job that it released may have started meanwhile.
    """
    if job is None or job.latest.phase in ENDED:
        return Refused(Code.FAILED_PRECONDITION, f"the job {format_id(key.id)} has ended", reason=Reason.ENDED)
    if asked.time_limit_ms not in (None, job.changed_limit_ms) and job.latest.phase in _ENDING:
        return Refused(Code.FAILED_PRECONDITION, f"the job {format_id(key.id)} is being stopped", reason=Reason.ENDING)
    if job.latest.phase in WAITING or not (asked.held or asked.priority not in (None, job.priority)):
        return None
    what = "cannot be held" if asked.held else "its priority no longer has an effect"
    message = f"the job {format_id(key.id)} has started, and {what}"
    return Refused(Code.FAILED_PRECONDITION, message, "pause it, or stop it" if asked.held else "", reason=Reason.STARTED)


def _apply(job: Job, asked: Alter, state: State, now_us: int) -> list[event_pb2.Event]:
    """Change a job, and its place in the queue; return the events about it, none if nothing changed."""
    phase = job.latest.phase
    events = _wait(job, asked, state.queue, now_us) if phase in WAITING else []
    if asked.time_limit_ms not in (None, job.changed_limit_ms) and phase not in ENDED | _ENDING:
        job.changed_limit_ms = asked.time_limit_ms
        if phase in WAITING:
            # It may fit on other machines now: one in an allocation of a cluster ends at some time.
            state.queue.set_wants(job.key, state.wants(job))
        limit = f"time limit {asked.time_limit_ms / 1000:g} s" if asked.time_limit_ms else "no time limit"
        events.append(event_of(EventKind.CHANGED, job, now_us, f"{limit}, set by {asked.by}"))
    return events


def _wait(job: Job, asked: Alter, queue: Queue, now_us: int) -> list[event_pb2.Event]:
    events = []
    if asked.priority is not None and asked.priority != job.priority:
        job.priority = asked.priority
        queue.set_priority(job.key, job.priority)
        events.append(event_of(EventKind.CHANGED, job, now_us, f"priority {job.priority}, set by {asked.by}"))
    if asked.held is not None and asked.held is not (job.held_by is not None):
        if asked.held:
            job.held_by = asked.by
            job.latest.happened(Happening.HELD)
            queue.set_aside(job.key)
            events.append(event_of(EventKind.HELD, job, now_us, f"held by {asked.by}"))
        else:
            job.held_by = None
            if job.is_ready:
                queue.let_in(job.key)
            events.append(event_of(EventKind.RELEASED, job, now_us, f"released by {asked.by}"))
    return events
