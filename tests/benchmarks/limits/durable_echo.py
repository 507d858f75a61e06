"""The limit of an acknowledgement: a CURVE round trip, and one durable SQLite commit in it.

Run as `durable_echo.py DATABASE`: prints its port and public key, then answers every message after an insert was committed (WAL,
synchronous FULL). Exits when its standard input ends. Imports nothing of jobwire, which is measured against it.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path
from time import perf_counter_ns
from typing import Self

import zmq

MESSAGE_BYTES = 200


def serve(database: str) -> None:
    """Echo until standard input ends."""
    public, secret = zmq.curve_keypair()
    store = sqlite3.connect(database, isolation_level=None)
    store.execute("PRAGMA journal_mode = WAL")
    store.execute("PRAGMA synchronous = FULL")
    store.execute("CREATE TABLE IF NOT EXISTS notes (row INTEGER PRIMARY KEY, note BLOB NOT NULL)")
    with zmq.Context() as context, context.socket(zmq.ROUTER) as socket:
        socket.set(zmq.CURVE_SERVER, 1)
        socket.set(zmq.CURVE_SECRETKEY, secret)
        port = socket.bind_to_random_port("tcp://127.0.0.1")
        print(port, public.decode(), flush=True)
        poller = zmq.Poller()
        poller.register(socket, zmq.POLLIN)
        poller.register(sys.stdin.fileno(), zmq.POLLIN)
        while True:
            ready = dict(poller.poll())
            if sys.stdin.fileno() in ready:
                break
            message = socket.recv_multipart()
            store.execute("BEGIN IMMEDIATE")
            store.execute("INSERT INTO notes (note) VALUES (?)", (message[-1],))
            store.execute("COMMIT")
            socket.send_multipart(message)
    store.close()


class DurableEcho:
    """The echo in a process of its own, and the client's side of it."""

    def __init__(self, database: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        port, key = self._process.stdout.readline().split()
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.set(zmq.LINGER, 0)
        public, secret = zmq.curve_keypair()
        self._socket.set(zmq.CURVE_PUBLICKEY, public)
        self._socket.set(zmq.CURVE_SECRETKEY, secret)
        self._socket.set(zmq.CURVE_SERVERKEY, key.encode())
        self._socket.connect(f"tcp://127.0.0.1:{port}")

    def call(self) -> float:
        """Make one round trip, and return its milliseconds."""
        begun = perf_counter_ns()
        self._socket.send(bytes(MESSAGE_BYTES))
        self._socket.recv()
        return (perf_counter_ns() - begun) / 1e6

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._socket.close()
        self._context.term()
        self._process.communicate()


if __name__ == "__main__":
    serve(sys.argv[1])
