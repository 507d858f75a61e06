"""One job, for an event loop; resembles `asyncio.subprocess.Process`."""

from __future__ import annotations

import signal as signals
from collections.abc import Sequence
from typing import Literal, overload

from ...schemas.generated import request_pb2
from ...schemas.jobs.states import return_code
from ...schemas.naming import short_id
from ...schemas.wire_codec import key_to_wire
from ..files.fetch_result import Fetched, as_fetched
from ..files.options import Files, Paths, chosen, wanted
from ..library.options.arguments import Duration, make_id
from ..library.streams.source import Stdin, source_of
from ..library.streams.text_mode import text_mode
from ..library.values.completed_job import CompletedJob, CompletedTextJob
from ..library.values.job_info import JobInfo, job_info
from ..library.values.results import Forgotten
from ..library.verbs import actions
from .files import fetch, in_thread, put
from .loop.ends import Waiting
from .loop.limit import limit_of
from .streams.feeding import feed
from .streams.job_logs import AsyncJobLogs
from .streams.output import Collecting
from .verbs.actions import forget, request_stop, start_jobs


class AsyncJob(AsyncJobLogs):
    """A handle of a job on a worker, from `AsyncClient`. The job continues when the handle, its client or this program is gone.

    Every call that waits, and `poll`, update what is known here (`pid`, `returncode`, `outcome`, ...). Cancelling a call stops no job,
    except for `AsyncClient.run`.
    """

    async def poll(self) -> int | None:
        """Return the return code if the job has ended, else None. Asks the worker only if it would not report the end by itself."""
        if self._record.outcome is None and not self._record.is_watched:
            await self._session.query(self._record)
        return self.returncode

    async def wait(self, timeout: Duration | None = None) -> int:
        """Wait for the end of the job and return its return code.

        Raises `JobTimeout`, a `subprocess.TimeoutExpired`.
        """
        limit = limit_of(timeout)
        try:
            async with limit:
                await self._wait()
        except TimeoutError:
            if not limit.expired():
                raise
            raise self.timed_out(timeout) from None
        return return_code(self._ended())

    async def _wait(self) -> None:
        await self._session.connection.open()
        with Waiting(self._session.ends, [self._record]) as waiting:
            await waiting.all()

    @overload
    async def result(
        self, timeout: Duration | None = None, *, text: Literal[False] | None = None, encoding: None = None, errors: None = None
    ) -> CompletedJob: ...
    @overload
    async def result(
        self, timeout: Duration | None = None, *, text: Literal[True], encoding: str | None = None, errors: str | None = None
    ) -> CompletedTextJob: ...
    @overload
    async def result(
        self, timeout: Duration | None = None, *, text: bool | None = None, encoding: str, errors: str | None = None
    ) -> CompletedTextJob: ...
    async def result(
        self, timeout: Duration | None = None, *, text: bool | None = None, encoding: str | None = None, errors: str | None = None
    ) -> CompletedJob | CompletedTextJob:
        """Wait for the end of the job and return its result, with all its output.

        `text`, `encoding`, `errors`: return the output as text, as in `AsyncClient.run`.

        Raises `JobTimeout`, a `subprocess.TimeoutExpired`, with the output so far.
        """
        mode = text_mode(text, encoding, errors)
        limit = limit_of(timeout)
        output = self.collect()
        try:
            async with limit:
                await self.finish(output)
        except TimeoutError:
            if not limit.expired():
                raise
            raise self.timed_out(timeout, output.stdout, output.stderr, mode) from None
        finally:
            output.close()
        completed = self.completed(output.stdout, output.stderr)
        return completed.as_text(mode) if mode is not None else completed

    async def finish(self, output: Collecting) -> None:
        """Wait for the end of the job and of its logs, which are read meanwhile unless those of many jobs are."""
        if self._session.live_logs.locked():
            await self._wait()
        async with self._session.live_logs:
            await output.finish()
        await self._wait()

    async def stop(self, signal: int | None = None, grace: Duration | None = None, timeout: Duration | None = None) -> CompletedJob:
        """Stop the job and all processes that it started: send its stop signal and, after the grace, SIGKILL (with a grace of 0 at once).

        Returns when none of its processes is left, with the last lines of its output. Raises TimeoutError if `timeout` passes before.
        """
        async with limit_of(timeout):
            await self.stop_soon(signal, grace)
            await self._wait()
        return self.completed(self.stdout_tail, self.stderr_tail)

    async def stop_soon(self, signal: int | None = None, grace: Duration | None = None, timeout: Duration | None = None) -> None:
        """Start to stop the job; returns once the worker has accepted that."""
        async with limit_of(timeout):
            await request_stop(self._session, [self._record], signal, grace)

    async def cancel(self) -> bool:
        """Cancel the job if it is queued, and return whether it was cancelled. A job that has started continues.

        Raises `Refused(UNIMPLEMENTED)` if the worker is too old for that.
        """
        connection = self._session.connection
        await connection.open()
        exchange = connection.ask(actions.cancel_request(self.key, (await connection.hello()).features))
        try:
            await connection.next(exchange)
        finally:
            # A job that was not cancelled would be reported when it ends.
            connection.forget(exchange)
        await self._session.query(self._record)
        return actions.was_cancelled(self._record)

    async def terminate(self) -> None:
        """Start to stop the job with SIGTERM, and SIGKILL after its grace. Does nothing if it has ended, as in `subprocess`."""
        await self.stop_soon(signals.SIGTERM)

    async def kill(self) -> None:
        """Start to stop the job with SIGKILL. Does nothing if it has ended, as in `subprocess`."""
        await self.stop_soon(grace=0)

    async def send_signal(self, signal: int) -> None:
        """Send a signal to all processes of the job."""
        request = request_pb2.Request(signal=request_pb2.Signal(key=key_to_wire(self.key), signal=signal))
        await self._session.reply(request, "done")

    async def rerun(self, *, id: bytes | str | None = None, watch: bool = True) -> AsyncJob:  # noqa: A002 -- it is one
        """Run the job again with everything as it was, also its standard input, and return the new job; see `Job.rerun`."""
        (record,) = await start_jobs(self._session, [self.key], None if id is None else [make_id(id)], watch=watch)
        return AsyncJob(self._session, record.key, self.args)

    async def feed(self, stdin: Stdin) -> None:
        """Pass a descriptor or a binary file on as the standard input of a job that waits for it; see `Job.feed`."""
        source = source_of(stdin)
        if source is None:
            raise ValueError("there is nothing to feed the job with")
        await self._session.connection.open()
        await feed(self._session.connection, self.key, source)

    async def put(self, files: Files) -> None:
        """Put files and folders of this machine into the folder of the job; see `Job.put`. If it is cancelled, none of them appears.

        A later call with the same files resumes the upload.
        """
        found = await in_thread(lambda: chosen(files))
        await self._session.connection.open()
        await put(self._session.connection, self.key, found)

    async def get(self, paths: Paths | None = None) -> list[Fetched]:
        """Fetch files and folders from the folder of the job, and return their paths here; see `Job.get`.

        If this is cancelled, nothing incomplete is left.
        """
        return await self.fetch([(path, b"") for path in (await self.info()).spec.outputs] if paths is None else wanted(paths))

    async def fetch(self, found: Sequence[tuple[bytes, bytes]]) -> list[Fetched]:
        """Fetch paths to places; see `Job.fetch`."""
        await self._session.connection.open()
        name = short_id(self.key.id).encode()
        return [as_fetched(await fetch(self._session.connection, self.key, path, place, name)) for path, place in found]

    async def forget(self) -> Forgotten:
        """Remove the job and its logs; its id is never run again.

        Raises `Refused(FAILED_PRECONDITION)` if it has not ended.
        """
        return await forget(self._session, [self.key])

    async def pause(self) -> None:
        """Suspend all processes of the job; returns when they are. Its time limit keeps running, and it keeps its slot."""
        await self._session.all_done(actions.pause_requests([self.key]))

    async def resume(self) -> None:
        """Continue the paused job."""
        await self._session.all_done(actions.resume_requests([self.key]))

    async def hold(self) -> None:
        """Hold the job: it does not start until it is released.

        Raises `Refused(FAILED_PRECONDITION)` if it has started.
        """
        await self._session.all_done(actions.change_requests([self.key], held=True))

    async def release(self) -> None:
        """Release the job if it is held, so that it can start."""
        await self._session.all_done(actions.change_requests([self.key], held=False))

    async def set_priority(self, priority: int) -> None:
        """Set the priority of the job while it waits, -1000 to 1000: of the jobs of its owner, those with the highest start first."""
        await self._session.all_done(actions.change_requests([self.key], priority=priority))

    async def set_time_limit(self, time_limit: Duration) -> None:
        """Set how long the job may run, counted from its start, while it waits or runs; 0: no limit."""
        await self._session.all_done(actions.change_requests([self.key], time_limit=time_limit))

    async def info(self) -> JobInfo:
        """Return everything that the worker knows about the job."""
        return job_info(await self._session.query(self._record))
