"""A context of libzmq, which aborts the whole process where it lacks descriptors or threads: that is said before."""

from __future__ import annotations

import _thread
import socket
import struct
import subprocess
import sys
import threading
from typing import NoReturn

import pytest
import zmq

from jobwire.keys import identity
from jobwire.keys.identity import from_seed
from jobwire.keys.sockets import client_socket, listen, new_context, server_socket, whole
from jobwire.schemas.refusal import Code, Refused

_CODE = """
import resource, sys
from jobwire.keys.sockets import new_context
from jobwire.schemas.refusal import Refused
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), int(sys.argv[1])))
try:
    new_context().socket(1)
except Refused as refused:
    print(refused)
"""


@pytest.mark.parametrize("most", [4, 7, 11])
def test_a_lack_that_would_abort_is_refused_too_few_descriptors(most: int) -> None:
    done = subprocess.run([sys.executable, "-c", _CODE, str(most)], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert "cannot open more files or sockets; raise the limit (ulimit -n 1024)" in done.stdout


def test_a_lack_that_would_abort_is_refused_too_few_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> NoReturn:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(_thread, "start_new_thread", refuse)
        with pytest.raises(Refused, match="does not let this process create more threads") as caught:
            new_context()
    assert caught.value.code is Code.UNAVAILABLE
    new_context().destroy()


@pytest.mark.parametrize("kind", [zmq.ROUTER, zmq.XPUB], ids=["requests", "events"])
def test_who_is_gone_without_a_word_is_not_counted_for_ever(kind: int) -> None:
    """The kernel notices it, within a few minutes: it is asked for a sign of life."""
    context = new_context()
    try:
        served = server_socket(context, kind, from_seed(bytes(32)))
        monitor = served.get_monitor_socket(zmq.EVENT_ACCEPTED)
        endpoint = listen(served, "tcp://127.0.0.1:*")
        host, _, port = endpoint.removeprefix("tcp://").rpartition(":")
        with socket.create_connection((host, int(port))):
            _, descriptor = struct.unpack("=Hi", monitor.recv_multipart()[0])
            accepted = socket.socket(fileno=descriptor)
            try:
                assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
                idle, interval, count = (
                    accepted.getsockopt(socket.IPPROTO_TCP, option)
                    for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
                )
            finally:
                accepted.detach()
        assert 30 <= idle + interval * count <= 180
        monitor.close()
    finally:
        context.destroy(linger=0)


@pytest.mark.parametrize("where", ["before it is known", "in the middle"])
@pytest.mark.parametrize("made", ["a socket", "the monitor of one"])
def test_a_context_can_be_closed_after_a_handler_raised_while_a_socket_was_made(
    monkeypatch: pytest.MonkeyPatch, where: str, made: str
) -> None:
    me, worker = identity.generate(), identity.generate()
    context = new_context()
    watched = client_socket(context, zmq.DEALER, me, worker.public)
    method, owner = ("__init__", zmq.Socket) if where == "in the middle" else ("_add_socket", zmq.Context)
    really = getattr(owner, method)

    def interrupted(self: object, *arguments: object, **options: object) -> None:
        if where == "in the middle":
            really(self, *arguments, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(owner, method, interrupted)
    make = {
        "a socket": lambda: client_socket(context, zmq.DEALER, me, worker.public),
        "the monitor of one": lambda: whole(lambda: watched.get_monitor_socket(zmq.EVENT_CONNECTED)),
    }[made]
    with pytest.raises(KeyboardInterrupt) as kept:
        make()
    monkeypatch.undo()
    closing = threading.Thread(target=context.destroy, args=(0,), daemon=True)
    closing.start()
    closing.join(30)
    assert not closing.is_alive(), "it waits for a socket that nobody can close"
    assert kept.value.__traceback__ is not None
