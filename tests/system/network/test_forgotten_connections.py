"""Connections that are lost here and not there, as behind a router that forgets them: what is still counted of them is waited for."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator

import pytest
from daemons import Worker, wait_until
from tunnel import Tunnel

from jobwire.client.library.client import Client

_WAITS = ", which is the limit; waiting until one is closed"


@pytest.fixture
def tunnel(worker: Worker) -> Iterator[Tunnel]:
    made = Tunnel(int(worker.endpoint.rpartition(":")[2]))
    yield made
    made.close()


def limit(worker: Worker, name: str) -> None:
    """Limit the only member of the roster to one of these."""
    worker.roster.write_text(f"{worker.roster.read_text()}{name} = 1\n")
    with worker.client() as client:
        wait_until(lambda: getattr(client.hello().limits, name) == 1, "the limit is in force")


class Told:
    """What a client is told about its connection; `then` is called when it is told that it waits for room."""

    def __init__(self, then: Callable[[], object]) -> None:
        self.sentences: list[str] = []
        self._then = then

    def __call__(self, sentence: str) -> None:
        self.sentences.append(sentence)
        if sentence.endswith(_WAITS):
            self._then()


def test_a_log_that_is_followed_goes_on_when_the_stream_of_before_is_counted_no_more(worker: Worker, tunnel: Tunnel) -> None:
    limit(worker, "streams")
    with worker.client() as other:

        def go_on() -> None:
            tunnel.tell()
            other.job(str(job.id)).send_signal(signal.SIGUSR1)

        told = Told(go_on)
        with Client.connect(tunnel.endpoint, worker.public, worker.admin, connect_timeout=60, notice=told) as client:
            job = client.submit(["sh", "-c", "echo one; trap 'echo two; exit' USR1; while :; do sleep 0.1; done"], watch=False)
            lines = iter(job.stdout)
            assert next(lines) == b"one\n"
            tunnel.forget()
            assert list(lines) == [b"two\n"]
    assert [sentence for sentence in told.sentences if sentence.endswith(_WAITS)] == ["admin has 1 streams open" + _WAITS]


def test_events_go_on_when_another_subscription_has_ended(worker: Worker) -> None:
    limit(worker, "grants")
    with worker.client() as other:

        def make_room() -> None:
            held.close()

        told = Told(make_room)
        address = worker.endpoint, worker.public, worker.admin
        with Client.connect(*address, connect_timeout=60, notice=told) as client, client.events() as stream:
            # Nothing of the client runs before the next event is asked for.
            worker.kill()
            worker.start()
            job = other.submit(["true"], watch=False)
            held = other.events(timeout=60)
            # Something came, so its subscription has arrived.
            other.submit(["true"], watch=False)
            next(held)
            assert next(stream).id == job.id
    assert any(sentence.endswith(_WAITS) for sentence in told.sentences)


def test_a_client_without_notices_waits_for_its_own_connection_of_before(worker: Worker, tunnel: Tunnel) -> None:
    limit(worker, "connections")
    with Client.connect(tunnel.endpoint, worker.public, worker.admin, connect_timeout=60) as client:
        job = client.submit(["sleep", "600"], watch=False)
        tunnel.forget()
        with pytest.raises(subprocess.TimeoutExpired):
            job.wait(3)
        tunnel.tell()
        job.stop(grace=0)
        assert job.wait(60)
