"""The least that a worker in these libraries does for a job: how far Python, ZeroMQ, protobuf and SQLite alone are from the limits.

Run as `worker.py DATABASE LOGS SLOTS`: prints its port and public key. It takes signed starts over CURVE, checks the signature, makes the
jobs durable with the indexes that lists need, acknowledges, starts as many at once as it has slots, through a supervisor that would outlive
it, and reports ends when they are durable. It knows no roster, no stop, no second start of the same id, no query, no restart: nothing that
makes a worker useful. Exits when its standard input ends. Uses the messages of jobwire, and none of its code.
"""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from time import time_ns
from typing import Any, NamedTuple

import zmq
from nacl import bindings

from jobwire.schemas.generated import job_pb2, request_pb2

_LARGEST_DATAGRAM = 1 << 20
_DOMAIN = b"jobwire.v1.request\n"
_TABLES = """
    CREATE TABLE jobs (row INTEGER PRIMARY KEY, owner BLOB, id BLOB, digest BLOB, state INTEGER, spec BLOB, launched INTEGER,
        queued_at INTEGER, started_at INTEGER, ended_at INTEGER, pid INTEGER, outcome BLOB, ok INTEGER);
    CREATE UNIQUE INDEX by_key ON jobs (owner, id);
    CREATE INDEX by_owner ON jobs (owner, queued_at);
    CREATE INDEX by_queue ON jobs (queued_at);
    CREATE INDEX alive ON jobs (owner, queued_at) WHERE ok IS NULL;
    CREATE INDEX by_end ON jobs (ended_at) WHERE state = 4;
    CREATE TABLE events (sequence INTEGER PRIMARY KEY, job INTEGER, event BLOB);
"""
_INSERT = "INSERT INTO jobs (row, owner, id, digest, state, spec, launched, queued_at) VALUES (?, ?, ?, ?, 1, ?, 0, ?)"
_LAUNCH = "UPDATE jobs SET state = 2, launched = 1 WHERE row = ?"
_END = "UPDATE jobs SET state = 4, started_at = ?, ended_at = ?, pid = ?, outcome = ?, ok = ? WHERE row = ?"
_EVENT = "INSERT INTO events (job, event) VALUES (?, ?)"


class Job(NamedTuple):
    """A job that has not ended: which connection asked for it, its id, and its command."""

    client: bytes
    id: bytes
    argv: list[str]


class Worker:
    """Knows the jobs that have not ended."""

    def __init__(self, database: str, logs: Path, slots: int, router: zmq.Socket[bytes]) -> None:
        self._router = router
        self._logs = logs
        self._free = slots
        self._last_row = 0
        self._jobs: dict[int, Job] = {}
        self._queue: deque[int] = deque()
        self._store = sqlite3.connect(database, isolation_level=None)
        self._store.execute("PRAGMA journal_mode = WAL")
        self._store.execute("PRAGMA synchronous = FULL")
        self._store.executescript(_TABLES)
        self.line, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        program = Path(__file__).with_name("supervisor.py")
        command = [sys.executable, "-I", "-S", os.fspath(program), str(far.fileno()), os.fspath(logs)]
        self._supervisor = subprocess.Popen(command, pass_fds=[far.fileno()])
        far.close()

    def take(self, client: bytes, frame: bytes) -> None:
        """Accept the jobs of a start."""
        envelope = request_pb2.Envelope.FromString(frame)
        proof = envelope.proof
        bindings.crypto_sign_open(proof.signature + _DOMAIN + proof.audience + proof.nonce + envelope.request, proof.signer)
        rows: list[tuple[object, ...]] = []
        events: list[tuple[int, bytes]] = []
        now_us = time_ns() // 1000
        for job in request_pb2.Request.FromString(envelope.request).start.jobs:
            self._last_row += 1
            spec = job.spec.SerializeToString()
            rows.append((self._last_row, proof.signer, job.id, sha256(spec).digest(), spec, now_us))
            self._jobs[self._last_row] = new = Job(client, job.id, [word.decode() for word in job.spec.argv])
            self._queue.append(self._last_row)
            events.append((self._last_row, _event(new, now_us)))
        launched = self._choose()
        self._write([(_INSERT, rows), (_EVENT, events), (_LAUNCH, [(row,) for row in launched])])
        self._router.send_multipart([client, request_pb2.Reply().SerializeToString()])
        self._launch(launched)

    def hear(self) -> None:
        """Record the ends that the supervisor tells, and report them."""
        ends: list[dict[str, Any]] = json.loads(self.line.recv(_LARGEST_DATAGRAM))
        self._free += len(ends)
        rows: list[tuple[object, ...]] = []
        events: list[tuple[int, bytes]] = []
        replies: dict[bytes, request_pb2.Reply] = {}
        for end in ends:
            job = self._jobs.pop(end["row"])
            outcome = job_pb2.Outcome(kind=job_pb2.OUTCOME_KIND_EXITED, exit_status=end["status"])
            rows.append((end["started_us"], end["ended_us"], end["pid"], outcome.SerializeToString(), not end["status"], end["row"]))
            events += [(end["row"], _event(job, end["started_us"])), (end["row"], _event(job, end["ended_us"]))]
            report = replies.setdefault(job.client, request_pb2.Reply()).reports.reports.add(outcome=outcome)
            report.stdout_tail = end["tail"].encode()
        launched = self._choose()
        self._write([(_END, rows), (_EVENT, events), (_LAUNCH, [(row,) for row in launched])])
        self._launch(launched)
        for client, reply in replies.items():
            self._router.send_multipart([client, reply.SerializeToString()])

    def close(self) -> None:
        """End, with the supervisor."""
        self.line.close()
        self._supervisor.wait()
        self._store.close()

    def _choose(self) -> list[int]:
        chosen = [self._queue.popleft() for _ in range(min(self._free, len(self._queue)))]
        self._free -= len(chosen)
        return chosen

    def _write(self, statements: Iterable[tuple[str, Sequence[tuple[object, ...]]]]) -> None:
        self._store.execute("BEGIN IMMEDIATE")
        for statement, rows in statements:
            if rows:
                self._store.executemany(statement, rows)
        self._store.execute("COMMIT")

    def _launch(self, rows: Sequence[int]) -> None:
        wishes: list[dict[str, object]] = []
        for row in rows:
            job = self._jobs[row]
            folder = self._logs / f"new-{row}"
            folder.mkdir(mode=0o700)
            (folder / "job").write_text(json.dumps({"id": job.id.hex(), "argv": job.argv}))
            wishes.append({"row": row, "folder": folder.name, "argv": job.argv})
        if wishes:
            self.line.send(json.dumps(wishes).encode())


def _event(job: Job, at_us: int) -> bytes:
    return job.id + at_us.to_bytes(8, "big")


def serve(database: str, logs: Path, slots: int) -> None:
    """Serve until standard input ends."""
    public, secret = zmq.curve_keypair()
    with zmq.Context() as context, context.socket(zmq.ROUTER) as router:
        router.set(zmq.CURVE_SERVER, 1)
        router.set(zmq.CURVE_SECRETKEY, secret)
        port = router.bind_to_random_port("tcp://127.0.0.1")
        worker = Worker(database, logs, slots, router)
        print(port, public.decode(), flush=True)
        poller = zmq.Poller()
        for what in (router, worker.line, sys.stdin.fileno()):
            poller.register(what, zmq.POLLIN)
        while sys.stdin.fileno() not in (ready := dict(poller.poll())):
            if worker.line.fileno() in ready:
                worker.hear()
            if router in ready:
                client, frame = router.recv_multipart()
                worker.take(client, frame)
        worker.close()


if __name__ == "__main__":
    serve(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
