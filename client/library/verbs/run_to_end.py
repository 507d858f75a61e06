"""Run a job to its end for a caller that waits for nothing else: what `Client.run` does.

Whatever ends the wait early also ends the job, as with `subprocess.run`.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from ...protocol.exchange import Exchange
from ..job import Job
from ..options.arguments import Duration, deadline_in, seconds
from ..parting import Parting
from ..session import Session
from ..streams.collected import Collecting
from ..streams.feeder import Feeder
from ..streams.source import Source
from ..streams.text_mode import TextMode
from .actions import stop_requests

if TYPE_CHECKING:
    from ..values.completed_job import CompletedJob

# A worker that does not answer must not delay an interruption forever.
_STOP_ACKNOWLEDGED_SECONDS = 5.0
# After the grace: how long it may take until no process of a stopped job is left.
_STOPPED_SECONDS = 60.0


def run_to_end(
    session: Session,
    start: Exchange,
    job: Job,
    timeout: Duration | None,
    grace: Duration | None,
    mode: TextMode | None,
    *,
    source: Source | None = None,
) -> CompletedJob:
    """Wait for the end of a job that was just submitted, feed it from `source`, and return its result.

    Raises the refusal, OSError if the source cannot be read, or `JobTimeout` with the output so far (decoded by `mode`) when `timeout` has
    passed.
    """
    deadline = deadline_in(timeout)
    output: Collecting | None = None
    try:
        session.acknowledged(start, [job.record], deadline)
        output = job.collect()
        feeder = Feeder(session.connection, job.key, source) if source is not None else None
        output.finish(deadline, feeder)
        session.wait([job.record], deadline=deadline)
        return job.completed(output.stdout, output.stderr)
    except TimeoutError:
        if _stop(session, start, job) and output is not None:
            _finish_stopped(session, job, output, time.monotonic() + _STOPPED_SECONDS + seconds(grace or 0))
        so_far = (output.stdout, output.stderr) if output is not None else (b"", b"")
        raise job.timed_out(timeout, *so_far, mode) from None
    except BaseException:
        _stop(session, start, job)
        raise
    finally:
        if output is not None:
            output.close()


def _finish_stopped(session: Session, job: Job, output: Collecting, deadline: float) -> None:
    """Read what a job that is being stopped still writes, as long as the worker gives signs."""
    parting = Parting(session.connection)
    parting.begin()
    try:
        while time.monotonic() < deadline and not parting.turn([job.key] if job.outcome is None else []):
            with suppress(TimeoutError):
                output.finish(min(deadline, parting.due_at or deadline))
                return
    finally:
        parting.end()


def _stop(session: Session, start: Exchange, job: Job) -> bool:
    """Stop a job that nobody waits for any more, within a few seconds, and return whether it will end."""
    if start.refusal is not None:
        return False
    with suppress(Exception):
        try:
            # Only a job that was acknowledged can be stopped, and it may still be under way.
            session.acknowledged(start, [job.record], deadline_in(_STOP_ACKNOWLEDGED_SECONDS))
        except TimeoutError:
            # It must not be sent again when the connection is back, and may have arrived: then it is stopped by the time of the next call.
            session.connection.forget(start)
            if start.number:
                for request, _ in stop_requests([job.record], None, None):
                    session.connection.ask(request)
                _tell_that_it_goes_on(session)
            return False
        if job.outcome is None:
            try:
                job.stop_soon(timeout=_STOP_ACKNOWLEDGED_SECONDS)
            except TimeoutError:
                # It is sent again too.
                _tell_that_it_goes_on(session)
                return False
        return True
    return False


def _tell_that_it_goes_on(session: Session) -> None:
    if (notice := session.connection.notice) is not None:
        notice(
            "the worker does not respond: a job that is no longer waited for is stopped with the next call that it answers, "
            "and continues if this client is closed before"
        )
