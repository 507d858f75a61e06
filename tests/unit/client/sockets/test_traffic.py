"""Signs of life on real sockets: a daemon that stops answering and answers again, with a client that blocks and one on a loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from client_requests import follow, soon, start, until_seen
from fake_daemon import FakeDaemon

from jobwire.client.asynchronous.client import AsyncClient
from jobwire.client.library.client import Client
from jobwire.client.sockets.connecting import diagnosis
from jobwire.client.sockets.connection import Connection
from jobwire.keys.identity import Identity
from jobwire.schemas.naming import new_id
from jobwire.schemas.refusal import Refused

# Short, and yet long for a daemon in this process.
PATIENCE = 0.3
MANY = 1000


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def patient(daemon: FakeDaemon, identity: Identity, told: list[str]) -> Iterator[Connection]:
    with closing(Connection(daemon.endpoint, daemon.public, identity, notice=told.append)) as made:
        made.silence.patience = PATIENCE
        yield made


def pump_until_told(connection: Connection, told: list[str], times: int) -> None:
    deadline = soon()
    while len(told) < times:
        # What is told wakes nobody.
        connection.pump(soon(0.05))
        assert time.monotonic() < deadline


def test_a_daemon_that_stops_answering_is_told_of_once_and_again_when_it_answers(
    patient: Connection, daemon: FakeDaemon, told: list[str]
) -> None:
    job_id = new_id()
    patient.call(start(job_id, b"wait"), soon())
    patient.ask(follow(job_id))
    daemon.swallow["hello"] = MANY
    pump_until_told(patient, told, 1)
    assert told == [f"no response from the worker at {daemon.endpoint} for 1 s; waiting for it (jobs continue)"]
    assert patient.silence.whose
    # It is asked once, and not again before it has answered.
    patient.pump(soon(4 * PATIENCE))
    assert (len(told), daemon.verbs().count("hello")) == (1, 2)
    daemon.write(job_id, b"alive\n")
    pump_until_told(patient, told, 2)
    assert told[1:] == [f"the worker at {daemon.endpoint} answers again"]
    assert not patient.silence.whose


def test_a_daemon_that_answers_is_asked_and_not_told_of(patient: Connection, daemon: FakeDaemon, told: list[str]) -> None:
    job_id = new_id()
    patient.call(start(job_id, b"wait"), soon())
    patient.ask(follow(job_id))
    until_seen(daemon, patient, "hello", 4)
    assert told == []
    # What is asked is nobody's exchange: nothing keeps waiting for it, and nobody is woken.
    assert not patient.pump(soon(2 * PATIENCE))


def test_without_patience_nothing_is_asked(daemon: FakeDaemon, identity: Identity, told: list[str]) -> None:
    with closing(Connection(daemon.endpoint, daemon.public, identity, notice=told.append)) as connection:
        job_id = new_id()
        connection.call(start(job_id, b"wait"), soon())
        connection.ask(follow(job_id))
        connection.pump(soon(4 * PATIENCE))
    assert (daemon.verbs().count("hello"), told) == (1, [])


def test_whoever_has_no_patience_any_more_waits_for_a_broker_without_looking(patient: Connection, daemon: FakeDaemon) -> None:
    daemon.kind = "broker"
    job_id = new_id()
    patient.call(start(job_id, b"wait"), soon())
    patient.ask(follow(job_id))
    until_seen(daemon, patient, "follow_log")
    patient.pump(soon(PATIENCE / 3))
    patient.silence.patience = None
    before = time.thread_time()
    patient.pump(soon(PATIENCE + 1))
    assert time.thread_time() - before < 0.3


def test_whoever_comes_next_is_told_too_of_a_silent_worker_behind_a_broker(
    patient: Connection, daemon: FakeDaemon, told: list[str]
) -> None:
    """In a shell, one command after the other uses one connection."""
    daemon.kind, daemon.silent_worker = "broker", "lab"
    job_id = new_id()
    patient.call(start(job_id, b"wait"), soon())
    patient.ask(follow(job_id))
    pump_until_told(patient, told, 1)
    patient.silence.patience = None
    assert not patient.silence.whose
    patient.pump(soon(2 * PATIENCE))
    patient.silence.patience = PATIENCE
    pump_until_told(patient, told, 2)
    assert told == [diagnosis.silent_behind("lab", daemon.endpoint, 0)] * 2
    daemon.silent_worker = ""
    pump_until_told(patient, told, 3)
    assert told[2:] == [diagnosis.answers_behind("lab", daemon.endpoint)]
    patient.silence.patience = PATIENCE
    patient.pump(soon(4 * PATIENCE))
    assert len(told) == 3


def test_nobody_is_told_who_does_not_look_on_and_what_they_missed_is_not_said_later(
    patient: Connection, daemon: FakeDaemon, told: list[str]
) -> None:
    seen = [False]
    patient.silence.looks_on = lambda: seen[0]
    job_id = new_id()
    patient.call(start(job_id, b"wait"), soon())
    patient.ask(follow(job_id))
    daemon.swallow["hello"] = MANY
    patient.pump(soon(4 * PATIENCE))
    assert (daemon.verbs().count("hello"), told) == (1, [])
    seen[0] = True
    pump_until_told(patient, told, 1)
    seen[0] = False
    daemon.write(job_id, b"alive\n")
    while patient.silence.whose:
        patient.pump(soon())
    seen[0] = True
    patient.pump(soon(0.05))
    assert [text.split(" for ")[0] for text in told] == [f"no response from the worker at {daemon.endpoint}"]


def test_who_waits_for_nothing_asks_for_nothing(patient: Connection, daemon: FakeDaemon, told: list[str]) -> None:
    patient.call(start(new_id(), b"wait"), soon())
    patient.pump(soon(4 * PATIENCE))
    assert (daemon.verbs().count("hello"), told) == (1, [])


def test_a_silent_daemon_whose_connection_is_lost_and_comes_back_is_told_of_as_lost(
    patient: Connection, daemon: FakeDaemon, told: list[str]
) -> None:
    job_id = new_id()
    patient.call(start(job_id, b"wait"), soon())
    patient.ask(follow(job_id))
    daemon.swallow["hello"] = MANY
    pump_until_told(patient, told, 1)
    daemon.swallow["hello"] = 0
    daemon.restart()
    pump_until_told(patient, told, 3)
    assert told[1:] == [
        f"the connection to {daemon.endpoint} is lost; waiting for it to come back (jobs continue)",
        f"connected to {daemon.endpoint} again",
    ]


async def test_a_client_on_a_loop_is_told_the_same(daemon: FakeDaemon, identity: Identity, told: list[str]) -> None:
    async def until_told(times: int) -> None:
        async with asyncio.timeout(60):
            while len(told) < times:  # noqa: ASYNC110 -- it is told by a callback
                await asyncio.sleep(0.01)

    client = AsyncClient.connect(daemon.endpoint, daemon.public, identity, notice=told.append, patience=PATIENCE)
    async with client:
        job = await client.submit(["wait"])
        waiting = asyncio.create_task(job.wait())
        daemon.swallow["hello"] = MANY
        await until_told(1)
        daemon.finish(job.key.id)
        await waiting
        await until_told(2)
    assert [text.replace(daemon.endpoint, "X") for text in told] == [
        "no response from the worker at X for 1 s; waiting for it (jobs continue)",
        "the worker at X answers again",
    ]


@pytest.mark.parametrize("patience", [0, -1, 0.01, "5ms"])
def test_too_short_a_patience_is_refused(daemon: FakeDaemon, identity: Identity, patience: float | str) -> None:
    with pytest.raises(Refused, match="too short"):
        Client.connect(daemon.endpoint, daemon.public, identity, patience=patience)
