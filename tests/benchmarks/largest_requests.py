"""Of each verb that a member can use, requests that are as large as they may be, or ask for as much: what could keep others waiting.

Each function gets a client, prepares what there has to be, and returns the request.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence

from raw_client import RawClient

from jobwire.schemas.batches.parts import hash_of_job, hash_of_part
from jobwire.schemas.frames import MOST_JOBS_PER_FILTER, MOST_JOBS_PER_PART, MOST_JOBS_PER_START, MOST_KEYS, MOST_PARTS
from jobwire.schemas.generated import event_pb2, job_pb2, request_pb2
from jobwire.schemas.jobs.spec_check import MOST_ARGUMENTS, MOST_LABELS, MOST_VARIABLES

_LABELS = [job_pb2.Label(name=f"label-{number}", value="v" * 200) for number in range(MOST_LABELS)]
# All jobs are of a batch of this name, so that all of them can be stopped.
_NAME = "large"
_BATCH = job_pb2.Batch(id=b"L" * 16, name=_NAME)
_LAST_BYTES = 1024 * 1024
_ENDED_SECONDS = 60
Request = request_pb2.Request
Specs = Sequence[job_pb2.JobSpec]


def _spec(*argv: bytes, **more: object) -> job_pb2.JobSpec:
    return job_pb2.JobSpec(argv=argv or (b"true",), **more)  # type: ignore[arg-type] # reason: any field


def _of_bytes() -> job_pb2.JobSpec:
    return _spec(b"true", *[b"x" * 131_000] * 14, stdin=secrets.token_bytes(1024 * 1024))


def _of_arguments() -> job_pb2.JobSpec:
    return _spec(b"true", *[b"x" * 18] * (MOST_ARGUMENTS - 1))


def _of_variables() -> job_pb2.JobSpec:
    return _spec(environment=[job_pb2.EnvironmentVariable(name=b"N%05d" % number, value=b"v" * 90) for number in range(MOST_VARIABLES)])


def _start(raw: RawClient, specs: Specs, **more: object) -> Request:
    jobs = [request_pb2.NewJob(id=secrets.token_bytes(16), spec=spec) for spec in specs]
    return raw.request(start=request_pb2.Start(jobs=jobs, **{"batch": _BATCH, **more}))  # type: ignore[arg-type] # reason: any field


def _started(raw: RawClient, specs: Specs, *, ended: bool = False, **more: object) -> list[job_pb2.JobKey]:
    request = _start(raw, specs, **more)
    reply = raw.ask(request)
    assert reply.HasField("acknowledged"), reply
    until = time.monotonic() + _ENDED_SECONDS
    while ended and raw.ask(raw.request(list=request_pb2.List(limit=1))).list.jobs and time.monotonic() < until:
        time.sleep(0.05)
    return [job_pb2.JobKey(owner=raw.identity.public, id=job.id) for job in request.start.jobs]


def _held(raw: RawClient) -> list[job_pb2.JobKey]:
    return _started(raw, [_spec(held=True)] * MOST_KEYS)


def stop_everything(raw: RawClient) -> Request:
    """Return the request that stops all jobs."""
    return raw.request(stop=request_pb2.Stop(selection=_own(raw, batch_name=_NAME), signal=9, credit_messages=1))


def _own(raw: RawClient, **which: object) -> request_pb2.Selection:
    return request_pb2.Selection(owner=raw.identity.public, **which)  # type: ignore[arg-type] # reason: any field


def _parts(raw: RawClient, count: int) -> tuple[bytes, list[bytes]]:
    """Stage a batch of so many parts; return the id of its run, and the hashes of the parts."""
    run, hashes = secrets.token_bytes(16), list[bytes]()
    for number in range(count):
        jobs = [request_pb2.NewJob(id=secrets.token_bytes(16), spec=_spec(held=True)) for _ in range(MOST_JOBS_PER_PART)]
        reply = raw.ask(raw.request(stage=request_pb2.Stage(batch=run, number=number, jobs=jobs)))
        assert reply.HasField("stage"), reply
        hashes.append(hash_of_part([hash_of_job(job.id, job.spec.SerializeToString()) for job in jobs]))
    return run, hashes


def _stage(raw: RawClient, specs: Specs) -> Request:
    jobs = [request_pb2.NewJob(id=secrets.token_bytes(16), spec=spec) for spec in specs]
    return raw.request(stage=request_pb2.Stage(batch=secrets.token_bytes(16), number=0, jobs=jobs))


def _commit(raw: RawClient) -> Request:
    run, hashes = _parts(raw, 20)
    return raw.request(commit=request_pb2.Commit(batch=job_pb2.Batch(id=run, name=_NAME), parts=hashes))


def _changed(raw: RawClient) -> Request:
    return raw.request(change=request_pb2.Change(keys=_held(raw), priority=4))


def _stopped(raw: RawClient) -> Request:
    return raw.request(stop=request_pb2.Stop(keys=_held(raw), credit_messages=MOST_KEYS))


def _chain(raw: RawClient) -> Request:
    start = _start(raw, [_spec(held=True)])
    for _ in range(MOST_JOBS_PER_START - 1):
        after = job_pb2.After(condition=job_pb2.CONDITION_OK, job=start.start.jobs[-1].id)
        start.start.jobs.add(id=secrets.token_bytes(16), spec=_spec(after=[after]))
    return start


def _run_again(raw: RawClient) -> Request:
    keys = _started(raw, [_spec(b"true", b"x" * 30_000)] * MOST_JOBS_PER_START, ended=True)
    return raw.request(start=request_pb2.Start(jobs=[request_pb2.NewJob(id=secrets.token_bytes(16), rerun=key) for key in keys]))


def _forgotten(raw: RawClient) -> Request:
    return raw.request(forget=request_pb2.Forget(keys=_started(raw, [_spec()] * MOST_KEYS, ended=True)))


def _listed(raw: RawClient, specs: Specs) -> Request:
    for spec in specs:
        _started(raw, [spec])
    return raw.request(list=request_pb2.List(all=True, newest_first=True))


def _one(raw: RawClient, spec: job_pb2.JobSpec) -> Request:
    (key,) = _started(raw, [spec], ended=True)
    part = request_pb2.ByteRange(start=0, length=_LAST_BYTES)
    return raw.request(query_one=request_pb2.QueryOne(key=key, stdout_range=part, stderr_range=part))


def _run(raw: RawClient) -> Request:
    _started(raw, [_spec(b"sh", b"-c", b"seq 1000 >&2; exit 1")] * 100, ended=True)
    return raw.request(query_run=request_pb2.QueryRun(name=_NAME, longest=100, failures=100, tail_lines=1000))


def _proofs(raw: RawClient) -> Request:
    keys = _started(raw, [_spec(b"true", b"x" * 30_000)] * MOST_JOBS_PER_START, ended=True)
    return raw.request(query_proof=request_pb2.QueryProof(keys=keys))


def _filter(raw: RawClient) -> event_pb2.Filter:
    jobs = [job_pb2.JobKey(owner=raw.identity.public, id=secrets.token_bytes(16)) for _ in range(MOST_JOBS_PER_FILTER)]
    return event_pb2.Filter(jobs=jobs, labels=_LABELS)


def _log(raw: RawClient, script: bytes) -> job_pb2.JobKey:
    return _started(raw, [_spec(b"sh", b"-c", script)], ended=True)[0]


def _schedule(raw: RawClient) -> request_pb2.AddSchedule:
    return request_pb2.AddSchedule(
        id=secrets.token_bytes(16), name=f"s{secrets.token_hex(8)}", spec=_spec(b"x" * 100_000), cron="0 0 29 2 *", zone="Europe/Zurich"
    )


def _schedules(raw: RawClient) -> Request:
    for _ in range(50):
        raw.ask(raw.request(add_schedule=_schedule(raw)))
    return raw.request(list_schedules=request_pb2.ListSchedules())


REQUESTS: dict[str, Callable[[RawClient], Request]] = {
    "start of a job of 3 MB": lambda raw: _start(raw, [_of_bytes()]),
    "start of a job with 65,536 arguments": lambda raw: _start(raw, [_of_arguments()]),
    "start of a job with 16,384 variables": lambda raw: _start(raw, [_of_variables()]),
    "start of a job with 4,000,000 empty arguments": lambda raw: _start(raw, [_spec(*[b""] * 4_000_000)]),
    "start of 250 jobs of 32 KB": lambda raw: _start(raw, [_spec(b"true", b"x" * 32_000)] * MOST_JOBS_PER_START),
    "start of 250 jobs with 64 labels": lambda raw: _start(raw, [_spec(held=True, labels=_LABELS)] * MOST_JOBS_PER_START),
    "start of 250 jobs that wait for each other": _chain,
    "start of 250 jobs again": _run_again,
    "stage of 250 jobs": lambda raw: _stage(raw, [_spec(b"true", b"x" * 4000)] * MOST_JOBS_PER_PART),
    "stage of a job of 3 MB": lambda raw: _stage(raw, [_of_bytes()]),
    "commit of 5,000 jobs": _commit,
    "commit that names 2,000 parts": lambda raw: raw.request(
        commit=request_pb2.Commit(batch=job_pb2.Batch(id=bytes(16), name="none"), parts=[bytes(32)] * MOST_PARTS)
    ),
    "unstage of 5,000 jobs": lambda raw: raw.request(unstage=request_pb2.Unstage(batch=_parts(raw, 20)[0])),
    "stop of 250 jobs": _stopped,
    "stop of a batch": lambda raw: (_held(raw), stop_everything(raw))[1],
    "change of 250 jobs": _changed,
    "pause of 250 jobs": lambda raw: raw.request(pause=request_pb2.Pause(keys=_held(raw))),
    "resume of 250 jobs": lambda raw: raw.request(resume=request_pb2.Resume(keys=_held(raw))),
    "signal to a batch": lambda raw: raw.request(signal=request_pb2.Signal(selection=_own(raw, batch_name=_NAME), signal=10)),
    "forget of 250 jobs": _forgotten,
    "forget of everything": lambda raw: raw.request(forget=request_pb2.Forget(selection=_own(raw, everything=True))),
    "list of jobs of 3 MB": lambda raw: _listed(raw, [_of_bytes() for _ in range(5)]),
    "list of jobs with 65,536 arguments": lambda raw: _listed(raw, [_of_arguments() for _ in range(3)]),
    "list with 64 labels": lambda raw: raw.request(list=request_pb2.List(all=True, labels=_LABELS)),
    "list_runs": lambda raw: raw.request(list_runs=request_pb2.ListRuns(limit=1000)),
    "query_one of a job with 65,536 arguments": lambda raw: _one(raw, _of_arguments()),
    "query_one with 2 MB of logs": lambda raw: _one(raw, _spec(b"sh", b"-c", b"yes | head -c 1048576; yes | head -c 1048576 >&2")),
    "query_run": _run,
    "query_proof of 250 jobs": _proofs,
    "read_log of 1 MB": lambda raw: raw.request(
        read_log=request_pb2.ReadLog(
            key=_log(raw, b"yes | head -c 2000000"),
            stream=request_pb2.STREAM_STDOUT,
            range=request_pb2.ByteRange(start=0, length=_LAST_BYTES),
        )
    ),
    "read_log of the last 1,000 lines": lambda raw: raw.request(
        read_log=request_pb2.ReadLog(key=_log(raw, b"yes | head -c 2000000"), stream=request_pb2.STREAM_STDOUT, tail_lines=1000)
    ),
    "follow_log of both logs, with times": lambda raw: raw.request(
        follow_log=request_pb2.FollowLog(
            key=_log(raw, b"for i in $(seq 10000); do echo a; echo b >&2; done"),
            stream=request_pb2.STREAM_BOTH,
            timed=True,
            credit_bytes=16 * 1024 * 1024,
        )
    ),
    "replay of everything": lambda raw: raw.request(replay=request_pb2.Replay()),
    "replay with a filter of 1,000 jobs": lambda raw: raw.request(replay=request_pb2.Replay(filter=_filter(raw))),
    "subscribe with a filter of 1,000 jobs": lambda raw: raw.request(subscribe=request_pb2.Subscribe(filter=_filter(raw))),
    "add_schedule": lambda raw: raw.request(add_schedule=_schedule(raw)),
    "list_schedules": _schedules,
    "find_workers": lambda raw: raw.request(find_workers=request_pb2.FindWorkers(spec=_spec(*[b"x"] * 40_000))),
    "hello": lambda raw: raw.request(hello=request_pb2.Hello(oldest_version=1, newest_version=1, software="x" * 256)),
    "status": lambda raw: raw.request(status=request_pb2.Status()),
}

# The answers of these are small whatever is asked, or come a window or a chunk at a time; the last row: who may use them can do more harm.
LEFT_OUT = frozenset(
    {
        *("credit", "cancel", "unsubscribe", "feed", "push", "resize", "put", "place", "fetch", "change_schedule", "query_schedule"),
        *("pair", "set_slots", "list_members", "change_members"),
    }
)
