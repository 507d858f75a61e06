"""How an asynchronous client submits jobs: one, many, a batch, or some again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Unpack

from ....schemas.jobs.spec import JobSpec
from ....schemas.naming import format_id
from ...library.batches import Described, PlannedBatch, plan_batch
from ...library.options.arguments import Text, make_id, once
from ...library.options.specs import JobOptions, args_of, as_spec
from ...library.values.job_info import JobInfo
from ...library.values.results import BatchInfo
from ...library.verbs import actions
from ..batch_run import AsyncBatchRun
from ..dialogue import carry_out
from ..files import in_thread
from ..job import AsyncJob
from .actions import start_jobs
from .call_options import spec_and_id_in_loop, takes_job_options
from .lookup import Lookup


class Submission(Lookup):
    """Submits jobs, and returns once it is certain that they will run."""

    @takes_job_options
    async def submit(
        self,
        argv: Sequence[Text],
        *,
        watch: bool = True,
        id: bytes | str | None = None,  # noqa: A002 -- it is one
        **options: Unpack[JobOptions],
    ) -> AsyncJob:
        """Submit a job. Returns once it is certain that the job will run, whatever happens here.

        All options are those of `Client.submit`. If this is cancelled, the job does not run or is stopped, unless you made its `id`: the
        same call can then be repeated.
        """
        argv = once(argv)
        spec, _ = await spec_and_id_in_loop(argv, None, id, options)
        job = (await self.submit_many([spec], ids=None if id is None else [make_id(id)], watch=watch))[0]
        job.args = tuple(argv)
        return job

    async def submit_many(
        self,
        specs: Iterable[JobSpec | Sequence[Text]],
        *,
        batch: BatchInfo | None = None,
        ids: Sequence[bytes] | None = None,
        watch: bool = True,
        tail_lines: int | None = None,
    ) -> list[AsyncJob]:
        """Submit jobs with one request, all or none, and return them; see `Client.submit_many`.

        If this is cancelled, no job runs or all are stopped, unless you made their `ids`.
        """
        given = [spec if isinstance(spec, JobSpec) else once(spec) for spec in specs]
        wanted = [as_spec(spec) for spec in given]
        records = await start_jobs(self._session, wanted, ids, batch=batch, watch=watch, tail_lines=tail_lines)
        return [AsyncJob(self._session, record.key, args_of(job)) for record, job in zip(records, given, strict=True)]

    async def batch(
        self,
        jobs: Described,
        *,
        id: bytes | str | None = None,  # noqa: A002 -- it is one
        name: str | None = None,
        parallel: int | None = None,
        on_failure: str | None = None,
        on_finish: JobSpec | Sequence[Text] | None = None,
        values: Mapping[str, object] | None = None,
        lines: bool = False,
        watch: bool = True,
    ) -> AsyncBatchRun:
        """Submit a batch with one request, all of its jobs or none, and return its run; see `Client.batch`.

        If this is cancelled, no job runs or all are stopped, unless you made the `id`.
        """

        def plan() -> PlannedBatch:
            return plan_batch(
                jobs, id=id, name=name, parallel=parallel, on_failure=on_failure, on_finish=on_finish, values=values, lines=lines
            )

        # A file may be large.
        planned = await in_thread(plan)
        known: list[JobInfo] = []
        # The parts of a large one are compared by the worker.
        if id is not None and not actions.is_large([*planned.specs.values()]):
            found = self.list(all=True, batch=planned.about.id, owner=self._session.connection.owner)
            known = [info async for info in found if not info.is_on_finish]
        planned = await carry_out(self.connection, planned.placed([info.spec for info in known]))
        planned.demand_same({info.key.id for info in known})
        about, specs, args, _ = planned
        records = await start_jobs(self._session, [*specs.values()], [*specs], batch=about, watch=watch, withdrawn=id is None)
        run = await self.batch_run(format_id(about.id))
        run.started = [AsyncJob(self._session, record.key, one) for record, one in zip(records, args, strict=True)]
        return run

    async def rerun(
        self,
        jobs: Iterable[AsyncJob | JobInfo],
        *,
        batch: BatchInfo | None = None,
        ids: Sequence[bytes] | None = None,
        watch: bool = True,
        tail_lines: int | None = None,
        feed: bool = False,
    ) -> list[AsyncJob]:
        """Run jobs again, all or none, and return the new jobs; see `Client.rerun`.

        If this is cancelled, no job runs or all are stopped, unless you made their `ids`.
        """
        given = [*jobs]
        keys, found = [job.key for job in given], {job.key: job for job in given if isinstance(job, JobInfo)}
        records = await start_jobs(self._session, keys, ids, batch=batch, watch=watch, tail_lines=tail_lines, feed=feed, found=found)
        return [AsyncJob(self._session, record.key) for record in records]
