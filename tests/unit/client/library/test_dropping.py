"""A client, a stream of events or a log that nobody holds any more: it closes itself, without the collector."""

from __future__ import annotations

import gc
import multiprocessing
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection as Pipe
from pathlib import Path

import pytest
import zmq
from fake_daemon import FakeDaemon

from jobwire.client.library.client import Client
from jobwire.keys import identity as identities
from jobwire.keys.identity import Identity, format_public
from jobwire.schemas.refusal import Refused

SECONDS = 60
_DROPPED = """
import gc, sys, threading
from pathlib import Path
from jobwire.client.library.client import Client
from jobwire.keys.identity import load, parse_public

def client():
    made = Client.connect(sys.argv[1], parse_public(sys.argv[2]), load(Path(sys.argv[3])))
    list(made.list())
    return made
"""

# The first hook is called last: when the client has been closed, or left open because the thread is inside.
_IN_A_THREAD = """
import atexit
exits = threading.Event()
thread = threading.Thread(target=lambda: use(), daemon=True)

def go_on():
    exits.set()
    client().submit(["wait"])
    # A second in silence is success.
    thread.join(1)

atexit.register(go_on)
one = client()
"""


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def open_descriptors() -> int:
    return len([*Path("/proc/self/fd").iterdir()])


def until_as_many(before: int, daemon: FakeDaemon) -> None:
    """Wait until as many descriptors are open as before: what the daemon's thread holds of a client goes a moment later."""
    deadline = time.monotonic() + SECONDS
    while open_descriptors() > before:
        assert time.monotonic() < deadline
        daemon.do(lambda: None)


def refused(client: Client) -> None:
    with pytest.raises(Refused):
        client.job("nobody")


def refused_stream(client: Client) -> None:
    with pytest.raises(Refused):
        client.events(f"{'0' * 32}:7")


def half_read(client: Client) -> None:
    job = client.submit(["wait"])
    next(iter(client.events("start")))
    assert job.stdout.take() is None


def timed_out(client: Client) -> None:
    with pytest.raises(TimeoutError):
        next(client.events(timeout=0.01))


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("use", [lambda client: list(client.list()), refused, refused_stream, half_read, timed_out])
def test_a_dropped_client_closes_its_sockets_at_once(daemon: FakeDaemon, identity: Identity, use: Callable[[Client], object]) -> None:
    before = open_descriptors()
    client = Client.connect(daemon.endpoint, daemon.public, identity)
    use(client)
    gone = weakref.ref(client.connection)
    assert open_descriptors() > before
    del client

    assert gone() is None
    until_as_many(before, daemon)


@pytest.mark.usefixtures("no_collector")
def test_many_dropped_clients_hold_no_more_than_one(daemon: FakeDaemon, identity: Identity) -> None:
    for _ in range(50):
        client = Client.connect(daemon.endpoint, daemon.public, identity)
        list(client.list())
    del client

    assert not [one for one in gc.get_objects() if isinstance(one, Client)]


def test_a_client_in_a_cycle_of_the_program_is_closed_by_the_collector(daemon: FakeDaemon, identity: Identity) -> None:
    client = Client.connect(daemon.endpoint, daemon.public, identity)
    list(client.list())
    context = client.connection._context
    client.notes = [client]  # type: ignore[attr-defined] # reason: what a program may do
    del client
    gc.collect()

    assert context.closed


@pytest.mark.usefixtures("no_collector")
def test_a_dropped_stream_or_log_is_given_back_with_the_next_call(client: Client, daemon: FakeDaemon) -> None:
    job = client.submit(["wait"])
    events = client.events()
    log = job.output("stdout")
    client.pump(0)
    assert daemon.do(lambda: len(daemon.grants)) == 1
    del events, log
    list(client.list())
    list(client.list())

    assert not daemon.do(lambda: len(daemon.grants))
    assert daemon.verbs().count("cancel") == 1


@pytest.mark.parametrize(
    "program",
    [
        "kept = [client() for _ in range(5)]",
        "for one in [client() for _ in range(5)]: one.me = one",
        "one = client(); threading.Thread(target=lambda: one.events().__next__(), daemon=True).start()",
        "one = client(); events = one.events(); log = one.submit(['wait']).stdout",
        # Python 3.12 advises against it.
        "import os, warnings\nwarnings.simplefilter('ignore')\none = client()\nif os.fork() == 0: sys.exit(0)\nos.wait(); list(one.list())",
    ],
    ids=["held", "in cycles", "in a thread", "half read", "after a fork"],
)
def test_a_program_that_closed_no_client_exits(daemon: FakeDaemon, identity: Identity, tmp_path: Path, program: str) -> None:
    assert end_of(program, daemon, identity, tmp_path) == (0, "")


@pytest.mark.skipif((3, 12) <= sys.version_info < (3, 12, 3), reason="no thread can be started while Python exits (gh-113964)")
@pytest.mark.parametrize(
    "use",
    [
        "exits.wait(); one.events()",
        "guard = one.connection._enter(); ready.set(); exits.wait(); guard.__enter__(); sys.stderr.write('entered')",
        "events = one.events(); ready.set(); [*events]",
        "exits.wait(); one.close()",
    ],
    ids=["outside", "about to enter", "inside", "closing"],
)
def test_a_thread_that_continues_while_the_program_exits_prints_nothing(
    daemon: FakeDaemon, identity: Identity, tmp_path: Path, use: str
) -> None:
    wait = "ready.wait()" if "ready" in use else ""
    program = f"{_IN_A_THREAD}\nready = threading.Event()\ndef use(): {use}\nthread.start(); {wait}"

    assert end_of(program, daemon, identity, tmp_path) == (0, "")


def end_of(program: str, daemon: FakeDaemon, identity: Identity, folder: Path) -> tuple[int, str]:
    """Return the exit status and the standard error of a program that uses the client."""
    identities.save(identity, folder / "identity")
    command = [sys.executable, "-c", _DROPPED + program, daemon.endpoint, format_public(daemon.public), str(folder / "identity")]
    ended = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False, text=True)
    return ended.returncode, ended.stderr


def _use(client: Client, told: Pipe) -> None:
    try:
        list(client.list())
    except RuntimeError as error:
        told.send(str(error))
    client.close()


def test_a_client_from_before_a_fork_is_refused_and_continues_in_the_parent(client: Client) -> None:
    list(client.list())
    here, there = multiprocessing.Pipe(duplex=False)
    child = multiprocessing.get_context("fork").Process(target=_use, args=(client, there))
    child.start()
    child.join(SECONDS)
    assert "made before a fork" in here.recv()
    here.close()
    there.close()
    assert child.exitcode == 0
    child.close()

    assert list(client.list()) == []


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("part", ["traffic.MonitoredSocket", "traffic.EventSocket", "connection.SignalGuard"])
def test_an_interrupted_constructor_leaves_nothing(identity: Identity, monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(f"jobwire.client.sockets.{part}", interrupted)
    before = open_descriptors()
    with pytest.raises(KeyboardInterrupt):
        Client.connect("tcp://127.0.0.1:1", identity.public, identity)

    assert open_descriptors() == before


@pytest.fixture
def interrupting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Interrupt the first close of a context as it begins, by a handler that raises."""
    destroy = zmq.Context.destroy

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    def destroy_interrupted(context: zmq.Context[zmq.Socket[bytes]], linger: int | None = None) -> None:
        monkeypatch.setattr(zmq.Context, "destroy", destroy)
        signal.raise_signal(signal.SIGINT)
        context.destroy(linger)

    before = signal.signal(signal.SIGINT, interrupt)
    monkeypatch.setattr(zmq.Context, "destroy", destroy_interrupted)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("no_collector", "interrupting")
def test_an_interrupted_close_leaves_nothing_and_the_interruption_is_not_lost(daemon: FakeDaemon, identity: Identity) -> None:
    before = open_descriptors()
    client = Client.connect(daemon.endpoint, daemon.public, identity)
    list(client.list())
    with pytest.raises(KeyboardInterrupt):
        client.close()
    del client
    until_as_many(before, daemon)


@pytest.mark.usefixtures("no_collector", "interrupting")
def test_a_client_that_is_dropped_in_the_moment_of_an_interruption_leaves_nothing(
    daemon: FakeDaemon, identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What is raised in a finalizer, Python prints.
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)
    before = open_descriptors()
    client = Client.connect(daemon.endpoint, daemon.public, identity)
    list(client.list())
    del client
    until_as_many(before, daemon)
