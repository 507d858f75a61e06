"""A broker gets workers as processes on its own machine, two in an allocation: both run jobs, and leave together."""

from __future__ import annotations

import signal
from datetime import timedelta
from pathlib import Path

from brokers import Broker
from daemons import wait_until
from home import Home

from jobwire.client.library.values.growth import GrowthSettings
from jobwire.keys.identity import format_public


def test_two_workers_of_one_allocation_run_jobs_and_leave_together(tmp_path: Path) -> None:
    broker, scratch = Broker(tmp_path / "broker").start(), tmp_path / "scratch"
    scratch.mkdir()
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
                    scratch=str(scratch),
                    jobs_as_root=True,
                )
            )
            # Each of them waits until the other one runs, and both until their workers were looked at, which leave soon after their ends.
            # What one of them writes is hashed after its end.
            script = "touch {0}; until test -e {1} && test -e {2}; do sleep 0.05; done; seq 300000; echo e >&2"
            one, two, seen = (tmp_path / name for name in ("one", "two", "seen"))
            jobs = [client.submit(["sh", "-c", script.format(mine, other, seen)]) for mine, other in ((one, two), (two, one))]
            wait_until(lambda: one.exists() and two.exists(), "both run")
            (queue,) = client.workers.queues()
            assert queue.settings.per_node == 2
            assert {job.info().worker for job in jobs} == {allocation.name for allocation in queue.allocations}
            assert len({allocation.cluster_id for allocation in queue.allocations}) == 1
            keys = [format_public(one.key) for one in client.workers.list()]
            seen.touch()
            assert [job.wait() for job in jobs] == [0, 0]
            left = broker.state / "growth"
            wait_until(
                lambda: not (client.workers.queues()[0].allocations or client.workers.list() or list(left.iterdir())), "both have left"
            )
        whole = b"".join(b"%d\n" % number for number in range(1, 300_001))
        for restarted in (False, True):
            if restarted:
                broker.kill()
                broker.start()
            with broker.client() as client:
                for job in (client.job(one.id) for one in jobs):
                    assert job.read_range("stdout", 1_000_000, 10)[0] == whole[1_000_000:1_000_010]
                    assert job.read_range("stderr", 0, 10) == (b"e\n", 2)
                    assert job.tail("stdout", 2) == b"299999\n300000\n"
        home = Home(tmp_path / "home", tmp_path / "bytecode")
        home.use(broker, broker.admin)
        for how in ((), ("--follow",), ("--verify", "--worker", keys[0], "--worker", keys[1])):
            found = home.jobwire("logs", jobs[0].id, *how)
            assert (found.stdout, found.stderr) == (whole, b"e\n")
        assert b"does not keep the times of its output" in home.jobwire("logs", jobs[0].id, "--timestamps", status=1).stderr
        with broker.client() as client:
            client.job(jobs[0].id).forget()
            assert client.job(jobs[1].id).read_range("stderr", 0, 10)[0] == b"e\n"
        wait_until(lambda: len(list((broker.state / "logs").glob("*/*"))) == 1, "the other one is removed")
        assert not list(scratch.iterdir()), "the states of the workers are removed"
    finally:
        print(broker.logged())
        broker.kill(signal.SIGTERM)
