"""What the fake worker knows and answers: jobs, logs, events. Knows no socket: `FakeDaemon` has them."""

from __future__ import annotations

import secrets
from collections import Counter
from dataclasses import dataclass, field

from jobwire.keys.identity import Identity, generate
from jobwire.keys.proofs import signature
from jobwire.schemas import frames
from jobwire.schemas.generated import event_pb2, job_pb2, request_pb2
from jobwire.schemas.refusal import Code, Reason, Refused

STARTED = 1_000_000


@dataclass
class FakeJob:
    key: job_pb2.JobKey
    spec: job_pb2.JobSpec
    pid: int
    log: bytearray = field(default_factory=bytearray)
    outcome: job_pb2.Outcome | None = None

    def report(self, *, finished: bool) -> request_pb2.Report:
        report = request_pb2.Report(key=self.key, state=job_pb2.STATE_RUNNING, pid=self.pid, started_at_us=STARTED)
        if finished:
            report.state = job_pb2.STATE_FINISHED
            report.ended_at_us = STARTED + 1
            report.outcome.CopyFrom(self.outcome or job_pb2.Outcome())
            report.stdout_tail = bytes(self.log[-10:])
        return report


@dataclass
class FakeStream:
    peer: bytes
    request_id: int
    credit: int
    # A log: its job, and the byte reached.
    job: FakeJob | None = None
    position: int = 0
    # Reports: those that are due, and how many jobs have not finished.
    due: list[request_pb2.Report] = field(default_factory=list)
    open_jobs: list[FakeJob] = field(default_factory=list)


class FakeDesk:
    """`swallow[verb]` requests of a verb get no answer. `requests` are all that came, in order."""

    def __init__(self, *members: bytes) -> None:
        self.identity: Identity = generate()
        self.members = set(members)
        self.kind = "worker"
        # As a broker, of the worker of every job that it is asked about; empty: that answers.
        self.silent_worker = ""
        self.nonce = b""
        self.store = secrets.token_bytes(16)
        self.limits = frames.limits()
        self.chunk = 64 * 1024
        self.ports = (0, 0)
        self.swallow: Counter[str] = Counter()
        self.requests: list[request_pb2.Request] = []
        self.sent_bytes = 0
        self.jobs: dict[bytes, FakeJob] = {}
        self.events: list[event_pb2.Event] = []
        self.streams: list[FakeStream] = []
        self.grants: dict[bytes, int] = {}
        # Logs that cannot be read, by stream, and why.
        self.unreadable: dict[int, Refused] = {}
        # Who types at the terminals of jobs, by the number of the request. Each key is echoed.
        self.typing: dict[int, tuple[bytes, FakeJob]] = {}
        self._pushed = b""
        # Events before this one are not kept.
        self.first_seq = 1

    @property
    def public(self) -> bytes:
        return self.identity.public

    def _send(self, peer: bytes, request_id: int, data: bytes | None = None, *, last: bool = False, **content: object) -> None:
        raise NotImplementedError

    def _publish(self, topic: bytes, **content: object) -> None:
        raise NotImplementedError

    # --- verbs

    def _answer(self, peer: bytes, frame: bytes, data: bytes = b"") -> None:
        request, envelope = frames.read_envelope(frame)
        self._pushed = data
        verb = request.WhichOneof("verb") or ""
        self.requests.append(request)
        if self.swallow[verb]:
            self.swallow[verb] -= 1
            return
        try:
            if verb in ("start", "stop", "signal", "forget", "pause", "resume"):
                signature.check(envelope, self.public, self.nonce)
            getattr(self, f"_{verb}")(peer, request, getattr(request, verb))
        except Refused as refused:
            self._send(peer, request.id, last=True, refusal=frames.refusal_message(refused))

    def _hello(self, peer: bytes, request: request_pb2.Request, _: request_pb2.Hello) -> None:
        hello = request_pb2.HelloReply(
            version=1,
            kind=self.kind,
            daemon=self.public,
            store=self.store,
            nonce=self.nonce,
            event_endpoint=f"tcp://*:{self.ports[1]}",
            limits=self.limits,
            silent_worker=self.silent_worker if request.hello.HasField("about") else "",
        )
        self._send(peer, request.id, last=True, hello=hello)

    def _start(self, peer: bytes, request: request_pb2.Request, start: request_pb2.Start) -> None:
        if start.first_store != self.store:
            raise Refused(Code.FAILED_PRECONDITION, "may have run")
        known = 0
        for new in start.jobs:
            if new.spec.argv[0] == b"refuse":
                raise Refused(Code.INVALID_ARGUMENT, "not this", job_index=0)
            if new.id in self.jobs:
                known += 1
                continue
            key = job_pb2.JobKey(owner=next(iter(self.members)), id=new.id)
            job = self.jobs[new.id] = FakeJob(key, new.spec, pid=100 + len(self.jobs))
            self._tell(event_pb2.EVENT_KIND_STARTED, key)
            if new.spec.argv[0] in (b"echo", b"say"):
                self._write(job, b" ".join(new.spec.argv[1:]) + b"\n")
            if new.spec.argv[0] == b"echo":
                self._finish(job, job_pb2.Outcome(kind=job_pb2.OUTCOME_KIND_EXITED))
        acknowledged = request_pb2.Acknowledged(cursor=self._head(), known=known)
        self._send(peer, request.id, last=not start.watch, acknowledged=acknowledged)
        if start.watch:
            self._watch(peer, request.id, start.credit_messages, [self.jobs[new.id] for new in start.jobs])

    def _stop(self, peer: bytes, request: request_pb2.Request, stop: request_pb2.Stop) -> None:
        if any(key.id not in self.jobs for key in stop.keys):
            raise Refused(Code.NOT_FOUND, "no such job")
        jobs = [self.jobs[key.id] for key in stop.keys]
        self._send(peer, request.id, acknowledged=request_pb2.Acknowledged(cursor=self._head()))
        for job in jobs:
            self._finish(job, job_pb2.Outcome(kind=job_pb2.OUTCOME_KIND_SIGNALED, signal=stop.signal or 15))
        self._watch(peer, request.id, stop.credit_messages, jobs)

    def _signal(self, peer: bytes, request: request_pb2.Request, _: request_pb2.Signal) -> None:
        self._send(peer, request.id, last=True, done=request_pb2.Done())

    def _pause(self, peer: bytes, request: request_pb2.Request, _: request_pb2.Pause) -> None:
        self._send(peer, request.id, last=True, done=request_pb2.Done())

    def _resume(self, peer: bytes, request: request_pb2.Request, _: request_pb2.Resume) -> None:
        self._send(peer, request.id, last=True, done=request_pb2.Done())

    def _query_one(self, peer: bytes, request: request_pb2.Request, query: request_pb2.QueryOne) -> None:
        named = [job for job in self.jobs.values() if job.key.id == query.key.id or (query.name and job.spec.name == query.name)]
        if not named:
            raise Refused(Code.NOT_FOUND, "no such job")
        self._send(peer, request.id, last=True, query_one=request_pb2.QueryOneReply(job=self._describe(named[0])))

    def _list(self, peer: bytes, request: request_pb2.Request, wanted: request_pb2.List) -> None:
        jobs = list(self.jobs.values())
        first = int(wanted.page or b"0")
        page = [self._describe(job) for job in jobs[first : first + 2]]
        more = b"%d" % (first + 2) if first + 2 < len(jobs) else b""
        self._send(peer, request.id, last=True, list=request_pb2.ListReply(jobs=page, next_page=more))

    def _forget(self, peer: bytes, request: request_pb2.Request, forget: request_pb2.Forget) -> None:
        dropped = [job for key in forget.keys if (job := self.jobs.pop(key.id, None)) is not None]
        reply = request_pb2.ForgetReply(jobs=len(dropped), log_bytes=sum(len(job.log) for job in dropped))
        self._send(peer, request.id, last=True, forget=reply)

    def _read_log(self, peer: bytes, request: request_pb2.Request, read: request_pb2.ReadLog) -> None:
        job = self.jobs[read.key.id]
        part = job.log[read.range.start : read.range.start + read.range.length]
        header = request_pb2.LogRange(start=read.range.start, size=len(job.log), ended=job.outcome is not None)
        self._send(peer, request.id, bytes(part), last=True, log_range=header)

    def _follow_log(self, peer: bytes, request: request_pb2.Request, follow: request_pb2.FollowLog) -> None:
        if follow.key.id not in self.jobs:
            raise Refused(Code.NOT_FOUND, "no such job")
        if follow.stream in self.unreadable:
            raise self.unreadable[follow.stream]
        job = self.jobs[follow.key.id]
        if follow.stream == request_pb2.STREAM_STDERR:
            job = FakeJob(job.key, job.spec, job.pid, outcome=job.outcome)
        self.streams.append(FakeStream(peer, request.id, follow.credit_bytes, job=job, position=follow.start))
        self._flow()

    def _credit(self, _: bytes, __: request_pb2.Request, credit: request_pb2.Credit) -> None:
        for stream in self.streams:
            if stream.request_id == credit.request_id:
                stream.credit += credit.bytes + credit.messages
        self._flow()

    def _cancel(self, _: bytes, __: request_pb2.Request, cancel: request_pb2.Cancel) -> None:
        self.streams = [stream for stream in self.streams if stream.request_id != cancel.request_id]

    def _feed(self, peer: bytes, request: request_pb2.Request, feed: request_pb2.Feed) -> None:
        self.typing[request.id] = peer, self.jobs[feed.key.id]
        self._allow(request.id, 0)

    def _push(self, _: bytes, __: request_pb2.Request, push: request_pb2.Push) -> None:
        self._write(self.typing[push.request_id][1], self._pushed)

    def _subscribe(self, peer: bytes, request: request_pb2.Request, _: request_pb2.Subscribe) -> None:
        topic = secrets.token_bytes(16)
        self.grants[topic] = 0
        self._send(peer, request.id, last=True, subscribe=request_pb2.SubscribeReply(topic=topic, head=self._head()))

    def _unsubscribe(self, peer: bytes, request: request_pb2.Request, given: request_pb2.Unsubscribe) -> None:
        self.grants.pop(given.topic, None)
        self._send(peer, request.id, last=True, done=request_pb2.Done())

    def _replay(self, peer: bytes, request: request_pb2.Request, replay: request_pb2.Replay) -> None:
        if replay.after.store != self.store:
            raise Refused(Code.OUT_OF_RANGE, "another store", reason=Reason.CURSOR_OF_ANOTHER_STORE)
        if replay.after.seq + 1 < self.first_seq:
            raise Refused(Code.OUT_OF_RANGE, "not kept any more", reason=Reason.CURSOR_TOO_OLD)
        events = self.events[replay.after.seq : replay.after.seq + 3]
        upto = event_pb2.Cursor(store=self.store, seq=replay.after.seq + len(events))
        reply = request_pb2.ReplayReply(events=events, upto=upto, more=upto.seq < len(self.events))
        self._send(peer, request.id, last=True, replay=reply)

    # --- what happens to jobs

    def _allow(self, request_id: int, reached: int) -> None:
        self._send(self.typing[request_id][0], request_id, window=request_pb2.Window(reached=reached, limit=reached + 100))

    def _write(self, job: FakeJob, data: bytes) -> None:
        job.log += data
        self._flow()

    def _finish(self, job: FakeJob, outcome: job_pb2.Outcome) -> None:
        if job.outcome is None:
            job.outcome = outcome
            self._tell(event_pb2.EVENT_KIND_FINISHED, job.key, outcome=outcome)
            for stream in self.streams:
                if job in stream.open_jobs:
                    stream.open_jobs.remove(job)
                    stream.due.append(job.report(finished=True))
                elif stream.job is not None and stream.job.key == job.key:
                    stream.job.outcome = outcome
            self._flow()

    def _watch(self, peer: bytes, request_id: int, credit: int, jobs: list[FakeJob]) -> None:
        due = [job.report(finished=False) for job in jobs] + [job.report(finished=True) for job in jobs if job.outcome]
        self.streams.append(FakeStream(peer, request_id, credit, due=due, open_jobs=[job for job in jobs if not job.outcome]))
        self._flow()

    def _flow(self) -> None:
        for stream in list(self.streams):
            if stream.job is None:
                self._flow_reports(stream)
            else:
                self._flow_log(stream, stream.job)

    def _flow_reports(self, stream: FakeStream) -> None:
        # That a client has left is noticed when something is sent to it.
        while stream.due and stream.credit > 0 and stream in self.streams:
            stream.credit -= 1
            reports = request_pb2.Reports(reports=[stream.due.pop(0)])
            last = not stream.due and not stream.open_jobs
            if last:
                self.streams.remove(stream)
            self._send(stream.peer, stream.request_id, last=last, reports=reports)

    def _flow_log(self, stream: FakeStream, job: FakeJob) -> None:
        while stream.credit > 0 and stream.position < len(job.log) and stream in self.streams:
            data = bytes(job.log[stream.position : stream.position + min(self.chunk, stream.credit)])
            header = request_pb2.LogChunk(start=stream.position)
            stream.position += len(data)
            stream.credit -= len(data)
            self.sent_bytes += len(data)
            self._send(stream.peer, stream.request_id, data, log_chunk=header)
        if job.outcome is not None and stream.position >= len(job.log) and stream in self.streams:
            self.streams.remove(stream)
            self._send(stream.peer, stream.request_id, last=True, log_end=request_pb2.LogEnd(size=len(job.log), outcome=job.outcome))

    def _describe(self, job: FakeJob) -> job_pb2.Job:
        state = job_pb2.STATE_FINISHED if job.outcome else job_pb2.STATE_RUNNING
        return job_pb2.Job(key=job.key, spec=job.spec, state=state, pid=job.pid, started_at_us=STARTED, outcome=job.outcome)

    # --- news

    def _head(self) -> event_pb2.Cursor:
        return event_pb2.Cursor(store=self.store, seq=len(self.events))

    def _tell(self, kind: event_pb2.EventKind, key: job_pb2.JobKey, *, outcome: job_pb2.Outcome | None = None, deaf: bool = False) -> None:
        event = event_pb2.Event(seq=len(self.events) + 1, kind=kind, key=key, outcome=outcome)
        self.events.append(event)
        for topic in self.grants:
            self.grants[topic] += 1
            if not deaf:
                self._publish(topic, events=event_pb2.Events(events=[event]))
