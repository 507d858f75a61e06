"""Decide what happens to jobs, have it recorded, then let it take effect.

Knows no socket and no process: what was decided goes into the store, and only when it is durable the effect leaves through the
engine, the news are published and the waiting streams are told. Facts come up from the engine the same way.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ..keys.limits import Limits
from ..schemas import faults
from ..schemas.generated import event_pb2
from ..schemas.job import EventKind, Outcome, OutcomeKind
from ..schemas.naming import JobKey, format_id
from ..schemas.refusal import Code, Reason, Refused
from ..schemas.spec import JobSpec
from .admission import Admission
from .ages import Ages
from .clock import Clock
from .engine import Delayed, Ended, Engine, Expected, Fact, Launch, Paused
from .facts import cancelled, take_in
from .forgetting import Forgetting
from .life import RECOVERED, BatchRun, Happening, Job, Phase, StopOrder, TakeUp, advance
from .lookup import Lookup
from .news import News
from .pauses import Pauses
from .queue import Queue
from .record import event_of, id_taken
from .recording import Recording, Turn
from .rows import Added, AddJobs, Conflict, EventRow, NewRow
from .store import Store
from .watchers import Watchers

_log = logging.getLogger(__name__)

DEFAULT_GRACE_MS = 10_000


@dataclass(frozen=True, slots=True)
class Asked:
    """One job as it was asked for: `raw` is its spec as it travelled, which is what is stored."""

    id: bytes
    spec: JobSpec
    digest: bytes
    raw: bytes


@dataclass(frozen=True, slots=True)
class Accepted:
    """The jobs of a start, durable now: in the order asked, how many were there before, and the seq before their first event."""

    jobs: Sequence[Job]
    known: int
    seq: int


class Desk:
    """All jobs that have not ended, what waits and what runs. `clock` dates what happens, `ages` says from when on what was recorded ages.

    `shortage` says why no new job is taken on just now, if so; `ended` is called when ends of jobs were recorded and told.
    """

    def __init__(
        self,
        store: Store,
        engine: Engine,
        news: News,
        watchers: Watchers,
        clock: Clock,
        ages: Ages,
        *,
        limits_of: Callable[[bytes], Limits],
        shortage: Callable[[], Refused | None],
        ended: Callable[[], None],
    ) -> None:
        self.engine = engine
        self.news = news
        self.live: dict[JobKey, Job] = {}
        self.lookup = Lookup(store, self.live)
        self.store = store
        self._clock = clock
        self._now_us = clock.now_us
        self._ages = ages
        self._queue = Queue(engine.slots, lambda owner: limits_of(owner).running_jobs)
        self.watchers = watchers
        self.pauses = Pauses(engine)
        # Free slots that jobs on their way into the store count on.
        self._promised = 0
        self._admission = Admission(limits_of, self._queue.waiting_of, self._unknown)
        self.forgetting = Forgetting(store, engine)
        self.recording = Recording(store, news, watchers, engine, self.live, ended, ages)
        self._shortage = shortage

    # Requests.

    def accept(
        self, owner: bytes, asked: Sequence[Asked], batch: BatchRun | None, proof: bytes, done: Callable[[Accepted | Refused], None]
    ) -> None:
        """Take jobs on, whole or not at all; `done` is called when they are durable, before any of them starts.

        Raises Refused(RESOURCE_EXHAUSTED) if more would wait than the owner may have.
        """
        self._admission.enter(owner, [one.id for one in asked])
        if not self.live:
            self._clock.follow()
        now, since = self._now_us(), self._clock.passed_us()
        jobs = [
            Job(0, JobKey(owner, one.id), one.spec, one.digest, batch, Phase.QUEUED, now, since)  # its row comes with the commit
            for one in asked
        ]
        # Those that will start at once are recorded as launched now: one commit less before their start.
        promised = min(len(jobs), max(0, self._queue.room_of(owner) - self._promised), (batch and batch.parallel) or len(jobs))
        self._promised += promised
        for job in jobs[:promised]:
            job.launched = True
        told = [event_of(EventKind.QUEUED, job, now) for job in jobs]
        aged_from = self._ages.now_us()
        rows = [
            NewRow(job.key, job.digest, job.spec.name, one.raw, now, EventRow(owner, event.SerializeToString(), aged_from), job.launched)
            for one, job, event in zip(asked, jobs, told, strict=True)
        ]

        def recorded(result: Added | Conflict | Refused) -> None:
            self._promised -= promised
            self._admission.leave(owner, len(asked))
            if isinstance(result, Added):
                accepted = self._take_on(jobs, told, result)
                if faults.ARMED:
                    faults.reach("after-commit-before-reply")
                done(accepted)
                self._dispatch()
            elif isinstance(result, Conflict):
                done(id_taken(asked[result.position].id, result))
            else:
                done(result)

        self.store.submit(AddJobs(rows, batch, proof, recorded, self._shortage()))

    def stop(self, jobs: Sequence[Job], orders: Sequence[StopOrder], proof: bytes, done: Callable[[], None]) -> None:
        """End jobs with all that they started; `done` is called when the wish is durable. Watchers are told when each has ended."""
        turn = Turn({}, proof)
        ending: list[tuple[Job, StopOrder]] = []
        now = self._now_us()
        for job, order in zip(jobs, orders, strict=True):
            before = job.phase
            job.phase = advance(before, Happening.STOP_ASKED)
            if before in (Phase.FINISHED, Phase.STOPPING):
                # A second stop is not news, but it may shorten the grace.
                ending += [(job, order)] if before is Phase.STOPPING else []
                continue
            job.stop = order
            if job.phase is Phase.FINISHED:
                self._queue.withdraw(job.key)
                job.ended_at_us = now
                job.outcome = cancelled(job, now).outcome
                turn.events[job] = [event_of(EventKind.FINISHED, job, now)]
            else:
                turn.events[job] = [event_of(EventKind.STOPPING, job, now, f"stopped by {order.asked_by}")]
                ending.append((job, order))

        def recorded() -> None:
            done()
            for job, order in ending:
                self.engine.end(job.key, order.signal, order.grace_ms)

        self.recording.record(turn, recorded)

    def signal(self, job: Job, number: int, done: Callable[[Refused | None], None]) -> None:
        """Send one signal to all processes of a job; `done` gets why not all got it, if so.

        Raises Refused(FAILED_PRECONDITION) if it has none.
        """
        if job.phase not in (Phase.RUNNING, Phase.STOPPING):
            state, reason = ("has ended", Reason.ENDED) if job.phase is Phase.FINISHED else ("has not started", Reason.NOT_STARTED)
            raise Refused(Code.FAILED_PRECONDITION, f"the job {format_id(job.key.id)} {state} and takes no signal", reason=reason)
        self.engine.signal(job.key, number, done)

    def reconsider(self) -> None:
        """Start what may start now that limits have changed."""
        self._dispatch()

    def why_waiting(self, job: Job) -> str:
        """Say in words why a job does not run yet, or not on; empty if it does not wait."""
        if job.phase is Phase.QUEUED:
            return self._queue.why_waiting(job.key) if job.key in self.live else ""
        return job.delayed_by if job.phase is not Phase.FINISHED else ""

    def lasted_us(self, job: Job) -> int:
        """Say how long a job ran, or has been running or waiting."""
        if job.recorded:
            return job.ended_at_us - (job.started_at_us or job.queued_at_us)
        return self._clock.passed_us() - job.since_us

    def _since(self, at_us: int) -> int:
        return self._clock.passed_us() - max(0, self._now_us() - at_us)

    # Facts.

    async def recover(self) -> None:
        """Take up where the last run of this daemon ended: what runs is adopted, what ended meanwhile is recorded, the rest is queued."""
        for job in self.lookup.alive():
            self.live[job.key] = job
            self._clock.not_before(max(job.queued_at_us, job.started_at_us))
        for job in self.live.values():
            job.since_us = self._since(job.started_at_us or job.queued_at_us)
        expected = [Expected(job.key, job.pid, job.started_at_us, job.queued_at_us, job.launched, job.spec) for job in self.live.values()]
        facts = await self.engine.recover(expected)
        if faults.ARMED:
            faults.reach("during-recovery")
        known = {fact.key for fact in facts}
        ways = {job: RECOVERED[job.phase, job.key in known] for job in self.live.values()}
        for job, way in ways.items():
            if way is TakeUp.QUEUE:
                self._queue.add(job.key, job.batch)
            else:
                self._queue.add_running(job.key, job.batch)
        if ways:
            _log.info("recovered %d jobs that had not ended, %d of them known to the engine", len(ways), len(known))
        self.hear(facts)
        for job, way in ways.items():
            if way is TakeUp.REPEAT_STOP and job.stop is not None and job.phase is Phase.STOPPING:
                self.engine.end(job.key, job.stop.signal, job.stop.grace_ms)
            elif way is TakeUp.CANCEL:
                self.hear([cancelled(job, self._now_us())])
        await self.recording.durable()

    def hear(self, facts: Iterable[Fact]) -> None:
        """Take facts from the engine; they are told to others once they are durable."""
        turn = Turn({})
        settled: list[JobKey] = []
        for fact in facts:
            job = self.live.get(fact.key)
            if job is None:
                if isinstance(fact, Ended):
                    # Recorded before the last restart, but the engine was not told.
                    settled.append(fact.key)
                continue
            if job.phase is Phase.FINISHED:
                continue
            match fact:
                case Paused():
                    self.pauses.hear(job, paused=fact.paused, why=fact.why)
                case Delayed():
                    self._delay(job, fact)
                case _:
                    self._clock.not_before(fact.ended_at_us if isinstance(fact, Ended) else fact.started_at_us)
                    if job.pid != fact.pid:
                        job.since_us = self._since(fact.started_at_us)
                    turn.events.setdefault(job, []).extend(take_in(job, fact, self._now_us()))
                    if isinstance(fact, Ended):
                        self._queue.release(job.key)
                        self.pauses.hear(job, paused=False)
        if settled:
            self.engine.settled(settled)
        self._dispatch(turn)

    def _delay(self, job: Job, fact: Delayed) -> None:
        job.delayed_by = fact.why
        if fact.stuck:
            self.watchers.stuck(job)

    # From decision to effect.

    def _unknown(self, owner: bytes, ids: Iterable[bytes]) -> int:
        return sum(self.lookup.job(JobKey(owner, job_id)) is None for job_id in ids)

    def _take_on(self, jobs: Sequence[Job], told: Sequence[event_pb2.Event], result: Added) -> Accepted:
        taken: list[Job] = []
        fresh: list[event_pb2.Event] = []
        for position, job in enumerate(jobs):
            if position in result.known:
                taken.append(self.lookup.job(job.key) or _forgotten_meanwhile(job))
                continue
            job.row = result.rows[position]
            self.live[job.key] = job
            self._queue.add(job.key, job.batch)
            taken.append(job)
            told[position].seq = result.first_seq + len(fresh)
            fresh.append(told[position])
        if fresh:
            self.news.publish(fresh)
        return Accepted(taken, len(result.known), result.first_seq - 1)

    def _dispatch(self, turn: Turn | None = None) -> None:
        """Start what may start; `turn` is what else is to be recorded. That a job is launched is durable before it is."""
        turn = turn or Turn({})
        chosen = [self.live[key] for key in self._queue.take()]
        to_record = [job for job in chosen if not job.launched]
        for job in chosen:
            job.phase = advance(job.phase, Happening.LAUNCHED)
        self._launch([job for job in chosen if job.launched])
        for job in to_record:
            job.launched = True
            turn.events.setdefault(job, [])
        if turn.events:
            self.recording.record(turn, lambda: self._launch(to_record))

    def _launch(self, jobs: Sequence[Job]) -> None:
        if jobs:
            self.engine.start([Launch(job.key, job.spec, job.queued_at_us) for job in jobs])


def _forgotten_meanwhile(job: Job) -> Job:
    """Take a job that was known when it was asked for again, and forgotten in the same commit, for what it was: ended, nobody knows how."""
    job.phase, job.recorded = Phase.FINISHED, True
    job.outcome = Outcome(OutcomeKind.LOST, sentence="it has ended and was forgotten, and with it how it ended")
    return job
