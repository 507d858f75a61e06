"""The schedules of a worker: `client.schedules`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from ...schemas.generated import request_pb2
from ...schemas.jobs.spec import JobSpec
from ...schemas.naming import JobKey, new_id
from .attached import Attached
from .options.arguments import Text
from .options.specs import as_spec
from .requests.pages import read_all
from .requests.schedules import (
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
from .session import Session
from .values.schedule_info import ScheduleInfo, schedule_info
from .verbs import actions

if TYPE_CHECKING:
    from .batches import Described


class Schedules(Attached):
    """Adds, changes and shows schedules: jobs that a worker starts again and again."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(
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
        """Add a schedule and return it once it is durable.

        `job`: a result of `jobwire.job_spec`, or an argv. `cron`: five fields, or a name such as `@daily`. `zone`: the time zone of the
        times, such as `Europe/Berlin`. `overlap`: what happens at a time when an earlier job has not ended, `skip`, `queue` or `stop`.
        `missed`: what is started later for times at which the worker could not, `once`, `skip` or `all`. `id`: repeating a call with the
        same id adds nothing twice.

        Raises the refusal: INVALID_ARGUMENT for an invalid expression or an unknown zone, ALREADY_EXISTS if another schedule of yours has
        the name.
        """
        spec = as_spec(job)
        request = add_request(name, spec, cron, zone, overlap, missed, id)
        actions.send_files(self._session.connection, [spec])
        return self._asked(request)

    def add_batch(  # noqa: PLR0913 -- one for each option
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
        """Add a schedule that starts a batch again and again, each time as a new run, and return it once it is durable.

        `jobs`, `parallel`, `on_failure`, `on_finish`, `values` and `lines` are those of `client.batch`: a file is read now, with its
        `for_each`. The other options are those of `add`; `overlap` and `missed` apply to runs.

        Raises the refusal.
        """
        from .batches import plan_batch  # noqa: PLC0415 -- few schedules start batches
        from .requests.dialogue import carry_out  # noqa: PLC0415 -- as above
        from .requests.staging import Parts, schedule_steps  # noqa: PLC0415 -- as above

        schedule_id = id or new_id()
        planned = plan_batch(
            jobs,
            id=staged_as(schedule_id),
            name=None,
            parallel=parallel,
            on_failure=on_failure,
            on_finish=on_finish,
            values=values,
            lines=lines,
        )
        demand_no_each(planned)
        schedule = schedule_request(name, cron, zone, overlap, missed, schedule_id)
        parts = Parts(planned.about, [*planned.specs], [*planned.specs.values()], schedule)
        actions.send_files(self._session.connection, [*planned.specs.values()])
        return schedule_info(carry_out(self._session.connection.call, schedule_steps(parts)))

    def get(self, name: str, owner: bytes = b"") -> ScheduleInfo:
        """Return a schedule by its name, with its next times and the results of the latest ones.

        Raises Refused(NOT_FOUND), or Refused(INVALID_ARGUMENT) if no schedule can have this name.
        """
        return self._asked(query_request(name, owner))

    def list(self, owner: bytes = b"") -> Iterator[ScheduleInfo]:
        """Iterate over the schedules that you may see, each with its next time and the result of the last one."""
        return read_all(self._session.connection.call, list_schedules(owner))

    def pause(self, schedule: JobKey) -> None:
        """Pause a schedule: it starts nothing until it is resumed."""
        self._change(pause_request(schedule, paused=True))

    def resume(self, schedule: JobKey) -> None:
        """Resume a schedule: it starts jobs again from now on."""
        self._change(pause_request(schedule, paused=False))

    def run_now(self, schedule: JobKey, job_id: bytes | None = None) -> bytes:
        """Start its job or batch now, and return the id of the job or run; `job_id`: an id made before, to start it only once."""
        job_id = job_id or new_id()
        connection, what = self._session.connection, None
        if (hello := connection.hello()).kind == "broker":
            what = read_signed(self._session.reply(query_schedule_by_key(schedule), "query_schedule"), schedule, hello.daemon)
        self._change(run_request(schedule, job_id, what))
        return job_id

    def remove(self, schedule: JobKey) -> None:
        """Remove a schedule; its jobs stay."""
        self._change(remove_request(schedule))

    def _change(self, request: request_pb2.Request) -> None:
        self._session.reply(request, "done")

    def _asked(self, request: request_pb2.Request) -> ScheduleInfo:
        return schedule_info(self._session.reply(request, "query_schedule").query_schedule.schedule)
