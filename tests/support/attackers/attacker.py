"""A member of the roster that attacks a worker, in a process of its own: attacker.py ATTACK ENDPOINT KEY SEED (hex).

Prepares, prints `begun`, and continues until its standard input is closed.
"""

from __future__ import annotations

import itertools
import secrets
import select
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Protocol

import zmq

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from curve_client import COMMAND, MORE, CurveClient
from floods import FLOODS, flood, put_contents
from insiders import (
    follow,
    list_all,
    mute_connections,
    send_all,
    send_inside_handshake,
    send_without_end,
    subscribe_all,
    subscribe_ungranted,
)
from raw_client import RawClient

from jobwire.keys.identity import from_seed, parse_public
from jobwire.keys.sockets import client_socket
from jobwire.schemas.frames import LARGEST_PART, MOST_JOBS_PER_PART, MOST_KEYS
from jobwire.schemas.generated import job_pb2, request_pb2

_LISTED_JOBS = 200
# Its parent may have been killed.
_MOST_SECONDS = 300
# How long a handshake takes that is completed.
_BANNED_MS = 3000
# How long what was sent may take to leave.
_LEFT_MS = 20


class Connect(Protocol):
    """Connects; `lazy`: to receive as little as possible."""

    def __call__(self, *, lazy: bool = True) -> RawClient: ...


def follow_logs(connect: Connect) -> None:
    """Follow a log that grows 200 times, and read nothing."""
    with connect() as raw:
        start = raw.start(b"sh", b"-c", b"for _ in $(seq 200); do head -c 1000000 /dev/zero; sleep 0.05; done; sleep 600")
        raw.ask(start)
        key = job_pb2.JobKey(owner=raw.identity.public, id=start.start.jobs[0].id)
    begin()
    try:
        while goes_on(0.2):
            with connect() as raw:
                follow(raw, key, 200)
                goes_on(0.5)
    finally:
        # It would keep a slot, and after four rounds all of them.
        with connect() as raw:
            raw.ask(raw.request(stop=request_pb2.Stop(keys=[key], signal=signal.SIGKILL)))


def subscribe(connect: Connect) -> None:
    """Request grants, and read no reply."""
    begin()
    while goes_on(0):
        with connect() as raw:
            subscribe_all(raw, 10_000)


def frames(connect: Connect) -> None:
    """Send messages of 600 frames."""
    begin()
    while goes_on(0.01):
        with connect() as raw:
            raw.send(*[bytes(10_000)] * 600)
            raw.socket.poll(200)


def strangers(connect: Connect) -> None:
    """Hold 2,000 connections that never shake hands."""
    begin()
    while goes_on(0):
        with connect() as raw, mute_connections(raw.endpoint, 2000):
            goes_on(2)


def lists(connect: Connect) -> None:
    """Request the longest page 10,000 times, and read none."""
    with connect() as raw:
        start = raw.start(b"true", b"x" * 200)
        for number in range(_LISTED_JOBS - 1):
            start.start.jobs.add(id=number.to_bytes(16, "big"), spec=start.start.jobs[0].spec)
        raw.ask(start)
        running = raw.request(list=request_pb2.List())
        while raw.ask(running).list.jobs:
            goes_on(0.02)
    begin()
    while goes_on(0.05):
        with connect() as raw:
            list_all(raw, 10_000)


def topics(connect: Connect) -> None:
    """Send topics that were never granted over two XSUB sockets, as fast as they go."""
    with connect() as raw:
        crooked = [raw.subscriber(zmq.XSUB) for _ in range(2)]
        begin()
        while goes_on(0):
            subscribe_ungranted(crooked, 1000)


def keys(connect: Connect) -> None:
    """Stop one job 120,000 times in one request, and as often as permitted in the next, again and again."""
    with connect() as raw:
        start = raw.start(b"true")
        raw.ask(start)
        key = job_pb2.JobKey(owner=raw.identity.public, id=start.start.jobs[0].id)
    begin()
    while goes_on(0):
        with suppress(AssertionError, zmq.Again), connect() as raw:
            # Once it is disconnected, nothing can be sent.
            raw.socket.setsockopt(zmq.SNDTIMEO, _BANNED_MS)
            for number in itertools.count():
                if not goes_on(0):
                    return
                count = 120_000 if number % 2 else MOST_KEYS
                raw.send(raw.envelope(raw.request(stop=request_pb2.Stop(keys=[key] * count, credit_messages=1))))
                # It does not come once this is disconnected.
                while not raw.receive(_BANNED_MS).last:
                    pass


def handshake(connect: Connect) -> None:
    """Send 8 MB in the handshake, over a hundred connections, again and again."""
    begin()
    with connect() as raw:
        while goes_on(0):
            with mute_connections(raw.endpoint, 100) as connections, ThreadPoolExecutor(8) as threads:
                list(threads.map(lambda one: send_inside_handshake(one, 8_000_000), connections))


def parts(connect: Connect) -> None:
    """Send part after part of one message."""
    _send_without_end(connect, bytes(500), MORE)


def heartbeats(connect: Connect) -> None:
    """Send large heartbeats without end."""
    _send_without_end(connect, b"\x04PING\x00\x00" + bytes(500), COMMAND)


def _send_without_end(connect: Connect, payload: bytes, flags: bytes) -> None:
    begin()
    with connect() as raw:
        while goes_on(0):
            # While it is banned, the handshake is not completed.
            with suppress(OSError, AssertionError), CurveClient(raw.endpoint, raw.server, raw.identity) as client:
                client.send(raw.envelope(raw.request(list=request_pb2.List())))
                while goes_on(0) and send_without_end(client, payload, flags, 1_000_000):
                    pass


def mute(connect: Connect) -> None:
    """Complete the handshake of 300 connections, and send nothing."""
    begin()
    with connect() as raw:
        while goes_on(0):
            with ExitStack() as stack:
                for _ in range(300):
                    stack.enter_context(CurveClient(raw.endpoint, raw.server, raw.identity))
                goes_on(2)


def again(connect: Connect) -> None:
    """Complete the handshake of 300 connections, send nothing, and reconnect at once when one is closed."""
    with connect() as raw, zmq.Context(1) as context:
        begin()
        many = [client_socket(context, zmq.DEALER, raw.identity, raw.server) for _ in range(300)]
        for one in many:
            one.set(zmq.RECONNECT_IVL, 1)
            one.connect(raw.endpoint)
        while goes_on(60):
            pass
        context.destroy(linger=0)


def hellos(connect: Connect) -> None:
    """Send hello without end, and read no reply."""
    begin()
    while goes_on(0.05):
        with connect() as raw:
            hello = raw.envelope(raw.request(hello=request_pb2.Hello(oldest_version=1, newest_version=1, software="x" * 256)))
            send_all(raw, itertools.repeat(hello, 10_000))


def abandoned(connect: Connect) -> None:
    """Ask for 200 lists and stop 200 jobs that do not exist, leave at once, and come again."""
    begin()
    while goes_on(0):
        with connect(lazy=False) as raw:
            listed = raw.envelope(raw.request(list=request_pb2.List(all=True)))
            for _ in range(_LISTED_JOBS):
                raw.send(listed)
                unknown = job_pb2.JobKey(owner=raw.identity.public, id=secrets.token_bytes(16))
                raw.send(raw.envelope(raw.request(stop=request_pb2.Stop(keys=[unknown]))))
            raw.context.destroy(linger=_LEFT_MS)


def large_parts(connect: Connect) -> None:
    """Stage parts that are as large as parts may be, and drop them."""
    with connect(lazy=False) as raw:
        spec = job_pb2.JobSpec(argv=[b"true", b"x" * (LARGEST_PART // MOST_JOBS_PER_PART - 64)])
        part = [request_pb2.NewJob(id=secrets.token_bytes(16), spec=spec) for _ in range(MOST_JOBS_PER_PART)]
        begin()
        while goes_on(0):
            run = secrets.token_bytes(16)
            raw.ask(raw.request(stage=request_pb2.Stage(batch=run, number=0, jobs=part)))
            raw.ask(raw.request(unstage=request_pb2.Unstage(batch=run)))


def flood_with(name: str, connect: Connect) -> None:
    """Send requests of one kind without end, and read what is said to them."""
    with connect(lazy=False) as raw:
        requests = FLOODS[name](raw)
        next(requests)
        begin()
        flood(raw, name, requests, goes_on)
        if goes_on(0):
            raise SystemExit("the flood was cut off")


def puts(connect: Connect) -> None:
    """Send contents of files, one after the other."""
    with connect(lazy=False) as raw:
        begin()
        put_contents(raw, goes_on)


ATTACKS: dict[str, Callable[[Connect], None]] = {
    "follow": follow_logs,
    "subscribe": subscribe,
    "frames": frames,
    "strangers": strangers,
    "lists": lists,
    "topics": topics,
    "keys": keys,
    "handshake": handshake,
    "parts": parts,
    "heartbeats": heartbeats,
    "mute": mute,
    "again": again,
    "hellos": hellos,
    "abandoned": abandoned,
    "large_parts": large_parts,
    "puts": puts,
    **{name: partial(flood_with, name) for name in FLOODS},
}


def begin() -> None:
    """Report that the attack begins."""
    print("begun", flush=True)


def goes_on(seconds: float) -> bool:
    """Wait a moment; return False when the attack is over."""
    return not select.select([sys.stdin], [], [], seconds)[0]


def main() -> None:
    """Attack."""
    name, endpoint, key, seed = sys.argv[1:]
    signal.alarm(_MOST_SECONDS)

    def connect(*, lazy: bool = True) -> RawClient:
        while True:
            raw = RawClient(endpoint, parse_public(key), from_seed(bytes.fromhex(seed)), lazy=lazy)
            try:
                raw.hello(_BANNED_MS)
            except AssertionError:
                raw.context.destroy(linger=0)
                if not goes_on(0):
                    raise SystemExit from None
            else:
                return raw

    ATTACKS[name](connect)


if __name__ == "__main__":
    main()
