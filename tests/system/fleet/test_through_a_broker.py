"""What a worker does itself works through a broker too: reruns, what runs end with, schedules."""

from __future__ import annotations

import asyncio
import shlex
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from brokers import Broker
from daemons import Worker, wait_until

from jobwire.client.asynchronous.client import AsyncClient
from jobwire.client.library.requests import staging
from jobwire.client.library.requests.reruns import find_finish
from jobwire.client.library.verbs import actions
from jobwire.keys.identity import Identity
from jobwire.schemas.naming import finish_job_id, format_id, new_id
from jobwire.schemas.refusal import Code, Refused


class Lab(NamedTuple):
    """A broker, a submitter, and a worker."""

    broker: Broker
    ada: Identity
    worker: Worker


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("lab")
    broker = Broker(folder / "broker").start()
    worker = broker.join(folder / "worker", "one", 2)
    try:
        wait_until(lambda: set(broker.states().values()) == {"ready"}, "the worker has joined")
        yield Lab(broker, broker.add("ada", "submitter"), worker)
    finally:
        worker.clean()
        broker.kill(signal.SIGTERM)


def test_jobs_run_again_with_everything_as_it_was(lab: Lab) -> None:
    broker, ada, _ = lab
    with broker.client(ada) as client:
        first = client.submit(["sh", "-c", "cat; echo $WHAT"], input=b"kept\n", env={"WHAT": "said"})
        assert first.wait() == 0
        again = first.rerun()
        once_more = again.rerun()
        for job in (again, once_more):
            assert job.wait() == 0
            assert job.read_range("stdout", 0, 100)[0] == b"kept\nsaid\n"
        assert once_more.info().rerun_of == again.key
        first.forget()
        with pytest.raises(Refused) as caught:
            first.rerun()
        assert caught.value.code is Code.NOT_FOUND
        # Repeated, it is answered as before.
        assert first.rerun(id=again.id).key == again.key
    with broker.client() as admin:
        theirs = admin.job(f"ada/{again.id}").rerun()
        assert theirs.wait() == 0
        assert theirs.key.owner == broker.admin.public


def test_the_same_on_an_event_loop(lab: Lab) -> None:
    broker, ada, _ = lab

    async def use() -> None:
        async with AsyncClient.connect(broker.listen, broker.public, ada) as client:
            job = await client.submit(["sh", "-c", "cat"], input=b"kept")
            assert await job.wait() == 0
            again = await job.rerun()
            assert await again.wait() == 0
            schedule = await client.schedules.add("loop", ["true"], cron="@yearly", zone="UTC")
            started = await client.job(format_id(await client.schedules.run_now(schedule.key)))
            assert await started.wait() == 0
            await client.schedules.remove(schedule.key)

    asyncio.run(use())


def test_a_run_ends_with_its_job_also_when_it_runs_again(lab: Lab) -> None:
    broker, ada, _ = lab
    with broker.client(ada) as client:
        told = ["sh", "-c", "echo $JOBWIRE_RUN_OUTCOME $JOBWIRE_RUN_OK $JOBWIRE_RUN_FAILED"]
        run = client.batch([["true"], ["false"]], name="pair", on_finish=told)
        assert sorted(job.wait() for job in run.jobs()) == [0, 1]
        finish = client.job(format_id(finish_job_id(run.info.batch.id)))
        assert finish.wait() == 0
        assert finish.read_range("stdout", 0, 100)[0] == b"failed 1 1\n"
        again = finish.rerun()
        assert again.wait() == 0
        assert again.read_range("stdout", 0, 100)[0] == b"failed 1 1\n"
        # What a new run of these jobs ends with.
        signed = find_finish(client.connection, run.info.batch.id, finish.key)
        assert signed is not None
        assert signed.argv == tuple(map(str.encode, told))


def test_the_job_of_a_schedule_is_started_at_once(lab: Lab) -> None:
    broker, ada, _ = lab
    with broker.client(ada) as client:
        schedule = client.schedules.add("night", ["sh", "-c", "echo due"], cron="30 2 * * *", zone="Europe/Berlin")
        job = client.job(format_id(client.schedules.run_now(schedule.key)))
        assert job.wait() == 0
        assert job.rerun().wait() == 0
        client.schedules.remove(schedule.key)
        assert job.rerun().wait() == 0


def test_a_batch_arrives_in_parts_and_runs_as_a_whole(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    broker, ada, _ = lab
    monkeypatch.setattr(actions, "MOST_AT_ONCE", 3)
    with broker.client(ada) as client:
        run = client.batch([["sh", "-c", f"echo {number}"] for number in range(5)], name="many", on_finish=["true"])
        jobs = list(run.jobs())
        assert [job.wait() for job in jobs] == [0] * 5
        assert sorted(job.read_range("stdout", 0, 9)[0] for job in jobs) == [b"%d\n" % number for number in range(5)]
        assert client.job(format_id(finish_job_id(run.info.batch.id))).wait() == 0
        assert jobs[0].rerun().wait() == 0


def test_a_schedule_starts_its_batch_once_whoever_is_killed_meanwhile(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broker, ada, worker = lab
    ledger, gate = tmp_path / "ledger", tmp_path / "gate"
    monkeypatch.setattr(staging, "_JOBS_A_PART", 3)
    script = f"echo n{{item}} >> {ledger}; until [ -e {gate} ]; do sleep 0.05; done"
    tables = {
        "batch": {"on_finish": ["sh", "-c", f"echo $JOBWIRE_RUN_NAME $JOBWIRE_RUN_OK >> {ledger}"]},
        "job": [
            {"name": "n", "argv": ["sh", "-c", script], "for_each": "1..5"},
            {"name": "behind", "argv": ["sh", "-c", f"echo behind >> {ledger}"], "after": "n"},
        ],
    }
    run = new_id()
    with broker.client(ada) as client:
        schedule = client.schedules.add_batch("many", tables, cron="@yearly", zone="UTC")
        client.schedules.run_now(schedule.key, run)
        wait_until(lambda: ledger.exists() and len(ledger.read_text().split()) == 2, "the first jobs run")
        worker.kill()
        broker.kill()
        broker.start()
        worker.start()
        # Repeated, it starts nothing.
        client.schedules.run_now(schedule.key, run)
        gate.touch()
        ended = client.batch_run(format_id(run)).wait(timeout=60)
        assert (ended.ok, ended.failed) == (6, 0)
        assert client.job(format_id(finish_job_id(run))).wait() == 0
        words = ledger.read_text().split()
        assert sorted(words[:-3]) == [f"n{number}" for number in range(1, 6)]
        assert words[-3:] == ["behind", "many", "6"]
        (job, *_) = client.batch_run(format_id(run)).jobs()
        assert job.rerun().wait() == 0
        client.schedules.remove(schedule.key)


def jobwire(*words: str) -> list[str]:
    return [sys.executable, "-P", "-m", "jobwire.client.cli.main", *words]


def test_a_job_feeds_the_jobs_that_it_starts(lab: Lab) -> None:
    broker, ada, _ = lab
    with broker.client(ada) as client:
        command = f"echo one two | {shlex.join(jobwire('run', 'cat'))}"
        outer = client.submit(["sh", "-c", command], may_submit=True)
        assert outer.wait(timeout=60) == 0, outer.read_range("stderr", 0, 1000)
        assert outer.read_range("stdout", 0, 100)[0] == b"one two\n"


def test_a_job_starts_jobs_that_wait_for_no_slot_of_its_own_whoever_is_killed_meanwhile(lab: Lab, tmp_path: Path) -> None:
    broker, ada, worker = lab
    ledger, gate = tmp_path / "ledger", tmp_path / "gate"
    inner = ["sh", "-c", f"echo began >> {ledger}; until [ -e {gate} ]; do sleep 0.05; done; echo done"]
    with broker.client(ada) as client:
        # Both take all that there is.
        outer = client.submit(jobwire("run", "--cpus", "2", *inner), may_submit=True, cpus=2)
        wait_until(ledger.exists, "the inner job runs, for which the outer one waits")
        (child,) = [one for one in client.list() if one.key != outer.key]
        assert (child.started_by, child.key.owner) == (outer.key, ada.public)
        assert outer.info().lends_slots
        broker.kill()
        worker.kill()
        worker.start()
        broker.start()
        gate.touch()
        assert outer.wait(timeout=60) == 0
        assert outer.read_range("stdout", 0, 100)[0] == b"done\n"
        assert ledger.read_text() == "began\n"
