"""Only the port for requests is reachable, as through a tunnel or a firewall: everything except events works, and those say why."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from daemons import Worker
from tunnel import Tunnel

from jobwire.client.library.client import Client
from jobwire.client.library.job import Job
from jobwire.schemas.refusal import Code, Refused


@pytest.fixture
def tunnel(worker: Worker) -> Iterator[Tunnel]:
    made = Tunnel(int(worker.endpoint.rpartition(":")[2]))
    yield made
    made.close()


@pytest.fixture
def client(worker: Worker, tunnel: Tunnel) -> Iterator[Client]:
    with Client.connect(tunnel.endpoint, worker.public, worker.admin, connect_timeout=1) as made:
        yield made


def unwatched(client: Client, seconds: float) -> Job:
    return client.submit(["sh", "-c", f"echo said >&2; sleep {seconds}; echo more >&2; exit 3"], watch=False)


def test_jobs_run_and_are_waited_for_over_requests_alone(client: Client) -> None:
    assert client.run(["echo", "hi"]).stdout == b"hi\n"
    assert client.submit(["true"]).wait(60) == 0
    quick, slow = unwatched(client, 2), unwatched(client, 600)
    assert client.wait([quick, slow], any=True, timeout=60) == [quick]
    assert quick.returncode == 3
    with pytest.raises(TimeoutError):
        client.wait([slow], timeout=0.5)
    slow.stop(grace=0)
    assert client.wait([slow], timeout=60) == [slow]


def test_more_jobs_than_can_be_followed_at_once_are_waited_for_too(client: Client) -> None:
    blocker = client.submit(["sleep", "2"])
    jobs = [unwatched(client, 0) for _ in range(40)]
    assert len(client.wait([blocker, *jobs], timeout=60)) == 41


def test_events_name_the_port_that_they_come_from(client: Client, worker: Worker) -> None:
    port = worker.event_endpoint.rpartition(":")[2]
    with client.events() as events, pytest.raises(Refused, match=f"requests get through .*, which come from port {port}, do not") as told:
        next(events)
    assert told.value.code is Code.UNAVAILABLE
    assert f"open port {port} too" in told.value.next_step
