"""Stage batches in parts, commit them as a whole, and remove abandoned parts.

Staged jobs count towards the waiting jobs of their owner. Parts are abandoned an hour after the last one of their batch arrived; the hour
is measured on the scale of ages, so that setting the machine's clock removes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from ...schemas import fault_points
from ...schemas.refusal import Refused
from ..desk.desk import Desk
from ..jobs.job import BatchRun, RunKey
from ..retention.ages import BELIEVED_AFTER_SECONDS, Ages
from ..store.queries import Lookup
from ..store.rows.batches import staged_queries, template_rows
from ..store.store import Store
from ..writes.staged import CommitRun, Committed, DropPart, DropTemplate, Staged, StagePart, StartRun, Template
from .queueing import Done, Queueing

ABANDONED_AFTER_SECONDS = 3600.0
_SOONEST_SECONDS = 1.0
_UNUSED_SECONDS = 3600.0
# Clients wait for a worker that starts. What is not in the queue by then follows beside their requests.
_MOST_SECONDS_AT_START = 5.0


class Staging:
    """The staged batches of one desk. Used on a running loop. `serves_others(owner)`: whether another member sends requests."""

    def __init__(
        self,
        store: Store,
        desk: Desk,
        lookup: Lookup,
        ages: Ages,
        loop: asyncio.AbstractEventLoop,
        serves_others: Callable[[bytes], bool],
    ) -> None:
        self._store = store
        self._desk = desk
        self._lookup = lookup
        self._ages = ages
        self._loop = loop
        self._queueing = Queueing(store, desk, loop, serves_others)
        self._timer: asyncio.TimerHandle | None = None
        self._unused_timer: asyncio.TimerHandle | None = None
        self._is_sweeping = False
        self._is_closed = False

    def close(self) -> None:
        """Stop; what is staged or committed stays so."""
        self._queueing.close()
        self._is_sweeping = self._is_closed = True
        for timer in (self._timer, self._unused_timer):
            if timer is not None:
                timer.cancel()

    def open(self) -> None:
        """Take over what is staged before the desk recovers: a run with jobs still to come has not ended."""
        for pending in staged_queries.pending(self._store.read):
            self._desk.stage(pending.key.owner, pending.left, pending.left_bytes)
            if pending.proof:
                self._queueing.line_up(pending)

    async def recover(self) -> None:
        """Continue where the last run of this worker stopped; returns when all committed runs are queued, or after some seconds."""
        self._queueing.go_on()
        await self._queueing.settle(_MOST_SECONDS_AT_START)
        self._look_soon()
        self.drop_unused()

    def stage(self, part: StagePart, done: Callable[[Staged | Refused], None]) -> None:
        """Stage a part; `done` is called when it is durable.

        Raises Refused(RESOURCE_EXHAUSTED) as a start does, if its jobs would be too many.
        """
        owner, jobs = part.run.owner, len(part.jobs)

        def unknown() -> int:
            if staged_queries.has_part(self._store.read, part.run, part.number):
                return 0
            return self._lookup.unknown(owner, [job.id for job in part.jobs])

        self._desk.check_room(owner, jobs, part.spec_bytes, unknown)
        part.aged_from_us = self._ages.now_us()
        # From now on: more parts may come before this one is durable.
        self._desk.stage(owner, jobs, part.spec_bytes)

        def written() -> None:
            result = part.result
            if not isinstance(result, Staged) or result.is_known:
                self._desk.stage(owner, -jobs, -part.spec_bytes)
            self._look_soon()
            if result is not None:
                done(result)

        self._store.submit(part, written)

    def commit(self, owner: bytes, batch: BatchRun, parts: list[bytes], proof: bytes, done: Done) -> None:
        """Commit a run; `done` is called with how many of its jobs were known, once it is durable and all of them are queued."""
        write = CommitRun(owner, batch, parts, proof, self._desk.now_us())

        def written() -> None:
            result = write.result
            if isinstance(result, Committed):
                if fault_points.ARMED:
                    fault_points.reach("after-commit-of-a-batch")
                on_its_way = staged_queries.pending(self._store.read, result.row)
                if on_its_way:
                    self._queueing.add(
                        on_its_way[0], (lambda known: done(result.jobs if isinstance(known, int) else known)) if result.is_known else done
                    )
                else:
                    done(result.jobs)
            elif result is not None:
                done(result)

        self._store.submit(write, written)

    def adopted(self, template: Template, owner: bytes) -> None:
        """Stop counting the jobs of a batch as waiting, now that they belong to a schedule."""
        self._desk.stage(owner, -template.jobs, -template.spec_bytes)

    def start(self, write: StartRun, template: Template, done: Callable[[Refused | None], None], ended: Callable[[], None]) -> None:
        """Start the batch of a schedule as a run. `done` is called with the reason if that fails, or when it is durable.

        `ended` is called when all of its jobs are queued; they may all have ended by then.

        Raises Refused(RESOURCE_EXHAUSTED) if there would be too many waiting jobs.
        """
        owner = write.owner
        self._desk.check_room(owner, template.jobs, template.spec_bytes, lambda: template.jobs)
        self._desk.stage(owner, template.jobs, template.spec_bytes)

        def written() -> None:
            result = write.result
            if not isinstance(result, Committed) or result.is_known:
                self._desk.stage(owner, -template.jobs, -template.spec_bytes)
            if isinstance(result, Committed):
                if fault_points.ARMED:
                    fault_points.reach("after-start-of-a-run")
                for pending in staged_queries.pending(self._store.read, result.row):
                    self._queueing.add(pending, lambda _: ended())
                done(None)
            elif result is not None:
                done(result)

        self._store.submit(write, written)

    def drop_unused(self) -> None:
        """Remove batches whose schedules are gone, part by part, unless a run of them is kept; then check again every hour."""
        write = DropTemplate()

        def written() -> None:
            if self._is_closed:
                return
            if write.more:
                self._loop.call_soon(self.drop_unused)
            elif template_rows.is_to_be_dropped(self._store.read):
                if self._unused_timer is not None:
                    self._unused_timer.cancel()
                self._unused_timer = self._loop.call_later(_UNUSED_SECONDS, self.drop_unused)

        if template_rows.is_to_be_dropped(self._store.read):
            self._store.submit(write, written)

    def unstage(self, run: RunKey, done: Callable[[], None]) -> None:
        """Remove what is staged of a run that was not committed, part by part; `done` is called when nothing is left."""
        self._drop(DropPart(run), done)

    def when_complete(self, owner: bytes, then: Callable[[], None]) -> None:
        """Call this once the committed runs of an owner (empty: of all) are queued; at once if they are."""
        self._queueing.when_complete(owner, then)

    def _drop(self, write: DropPart, done: Callable[[], None]) -> None:
        def written() -> None:
            dropped = write.result
            if dropped is not None:
                self._desk.stage(write.run.owner, -dropped.jobs, -dropped.spec_bytes)
            if dropped is None or not dropped.parts:
                done()
            else:
                self._loop.call_soon(self._drop, DropPart(write.run, write.aged_upto_us), done)

        self._store.submit(write, written)

    def _look_soon(self) -> None:
        """Schedule a search for abandoned parts."""
        if self._timer is None and not self._is_sweeping:
            self._timer = self._loop.call_later(_SOONEST_SECONDS, self._sweep)

    def _sweep(self) -> None:
        self._timer = None
        staged = [one for one in staged_queries.pending(self._store.read) if not one.proof]
        if not staged:
            return
        if not self._ages.known:
            self._timer = self._loop.call_later(BELIEVED_AFTER_SECONDS, self._sweep)
            return
        upto_us = self._ages.now_us() - int(ABANDONED_AFTER_SECONDS * 1_000_000)
        oldest = min(staged, key=lambda one: one.aged_from_us)
        if oldest.aged_from_us > upto_us:
            self._timer = self._loop.call_later(max(_SOONEST_SECONDS, (oldest.aged_from_us - upto_us) / 1e6), self._sweep)
            return
        self._is_sweeping = True
        self._drop(DropPart(oldest.key, upto_us), partial(self._swept))

    def _swept(self) -> None:
        self._is_sweeping = False
        self._look_soon()
