"""A real Slurm grows when jobs wait, and shrinks when they have ended; the broker is killed in between, and a worker is cancelled."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from brokers import Broker
from daemons import wait_until
from slurm import Slurm, needs_slurm

from jobwire.client.library.client import Client
from jobwire.client.library.values.growth import GrowthSettings
from jobwire.schemas.refusal import Refused


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Slurm]:
    made = Slurm(tmp_path / "slurm").start()
    os.environ["SLURM_CONF"] = str(made.conf)
    try:
        yield made
    finally:
        del os.environ["SLURM_CONF"]
        made.stop()


def queue(**fields: object) -> GrowthSettings:
    usual = {"name": "short", "cluster": "slurm", "max_workers": 3, "cpus": 2, "jobs_as_root": True}
    times = {"time": timedelta(minutes=5), "idle": timedelta(seconds=1), "assume": timedelta(minutes=2)}
    return GrowthSettings(**{**usual, **times, **fields})  # type: ignore[arg-type]


def states(client: Client) -> list[str]:
    (only,) = client.workers.queues()
    return [one.state for one in only.allocations]


@needs_slurm
def test_a_cluster_grows_and_shrinks_and_nothing_is_lost_in_between(cluster: Slurm, tmp_path: Path) -> None:
    broker = Broker(tmp_path / "broker").start()
    try:
        with broker.client() as client:
            with pytest.raises(Refused, match="sbatch refused it"):
                client.workers.add_queue(queue(partition="nowhere"))
            with pytest.raises(Refused, match="--array"):
                client.workers.add_queue(queue(options=("--array=1-3",)))
            client.workers.add_queue(queue(labels=("node=short",)))
            jobs = [client.submit(["sh", "-c", "echo out; sleep 1"], time_limit=60) for _ in range(8)]
            long = client.submit(["sh", "-c", "echo long; sleep 1000"], time_limit=200, on="node=short")
            wait_until(lambda: len(found := states(client)) == 3 and "asking" not in found, "workers are asked for")
        # What was asked for is found again.
        broker.kill()
        broker.start()
        with broker.client() as client:
            assert [client.job(job.id).wait() for job in jobs] == [0] * 8
            workers = {client.job(job.id).info().worker for job in jobs}
            assert 1 <= len(workers) <= 3
            assert len(cluster.ask("squeue", "--noheader", "--states=all").splitlines()) <= 3
            # The last one has a job. Slurm ends it with SIGTERM, and the job is stopped and told.
            name = client.job(long.id).info().worker
            cluster.ask("scancel", f"--name={name}")
            client.job(long.id).wait()
            outcome = client.job(long.id).info().outcome
            assert outcome is not None
            assert "stopped by the worker, which is leaving" in outcome.sentence
            left = broker.state / "growth"
            wait_until(lambda: not (states(client) or client.workers.list() or list(left.iterdir())), "all workers have left")
            # Their logs are at the broker.
            assert [client.job(job.id).read_range("stdout", 0, 10)[0] for job in (*jobs, long)] == [b"out\n"] * 8 + [b"long\n"]
        assert not cluster.ask("squeue", "--noheader")
    finally:
        broker.kill(signal.SIGTERM)
