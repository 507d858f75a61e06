"""The bare worker in a process of its own, and the least that a client does: it makes and signs starts, and reads what is answered."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from time import monotonic, monotonic_ns, perf_counter_ns
from typing import Self

import zmq
from nacl import bindings

from jobwire.schemas.generated import job_pb2, request_pb2
from jobwire.schemas.naming import new_id

_DOMAIN = b"jobwire.v1.request\n"
_AUDIENCE, _NONCE = bytes(32), bytes(16)


class BareWorker:
    """A context manager: at its exit, the worker and its supervisor have ended."""

    def __init__(self, database: Path, logs: Path, slots: int) -> None:
        command = [sys.executable, "-m", f"{__package__}.worker", str(database), str(logs), str(slots)]
        root = Path(__file__).parents[2]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root, start_new_session=True
        )
        assert self._process.stdout is not None
        port, key = self._process.stdout.readline().split()
        self._signer, self._secret = bindings.crypto_sign_keypair()
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.set(zmq.LINGER, 0)
        public, secret = zmq.curve_keypair()
        self._socket.set(zmq.CURVE_PUBLICKEY, public)
        self._socket.set(zmq.CURVE_SECRETKEY, secret)
        self._socket.set(zmq.CURVE_SERVERKEY, key.encode())
        self._socket.connect(f"tcp://127.0.0.1:{port}")

    def run(self, *argv: str) -> tuple[float, float]:
        """Run a job that says when its last instant was, and return how many milliseconds acknowledgement and end took."""
        begun = perf_counter_ns()
        self._start(1, [word.encode() for word in argv])
        request_pb2.Reply.FromString(self._socket.recv())
        acknowledged = perf_counter_ns()
        report = request_pb2.Reply.FromString(self._socket.recv()).reports.reports[0]
        return (acknowledged - begun) / 1e6, (monotonic_ns() - int(report.stdout_tail)) / 1e6

    def run_many(self, count: int, at_once: int, in_flight: int) -> float:
        """Run jobs with `at_once` in a request, as many as that or `in_flight` unfinished at a time, and return jobs per second."""
        begun = monotonic()
        asked = finished = 0
        while finished < count:
            while asked < count and asked - finished < in_flight:
                self._start(min(at_once, count - asked), [b"/bin/true"])
                asked += at_once
            finished += len(request_pb2.Reply.FromString(self._socket.recv()).reports.reports)
        return count / (monotonic() - begun)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._socket.close()
        self._context.term()
        self._process.communicate()

    def _start(self, count: int, argv: list[bytes]) -> None:
        jobs = [request_pb2.NewJob(id=new_id(), spec=job_pb2.JobSpec(argv=argv)) for _ in range(count)]
        request = request_pb2.Request(start=request_pb2.Start(jobs=jobs, watch=True)).SerializeToString()
        signed = bindings.crypto_sign(_DOMAIN + _AUDIENCE + _NONCE + request, self._secret)
        proof = request_pb2.Proof(signer=self._signer, audience=_AUDIENCE, nonce=_NONCE, signature=signed[: bindings.crypto_sign_BYTES])
        self._socket.send(request_pb2.Envelope(request=request, proof=proof).SerializeToString())
