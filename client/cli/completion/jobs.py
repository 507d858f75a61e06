"""Which jobs and runs can complete a command, and their names at a prompt. Pure: knows them as wire messages, and no worker."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ....schemas.generated import job_pb2, request_pb2
from ....schemas.naming import format_id, format_process, short_id
from . import line
from .line import Wish, Word

Found = job_pb2.Job | request_pb2.Run

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
# Of those, which is meant depends on more than is known of a run.
_UNCERTAIN = {"jobwire pause", "jobwire resume", "jobwire hold", "jobwire release"}
# More than anybody looks through.
MOST_WORDS = 50
_LONGEST_ABOUT = 60
_STATES = {job_pb2.STATE_QUEUED: "queued", job_pb2.STATE_RUNNING: "running", job_pb2.STATE_STOPPING: "stopping"}


def job_words(wish: Wish, found: Iterable[Found]) -> list[Word]:
    """Return the names of the jobs that can complete a command, in the order of `found`: the name, or the id of a job without one.

    An id is offered for any job once it is typed, and so is `PID@START`. After them come batches, where a command accepts one: the name,
    and the id of a run once it is typed or the batch has no name. `found` is read only until there are enough.
    """
    owner, slash, name = wish.typed.partition("/")
    typed = name if slash else owner
    jobs: dict[str, Word] = {}
    batches: dict[str, Word] = {}
    enough = batches if wish.kind == line.BATCH else jobs
    for one in found:
        if slash and one.owner_name != owner:
            continue
        if wish.kind != line.BATCH and isinstance(one, job_pb2.Job) and _is_meant(wish.path, one):
            _add(jobs, typed, _names(typed, one))
        if _means_its_batch(wish, one):
            _add(batches, typed, _batch_names(typed, one.batch))
        if len(enough) >= MOST_WORDS:
            break
    has_newest = jobs and wish.path not in ENDED | {"jobwire attach"}
    newest = [Word("last", "the newest job")] if has_newest and "last".startswith(typed) else []
    words = [*newest, *jobs.values(), *(word for text, word in batches.items() if text not in jobs)]
    return [Word(f"{owner}/{word.text}", word.about) for word in words] if slash else words


def _add(words: dict[str, Word], typed: str, more: Iterable[Word]) -> None:
    """Add those that begin as typed. Of several with one name, the first one's description is used."""
    for word in more:
        if word.text and word.text.startswith(typed):
            words.setdefault(word.text, word)


def _means_its_batch(wish: Wish, one: Found) -> bool:
    if wish.kind != line.JOB:
        return one.HasField("batch")
    if wish.path not in TAKE_A_BATCH or not one.HasField("batch"):
        return False
    if isinstance(one, job_pb2.Job):
        return _is_meant(wish.path, one)
    if wish.path in ENDED:
        return one.ok + one.failed > 0
    return wish.path not in UNFINISHED or (wish.path not in _UNCERTAIN and one.queued + one.running > 0)


def _batch_names(typed: str, batch: job_pb2.Batch) -> Iterator[Word]:
    run = format_id(batch.id)
    yield Word(batch.name, "batch")
    if not batch.name or (typed and run.startswith(typed)):
        yield Word(run, f"run of {batch.name}" if batch.name else "run")


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
