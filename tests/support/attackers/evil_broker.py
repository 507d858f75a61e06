"""A broker that does what it likes: real sockets and keys, to which real workers join, and no honesty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import zmq
from daemons import Worker

from jobwire.client.proofs import text
from jobwire.keys.digests import sha256
from jobwire.keys.identity import Identity, format_public, generate
from jobwire.keys.proofs.signature import sign
from jobwire.keys.sockets import listen, new_context, server_socket
from jobwire.schemas.generated import job_pb2, request_pb2
from jobwire.schemas.naming import new_id

NONCE = b"n" * 16
WAIT_MS = 60_000
_PUSH_BYTES = 200_000


def signed(client: Identity, audience: bytes, not_after_us: int = 0, **verb: Any) -> bytes:
    """Return a request as a client signs it for a broker."""
    raw = request_pb2.Request(id=1, **verb).SerializeToString()
    proof = sign(client, audience, NONCE, raw, not_after_us=not_after_us)
    return request_pb2.Envelope(request=raw, proof=proof).SerializeToString()


@dataclass
class Link:
    """A worker that has joined: over this routing id, and with this store. `facts`: the last about each attempt, by id and number."""

    worker: Worker
    route: bytes
    store: bytes
    facts: dict[tuple[bytes, int], request_pb2.Fact]


class EvilBroker:
    """It binds a socket; everything else it does only when a test says so."""

    def __init__(self) -> None:
        self.identity = generate()
        self._context = new_context()
        self._socket = server_socket(self._context, zmq.ROUTER, self.identity)
        # Every key may come in: nobody is asked about it.
        self._socket.set(zmq.ZAP_ENFORCE_DOMAIN, 0)
        self.endpoint = listen(self._socket, "tcp://127.0.0.1:*")
        self._workers: list[Worker] = []
        self._links: dict[bytes, Link] = {}
        self._next = 10

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.clean()
        self._context.destroy(linger=0)

    @property
    def public(self) -> bytes:
        return self.identity.public

    def hire(self, folder: Path, *options: str) -> Link:
        """Start a worker that joins, and return its link."""
        folder.mkdir()
        joining = ["--jobs-as-root", "--join", self.endpoint, "--broker-key", format_public(self.public)]
        worker = Worker(folder, slots=2, options=[*joining, *options])
        self._workers.append(worker)
        return self._enlisted(worker)

    def again(self, link: Link) -> Link:
        """Kill a worker and start it again; return its next link."""
        link.worker.kill()
        return self._enlisted(link.worker)

    def _enlisted(self, worker: Worker) -> Link:
        worker.start()
        route, frame, *_ = self._receive()
        while route in self._links:
            self._keep(route, request_pb2.Reply.FromString(frame))
            route, frame, *_ = self._receive()
        enlist = request_pb2.Request.FromString(request_pb2.Envelope.FromString(frame).request)
        assert enlist.HasField("enlist"), enlist
        turned = request_pb2.Reply(request_id=enlist.id, last=True, done=request_pb2.Done())
        self._socket.send_multipart([route, turned.SerializeToString()])
        link = self._links[route] = Link(worker, route, b"", {})
        hello = self.ask(link, hello=request_pb2.Hello(oldest_version=1, newest_version=1, software="evil"))
        link.store = hello.hello.store
        self._say(link, request_pb2.Request(id=2, follow_facts=request_pb2.FollowFacts()))
        return link

    def ask(self, link: Link, **verb: Any) -> request_pb2.Reply:
        """Return the answer of a worker; what it reports meanwhile is kept."""
        return self.ask_for_bytes(link, **verb)[0]

    def ask_for_bytes(self, link: Link, **verb: Any) -> tuple[request_pb2.Reply, bytes]:
        """Return the answer of a worker, and the bytes that come with it."""
        self._next += 1
        self._say(link, request_pb2.Request(id=self._next, **verb))
        while True:
            reply, data = self._next_reply(link)
            if reply.request_id == self._next:
                return reply, data

    def deliver(self, link: Link, start: bytes, *jobs: tuple[int, int]) -> str:
        """Bring jobs of a start, by position and attempt; return in words why one is refused, empty if none is."""
        return self._deliver(link, start, [request_pb2.Delivery(index=index, attempt=attempt) for index, attempt in jobs or [(0, 1)]])

    def bring(self, link: Link, start: bytes, delivery: request_pb2.Delivery, *hashes: bytes) -> str:
        """The same for a job of a batch in parts, with the hashes of parts."""
        return self._deliver(link, start, [delivery], *hashes)

    def _deliver(self, link: Link, start: bytes, jobs: Sequence[request_pb2.Delivery], *hashes: bytes) -> str:
        asked = request_pb2.Deliver(store=link.store, digest=sha256(start), start=start, jobs=jobs, hashes=hashes)
        reply = self.ask(link, deliver=asked)
        refused = [one.refusal for one in reply.deliver.not_accepted] or ([reply.refusal] if reply.HasField("refusal") else [])
        return "; ".join(one.message for one in refused)

    def relay(self, link: Link, owner: bytes, job: bytes, request: bytes) -> str:
        """Pass a request about a job on; return in words why it is refused, empty if it is not."""
        name = request_pb2.AttemptName(owner=owner, id=job, attempt=1)
        return str(self.ask(link, relay=request_pb2.Relay(job=name, request=request)).refusal.message)

    def feed(
        self, link: Link, owner: bytes, job: bytes, request: bytes, data: bytes, seal: bytes, *, types: bool = False
    ) -> request_pb2.FeedEnd:
        """Pass a whole input on, with a seal; return what the worker says at its end. `types`: say that it is typed at a terminal."""
        name = request_pb2.AttemptName(owner=owner, id=job, attempt=1)
        self._next += 1
        number = self._next
        self._say(link, request_pb2.Request(id=number, relay_feed=request_pb2.RelayFeed(job=name, request=request, types=types)))
        while True:
            reply, _ = self._next_reply(link)
            if reply.request_id == number and reply.HasField("window"):
                self._next += 1
                push = request_pb2.Push(request_id=number, start=reply.window.reached, last=True, seal=seal)
                self._say(link, request_pb2.Request(id=self._next, push=push), data)
            elif reply.request_id == number:
                assert reply.HasField("feed_end"), reply
                return reply.feed_end

    def feed_some(self, link: Link, owner: bytes, job: bytes, request: bytes, data: bytes) -> None:
        """Pass the beginning of an input on, and return when the worker has it."""
        name = request_pb2.AttemptName(owner=owner, id=job, attempt=1)
        self._next += 1
        number = self._next
        self._say(link, request_pb2.Request(id=number, relay_feed=request_pb2.RelayFeed(job=name, request=request)))
        while (found := self._next_reply(link)[0]).request_id != number:
            pass
        assert found.HasField("window"), found
        for at in range(0, len(data), _PUSH_BYTES):
            self._next += 1
            push = request_pb2.Push(request_id=number, start=at)
            self._say(link, request_pb2.Request(id=self._next, push=push), data[at : at + _PUSH_BYTES])
        # It is answered after what came before it.
        self.ask(link, hello=request_pb2.Hello(oldest_version=1, newest_version=1, software="evil"))

    def await_state(self, link: Link, job: bytes, *states: int, attempt: int = 1) -> request_pb2.Fact:
        """Return what a worker reports of an attempt once it is in one of these states; ended, and its output hashed."""
        while True:
            fact = link.facts.get((job, attempt))
            if fact is not None and fact.report.state in states and not fact.report.outcome.hash_follows:
                return fact
            self._next_reply(link)

    def await_end(self, link: Link, job: bytes, attempt: int = 1) -> request_pb2.Fact:
        """Return what a worker reports of an attempt that has ended."""
        return self.await_state(link, job, job_pb2.STATE_FINISHED, attempt=attempt)

    def log(self, link: Link, fact: request_pb2.Fact) -> bytes:
        """Return the standard output of an attempt."""
        part = request_pb2.ByteRange(start=0, length=1024 * 1024)
        asked = request_pb2.ReadLog(key=fact.report.key, attempt=fact.report.attempt, stream=request_pb2.STREAM_STDOUT, range=part)
        reply, data = self.ask_for_bytes(link, read_log=asked)
        assert reply.HasField("log_range"), reply
        return data

    def _say(self, link: Link, request: request_pb2.Request, *bulk: bytes) -> None:
        envelope = request_pb2.Envelope(request=request.SerializeToString())
        self._socket.send_multipart([link.route, envelope.SerializeToString(), *bulk])

    def _next_reply(self, link: Link) -> tuple[request_pb2.Reply, bytes]:
        while True:
            route, frame, *bulk = self._receive()
            reply = request_pb2.Reply.FromString(frame)
            self._keep(route, reply)
            if route == link.route:
                return reply, b"".join(bulk)

    def _keep(self, route: bytes, reply: request_pb2.Reply) -> None:
        for fact in reply.facts.facts:
            self._links[route].facts[bytes(fact.report.key.id), fact.report.attempt] = fact

    def _receive(self) -> Sequence[bytes]:
        assert self._socket.poll(WAIT_MS), "no worker says anything"
        return self._socket.recv_multipart()


def start_of(client: Identity, broker: bytes, *specs: job_pb2.JobSpec, not_after_us: int = 0) -> tuple[bytes, list[bytes]]:
    """Return a signed start of jobs, and their ids."""
    jobs = [request_pb2.NewJob(id=new_id(), spec=spec) for spec in specs]
    return signed(client, broker, not_after_us, start=request_pb2.Start(jobs=jobs)), [job.id for job in jobs]


def shell(script: str, **fields: Any) -> job_pb2.JobSpec:
    """Return a job that runs a script of the shell."""
    return job_pb2.JobSpec(argv=[b"/bin/sh", b"-c", script.encode()], **fields)


def proof_of(start: bytes, *facts: request_pb2.Fact) -> request_pb2.JobProof:
    """Return what an honest broker would show of a job, from what its workers have reported."""
    proof = request_pb2.JobProof(key=facts[0].report.key, start=start)
    for fact in facts:
        said = fact.report
        told = proof.told.add(attempt=said.attempt, pid=said.pid, started_at_us=said.started_at_us, ended_at_us=said.ended_at_us)
        told.outcome.CopyFrom(said.outcome)
        proof.ends.append(said.outcome.attestation)
        if fact.HasField("log_hashes"):
            hashes = proof.log_hashes.add()
            hashes.CopyFrom(fact.log_hashes)
            hashes.attempt = said.attempt
    return text.read(text.write(proof))
