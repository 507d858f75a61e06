"""A broker gets workers as processes on its own machine, two in an allocation: both run jobs, and leave together."""

from __future__ import annotations

import signal
from datetime import timedelta
from pathlib import Path

from brokers import Broker
from daemons import wait_until

from jobwire.client.library.values.growth import GrowthSettings


def test_two_workers_of_one_allocation_run_jobs_and_leave_together(tmp_path: Path) -> None:
    broker = Broker(tmp_path / "broker").start()
    try:
        with broker.client() as client:
            client.workers.add_queue(
                GrowthSettings(
                    name="here",
                    cluster="local",
                    max_workers=2,
                    per_node=2,
                    time=timedelta(minutes=10),
                    idle=timedelta(seconds=1),
                    assume=timedelta(minutes=5),
                    scratch=str(tmp_path),
                    jobs_as_root=True,
                )
            )
            # Each of them waits until the other one runs.
            script = "touch {0}; while ! test -e {1}; do sleep 0.05; done"
            one, two = tmp_path / "one", tmp_path / "two"
            jobs = [client.submit(["sh", "-c", script.format(mine, other)]) for mine, other in ((one, two), (two, one))]
            assert [job.wait() for job in jobs] == [0, 0]
            (queue,) = client.workers.queues()
            assert queue.settings.per_node == 2
            assert {job.info().worker for job in jobs} == {allocation.name for allocation in queue.allocations}
            assert len({allocation.cluster_id for allocation in queue.allocations}) == 1
            left = broker.state / "growth"
            wait_until(
                lambda: not (client.workers.queues()[0].allocations or client.workers.list() or list(left.iterdir())), "both have left"
            )
        assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["broker"], "the states of the workers are removed"
    finally:
        print(broker.logged())
        broker.kill(signal.SIGTERM)
