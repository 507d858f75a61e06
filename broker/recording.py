"""Has decisions about jobs recorded, and when they are durable tells of them: news, who watches, and the engine of ends that it may forget.

Decides nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from ..schemas import faults
from ..schemas.generated import event_pb2
from ..schemas.naming import JobKey
from .ages import Ages
from .engine import Engine
from .life import Job
from .news import News
from .record import change_of
from .rows import ChangeJobs
from .store import Store
from .watchers import Watchers


@dataclass(slots=True)
class Turn:
    """What one turn of decisions wants recorded: jobs with their events, and the proof of who asked."""

    events: dict[Job, list[event_pb2.Event]]
    proof: bytes | None = None


class Recording:
    """Between the desk and its store; a job whose end is recorded leaves `live`. `ended` is called when ends were recorded and told."""

    def __init__(
        self,
        store: Store,
        news: News,
        watchers: Watchers,
        engine: Engine,
        live: dict[JobKey, Job],
        ended: Callable[[], None],
        ages: Ages,
    ) -> None:
        self._store = store
        self._news = news
        self._watchers = watchers
        self._engine = engine
        self._live = live
        self._ended = ended
        self._ages = ages

    def record(self, turn: Turn, then: Callable[[], None] | None = None) -> None:
        """Have a turn recorded; `then` is called when it is durable and published, before who watches is told."""
        now_us = self._ages.now_us()
        for job in turn.events:
            job.aged_from_us = now_us
        changes = [change_of(job, events, turn.proof) for job, events in turn.events.items()]

        def recorded(first_seq: int) -> None:
            told: list[event_pb2.Event] = []
            for events in turn.events.values():
                for event in events:
                    event.seq = first_seq + len(told)
                    told.append(event)
            if told:
                if faults.ARMED:
                    faults.reach("after-commit-before-publish")
                self._news.publish(told)
            if then is not None:
                then()
            self._tell(turn.events)

        self._store.submit(ChangeJobs(changes, recorded))

    async def durable(self) -> None:
        """Wait until all that was decided so far is on disk."""
        done = asyncio.get_running_loop().create_future()
        self._store.submit(ChangeJobs([], lambda _: done.set_result(None)))
        await done

    def _tell(self, told: dict[Job, list[event_pb2.Event]]) -> None:
        settled: list[JobKey] = []
        for job, events in told.items():
            kinds = {event.kind for event in events}
            if event_pb2.EVENT_KIND_STARTED in kinds:
                job.start_recorded = True
                self._watchers.started(job)
            if event_pb2.EVENT_KIND_FINISHED in kinds:
                job.recorded = True
                del self._live[job.key]
                settled.append(job.key)
                self._watchers.finished(job)
        if settled:
            self._engine.settled(settled)
            self._ended()
