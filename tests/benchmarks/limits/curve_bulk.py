"""The limit of reading a log: one process reads the file and sends it over CURVE, another receives and drops it.

Run as `curve_bulk.py FILE CHUNK_BYTES`: prints its port and public key, sends the whole file to the first client, and exits. Imports
nothing of jobwire, which is measured against it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from time import perf_counter

import zmq

_BYTES_IN_FLIGHT = 8 * 1024 * 1024


def serve(path: str, chunk_bytes: int) -> None:
    """Send the file once."""
    public, secret = zmq.curve_keypair()
    with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.set(zmq.SNDHWM, _BYTES_IN_FLIGHT // chunk_bytes)
        socket.set(zmq.CURVE_SERVER, 1)
        socket.set(zmq.CURVE_SECRETKEY, secret)
        print(socket.bind_to_random_port("tcp://127.0.0.1"), public.decode(), flush=True)
        socket.recv()
        file = os.open(path, os.O_RDONLY)
        while chunk := os.read(file, chunk_bytes):
            socket.send(chunk, copy=False)
        os.close(file)
        socket.recv()


def megabytes_a_second(path: Path, chunk_bytes: int) -> float:
    """Let the file be sent, receive it in this process, and return the rate."""
    size = path.stat().st_size
    with subprocess.Popen([sys.executable, __file__, str(path), str(chunk_bytes)], stdout=subprocess.PIPE, text=True) as sender:
        assert sender.stdout is not None
        port, key = sender.stdout.readline().split()
        public, secret = zmq.curve_keypair()
        with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
            socket.set(zmq.RCVHWM, _BYTES_IN_FLIGHT // chunk_bytes)
            socket.set(zmq.CURVE_PUBLICKEY, public)
            socket.set(zmq.CURVE_SECRETKEY, secret)
            socket.set(zmq.CURVE_SERVERKEY, key.encode())
            socket.connect(f"tcp://127.0.0.1:{port}")
            begun = perf_counter()
            socket.send(b"all of it")
            received = 0
            while received < size:
                received += len(socket.recv(copy=False))
            taken = perf_counter() - begun
            socket.send(b"thanks")
    return size / taken / 1e6


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
