"""What jobs take while they run: slots that are changed, and GPUs that nobody has twice, whatever is killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from daemons import Worker, wait_until

from jobwire import Client, Job, Refused
from jobwire.schemas.refusal import Code

WAITS = ["sh", "-c", 'echo "$JOBWIRE_GPUS $CUDA_VISIBLE_DEVICES $ROCR_VISIBLE_DEVICES $HIP_VISIBLE_DEVICES"; read _ < "$GATE"']


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    with Worker(tmp_path, slots=2, options=["--gpus", "a,b,c", "--resource", "license=1"]).start() as worker:
        yield worker


def begin(client: Client, folder: Path, name: str, **options: object) -> Job:
    """Submit a job that runs until its gate is opened."""
    gate = folder / f"gate-{name}"
    os.mkfifo(gate)
    return client.submit(WAITS, name=name, env={"GATE": str(gate)}, **options)  # type: ignore[arg-type] # reason: options of a job


def end(folder: Path, job: Job) -> None:
    (folder / f"gate-{job.info().name}").write_bytes(b"go\n")
    assert job.wait(timeout=60) == 0


def runs(*jobs: Job) -> bool:
    return all(job.info().pid for job in jobs)


def test_slots_are_changed_while_jobs_run_and_stay_so_after_a_restart(worker: Worker, tmp_path: Path) -> None:
    with worker.client() as client:
        first, second, third, fourth = (begin(client, tmp_path, f"job{number}") for number in range(4))
        wait_until(lambda: runs(first, second), "two have a slot")
        assert third.info().waits_for == "all 2 slots are in use"
        assert client.set_capacity(slots=3, resources={"license": 2}).slots == 3
        wait_until(lambda: runs(third), "it starts at once")
        client.set_capacity(slots=1)
        assert worker.described()["slots"] == 1
        # Nothing is ended, and nothing starts.
        end(tmp_path, first)
        assert (runs(second, third), fourth.info().waits_for) == (True, "the only slot is in use")
        with pytest.raises(Refused) as refused:
            client.submit(["true"], cpus=2)
        assert (refused.value.code, refused.value.message) == (
            Code.FAILED_PRECONDITION,
            "the job can never start here: it takes 2 slots, but there is 1",
        )
        worker.kill()
        worker.start()
        status = client.status()
        assert status.slots == 1
        assert {stock.name: stock[1:] for stock in status.resources or ()}["license"] == (2, 0)
        assert not runs(fourth)
        end(tmp_path, second)
        end(tmp_path, third)
        wait_until(lambda: runs(fourth), "there is a slot again")
        end(tmp_path, fourth)
        # What the worker is started with counts again.
        assert client.set_capacity(reset=True).slots == 2
    submitter = worker.admit("sue", "submitter")
    with worker.client(submitter) as client, pytest.raises(Refused) as refused:
        client.set_capacity(slots=7)
    assert refused.value.code is Code.PERMISSION_DENIED


def test_no_gpu_is_handed_out_twice_whatever_is_killed(worker: Worker, tmp_path: Path) -> None:
    with worker.client() as client:
        client.set_capacity(slots=8)
        first = begin(client, tmp_path, "first", gpus=1)
        second = begin(client, tmp_path, "second", gpus=1)
        pair = begin(client, tmp_path, "pair", gpus=2)
        lone = [begin(client, tmp_path, f"lone{number}", only_one="x") for number in range(2)]
        wait_until(lambda: runs(first, second, lone[0]), "they run")
        assert pair.info().waits_for == "it waits for 2 gpus: 1 of 3 is free"
        assert lone[1].info().waits_for == "only one 'x' runs at once, and another one is running"
        assert lone[0].read_range("stdout", 0, 100)[0] == b"   \n"
        worker.kill()
        described = worker.described()
        os.kill(described["keeper_pid"], signal.SIGKILL)
        os.kill(described["supervisor_pid"], signal.SIGKILL)
        worker.start()
        third = begin(client, tmp_path, "third", gpus=1)
        wait_until(lambda: runs(first, second, third), "they run")
        worker.kill_supervisor()
        assert [job.info().gpus for job in (first, second, third)] == [("a",), ("b",), ("c",)]
        assert pair.info().waits_for == "it waits for 2 gpus: none of 3 is free"
        end(tmp_path, third)
        end(tmp_path, first)
        wait_until(lambda: runs(pair), "it has two")
        assert pair.info().gpus == ("a", "c")
        end(tmp_path, pair)
        assert pair.read_range("stdout", 0, 100)[0] == b"a,c a,c a,c 0,1\n"
        end(tmp_path, second)
        for job in lone:
            wait_until(lambda job=job: runs(job), "it is alone")
            end(tmp_path, job)
