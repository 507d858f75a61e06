"""Requests of one kind, as many as a member can have answered: sent without end by somebody who reads the replies and throws them away."""

from __future__ import annotations

import hashlib
import itertools
import secrets
import time
from collections.abc import Callable, Iterator

import zmq
from raw_client import RawClient

from jobwire.schemas.frames import MOST_JOBS_PER_START, MOST_KEYS
from jobwire.schemas.generated import job_pb2, request_pb2

# So many are unanswered at once; of those that leave hundreds of jobs behind if the flood ends before they are stopped, fewer.
_UNDER_WAY = 64
_FEW_UNDER_WAY = {"chains": 2}
# Who asks for much waits for up to two seconds for a share of the worker, and longer on a busy machine.
_ANSWER_MS = 5000
_JOBS = 200
_LOG_BYTES = 64 * 1024
# The largest count of keys in one request is higher; what a stop with more costs is the attack `keys`.
_KEYS = 100
_OWN_LABEL = job_pb2.Label(name="flood", value="yes")
Requests = Iterator[request_pb2.Request]


def flood(raw: RawClient, name: str, requests: Requests, goes_on: Callable[[float], bool]) -> None:
    """Send the requests of the flood of this name, and read what is said to them."""
    under_way, most = 0, _FEW_UNDER_WAY.get(name, _UNDER_WAY)
    for number, request in enumerate(requests):
        if number % min(16, most) == 0 and not goes_on(0):
            return
        raw.send(raw.envelope(request))
        under_way += 1
        while under_way >= most or raw.socket.poll(0):
            frames = raw.receive_frames(_ANSWER_MS)
            if frames is None:
                # A request can be answered by nothing, if its sender was cut off.
                return
            under_way -= request_pb2.Reply.FromString(frames[0]).last


def _ended_jobs(raw: RawClient, *argv: bytes, batch: job_pb2.Batch | None = None) -> list[job_pb2.JobKey]:
    start = raw.start(*argv)
    start.start.jobs[0].spec.labels.append(_OWN_LABEL)
    for _ in range(_JOBS - 1):
        start.start.jobs.add(id=secrets.token_bytes(16), spec=start.start.jobs[0].spec)
    if batch is not None:
        start.start.batch.CopyFrom(batch)
    reply = raw.ask(start)
    assert reply.HasField("acknowledged"), reply
    alive = raw.request(list=request_pb2.List())
    while raw.ask(alive).list.jobs:
        time.sleep(0.02)
    return [job_pb2.JobKey(owner=raw.identity.public, id=job.id) for job in start.start.jobs]


def ones(raw: RawClient) -> Requests:
    """Ask for a job by the beginning of its id, with 64 KiB of its output."""
    key = _ended_jobs(raw, b"sh", b"-c", b"head -c %d /dev/zero" % _LOG_BYTES)[0]
    name, part = key.id.hex()[:8], request_pb2.ByteRange(start=0, length=_LOG_BYTES)
    while True:
        yield raw.request(query_one=request_pb2.QueryOne(name=name, stdout_range=part))


def unknown(raw: RawClient) -> Requests:
    """Ask for jobs that do not exist, by what could be a name."""
    _ended_jobs(raw, b"true")
    while True:
        yield raw.request(query_one=request_pb2.QueryOne(name=secrets.token_hex(4)))


def logs(raw: RawClient) -> Requests:
    """Read 64 KiB of a log."""
    key = _ended_jobs(raw, b"sh", b"-c", b"head -c %d /dev/zero" % _LOG_BYTES)[0]
    part = request_pb2.ByteRange(start=0, length=_LOG_BYTES)
    while True:
        yield raw.request(read_log=request_pb2.ReadLog(key=key, stream=request_pb2.STREAM_STDOUT, range=part))


def tails(raw: RawClient) -> Requests:
    """Read the last lines of a log that has none."""
    key = _ended_jobs(raw, b"sh", b"-c", b"head -c 1000000 /dev/zero")[0]
    while True:
        yield raw.request(read_log=request_pb2.ReadLog(key=key, stream=request_pb2.STREAM_STDOUT, tail_lines=10_000))


def runs(raw: RawClient) -> Requests:
    """Ask for a run with all that can be asked of it: its longest and its failed jobs, and the last lines of these."""
    _ended_jobs(raw, b"sh", b"-c", b"seq 1000 >&2; exit 1", batch=job_pb2.Batch(id=secrets.token_bytes(16), name="run"))
    while True:
        yield raw.request(query_run=request_pb2.QueryRun(name="run", longest=100, failures=100, tail_lines=1000))


def pages(raw: RawClient) -> Requests:
    """Ask for the failed jobs of a run, page after page, as a report of it does."""
    run = secrets.token_bytes(16)
    _ended_jobs(raw, b"sh", b"-c", b"exit 1", batch=job_pb2.Batch(id=run, name="run"))
    while True:
        yield raw.request(list=request_pb2.List(all=True, batch=run))


def labels(raw: RawClient) -> Requests:
    """Ask for jobs with many labels, of which one matches."""
    _ended_jobs(raw, b"true")
    wanted = [_OWN_LABEL, *(job_pb2.Label(name=f"no{number}", value="x") for number in range(15))]
    while True:
        yield raw.request(list=request_pb2.List(all=True, labels=wanted))


def selected(raw: RawClient) -> Requests:
    """Ask what would be forgotten."""
    _ended_jobs(raw, b"true")
    while True:
        yield raw.request(forget=request_pb2.Forget(selection=request_pb2.Selection(everything=True), dry_run=True))


def stops(raw: RawClient) -> Requests:
    """Stop a hundred jobs that do not exist."""
    while True:
        keys = [job_pb2.JobKey(owner=raw.identity.public, id=secrets.token_bytes(16)) for _ in range(_KEYS)]
        yield raw.request(stop=request_pb2.Stop(keys=keys))


def replays(raw: RawClient) -> Requests:
    """Ask for all events from the oldest one on."""
    _ended_jobs(raw, b"true")
    while True:
        yield raw.request(replay=request_pb2.Replay())


def staged(raw: RawClient) -> Requests:
    """Stage parts of batches that are never committed, and drop them."""
    part = [request_pb2.NewJob(id=secrets.token_bytes(16), spec=job_pb2.JobSpec(argv=[b"true"])) for _ in range(_KEYS)]
    while True:
        run = secrets.token_bytes(16)
        yield raw.request(stage=request_pb2.Stage(batch=run, number=0, jobs=part))
        yield raw.request(unstage=request_pb2.Unstage(batch=run))


def schedules(raw: RawClient) -> Requests:
    """Add schedules and remove them."""
    while True:
        mine = secrets.token_bytes(16)
        spec = job_pb2.JobSpec(argv=[b"true"])
        yield raw.request(add_schedule=request_pb2.AddSchedule(id=mine, name="s" + mine.hex(), spec=spec, cron="0 0 1 1 *", zone="UTC"))
        key = job_pb2.JobKey(owner=raw.identity.public, id=mine)
        yield raw.request(change_schedule=request_pb2.ChangeSchedule(key=key, remove=True))


def grants(raw: RawClient) -> Requests:
    """Get topics, and give them back by asking for more than there may be."""
    while True:
        yield raw.request(subscribe=request_pb2.Subscribe())


def starts(raw: RawClient) -> Requests:
    """Start jobs that are held, and cancel them."""
    while True:
        start = raw.start(b"true")
        start.start.jobs[0].spec.held = True
        yield start
        key = job_pb2.JobKey(owner=raw.identity.public, id=start.start.jobs[0].id)
        yield raw.request(stop=request_pb2.Stop(keys=[key], credit_messages=1))


def changes(raw: RawClient) -> Requests:
    """Change the priority of as many jobs as one request may name."""
    start = raw.start(b"true")
    start.start.jobs[0].spec.held = True
    for _ in range(min(MOST_KEYS, MOST_JOBS_PER_START) - 1):
        start.start.jobs.add(id=secrets.token_bytes(16), spec=start.start.jobs[0].spec)
    assert raw.ask(start).HasField("acknowledged")
    keys = [job_pb2.JobKey(owner=raw.identity.public, id=job.id) for job in start.start.jobs]
    for priority in itertools.cycle(range(5)):
        yield raw.request(change=request_pb2.Change(keys=keys, priority=priority))


def chains(raw: RawClient) -> Requests:
    """Start as many jobs as one request may bring, of which each waits for the one before it, and stop the first."""
    while True:
        start = raw.start(b"true")
        start.start.jobs[0].spec.held = True
        for _ in range(MOST_JOBS_PER_START - 1):
            before = start.start.jobs[-1].id
            job = start.start.jobs.add(id=secrets.token_bytes(16), spec=job_pb2.JobSpec(argv=[b"true"]))
            job.spec.after.add(condition=job_pb2.CONDITION_OK, job=before)
        yield start
        first = job_pb2.JobKey(owner=raw.identity.public, id=start.start.jobs[0].id)
        yield raw.request(stop=request_pb2.Stop(keys=[first], credit_messages=1))


def put_contents(raw: RawClient, goes_on: Callable[[float], bool]) -> None:
    """Send contents of 64 KiB, one after the other."""
    while goes_on(0):
        content = secrets.token_bytes(_LOG_BYTES)
        put = raw.request(put=request_pb2.Put(digest=hashlib.sha256(content).digest(), size=len(content)))
        raw.send(raw.envelope(put))
        while (frames := raw.receive_frames(1000)) is not None:
            reply = request_pb2.Reply.FromString(frames[0])
            if reply.HasField("window") and reply.window.limit == len(content):
                push = raw.request(push=request_pb2.Push(request_id=put.id, start=0, last=True))
                raw.socket.send(raw.envelope(push), zmq.SNDMORE)
                raw.socket.send(content)
            if reply.last and reply.request_id == put.id:
                break


FLOODS: dict[str, Callable[[RawClient], Requests]] = {
    one.__name__: one
    for one in (
        *(ones, unknown, logs, tails, runs, pages, labels, selected, stops, replays, staged, schedules, grants, starts),
        *(changes, chains),
    )
}
