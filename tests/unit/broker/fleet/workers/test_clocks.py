"""The broker reports a worker whose clock is far from its own, and gives it no jobs if it is too far."""

from __future__ import annotations

from pathlib import Path

import pytest
from broker_house import BrokerSide, Wire, WorkerSide, signed_start

from jobwire.broker.fleet.workers import clocks
from jobwire.keys.identity import generate

SECOND_US = 1_000_000


@pytest.mark.parametrize(
    ("ahead", "told", "too_far"), [(0, 0, 0), (60, 0, 0), (61, 1, 0), (-61, 1, 0), (300, 1, 0), (301, 1, 1), (-301, 1, 1)]
)
def test_what_follows_from_a_clock(ahead: int, told: int, too_far: int) -> None:
    off_us = clocks.ahead_us(1_000_000 * SECOND_US + ahead * SECOND_US, 1_000_000 * SECOND_US)
    assert (clocks.is_told(off_us), clocks.is_too_far(off_us)) == (bool(told), bool(too_far))


def test_an_older_worker_tells_no_clock() -> None:
    assert clocks.ahead_us(0, 1_000_000) == 0


@pytest.mark.parametrize(("ahead", "starts"), [(100, True), (400, False), (-400, False)])
async def test_a_worker_gets_jobs_only_if_its_clock_is_near(tmp_path: Path, ahead: int, starts: bool) -> None:  # noqa: FBT001 -- a parameter
    client, broker = generate(), BrokerSide(tmp_path / "broker")
    broker.house.now = 1_000_000 * SECOND_US
    worker = WorkerSide(tmp_path / "worker", broker.identity.public, clock=lambda: broker.house.now + ahead * SECOND_US)
    Wire(broker, worker).up()
    await broker.durable()
    await broker.accept(client, signed_start(client, broker.identity.public, 1))
    assert bool(worker.started) == starts
    for side in (broker, worker):
        side.house.close()
