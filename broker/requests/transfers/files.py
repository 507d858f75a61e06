"""put, place and fetch: contents from members, and files put into and read from the folders of jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ....keys.members.rights import Right, demand
from ....schemas.frames import MOST_FETCHES, MOST_MISSING, MOST_PUTS, TOKEN_BYTES
from ....schemas.jobs import brought_files
from ....schemas.jobs.brought_files import DIGEST_BYTES, BroughtFile, path_problem
from ....schemas.jobs.spec import JobSpec
from ....schemas.jobs.states import State
from ....schemas.naming import JobKey, format_id
from ....schemas.refusal import Code, Reason, Refused
from ...depot import Depot, Placement
from ...jobs.life import SHOWN, WAITING
from ...retention.followed import Followed
from ...store.queries import Lookup
from ...streams.fetch_stream import FetchStream
from ...streams.pushed.put_stream import PutStream
from ..call import Call
from ..job_keys import read_key, read_key_to_stop
from .feed import pusher_of


def put(call: Call, depot: Depot, shortage: Refused | None) -> None:
    """Receive a content, and reply when it is on the disk; at once if it is stored already."""
    demand(call.member, Right.SUBMIT, call.member.key)
    request, owner = call.request.put, call.member.key
    if request.token:
        if len(request.token) != TOKEN_BYTES:
            raise Refused(Code.INVALID_ARGUMENT, f"the token of a put has {TOKEN_BYTES} bytes, not {len(request.token)}")
        if request.digest:
            raise Refused(Code.INVALID_ARGUMENT, "a put has a token or a digest, not both")
    elif len(request.digest) != DIGEST_BYTES:
        raise Refused(Code.INVALID_ARGUMENT, f"the digest of a file has {DIGEST_BYTES} bytes, not {len(request.digest)}")
    file = BroughtFile(b"", request.digest, request.size)
    if not request.token and depot.has(owner, file):
        call.done(None)
        return
    if shortage is not None:
        raise shortage
    call.demand_stream()
    account = call.peer.account
    if account.puts >= (most := MOST_PUTS * account.speaks_for):
        raise _too_many("sends", most, call)

    def ended() -> None:
        call.stream_ended()
        account.puts -= 1

    stream = PutStream(
        pusher_of(call, "sent more of a file than it may", ended), request.size, shared_by=lambda: account.puts + account.feeds
    )
    call.open_stream(stream)
    account.puts += 1
    stream.begin(depot.put(owner, file, call.member.limits.file_bytes, stream, request.token))


def place(call: Call, lookup: Lookup, followed: Followed, depot: Depot, shortage: Refused | None, placed: Callable[[JobKey], None]) -> None:
    """Put files into the folder of a job, and reply when they are there; `placed` is called with a job that has ended.

    Whoever may stop a job may do that; the contents are the sender's own.
    """
    request = call.request.place
    job = lookup.visible_job(read_key_to_stop(request.key, call.member), call.member)
    demand(call.member, Right.SUBMIT, call.member.key)
    files = [brought_files.from_wire(file) for file in request.files]
    if request.only_check:
        files = [file._replace(digest=bytes(DIGEST_BYTES)) for file in files]
    brought_files.check(files, ())
    if not job.spec.has_folder:
        raise _no_folder(job.key, "so no files can be put there")
    if shortage is not None:
        raise shortage
    is_queued = SHOWN[job.latest.phase] is State.QUEUED
    # It is not removed meanwhile.
    followed.demand_room(call.member.key)
    followed.begin(job.key, call.member.key)

    def done(why_not: Refused | None) -> None:
        followed.end(job.key, call.member.key)
        if not request.only_check and SHOWN[job.attempt.phase] is State.FINISHED:
            placed(job.key)
        call.done(why_not)

    depot.place(Placement(job.latest.key, call.member.key, files, is_queued, request.only_check, call.proof), done)


def fetch(call: Call, lookup: Lookup, followed: Followed, depot: Depot) -> None:
    """Stream a file or folder in the folder of a job."""
    request = call.request.fetch
    key = read_key(request.key, call.member)
    job = lookup.visible_job(key, call.member)
    if problem := path_problem(request.path):
        raise Refused(Code.INVALID_ARGUMENT, f"{request.path.decode(errors='replace')!r} cannot be fetched: {problem}")
    if not job.spec.has_folder:
        raise _no_folder(key, "so there are no files to fetch")
    if request.start and not request.validator:
        raise Refused(Code.INVALID_ARGUMENT, "a fetch from the middle has no validator", "fetch it from the first byte on")
    call.demand_stream()
    account = call.peer.account
    if account.fetches >= (most := MOST_FETCHES * account.speaks_for):
        raise _too_many("fetches", most, call)
    followed.demand_room(call.member.key)

    def ended() -> None:
        call.stream_ended()
        account.fetches -= 1
        followed.end(job.key, call.member.key)

    # An attempt that waits has no folder yet, and that of the one before is still there.
    attempt = job.earlier[-1] if job.earlier and job.attempt.phase in WAITING else job.attempt
    reading = depot.fetch(attempt.key, request.path, request.start, request.validator)
    stream = FetchStream(call.request, reading, send=call.send, refuse=call.refuse, ended=ended)
    call.open_stream(stream)
    account.fetches += 1
    followed.begin(job.key, call.member.key)
    stream.go_on()


def _no_folder(key: JobKey, why: str) -> Refused:
    message = f"the job {format_id(key.id)} has no folder of its own, {why}"
    return Refused(Code.FAILED_PRECONDITION, message, "a job that is submitted with files, or with files to fetch, has one")


def _too_many(does: str, most: int, call: Call) -> Refused:
    message = f"{call.member.name} {does} {most} files already, which is the limit"
    return Refused(Code.RESOURCE_EXHAUSTED, message, "wait for some of them", reason=Reason.TOO_MANY_STREAMS)


class Missing:
    """Collects the contents that the jobs of a start refer to and that are not stored."""

    def __init__(self, owner: bytes, depot: Depot) -> None:
        self._owner = owner
        self._depot = depot
        self._looked: set[BroughtFile] = set()
        self._missing: dict[bytes, None] = {}

    def look(self, spec: JobSpec, rerun_of: JobKey | None) -> None:
        """Check the contents of one job; a rerun may use those of the owner of the first job."""
        for file in _distinct(spec.files) if spec.files else ():
            if file not in self._looked:
                self._looked.add(file)
                if not self._depot.has(self._owner, file, rerun_of.owner if rerun_of is not None else b""):
                    self._missing[file.digest] = None

    def demand_none(self) -> None:
        """Raise `Refused(FAILED_PRECONDITION, FILES_MISSING)`, with the digests, if anything is missing."""
        if self._missing:
            count = len(self._missing)
            what = "a file" if count == 1 else f"{count} files"
            message = f"the worker does not have the content of {what} of the start"
            refused = Refused(Code.FAILED_PRECONDITION, message, "send it with put, then start again", reason=Reason.FILES_MISSING)
            refused.missing = tuple(self._missing)[:MOST_MISSING]
            raise refused


def _distinct(files: Iterable[BroughtFile]) -> Iterable[BroughtFile]:
    """Return files without those whose content occurred before."""
    return {BroughtFile(b"", file.digest, file.size) for file in files}
