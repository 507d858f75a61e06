"""Warnings for the operators of a broker: workers that cannot be reached, clocks that are off, queues that do not grow. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from . import clocks
from .standing import why_closed
from .worker import Worker, WorkerState

# More are counted, and not named.
_MOST = 20


def in_words(workers: Iterable[tuple[str, Worker]], queues: Iterable[tuple[str, str]]) -> Sequence[str]:
    """Return the warnings about workers, by name, and about queues: why each does not grow now; empty: it does."""
    found = [said for name, worker in sorted(workers, key=lambda one: one[0]) if (said := _about(name, worker))]
    found += [f"queue {name} does not grow: {why}" for name, why in queues if why]
    return [*found[:_MOST], *([f"and {len(found) - _MOST} more"] if len(found) > _MOST else [])]


def _about(name: str, worker: Worker) -> str:
    if worker.stops_not and worker.link.is_up:
        return f"worker {name} was removed, and does not stop its jobs: {worker.stops_not}"
    jobs = f"; {len(worker.carried)} of its jobs {'are' if len(worker.carried) > 1 else 'is'} there" if worker.carried else ""
    if worker.state is WorkerState.UNREACHABLE:
        return f"worker {name} {why_closed(worker)}{jobs}" if jobs else ""
    if worker.held_off:
        return f"worker {name} {why_closed(worker)}{jobs}"
    if clocks.is_too_far(worker.clock_ahead_us):
        return f"worker {name} {clocks.in_words(worker.clock_ahead_us)}: it gets no jobs until that is set and it has joined again"
    return f"worker {name} {clocks.in_words(worker.clock_ahead_us)}: set it" if clocks.is_told(worker.clock_ahead_us) else ""
