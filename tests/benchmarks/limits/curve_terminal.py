"""The limit of typing: two processes that pass bytes between this terminal, a CURVE connection and a far one, and do nothing else.

Run on a terminal as `curve_terminal.py PROGRAM [ARGUMENT...]`: runs the program on a terminal of another process, until it ends. Keeps no
log and asks nobody who types. Imports nothing of jobwire, which is measured beside it.
"""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import tty
from collections.abc import Sequence

import zmq

_AT_MOST_BYTES = 4096
_IN, _OUT = 0, 1


def serve(program: Sequence[str]) -> None:
    """Run the program for the first client, after printing the port and the public key."""
    public, secret = zmq.curve_keypair()
    with zmq.Context() as context, context.socket(zmq.ROUTER) as socket:
        socket.set(zmq.CURVE_SERVER, 1)
        socket.set(zmq.CURVE_SECRETKEY, secret)
        print(socket.bind_to_random_port("tcp://127.0.0.1"), public.decode(), flush=True)
        client, _ = socket.recv_multipart()
        child, master = pty.fork()
        if child == 0:
            os.execvp(program[0], program)
        watched = [(socket, zmq.POLLIN), (master, zmq.POLLIN)]
        shown = b"-"
        while shown:
            for what, _ in zmq.zmq_poll(watched, -1):
                if what is socket:
                    os.write(master, socket.recv_multipart()[1])
                else:
                    try:
                        shown = os.read(master, _AT_MOST_BYTES)
                    except OSError:
                        # EIO: the program has ended, see pty(7).
                        shown = b""
                    socket.send_multipart([client, shown])
        os.waitpid(child, 0)


def show(program: Sequence[str]) -> None:
    """Pass what is typed on this terminal to the far one, and show what comes, until the program has ended."""
    tty.setraw(_IN)
    with subprocess.Popen([sys.executable, __file__, "--serve", *program], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as far:
        assert far.stdout is not None
        port, key = far.stdout.readline().split()
        public, secret = zmq.curve_keypair()
        with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
            socket.set(zmq.CURVE_PUBLICKEY, public)
            socket.set(zmq.CURVE_SECRETKEY, secret)
            socket.set(zmq.CURVE_SERVERKEY, key)
            socket.connect(f"tcp://127.0.0.1:{port.decode()}")
            socket.send(b"")
            watched = [(socket, zmq.POLLIN), (_IN, zmq.POLLIN)]
            shown = b"-"
            while shown:
                for what, _ in zmq.zmq_poll(watched, -1):
                    if what is socket:
                        shown = socket.recv()
                        os.write(_OUT, shown)
                    else:
                        socket.send(os.read(_IN, _AT_MOST_BYTES))


if __name__ == "__main__":
    _, *words = sys.argv
    if words[0] == "--serve":
        serve(words[1:])
    else:
        show(words)
