"""Queue the jobs of committed runs, slice by slice, with other requests in between.

A run was accepted as a whole when its commit was recorded. Each slice is recorded together with the progress of the run, so after a crash
it continues from there, and each job and each event is added once. Several runs take turns.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice

from ...schemas import fault_points
from ...schemas.batches import parts
from ...schemas.batches.parts import KeptJob
from ...schemas.generated import job_pb2
from ...schemas.jobs.spec import from_wire
from ...schemas.refusal import Code, Refused
from ..desk.desk import Desk
from ..desk.inputs import Accepted, Asked, Start
from ..store.rows.batches import staged_queries
from ..store.store import Store
from ..writes.staged import Part, Pending, Queued
from .scheduled import job_of_run

_log = logging.getLogger(__name__)

# What the desk and the store do with a job of a slice takes 0.2 ms, and a request of another member waits for up to two slices. Small ones
# cost a third of the speed, so they are used only while another member sends requests.
_JOBS_A_SLICE = 50
_JOBS_A_SHORT_SLICE = 15
_BYTES_A_SLICE = 256 * 1024
# Nothing notifies when a disk has free space again.
_RETRY_SECONDS = 1.0

# Gets how many of the jobs were known already, or why they cannot be put into the queue.
Done = Callable[[int | Refused], None]


class _Run:
    """A run whose jobs are being queued; `rest` are the jobs of the present part, read one by one."""

    def __init__(self, pending: Pending) -> None:
        self.pending = pending
        self.left = pending.left
        self.known = pending.jobs - pending.left
        self.waiting: list[Done] = []
        self.part: Part | None = None
        self.rest: Iterator[KeptJob] = iter(())
        self.queued = 0
        self.following: KeptJob | None = None


class Queueing:
    """The runs whose jobs are being queued. Used on a running loop. `serves_others(owner)`: whether another member sends requests."""

    def __init__(self, store: Store, desk: Desk, loop: asyncio.AbstractEventLoop, serves_others: Callable[[bytes], bool]) -> None:
        self._store = store
        self._desk = desk
        self._loop = loop
        self._serves_others = serves_others
        self._runs: dict[int, _Run] = {}
        self._line: deque[_Run] = deque()
        self._is_busy = False
        self._retry: asyncio.TimerHandle | None = None
        self._stuck: list[Callable[[], None]] = []

    def close(self) -> None:
        """Go on no more."""
        self._is_busy = True
        if self._retry is not None:
            self._retry.cancel()

    def add(self, pending: Pending, done: Done) -> None:
        """Queue the jobs of a committed run; `done` is called when all of them are queued."""
        self.line_up(pending).waiting.append(done)
        self.go_on()

    def line_up(self, pending: Pending) -> _Run:
        """Queue the jobs of a committed run, beginning with the next `go_on`."""
        run = self._runs.get(pending.row)
        if run is None:
            run = self._runs[pending.row] = _Run(pending)
            self._line.append(run)
            # Its first jobs may end before the last ones are there.
            self._desk.join(pending.key)
        return run

    def when_complete(self, owner: bytes, then: Callable[[], None]) -> None:
        """Call this once the present runs of an owner (empty: of all) are queued; at once if there are none."""
        runs = [run for run in self._runs.values() if owner in {b"", run.pending.key.owner}]
        left = len(runs)
        if not runs:
            then()

        def one_less(_: int | Refused) -> None:
            nonlocal left
            left -= 1
            if not left:
                then()

        for run in runs:
            run.waiting.append(one_less)

    async def settle(self, most_seconds: float) -> None:
        """Wait until all runs are queued, the disk is full, or this much time has passed."""
        done = asyncio.get_running_loop().create_future()

        def once() -> None:
            if not done.done():
                done.set_result(None)

        self._stuck.append(once)
        self.when_complete(b"", once)
        timer = self._loop.call_later(most_seconds, once)
        await done
        timer.cancel()
        self._stuck.clear()

    def go_on(self) -> None:
        """Take the next slice, unless one is under way."""
        self._retry = None
        if self._is_busy or not self._line:
            return
        run = self._line[0]
        self._line.rotate(-1)
        self._is_busy = True
        try:
            self._take_slice(run)
        except Exception as error:  # noqa: BLE001 -- a bug, or a store that cannot be read, must cost nobody else
            _log.exception("the jobs of a run that was committed cannot be put into the queue before the next start of the worker")
            self._is_busy = False
            refused = (
                error if isinstance(error, Refused) else Refused(Code.INTERNAL, "the worker failed to queue the jobs; its log says why")
            )
            self._end(run, refused)
            self._loop.call_soon(self.go_on)

    def _take_slice(self, run: _Run) -> None:
        if run.following is None:
            run.part = staged_queries.next_part(self._store.read, run.pending)
            if run.part is None:
                self._is_busy = False
                self._end(run, run.known)
                self._loop.call_soon(self.go_on)
                return
            run.rest = islice(parts.split(run.part.content, run.part.reruns), run.part.queued, None)
            run.queued = run.part.queued
            run.following = next(run.rest)
        jobs: list[KeptJob] = []
        spec_bytes = 0
        most = _JOBS_A_SHORT_SLICE if self._serves_others(run.pending.key.owner) else _JOBS_A_SLICE
        while run.following is not None and len(jobs) < most and (not jobs or spec_bytes + len(run.following.spec) <= _BYTES_A_SLICE):
            jobs.append(run.following)
            spec_bytes += len(run.following.spec)
            run.following = next(run.rest, None)
        self._start(run, jobs, spec_bytes)

    def _start(self, run: _Run, jobs: Sequence[KeptJob], spec_bytes: int) -> None:
        pending, part = run.pending, run.part
        assert part is not None
        if pending.template:
            asked = [job_of_run(job, pending.key.id) for job in jobs]
        else:
            asked = [Asked(job.id, from_wire(job_pb2.JobSpec.FromString(job.spec)), job.digest, job.spec, job.rerun_of) for job in jobs]
        run.queued += len(jobs)
        is_last = run.following is None
        queued = Queued(
            *(pending.row, part.number, run.queued, is_last, is_last and part.is_final),
            *(pending.proof, pending.proof_bytes, pending.groups_upto, bool(pending.template)),
        )
        owner = pending.key.owner
        self._desk.stage(owner, -len(jobs), -spec_bytes)
        written = partial(self._written, run, len(jobs), spec_bytes)
        self._desk.take(Start(owner, asked, pending.batch, b"", None, written, queued=queued, clean_up=part.clean_up))

    def _written(self, run: _Run, jobs: int, spec_bytes: int, result: Accepted | Refused) -> None:
        self._is_busy = False
        if isinstance(result, Refused):
            _log.warning("the jobs of a run that was committed wait to be queued: %s", result)
            self._desk.stage(run.pending.key.owner, jobs, spec_bytes)
            run.following = None
            self._retry = self._loop.call_later(_RETRY_SECONDS, self.go_on)
            for tell in self._stuck:
                tell()
            return
        if fault_points.ARMED:
            fault_points.reach("after-slice")
        run.known += result.known
        run.left -= jobs
        if run.following is None and run.part is not None and run.part.is_final:
            self._end(run, run.known)
        # Others have their turn in between.
        self._loop.call_soon(self.go_on)

    def _end(self, run: _Run, result: int | Refused) -> None:
        self._line.remove(run)
        del self._runs[run.pending.row]
        if isinstance(result, int):
            self._desk.joined(run.pending.key)
        for done in run.waiting:
            done(result)
