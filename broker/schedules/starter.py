"""Start and stop what a schedule starts: a job, or a run of a batch; and check that its owner may still do that. Knows no times."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from ...keys.members.rights import Member, Right, demand
from ...schemas.generated import job_pb2
from ...schemas.jobs import spec as specs
from ...schemas.jobs.spec import DEFAULT_GRACE_MS, JobSpec
from ...schemas.naming import JobKey
from ...schemas.refusal import Code, Refused
from ...schemas.workers.capacity import wants_of
from ..desk.admission import check_precedence, check_precedence_of
from ..desk.desk import Desk
from ..desk.inputs import Accepted, Asked, Stop
from ..jobs.job import Job, RunKey, StopOrder
from ..jobs.life import WAITING
from ..staging.staging import Staging
from ..writes.schedules import Fired
from ..writes.staged import StartRun
from .schedule import ManyJobs, OneJob, Schedule

# Each of them is a decision and a row; others are served in between.
_STOPS_AT_ONCE = 50


class Starter:
    """Starts and stops jobs and runs. `live`: the jobs that have not ended. Used on a running loop."""

    def __init__(
        self,
        desk: Desk,
        staging: Staging,
        live: Mapping[JobKey, Job],
        member_of: Callable[[bytes], Member | None],
        shortage: Callable[[], Refused | None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._desk = desk
        self._staging = staging
        self._live = live
        self._member_of = member_of
        self._shortage = shortage
        self._loop = loop

    def start(
        self,
        schedule: Schedule,
        due_us: int,
        key: JobKey,
        fired: Fired,
        proof: bytes,
        done: Callable[[Refused | None], None],
        ended: Callable[[], None],
    ) -> None:
        """Start the job or the run with this key, and record `fired` in the same commit; `done` gets the reason if it fails, else None.

        `proof`: the request for it, empty if that is the one that added the schedule. `ended`: called when a run may have ended without the
        end of a job.

        Raises Refused.
        """
        self.demand_possible(schedule.key.owner, schedule.starts)
        match schedule.starts:
            case OneJob() as one:
                asked = [Asked(key.id, one.spec, one.digest, one.raw)]

                def accepted(result: Accepted | Refused) -> None:
                    done(result if isinstance(result, Refused) else None)

                self._desk.accept(key.owner, asked, None, proof or schedule.proof, accepted, fired)
            case ManyJobs() as many:
                batch = replace(many.batch, id=key.id)
                row = many.template.row
                write = StartRun(key.owner, batch, row, due_us, fired, proof, self._desk.now_us(), self._shortage())
                self._staging.start(write, many.template, done, ended)

    def is_unfinished(self, schedule: Schedule, key: JobKey) -> bool:
        """Return whether a job or a run of a schedule has not ended; something of the other kind may have the same id."""
        return key in self._live if isinstance(schedule.starts, OneJob) else self._desk.has_run(RunKey(*key))

    def unfinished(self, schedule: Schedule) -> list[JobKey]:
        """Return the unended jobs or runs of a schedule."""
        return schedule.unfinished(partial(self.is_unfinished, schedule))

    def stop(self, schedule: Schedule) -> None:
        """Stop its jobs, or the jobs of its runs."""
        for key in self.unfinished(schedule):
            if isinstance(schedule.starts, OneJob):
                self._stop(schedule, [self._live[key]])
            else:
                self._staging.when_complete(key.owner, partial(self._stop_run, schedule, RunKey(*key)))

    def demand_possible(self, owner: bytes, starts: OneJob | ManyJobs) -> None:
        """Check that a member may start this, and that it fits.

        Raises Refused.
        """
        member = self._member_of(owner)
        if member is None:
            raise Refused(Code.PERMISSION_DENIED, "its owner is no longer on the worker's roster")
        demand(member, Right.SUBMIT, member.key)
        match starts:
            case OneJob():
                check_precedence(member, starts.spec)
                self._demand_fit([starts.spec], "the job")
            case ManyJobs():
                check_precedence_of(member, starts.template.priority, starts.template.nice)
                self._demand_fit(map(_read_spec, starts.template.claims), "a job of the batch")
                if starts.finish is not None:
                    check_precedence(member, starts.finish)
                    self._demand_fit([starts.finish], "the on_finish of the batch")

    def _demand_fit(self, wanted: Sequence[JobSpec] | Iterator[JobSpec], what: str) -> None:
        stock = self._desk.stock
        for spec in wanted:
            if why := stock.never_fits(stock.timed(wants_of(spec), spec.time_limit_ms)):
                message = f"{what} can never start here: {why}"
                raise Refused(Code.FAILED_PRECONDITION, message, "ask for less, or have the worker's operator set more")

    def _stop_run(self, schedule: Schedule, run: RunKey) -> None:
        jobs = self._desk.runs.get(run, {}).values()
        # Those that wait first: otherwise each end would start one more.
        ordered = sorted(jobs, key=lambda job: job.latest.phase not in WAITING)
        self._stop_some(schedule, ordered)

    def _stop_some(self, schedule: Schedule, jobs: Sequence[Job]) -> None:
        self._stop(schedule, jobs[:_STOPS_AT_ONCE])
        if len(jobs) > _STOPS_AT_ONCE:
            self._loop.call_soon(self._stop_some, schedule, jobs[_STOPS_AT_ONCE:])

    def _stop(self, schedule: Schedule, jobs: Sequence[Job]) -> None:
        orders = []
        for job in jobs:
            if job.key in self._live:
                grace_ms = DEFAULT_GRACE_MS if job.spec.grace_ms is None else job.spec.grace_ms
                orders.append((job.key, StopOrder(job.spec.stop_signal, grace_ms, f"the schedule {schedule.name}")))
        if orders:
            self._desk.take(Stop(orders, schedule.proof, lambda: None))


def _read_spec(raw: bytes) -> JobSpec:
    return specs.from_wire(job_pb2.JobSpec.FromString(raw))
