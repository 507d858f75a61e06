"""Which jobs a command can mean, and how they are named at a prompt. Pure: knows jobs as the wire has them, and no worker."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ....schemas.generated import job_pb2
from ....schemas.naming import format_id, format_process, short_id
from .line import Word

# Commands for jobs that have not ended, and for those that have.
UNFINISHED = {
    "jobwire stop",
    "jobwire signal",
    "jobwire wait",
    "jobwire pause",
    "jobwire resume",
    "jobwire hold",
    "jobwire release",
    "jobwire set",
}
ENDED = {"jobwire forget", "jobwire rerun"}
# Commands that take the name or run id of a batch for its jobs.
_TAKE_A_BATCH = "stop pause resume hold release set signal forget wait events show logs rerun report"
TAKE_A_BATCH = {f"jobwire {name}" for name in _TAKE_A_BATCH.split()}
_LONGEST_ABOUT = 60
_STATES = {job_pb2.STATE_QUEUED: "queued", job_pb2.STATE_RUNNING: "running", job_pb2.STATE_STOPPING: "stopping"}


def job_words(path: str, typed: str, jobs: Iterable[job_pb2.Job]) -> list[Word]:
    """Return the names of the jobs that a command can mean, newest first: the name, or the id of a job without one.

    An id is offered for any job once it is typed, and so is `PID@START`. `jobs` are in the order in which they were queued.
    """
    if "/" in typed:
        return _of_an_owner(path, typed, jobs)
    found = [job for job in reversed(list(jobs)) if _is_meant(path, job)]
    words = [Word("last", "the newest job")] if found and path not in ENDED | {"jobwire attach"} else []
    for job in found:
        words += _names(typed, job)
    if path in TAKE_A_BATCH:
        words += batch_words(typed, reversed(found))
    return _unique(words)


def batch_words(typed: str, jobs: Iterable[job_pb2.Job]) -> list[Word]:
    """Return the names of batches, newest first, and the ids of their runs once one is typed or a batch has no name."""
    words = []
    for job in reversed(list(jobs)):
        if job.HasField("batch"):
            run = format_id(job.batch.id)
            words.append(Word(job.batch.name, "batch"))
            if not job.batch.name or (typed and run.startswith(typed)):
                words.append(Word(run, f"run of {job.batch.name}" if job.batch.name else "run"))
    return _unique(words)


def _of_an_owner(path: str, typed: str, jobs: Iterable[job_pb2.Job]) -> list[Word]:
    """Return the names of one member's jobs, as `OWNER/NAME`."""
    owner, _, name = typed.partition("/")
    words = job_words(path, name, [job for job in jobs if job.owner_name == owner])
    return [Word(f"{owner}/{word.text}", word.about) for word in words]


def _is_meant(path: str, job: job_pb2.Job) -> bool:
    if path in ENDED:
        return job.state == job_pb2.STATE_FINISHED
    if path in UNFINISHED and job.state == job_pb2.STATE_FINISHED:
        return False
    is_queued = job.state == job_pb2.STATE_QUEUED
    meant = {
        "jobwire resume": job.paused,
        "jobwire attach": job.state == job_pb2.STATE_RUNNING and job.spec.HasField("terminal"),
        "jobwire pause": job.state == job_pb2.STATE_RUNNING,
        "jobwire release": job.held,
        "jobwire hold": is_queued and not job.held,
        # Also by a job that runs, the run is named whose width is set.
        "jobwire set": is_queued or job.HasField("batch"),
    }
    return meant.get(path, True)


def _names(typed: str, job: job_pb2.Job) -> Iterator[Word]:
    about = _about(job)
    if job.spec.name:
        yield Word(job.spec.name, about)
    short, process = short_id(job.key.id), format_process(job.pid, job.started_at_us) if job.pid else ""
    if not job.spec.name or (typed and short.startswith(typed)):
        yield Word(short, about)
    # Somebody who types a whole id continues beyond its short form.
    if len(typed) > len(short) and (whole := format_id(job.key.id)).startswith(typed):
        yield Word(whole, about)
    if "@" in typed and process:
        yield Word(process, about)


def _about(job: job_pb2.Job) -> str:
    state = "paused" if job.paused else "held" if job.held else _STATES.get(job.state, "ended")
    command = b" ".join(job.spec.argv)[:_LONGEST_ABOUT].decode(errors="replace")
    return f"{state}: {command}"


def _unique(words: Iterable[Word]) -> list[Word]:
    first: dict[str, Word] = {}
    for word in words:
        if word.text:
            first.setdefault(word.text, word)
    return list(first.values())
