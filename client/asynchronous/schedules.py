"""The schedules of a worker, for event loops: `async_client.schedules`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence

from ...schemas.generated import request_pb2
from ...schemas.jobs.spec import JobSpec
from ...schemas.naming import JobKey, new_id
from ..library.attached import Attached
from ..library.batches import Described, PlannedBatch, plan_batch
from ..library.options.arguments import Text
from ..library.options.specs import as_spec
from ..library.requests.schedules import (
    add_request,
    demand_no_each,
    list_schedules,
    pause_request,
    query_request,
    query_schedule_by_key,
    read_signed,
    remove_request,
    run_request,
    schedule_request,
    staged_as,
)
from ..library.requests.staging import Parts, schedule_steps
from ..library.values.schedule_info import ScheduleInfo, schedule_info
from .dialogue import carry_out, read_all
from .files import send_files
from .loop.session import AsyncSession


class AsyncSchedules(Attached):
    """Adds, changes and shows schedules: jobs that a worker starts again and again."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(
        self,
        name: str,
        job: JobSpec | Sequence[Text],
        *,
        cron: str,
        zone: str,
        overlap: str = "skip",
        missed: str = "once",
        id: bytes | None = None,  # noqa: A002 -- it is one
    ) -> ScheduleInfo:
        """Add a schedule and return it once it is durable; all options are those of `client.schedules.add`.

        If this is cancelled, the schedule may have been added; repeating the call with an `id` of your own adds nothing twice.
        """
        spec = as_spec(job)
        request = add_request(name, spec, cron, zone, overlap, missed, id)
        await self._session.connection.open()
        await send_files(self._session.connection, [spec])
        return await self._asked(request)

    async def add_batch(  # noqa: PLR0913 -- one for each option
        self,
        name: str,
        jobs: Described,
        *,
        cron: str,
        zone: str,
        overlap: str = "skip",
        missed: str = "once",
        id: bytes | None = None,  # noqa: A002 -- as above
        parallel: int | None = None,
        on_failure: str | None = None,
        on_finish: JobSpec | Sequence[Text] | None = None,
        values: Mapping[str, object] | None = None,
        lines: bool = False,
    ) -> ScheduleInfo:
        """Add a schedule that starts a batch again and again, and return it; all options are those of `client.schedules.add_batch`.

        If this is cancelled, the schedule may have been added; repeating the call with an `id` of your own adds nothing twice.
        """
        schedule_id = id or new_id()

        def plan() -> PlannedBatch:
            return plan_batch(
                jobs,
                id=staged_as(schedule_id),
                name=None,
                parallel=parallel,
                on_failure=on_failure,
                on_finish=on_finish,
                values=values,
                lines=lines,
            )

        planned = await asyncio.to_thread(plan)
        demand_no_each(planned)
        about, specs = planned.about, planned.specs
        schedule = schedule_request(name, cron, zone, overlap, missed, schedule_id)
        parts = Parts(about, [*specs], [*specs.values()], schedule)
        await self._session.connection.open()
        await send_files(self._session.connection, [*specs.values()])
        return schedule_info(await carry_out(self._session.connection, schedule_steps(parts)))

    async def get(self, name: str, owner: bytes = b"") -> ScheduleInfo:
        """Return a schedule by its name, with its next times and the results of the latest ones.

        Raises Refused(NOT_FOUND).
        """
        return await self._asked(query_request(name, owner))

    def list(self, owner: bytes = b"") -> AsyncIterator[ScheduleInfo]:
        """Iterate over the schedules that you may see; between two pages nothing is open."""
        return read_all(self._session.connection, list_schedules(owner))

    async def pause(self, schedule: JobKey) -> None:
        """Pause a schedule: it starts nothing until it is resumed."""
        await self._change(pause_request(schedule, paused=True))

    async def resume(self, schedule: JobKey) -> None:
        """Resume a schedule: it starts jobs again from now on."""
        await self._change(pause_request(schedule, paused=False))

    async def run_now(self, schedule: JobKey, job_id: bytes | None = None) -> bytes:
        """Start its job or batch now, and return the id of the job or run; `job_id`: an id made before, to start it only once."""
        job_id = job_id or new_id()
        what = None
        if (hello := await self._session.connection.hello()).kind == "broker":
            what = read_signed(await self._session.reply(query_schedule_by_key(schedule), "query_schedule"), schedule, hello.daemon)
        await self._change(run_request(schedule, job_id, what))
        return job_id

    async def remove(self, schedule: JobKey) -> None:
        """Remove a schedule; its jobs stay."""
        await self._change(remove_request(schedule))

    async def _change(self, request: request_pb2.Request) -> None:
        await self._session.reply(request, "done")

    async def _asked(self, request: request_pb2.Request) -> ScheduleInfo:
        return schedule_info((await self._session.reply(request, "query_schedule")).query_schedule.schedule)
