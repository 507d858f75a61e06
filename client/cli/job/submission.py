"""Submit one job, then leave it or attend it: the job of `run`, `submit` or `rerun`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ....schemas.jobs.spec import JobSpec
from ....schemas.naming import format_id, short_id
from ....schemas.refusal import Reason, Refused
from ...library.client import Client
from ...library.job import Job
from ...library.streams.feeder import Feeder
from .. import exit_status
from ..shown.sentences import how_it_ended, status_of
from ..terminal.screen import say, tell_id
from ..terminal.streams import CannotWrite, ReaderGone
from .attendance import Attendance


def submitted(client: Client, spec: JobSpec, identifier: bytes, *, watch: bool = True) -> Job:
    """Submit one job and return it once it is acknowledged. After Ctrl-C before that, says how to find out whether it was.

    Raises the refusal, which says how the job differs from another one with its id.
    """
    try:
        return client.submit_many([spec], ids=[identifier], watch=watch, tail_lines=0)[0]
    except KeyboardInterrupt:
        say(f"interrupted before the job was acknowledged; check whether it was submitted: jobwire show {format_id(identifier)}")
        raise exit_status.Ending(exit_status.INTERRUPTED) from None
    except Refused as refused:
        told = explained_refusal(client, refused, identifier, spec)
        if "another standard input" in told.message:
            # A pipe is passed on, a terminal is not.
            told.next_step = "jobwire run passes on what is piped to it: without input, add --no-stdin each time; or omit --id"
        raise told from None


def explained_refusal(client: Client, refused: Refused, job_id: bytes, spec: JobSpec) -> Refused:
    """Return a refusal; for an id that belongs to another job, with the differences."""
    if refused.reason is Reason.ID_TAKEN:
        from ..batches.planning.repeats import explained  # noqa: PLC0415 -- most ids are new

        # It can be forgotten meanwhile.
        with suppress(Refused):
            return explained(refused, spec, client.job_by_key(client.connection.identity.owner, job_id).info())
    return refused


def leave_or_attend(
    client: Client, job: Job, *, wait: bool, follow: bool, quiet: bool, feeder: Feeder | None = None, has_terminal: bool = False
) -> int:
    """Print the id of a submitted job, with `wait` or `follow` wait for its end, and return the exit status.

    `has_terminal`: the job runs on one, which shows more than its log.
    """
    name = short_id(job.key.id)
    if follow:
        with _leaving(name):
            # Standard output is for the job.
            if not quiet:
                say(f"job {job.id}{_before(job)}")
            return Attendance(client, job, feeder).attend(None)
    if feeder is not None:
        feeder.finish(client.pump)
    if wait:
        # Who sees the id may press Ctrl-C at once.
        with _leaving(name):
            tell_id(job.id, "the job was submitted")
            job.wait()
        if not quiet and job.outcome is not None:
            say(f"job {name}{_before(job)}: {how_it_ended(job.outcome)}")
        return exit_status.DONE if job.outcome is None else status_of(job.outcome)
    tell_id(job.id, "the job was submitted")
    if not quiet:
        how = "was submitted before" if job.record.is_repeated else "submitted"
        shown = f"jobwire attach {name} shows its terminal" if has_terminal else f"jobwire logs -f {name} shows its output"
        say(f"job {name} {how}; {shown}, jobwire wait {name} waits for it")
    return exit_status.DONE


def tell_repeated(job: Job) -> None:
    """Print a note if the job was submitted before."""
    if job.record.is_repeated:
        say(f"job {job.id} was submitted before; this is its output")


def _before(job: Job) -> str:
    return ", which was submitted before" if job.record.is_repeated else ""


@contextmanager
def _leaving(name: str) -> Iterator[None]:
    """Print that the job continues if the command ends before it."""
    continues = f"the job continues; jobwire logs -f {name} shows its output, jobwire stop {name} stops it"
    try:
        yield
    except KeyboardInterrupt:
        say(continues)
        raise exit_status.Ending(exit_status.INTERRUPTED) from None
    except (ReaderGone, CannotWrite):
        say(continues)
        raise
