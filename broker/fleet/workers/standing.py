"""Why a worker gets no jobs at the moment, in words. Pure."""

from __future__ import annotations

from ..reports import away
from . import clocks
from .worker import Worker, WorkerState


def why_closed(worker: Worker) -> str:
    """Return why a worker gets no jobs, as the text after `which`; empty if it gets jobs."""
    match worker.state:
        case WorkerState.READY:
            if clocks.is_too_far(worker.clock_ahead_us):
                return f"{clocks.in_words(worker.clock_ahead_us)}: it gets no jobs until that is set and it has joined again"
            return "has no disk space for jobs now" if worker.held_off else ""
        case WorkerState.DRAINING:
            return "is drained" if worker.drained else "is about to leave"
        case WorkerState.JOINING:
            return "has just connected and is reporting its jobs"
        case _:
            if not worker.store:
                return "has not been connected since the broker was started"
            return f"{'is drained and ' if worker.drained else ''}{away(worker.since_us, stopped=worker.stopped)}"


def takes_none(worker: Worker) -> bool:
    """Return whether a worker gets no more jobs, even after it reconnects."""
    return worker.drained or worker.state is WorkerState.DRAINING
