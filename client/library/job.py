"""One job, which resembles `subprocess.Popen`: its end, its output, signals to it."""

from __future__ import annotations

import signal as signals
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, overload

from ...schemas.generated import request_pb2
from ...schemas.jobs.states import return_code
from ...schemas.naming import short_id
from ...schemas.wire_codec import key_to_wire
from .options.arguments import Duration, deadline_in, make_id
from .streams.feeder import Feeder
from .streams.job_logs import JobLogs
from .streams.source import Stdin, source_of
from .streams.text_mode import text_mode
from .verbs import actions, starts

if TYPE_CHECKING:
    from ..files.fetch_result import Fetched
    from ..files.options import Files, Paths
    from .values.completed_job import CompletedJob, CompletedTextJob
    from .values.job_info import JobInfo
    from .values.results import Forgotten


class Job(JobLogs):
    """A handle of a job on a worker. The job continues when the handle, its client or this program is gone.

    Every call that waits, and `poll`, update what is known here (`pid`, `returncode`, `outcome`, ...).
    """

    def poll(self) -> int | None:
        """Return the return code if the job has ended, else None. Asks the worker only if it would not report the end by itself."""
        if self._record.outcome is None:
            self._session.pump(0)
        if self._record.outcome is None and not self._record.is_watched:
            self._session.query(self._record)
        return self.returncode

    def wait(self, timeout: Duration | None = None) -> int:
        """Wait for the end of the job and return its return code.

        Raises `JobTimeout`, a `subprocess.TimeoutExpired`.
        """
        try:
            self._session.wait([self._record], deadline=deadline_in(timeout))
        except TimeoutError:
            raise self.timed_out(timeout) from None
        return return_code(self._ended())

    @overload
    def result(
        self, timeout: Duration | None = None, *, text: Literal[False] | None = None, encoding: None = None, errors: None = None
    ) -> CompletedJob: ...
    @overload
    def result(
        self, timeout: Duration | None = None, *, text: Literal[True], encoding: str | None = None, errors: str | None = None
    ) -> CompletedTextJob: ...
    @overload
    def result(
        self, timeout: Duration | None = None, *, text: bool | None = None, encoding: str, errors: str | None = None
    ) -> CompletedTextJob: ...
    def result(
        self, timeout: Duration | None = None, *, text: bool | None = None, encoding: str | None = None, errors: str | None = None
    ) -> CompletedJob | CompletedTextJob:
        """Wait for the end of the job and return its result, with all its output.

        `text`, `encoding`, `errors`: return the output as text, as in `Client.run`.

        Raises `JobTimeout`, a `subprocess.TimeoutExpired`, with the output so far.
        """
        deadline = deadline_in(timeout)
        mode = text_mode(text, encoding, errors)
        with self.collect() as output:
            try:
                output.finish(deadline)
                self._session.wait([self._record], deadline=deadline)
            except TimeoutError:
                raise self.timed_out(timeout, output.stdout, output.stderr, mode) from None
            completed = self.completed(output.stdout, output.stderr)
            return completed.as_text(mode) if mode is not None else completed

    def stop(self, signal: int | None = None, grace: Duration | None = None, timeout: Duration | None = None) -> CompletedJob:
        """Stop the job and all processes that it started: send its stop signal and, after the grace, SIGKILL (with a grace of 0 at once).

        Returns when none of its processes is left, with the last lines of its output. Raises TimeoutError if `timeout` passes before.
        """
        deadline = deadline_in(timeout)
        self.stop_soon(signal, grace, timeout)
        self._session.wait([self._record], deadline=deadline)
        return self.completed(self.stdout_tail, self.stderr_tail)

    def stop_soon(self, signal: int | None = None, grace: Duration | None = None, timeout: Duration | None = None) -> None:
        """Start to stop the job; returns once the worker has accepted that."""
        actions.stop(self._session, [self._record], signal, grace, deadline_in(timeout))

    def cancel(self) -> bool:
        """Cancel the job if it is queued, and return whether it was cancelled. A job that has started continues.

        Raises `Refused(UNIMPLEMENTED)` if the worker is too old for that.
        """
        connection = self._session.connection
        exchange = connection.ask(actions.cancel_request(self.key, connection.hello().features))
        try:
            connection.next(exchange)
        finally:
            # A job that was not cancelled would be reported when it ends.
            connection.forget(exchange)
        self._session.query(self._record)
        return actions.was_cancelled(self._record)

    def terminate(self) -> None:
        """Start to stop the job with SIGTERM, and SIGKILL after its grace. Does nothing if it has ended, as in `subprocess`."""
        self.stop_soon(signals.SIGTERM)

    def kill(self) -> None:
        """Start to stop the job with SIGKILL. Does nothing if it has ended, as in `subprocess`."""
        self.stop_soon(grace=0)

    def send_signal(self, signal: int) -> None:
        """Send a signal to all processes of the job."""
        request = request_pb2.Request(signal=request_pb2.Signal(key=key_to_wire(self.key), signal=signal))
        self._session.reply(request, "done")

    def rerun(self, *, id: bytes | str | None = None, watch: bool = True) -> Job:  # noqa: A002 -- it is one
        """Run the job again, with everything unchanged including its standard input, and return the new job.

        `id`, `watch`: as in `Client.submit`; with the same `id` nothing is started twice, even if this job was forgotten meanwhile.
        """
        (record,) = starts.start(self._session, [self.key], [make_id(id)], watch=watch)
        return Job(self._session, record.key, self.args)

    def feed(self, stdin: Stdin) -> None:
        """Send a descriptor or a binary file as the standard input of a job that waits for it; see `Client.rerun`.

        Returns when the worker has all of it, or when the job takes no more. Raises `Refused` if another client feeds the job.
        """
        source = source_of(stdin)
        if source is None:
            raise ValueError("there is nothing to feed the job with")
        Feeder(self._session.connection, self.key, source).finish(self._session.pump)

    def put(self, files: Files) -> None:
        """Put files and folders of this machine into the folder of the job, which may wait, run, or have ended.

        `files`: one or several, each a pair with its path in the folder if that differs, as for `run(put=...)`. A waiting job finds them
        when it starts. A file replaces a file, at once when it is complete; folders are merged; a file does not replace a folder, nor a
        folder a file. Permissions and symbolic links are kept.

        Raises `Refused`: INVALID_ARGUMENT for what cannot be read here, FAILED_PRECONDITION if the job has no folder of its own, if
        something there is in the way, or if a file changes while it is sent, RESOURCE_EXHAUSTED over a limit.
        """
        from ..files.options import chosen  # noqa: PLC0415 -- few programs use it
        from ..files.placing import put  # noqa: PLC0415 -- as above

        put(self._session.connection, self.key, chosen(files))

    def get(self, paths: Paths | None = None) -> list[Fetched]:
        """Fetch files and folders from the folder of the job, while it runs or later, and return their paths here.

        `paths`: one or several, each a pair with its destination here if that is not its name in the current folder; `"."` is the whole
        folder. A destination that is a folder, or ends with a slash, is written into. Default: what the job was submitted with as `get`. A
        file appears when it is complete, and replaces a file; nothing else that exists is replaced.

        Raises `Refused`: NOT_FOUND for a missing path, FAILED_PRECONDITION for a job without a folder, a symbolic link, or a file that
        changes while it is read, INVALID_ARGUMENT or ALREADY_EXISTS for what cannot be written here.
        """
        from ..files.options import wanted  # noqa: PLC0415 -- few programs use it

        return self.fetch([(path, b"") for path in self.info().spec.outputs] if paths is None else wanted(paths))

    def fetch(self, found: Sequence[tuple[bytes, bytes]]) -> list[Fetched]:
        """Fetch paths to destinations, both as `wanted` in ../files/options.py returns them; see `get`."""
        from ..files.fetch_result import as_fetched  # noqa: PLC0415 -- few programs use it
        from ..files.fetching import fetch  # noqa: PLC0415 -- as above

        name = short_id(self.key.id).encode()
        return [as_fetched(fetch(self._session.connection, self.key, path, place, name)) for path, place in found]

    def forget(self) -> Forgotten:
        """Remove the job and its logs; its id is never run again.

        Raises `Refused(FAILED_PRECONDITION)` if it has not ended.
        """
        return actions.forget(self._session, [self.key])

    def pause(self) -> None:
        """Suspend all processes of the job; returns when they are. Its time limit keeps running, and it keeps its slot."""
        self._session.all_done(actions.pause_requests([self.key]))

    def resume(self) -> None:
        """Continue the paused job."""
        self._session.all_done(actions.resume_requests([self.key]))

    def hold(self) -> None:
        """Hold the job: it does not start until it is released.

        Raises `Refused(FAILED_PRECONDITION)` if it has started.
        """
        self._session.all_done(actions.change_requests([self.key], held=True))

    def release(self) -> None:
        """Release the job if it is held, so that it can start."""
        self._session.all_done(actions.change_requests([self.key], held=False))

    def set_priority(self, priority: int) -> None:
        """Set the priority of the job while it waits, -1000 to 1000: of the jobs of its owner, those with the highest start first."""
        self._session.all_done(actions.change_requests([self.key], priority=priority))

    def set_time_limit(self, time_limit: Duration) -> None:
        """Set how long the job may run, counted from its start, while it waits or runs; 0: no limit."""
        self._session.all_done(actions.change_requests([self.key], time_limit=time_limit))

    def info(self) -> JobInfo:
        """Return everything that the worker knows about the job."""
        from .values.job_info import job_info  # noqa: PLC0415 -- a command that runs a job need not wait for it

        return job_info(self._session.query(self._record))
