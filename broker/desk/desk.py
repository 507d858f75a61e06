"""The desk: passes each input to `decide`, one after the other, and the decisions to executor.py.

Decides nothing. Writes are submitted to the store, and their results are inputs again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from functools import partial
from operator import attrgetter

from ...keys.members.limits import Limits
from ...schemas import fault_points
from ...schemas.clock import Clock
from ...schemas.frames import MOST_HELD_BYTES
from ...schemas.naming import AttemptKey, JobKey
from ...schemas.refusal import Code, Refused
from ..engine import Ended, Engine, Fact, Started
from ..fairness.pace import Pace
from ..jobs.job import BatchRun, RunKey
from ..jobs.life import WITH_ENGINE
from ..own_process.alarm import Alarm
from ..retention.ages import Ages
from ..store.queries import Lookup
from ..store.store import Store
from ..streams.watchers import Watchers
from ..writes.jobs import AddJobs, ChangeJobs, Origin
from ..writes.schedules import Fired
from .admission import check_held, check_waiting
from .decide import decide
from .executor import Delegating, Executor, Publishing
from .inputs import Accepted, Asked, Await, Due, Facts, Input, Moment, Reconsidered, SetMachine, Start, WriteDelayed, Written
from .state import State
from .turn import Decision
from .unended_jobs import Recovery
from .view import View

_log = logging.getLogger(__name__)
# As several calls for each job of a start would cost more than what is done in them.
_raw_of = attrgetter("raw")
# Of the specs of new jobs of one owner, while the desk recovers.
_MOST_MEANWHILE_BYTES = 32 * 1024 * 1024


def _charge_nobody(owner: bytes, seconds: float) -> None:
    del owner, seconds


class Desk(View):
    """Carries out decisions. `clock` gives dates, `ages` the time from which ages count, `delegates` the keys of jobs that may start jobs.

    `shortage` returns why new jobs are refused at the moment, or None; `ended` is called when ends of jobs are durable and reported,
    `usage_changed` when jobs use more or less of the capacity, `waits`, if given, after each input while jobs wait; `charge` counts seconds
    of the loop for an owner.
    """

    def __init__(  # noqa: PLR0913, PLR0917 -- the parts that it carries effects to
        self,
        state: State,
        store: Store,
        lookup: Lookup,
        engine: Engine,
        publisher: Publishing,
        watchers: Watchers,
        clock: Clock,
        ages: Ages,
        *,
        limits_of: Callable[[bytes], Limits],
        shortage: Callable[[], Refused | None],
        ended: Callable[[], None],
        usage_changed: Callable[[], None],
        delegates: Delegating,
        waits: Callable[[], None] | None = None,
        charge: Callable[[bytes, float], None] = _charge_nobody,
        alarm: Callable[[int, Callable[[], None]], Alarm] = Alarm,
    ) -> None:
        super().__init__(state, lookup, watchers, clock, ages)
        self._store = store
        self._engine = engine
        self._limits_of = limits_of
        self._shortage = shortage
        self._usage_changed = usage_changed
        self._delegates = delegates
        self._waits = waits
        self._inbox: deque[Input] = deque()
        # While the desk recovers, what it decides about afterwards, and new jobs that are accepted afterwards.
        self._recovery: Recovery | None = None
        self._held: deque[Input] = deque()
        self._later: deque[tuple[Start, int]] = deque()
        # The bytes of specs that each owner has sent meanwhile.
        self._sent_meanwhile: Counter[bytes] = Counter()
        self._is_busy = False
        self._alarms = (alarm(time.CLOCK_BOOTTIME, self._ring), alarm(time.CLOCK_REALTIME, self._ring))
        self._executor = Executor(engine, publisher, watchers, delegates, self._alarms, ended, self.take, charge)

    def close(self) -> None:
        """Stop the alarms."""
        for alarm in self._alarms:
            alarm.close()

    def accept(
        self,
        owner: bytes,
        asked: Sequence[Asked],
        batch: BatchRun | None,
        proof: bytes,
        done: Callable[[Accepted | Refused], None],
        fired: Fired | None = None,
        *,
        started_by: bytes = b"",
        depth: int = 0,
        origin: Origin | None = None,
    ) -> None:
        """Accept all jobs or none; `done` is called when they are durable, before any of them starts.

        `fired`: the record of the schedule that starts them, written in the same commit. `started_by`: the id of the job that starts them,
        and `depth`: how many levels of jobs that started each other precede them. `origin`: the broker that delivered the job, if one did.

        Raises Refused(RESOURCE_EXHAUSTED) if more jobs would wait than the owner may have, or their specs would take too much memory.
        """
        new = Start(owner, asked, batch, proof, self._shortage(), done, fired, started_by, depth, origin)
        spec_bytes = sum(map(len, map(_raw_of, asked)))
        if self._is_recovering:
            self._accept_meanwhile(new, spec_bytes)
        else:
            self._check_room_for(new, spec_bytes)
            self.take(new)
        if len(asked) == 1:
            # Its sender waits for this commit.
            self._store.let_commit()

    def _accept_meanwhile(self, new: Start, spec_bytes: int) -> None:
        """Accept new jobs during recovery: at once if they depend on no recovered job and fit whatever the recovered jobs use.

        Raises Refused(RESOURCE_EXHAUSTED) if their owner has sent very many meanwhile.
        """
        sent = self._sent_meanwhile[new.owner] + spec_bytes
        if sent > _MOST_MEANWHILE_BYTES:
            message = "this worker was restarted, and accepts no more jobs of this owner until it has read those that it has"
            raise Refused(Code.RESOURCE_EXHAUSTED, message, "try again in a few seconds")
        self._sent_meanwhile[new.owner] = sent
        if self._recovery is not None and new.needs_no_others:
            waiting = self._state.waiting_of(new.owner) + self._recovery.jobs
            if waiting + len(new.asked) <= self._limits_of(new.owner).queued_jobs:
                self._decide(new)
                return
        self._later.append((new, spec_bytes))

    async def _catch_up(self) -> None:
        """Decide about inputs that were held back, in order and in slices; later inputs wait behind them."""
        pace = Pace()
        while self._held or self._later:
            if self._held:
                self._decide(self._held.popleft())
            else:
                self._accept_late(*self._later.popleft())
            await pace.rest()

    def _accept_late(self, new: Start, spec_bytes: int) -> None:
        try:
            self._check_room_for(new, spec_bytes)
            self._decide(new)
        except Refused as refused:
            new.done(refused)

    def _check_room_for(self, new: Start, spec_bytes: int) -> None:
        def unknown() -> int:
            return self._lookup.unknown(new.owner, [one.id for one in new.asked])

        self.check_room(new.owner, len(new.asked), spec_bytes, unknown)

    def check_room(self, owner: bytes, jobs: int, spec_bytes: int, unknown: Callable[[], int]) -> None:
        """Check that this many more jobs of an owner may wait, and that their specs may be held. `unknown`: how many of them are new.

        Raises Refused(RESOURCE_EXHAUSTED).
        """
        check_waiting(self._limits_of(owner).queued_jobs, self._state.waiting_of(owner), jobs, unknown)
        check_held(MOST_HELD_BYTES, self._state.held_bytes.get(owner, 0), spec_bytes, unknown)

    def stage(self, owner: bytes, jobs: int, spec_bytes: int) -> None:
        """Count staged jobs of an owner; a negative number uncounts them."""
        self._state.stage(owner, jobs, spec_bytes)

    def join(self, run: RunKey) -> None:
        """Note that more jobs will join a run, so that it does not end before."""
        self._state.joining[run] += 1

    def joined(self, run: RunKey) -> None:
        """Note that all jobs of a run have arrived, so that it may end."""
        self._state.joined(run)
        self.take(Reconsidered())

    def await_recovery(self) -> None:
        """Until `recover` is done, decide only about new jobs; until then, other jobs are read from the store."""
        self._lookup.is_whole = False
        self._state.recovering = {}

    @property
    def recovering(self) -> str:
        """What recovery still waits for, as a sentence; empty if it is complete."""
        if self._recovery is None:
            return ""
        found, jobs = self._recovery.found, self._recovery.jobs
        return f"it was restarted and has read {found} of its {jobs} jobs: until it has read all, no job starts and most requests wait"

    @property
    def _is_recovering(self) -> bool:
        """Whether inputs are held back."""
        return self._recovery is not None or not self._lookup.is_whole

    async def recover(self) -> None:
        """Continue where the last run of this worker stopped: running jobs are adopted, ends are recorded, the rest is queued.

        Other requests are answered meanwhile, and new jobs accepted, but nothing else is decided.
        """
        self.await_recovery()
        recovery = self._recovery = Recovery(self._state, self._lookup, self._engine, self._clock, self._decide, self._note_dates)
        await recovery.run()
        await self._catch_up()
        self._recovery = None
        self._sent_meanwhile.clear()
        for job in recovery.starters:
            if job.attempt.phase in WITH_ENGINE:
                self._delegates.admit(job.attempt.key)
        await self.durable()

    def hear(self, facts: Sequence[Fact]) -> None:
        """Process facts from the engine; they are reported once they are durable."""
        self._note_dates(facts)
        self.take(Facts(facts))
        if len(facts) == 1 and isinstance(facts[0], Ended) and facts[0].key[:2] in self._watchers.keys:
            # Somebody waits for this one. Its report is made while the disk is waited for, as soon as the other thread does that.
            self._prepare_report(facts[0].key)

    def wait_for(self, outer: AttemptKey, inner: Sequence[JobKey], *, begins: bool) -> None:
        """Let an attempt at a job lend its slots while it waits for jobs; with `begins` False, stop lending."""
        self.take(Await(outer, inner, begins))

    def reconsider(self) -> None:
        """Start jobs that may start now that limits have changed."""
        self.take(Reconsidered())

    async def durable(self) -> None:
        """Wait until everything decided so far is on the disk."""
        done = asyncio.get_running_loop().create_future()
        # A daemon that is told to exit while it starts waits no longer.
        self._store.submit(ChangeJobs([]), lambda: None if done.done() else done.set_result(None))
        await done

    def take(self, one: Input) -> None:
        """Decide about one input and what follows from it, and carry the decision out; during recovery, hold it back.

        Raises Impossible, or whatever a bug raises; other inputs in the inbox are processed all the same.
        """
        # The results of its own writes belong to the recovery, and so do the machines that the engine reports during it.
        if self._is_recovering and not isinstance(one, (Written, WriteDelayed, SetMachine)):
            self._held.append(one)
        else:
            self._decide(one)

    def _decide(self, one: Input) -> None:
        self._inbox.append(one)
        if self._is_busy:
            return
        self._is_busy = True
        stock = self._state.queue.stock
        changes = stock.changes
        failed: Exception | None = None
        try:
            while self._inbox:
                following = self._inbox.popleft()
                try:
                    decision = decide(self._state, following, None if isinstance(following, Written) else self._moment())
                    if decision.reconsiders:
                        self._inbox.appendleft(Reconsidered())
                    self._carry_out(decision)
                except Exception as error:  # noqa: BLE001 -- raised below if it is the caller's
                    if following is one:
                        failed = error
                    else:
                        _log.exception("%s could not be carried out", type(following).__name__)
        finally:
            self._is_busy = False
        if self._waits is not None and len(self._state.queue):
            self._waits()
        if stock.changes != changes:
            self._usage_changed()
        if failed is not None:
            raise failed

    def _moment(self) -> Moment:
        at = self._clock.read()
        if not self._state.live and not self._state.under_way:
            self._clock.follow(at)
        return Moment(self._clock.now_us(at), at.passed_us, self._ages.now_us(at), at.wall_us)

    def _note_dates(self, facts: Sequence[Fact]) -> None:
        """Make sure that nothing gets a date before something that has already happened."""
        for fact in facts:
            if isinstance(fact, (Started, Ended)) and fact.key[:2] in self._state.live:
                self._clock.not_before(fact.ended_at_us if isinstance(fact, Ended) else fact.started_at_us)

    def _carry_out(self, decision: Decision) -> None:
        for fact, error in decision.failures:
            _log.error("%s of job %s could not be handled", type(fact).__name__, fact.key.job, exc_info=error)
        self._executor.carry_out(decision.effects)
        for number in decision.writes:
            write = self._state.under_way[number].write
            self._store.submit(write, partial(self._written, number, write), partial(self._delayed, number))

    def _prepare_report(self, key: AttemptKey) -> None:
        job = self._state.live.get(key.job)
        # After a failed attempt another one may follow, and the job goes on.
        if job is not None and job.attempt.key == key and job.following is None:
            self._store.let_commit()
            self._watchers.prepare(job)

    def _ring(self) -> None:
        self.take(Due())

    def _delayed(self, number: int, why: str) -> None:
        self.take(WriteDelayed(number, why))

    def _written(self, number: int, write: AddJobs | ChangeJobs) -> None:
        if isinstance(write, AddJobs):
            if write.result is None:
                return
            if fault_points.ARMED:
                fault_points.reach("after-commit-before-reply")
            self.take(Written(number, write.result))
            return
        if fault_points.ARMED and any(change.events for change in write.changes):
            fault_points.reach("after-commit-before-publish")
        self.take(Written(number, write.first_seq))
