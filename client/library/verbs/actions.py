"""Actions on jobs: stop, pause, resume and forget them; and the parts of a start (starts.py).

A request names at most MOST_KEYS jobs. More jobs are split into several requests, each of which affects all of its jobs or none.
"""

from __future__ import annotations

import os
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

from ....schemas.frames import MOST_JOBS_PER_START, MOST_KEYS
from ....schemas.generated import job_pb2, request_pb2
from ....schemas.jobs.conditions import MOST_CONDITIONS_OF_A_START
from ....schemas.jobs.spec import JobSpec
from ....schemas.jobs.states import OnFailure, OutcomeKind, State
from ....schemas.naming import ID_BYTES, JobKey, parse_id
from ....schemas.refusal import Code, Reason, Refused
from ....schemas.text.sizes import parse_size
from ....schemas.wire_codec import key_to_wire
from ..known_jobs import KnownJobs, Record
from ..options.arguments import LOWEST, Duration, milliseconds, must_be_whole, whole_or_none
from ..requests.encoding import encode, encode_batch, size_of
from ..session import Session

if TYPE_CHECKING:
    from ...sockets.connection import Connection
    from ..values.results import BatchInfo, Forgotten

_Thing = TypeVar("_Thing")


# More jobs than these are staged, if the worker can do that: written in one piece, they would delay everybody.
MOST_AT_ONCE = MOST_JOBS_PER_START
_BYTES_AT_ONCE = 1024 * 1024


def start_request(
    wanted: Sequence[JobSpec | JobKey],
    ids: Sequence[bytes],
    *,
    batch: BatchInfo | None,
    watch: bool,
    tail_lines: int | None,
    feed: bool = False,
    again: Mapping[JobKey, job_pb2.JobSpec] = MappingProxyType({}),
) -> request_pb2.Request:
    """Return a request that starts jobs, all or none: new ones, or reruns by their keys, which are fed with `feed`.

    `again`: the specs of the reruns, where naming them is not enough.

    Raises `Refused(INVALID_ARGUMENT)` for a job that cannot be encoded.
    """
    request = request_pb2.Request()
    start = request.start
    start.watch = watch
    if tail_lines is not None:
        start.tail_lines = tail_lines
    if watch:
        start.within = surrounding_job()
    if batch is not None:
        start.batch.CopyFrom(encode_batch(batch))
    for job_id, job in zip(ids, wanted, strict=True):
        if isinstance(job, JobSpec):
            start.jobs.add(id=job_id, spec=encode(job))
        else:
            start.jobs.add(id=job_id, rerun=key_to_wire(job), feed=feed, spec=again.get(job))
    return request


def find_specs(connection: Connection, wanted: Mapping[bytes, JobSpec | JobKey]) -> Mapping[JobKey, job_pb2.JobSpec]:
    """Return the specs of the reruns among these, by their new ids, where a worker must be shown them."""
    if all(isinstance(job, JobSpec) for job in wanted.values()) or connection.hello().kind != "broker":
        return {}
    from ..requests.reruns import find_specs  # noqa: PLC0415 -- most commands run nothing again

    return find_specs(connection, wanted)


def takes_parts(batch: BatchInfo, features: Container[str], wanted: Iterable[object] = ()) -> bool:
    """Return whether a worker with these features takes a batch in parts. `wanted`: its jobs, some of which may be reruns."""
    is_plain = batch.on_finish is None and batch.on_failure is OnFailure.CONTINUE
    if "staging" not in features or not (is_plain or "staged_runs" in features):
        return False
    return "staged_reruns" in features or all(isinstance(job, JobSpec) for job in wanted)


def is_large(wanted: Sequence[object]) -> bool:
    """Return whether jobs are better staged than started with one request. The sizes of reruns are not known."""
    specs = [job for job in wanted if isinstance(job, JobSpec)] if len(wanted) > 1 else []
    return (
        len(wanted) > MOST_AT_ONCE
        or sum(len(spec.after) for spec in specs) > MOST_CONDITIONS_OF_A_START
        or sum(map(size_of, specs)) > _BYTES_AT_ONCE
    )


def by_id(ids: Sequence[bytes], wanted: Sequence[_Thing]) -> dict[bytes, _Thing]:
    """Return jobs by their ids. Raises `Refused(INVALID_ARGUMENT)`, as a worker does, for a duplicate id."""
    found: dict[bytes, _Thing] = {}
    for index, (job_id, job) in enumerate(zip(ids, wanted, strict=True)):
        if job_id in found:
            refused = Refused(Code.INVALID_ARGUMENT, "the same id occurs twice in one start")
            refused.job_index = index
            raise refused
        found[job_id] = job
    return found


def run_of(ids: Sequence[bytes]) -> BatchInfo:
    """Return the run for many jobs outside of a batch; the same for the same jobs, so that a repeated call starts nothing."""
    from hashlib import blake2b  # noqa: PLC0415 -- a command that runs a job need not wait for it

    from ..values.results import BatchInfo  # noqa: PLC0415 -- as above

    return BatchInfo(blake2b(b"".join(ids), digest_size=ID_BYTES, person=b"jobwire.run").digest())


def accepted(known_jobs: KnownJobs, keys: Sequence[JobKey], acknowledged: request_pb2.Acknowledged) -> list[Record]:
    """Return what is known about jobs of a committed batch. Nothing reports their ends: a wait queries, or subscribes to events."""
    records = [known_jobs.record(key) for key in keys]
    for record in records:
        record.state = record.state or State.QUEUED
        record.is_repeated = acknowledged.known == len(records)
    return records


def send_files(connection: Connection, wanted: Sequence[object]) -> None:
    """Send the files of jobs that the worker does not have. Raises Refused."""
    if any(isinstance(spec, JobSpec) and spec.files for spec in wanted):
        from ...files.sending import local_files, send  # noqa: PLC0415 -- few jobs bring files

        send(connection, local_files(wanted))


def surrounding_job() -> bytes:
    """Return the id of the job in which this process runs; empty if it runs in none."""
    said = os.environ.get("JOBWIRE_JOB_ID")
    try:
        return parse_id(said) if said else b""
    except ValueError:
        return b""


def stop_requests(
    records: Sequence[Record], signal: int | None, grace: Duration | None
) -> Iterator[tuple[request_pb2.Request, Sequence[Record]]]:
    """Return the requests that stop jobs, each with its jobs."""
    for some in _parts(records):
        keys = [key_to_wire(record.key) for record in some]
        wanted = request_pb2.Stop(keys=keys, signal=whole_or_none("signal", signal) or 0, grace_ms=milliseconds(grace))
        yield request_pb2.Request(stop=wanted), some


def cancel_request(key: JobKey, features: Container[str]) -> request_pb2.Request:
    """Return the request that cancels a queued job, and leaves it alone if it may have a process.

    Raises `Refused(UNIMPLEMENTED)` for a worker that would stop it nevertheless.
    """
    if "cancel" not in features:
        raise Refused(
            Code.UNIMPLEMENTED,
            "the worker is too old to cancel a job only if it is queued",
            "stop it, whether it runs or not, or have the worker upgraded",
            reason=Reason.UNKNOWN_FIELD,
        )
    return request_pb2.Request(stop=request_pb2.Stop(keys=[key_to_wire(key)], only_queued=True, tail_lines=0))


def was_cancelled(record: Record) -> bool:
    """Return whether a job was cancelled before it had a process."""
    return record.outcome is not None and record.outcome.kind is OutcomeKind.CANCELLED and not record.pid


def pause_requests(keys: Sequence[JobKey]) -> Iterator[request_pb2.Request]:
    """Return the requests that suspend jobs; the reply to each is `done` when all its processes are suspended."""
    return (request_pb2.Request(pause=request_pb2.Pause(keys=map(key_to_wire, some))) for some in _parts(keys))


def resume_requests(keys: Sequence[JobKey]) -> Iterator[request_pb2.Request]:
    """Return the requests that resume jobs; the reply to each is `done`."""
    return (request_pb2.Request(resume=request_pb2.Resume(keys=map(key_to_wire, some))) for some in _parts(keys))


def change_requests(
    keys: Sequence[JobKey],
    held: bool | None = None,  # noqa: FBT001 -- by name in what calls it
    priority: int | None = None,
    time_limit: Duration | None = None,
) -> Iterator[request_pb2.Request]:
    """Return the requests that change jobs; the reply to each is `done`."""
    priority = whole_or_none("priority", priority, LOWEST)
    return (
        request_pb2.Request(
            change=request_pb2.Change(keys=map(key_to_wire, some), held=held, priority=priority, time_limit_ms=milliseconds(time_limit))
        )
        for some in _parts(keys)
    )


def capacity_request(
    slots: int | None,
    memory: int | str | None,
    gpus: Sequence[str] | None,
    resources: Mapping[str, int] | None,
    labels: Mapping[str, str | None] | None,
    *,
    reset: bool,
) -> request_pb2.Request:
    """Return the request that sets the capacity of a worker; the reply is `slots`."""
    size = parse_size(memory) if isinstance(memory, str) else whole_or_none("memory", memory)
    request = request_pb2.SetSlots(slots=whole_or_none("slots", slots), memory_bytes=size, reset=reset)
    if gpus is not None:
        request.gpus.SetInParent()
        request.gpus.ids.extend(gpus)
    for name, amount in (resources or {}).items():
        request.resources.add(name=name, amount=must_be_whole(f"resources[{name!r}]", amount))
    for name, value in (labels or {}).items():
        if value is None:
            request.removed_labels.append(name)
        else:
            request.labels.add(name=name, value=value)
    return request_pb2.Request(set_slots=request)


def forget_requests(keys: Sequence[JobKey]) -> Iterator[request_pb2.Request]:
    """Return the requests that remove jobs with their logs; the reply to each is `forget`."""
    return (request_pb2.Request(forget=request_pb2.Forget(keys=map(key_to_wire, some))) for some in (_parts(keys) if keys else ()))


def stop(session: Session, records: Sequence[Record], signal: int | None, grace: Duration | None, deadline: float | None) -> None:
    """Start to stop jobs; returns once the worker has accepted that.

    Raises the refusal, or TimeoutError when the deadline has passed.
    """
    for request, some in stop_requests(records, signal, grace):
        session.acknowledged(session.connection.ask(request), some, deadline)


def forget(session: Session, keys: Sequence[JobKey]) -> Forgotten:
    """Remove jobs with their logs and return how many."""
    return forgotten(session.reply(request, "forget").forget for request in forget_requests(keys))


def forgotten(replies: Iterable[request_pb2.ForgetReply]) -> Forgotten:
    """Return the total number of removed jobs."""
    from ..values.results import Forgotten  # noqa: PLC0415 -- a command that runs a job need not wait for it

    jobs = log_bytes = 0
    for reply in replies:
        jobs += reply.jobs
        log_bytes += reply.log_bytes
    return Forgotten(jobs, log_bytes)


def _parts(things: Sequence[_Thing]) -> Iterator[Sequence[_Thing]]:
    """Return a list split for several requests. An empty one is one request nevertheless, which the worker refuses."""
    for at in range(0, max(1, len(things)), MOST_KEYS):
        yield things[at : at + MOST_KEYS]
