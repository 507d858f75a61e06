"""Somebody on the roster who attacks a worker without end, as a process of its own: attacker.py ATTACK ENDPOINT KEY SEED (hex).

Prepares, says `begun` on its standard output, and goes on until its standard input is closed.
"""

from __future__ import annotations

import select
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from insiders import follow, list_all, mute_connections, subscribe_all
from raw_client import RawClient

from jobwire.keys.identity import from_seed, parse_public
from jobwire.schemas.generated import job_pb2, request_pb2

_LISTED_JOBS = 200
Connect = Callable[[], RawClient]


def follow_logs(connect: Connect) -> None:
    """Follow a log that grows 200 times, and read nothing."""
    with connect() as raw:
        start = raw.start(b"sh", b"-c", b"for _ in $(seq 200); do head -c 1000000 /dev/zero; sleep 0.05; done; sleep 600")
        raw.ask(start)
        key = job_pb2.JobKey(owner=raw.identity.public, id=start.start.jobs[0].id)
    begin()
    while goes_on(0.2):
        with connect() as raw:
            follow(raw, key, 200)
            goes_on(0.5)


def subscribe(connect: Connect) -> None:
    """Ask for grants, and read no answer."""
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
    """Ask for the longest page there is 10,000 times, and read none."""
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


ATTACKS = {"follow": follow_logs, "subscribe": subscribe, "frames": frames, "strangers": strangers, "lists": lists}


def begin() -> None:
    """Say that from now on there is an attack."""
    print("begun", flush=True)


def goes_on(seconds: float) -> bool:
    """Let time pass; False when it is over."""
    return not select.select([sys.stdin], [], [], seconds)[0]


def main() -> None:
    """Attack."""
    name, endpoint, key, seed = sys.argv[1:]

    def connect() -> RawClient:
        raw = RawClient(endpoint, parse_public(key), from_seed(bytes.fromhex(seed)), lazy=True)
        raw.hello()
        return raw

    ATTACKS[name](connect)


if __name__ == "__main__":
    main()
