"""Examine everything between this user and the worker in use, one after the other, with short timeouts. Starts nothing."""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from .... import __version__
from ....keys.files.user_folders import identity_path, roster_path, worker_folder
from ....keys.holder import Whereabouts, locate, process_state
from ....keys.identity import fingerprint, load
from ....keys.members import roster
from ....keys.members.rights import Right
from ....schemas.clock import wall_us
from ....schemas.endpoint import host_of
from ....schemas.generated import event_pb2, request_pb2
from ....schemas.jobs.states import State
from ....schemas.refusal import Code, Refused
from ....schemas.text.sizes import format_size
from ....schemas.wire_codec import state_to_wire
from ...config import contexts
from ...library.client import Client
from ...library.destination import find_destination
from ...library.requests.dialogue import reply_with
from ...library.values.broker_workers import BrokerWorker, read_workers, workers_request
from ...library.values.job_info import job_info
from ...library.values.status import read_status, status_request
from ...private_worker.running import described, read_description
from ...private_worker.state_folder import holder_in
from ...protocol.hello import greeting
from ...protocol.subscription import Phase, Subscription
from ..terminal.screen import duration
from . import findings
from .findings import Finding, Level

# For all answers together once there is a connection, and for events in addition.
_ANSWER_SECONDS = 10.0
_EVENT_SECONDS = 7.0
_FEW_BYTES = 100 << 20


def examine(chosen: str | None, connect_seconds: float) -> Iterator[Finding]:
    """Iterate over the findings about the selected context. Never raises `Refused`.

    `connect_seconds`: how long to wait for a connection.
    """
    try:
        context = contexts.find(chosen)
    except Refused as refused:
        yield findings.refused("context", refused)
        yield _identity(None)
        return
    yield findings.ok("context", _name(context))
    identity = _identity(context)
    yield identity
    private = context is None
    if context is None:
        try:
            context = yield from _private_worker()
        except Refused as refused:
            yield findings.refused("process", refused)
    # Without an identity, one would be made.
    if context is not None and identity.level is Level.OK:
        yield from _worker(context, connect_seconds, private=private)


def _name(context: contexts.Context | None) -> str:
    said = f", as {contexts.CONTEXT_VARIABLE} says" if os.environ.get(contexts.CONTEXT_VARIABLE) else ""
    if context is None:
        return f"{contexts.EMBEDDED}, your private worker{said}"
    return f"{context.name}{said}: {context.endpoint}, whose key is {fingerprint(context.server_key)}"


def _identity(context: contexts.Context | None) -> Finding:
    if context is not None and context.of_job:
        return findings.ok("identity", f"the key of this job, {context.identity_path}")
    try:
        path = context.identity_path if context is not None else identity_path()
        return findings.ok("identity", f"{path}, fingerprint {fingerprint(load(path).public)}")
    except Refused as refused:
        if refused.code is Code.NOT_FOUND and context is None:
            return Finding(Level.WARNING, "identity", refused.message, "the first jobwire run makes one")
        return findings.refused("identity", refused)


def _private_worker() -> Generator[Finding, None, contexts.Context | None]:
    """Examine the worker of this user without a request, and return how to reach it; None if none is ready."""
    folder = worker_folder()
    holder = holder_in(folder)
    if holder is None:
        yield findings.ok("process", "your private worker is not running; the next jobwire run or submit starts it")
        yield _space(folder)
        yield _roster()
        return None
    context = described(folder, holder)
    if context is None:
        who = f", pid {holder}," if holder else ""
        log = f"tail {folder / 'worker.log'}"
        yield Finding(Level.WARNING, "process", f"your private worker{who} is not ready: it is being started, or is exiting", log)
        return None
    said = read_description(folder)
    yield findings.of_process(str(said.get("pid")), process_state(said["pid"]) if locate(said) is Whereabouts.HERE else "")
    return context


def _space(folder: Path) -> Finding:
    """Return whether there is space for a worker on the disk of its state folder, which may not exist yet."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    disk = os.statvfs(there)
    free = disk.f_bavail * disk.f_frsize
    if not os.access(there, os.W_OK | os.X_OK):
        return Finding(Level.PROBLEM, "disk", f"nothing can be written to {there}", "use another folder: JOBWIRE_STATE=DIR")
    if disk.f_files and not disk.f_favail:
        return Finding(Level.PROBLEM, "disk", f"no inodes left in {there}", "remove files there; df -i shows how many there are")
    if free < _FEW_BYTES:
        return Finding(Level.PROBLEM, "disk", f"{format_size(free)} free in {there}, too little for new jobs", "remove files there")
    return findings.ok("disk", f"{format_size(free)} free in {there}")


def _roster() -> Finding:
    try:
        path = roster_path()
        count = len(roster.read(path).members)
        if not count and not path.exists():
            return findings.ok("roster", f"none yet; your worker makes {path} when it first starts")
        return findings.ok("roster", f"{count} member{'' if count == 1 else 's'} in {path}")
    except Refused as refused:
        return findings.refused("roster", refused)


def _worker(context: contexts.Context, connect_seconds: float, *, private: bool) -> Iterator[Finding]:
    """Query the worker."""
    try:
        to = find_destination(context, connect_seconds)
        # Never started again, even if it ends meanwhile.
        revive = (lambda: None) if private else None
        client = Client.connect(to.endpoint, to.server_key, to.identity, connect_timeout=to.connect_timeout, revive=revive)
        with closing(client):
            yield from _asked(client, connect_seconds, private=private)
    except Refused as refused:
        yield findings.refused("connection", refused)
    except TimeoutError:
        what = "it was reached, and no longer responds: it hangs, is overloaded, or the network is cut or loses large packets"
        large = "" if private else f"; whether large packets arrive: ping -M do -s 1400 {host_of(context.endpoint).strip('[]')}"
        yield Finding(Level.PROBLEM, "connection", what, f"try again; on its machine: jobwire worker status{large}")


def _asked(client: Client, connect_seconds: float, *, private: bool) -> Iterator[Finding]:
    connection = client.connection
    deadline = time.monotonic() + connect_seconds + _ANSWER_SECONDS
    hello = connection.hello(deadline)
    begun = time.monotonic()
    again = connection.call(greeting(), deadline)
    took_us = int((time.monotonic() - begun) * 1_000_000)
    kind, version = hello.kind, hello.software.removeprefix("jobwire ")
    yield findings.ok("connection", f"the {kind} on {hello.host} answered in {duration(took_us)}")
    yield findings.of_version(__version__, version, kind, private=private)
    if isinstance(again, request_pb2.Reply) and again.hello.now_us:
        yield findings.of_clock(again.hello.now_us + took_us // 2 - wall_us(), kind)
    yield from _events(client)
    request = status_request(hello)
    status = read_status(connection.endpoint, hello, None if request is None else connection.call(request, deadline))
    workers: tuple[BrokerWorker, ...] = ()
    if kind == "broker" and Right.SEE_OTHERS.value in (status.rights or ()):
        workers = read_workers(reply_with("list_workers", connection.call(workers_request(), deadline)))
        yield from findings.of_workers(workers)
    yield from findings.of_status(replace(status, warnings=findings.without_workers(status.warnings, workers)))
    if status.queued:
        yield from _oldest(client, deadline)


def _events(client: Client) -> Iterator[Finding]:
    """Check whether events arrive, which come from another port."""
    subscription = Subscription(event_pb2.Filter())
    deadline = time.monotonic() + _EVENT_SECONDS
    client.connection.subscribe(subscription)
    while not subscription.heard and subscription.phase is not Phase.ENDED and time.monotonic() < deadline:
        client.connection.pump(deadline)
    heard = subscription.heard
    client.connection.unsubscribe(subscription)
    if heard:
        yield findings.ok("events", "get through")
    elif subscription.refusal is not None:
        yield Finding(Level.WARNING, "events", subscription.refusal.message, subscription.refusal.next_step)
    else:
        yield Finding(
            Level.WARNING, "events", f"none got through within {_EVENT_SECONDS:g} s", "open their port too: jobwire worker status"
        )


def _oldest(client: Client, deadline: float) -> Iterator[Finding]:
    wanted = request_pb2.List(states=[state_to_wire(State.QUEUED)], limit=1)
    listed = client.connection.call(request_pb2.Request(list=wanted), deadline)
    if isinstance(listed, request_pb2.Reply):
        yield from (findings.of_oldest(job_info(job)) for job in listed.list.jobs[:1])
