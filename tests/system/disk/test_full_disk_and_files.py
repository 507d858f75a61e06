"""Files of jobs where the disk has too little space for them: what must stay free stays free, and others go on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from daemons import Worker, wait_until
from small_disks import Mount, fill, serving

from jobwire.broker.store.free_space import free_bytes
from jobwire.client.library.client import Client
from jobwire.client.library.job import Job
from jobwire.schemas.jobs.states import State
from jobwire.schemas.refusal import Code, Reason, Refused

MEGABYTE = 1 << 20


@pytest.fixture
def narrow(tmp_path: Path, mount: Mount) -> Iterator[Worker]:
    """Return a worker of whose disk, once it has started, 100 megabytes are free for jobs."""
    mount(tmp_path / "state", 256)
    yield from serving(tmp_path, f"{256 - 100 - 16}MiB")


@pytest.fixture
def brimful(tmp_path: Path, mount: Mount) -> Iterator[Worker]:
    """Return a worker of whose disk nothing must stay free."""
    mount(tmp_path / "state", 136)
    yield from serving(tmp_path)


def random_file(folder: Path, name: str, megabytes: int) -> str:
    path = folder / name
    path.write_bytes(os.urandom(megabytes * MEGABYTE))
    return str(path)


def contents(worker: Worker) -> list[Path]:
    return [path for path in (worker.state / "blobs").rglob("*") if path.is_file()]


def test_a_file_that_leaves_too_little_free_is_refused_before_it_is_sent_and_nobody_else_is(narrow: Worker, tmp_path: Path) -> None:
    with narrow.client() as client:
        with pytest.raises(Refused, match=r"120 MiB more are needed, but 140 MiB must stay free") as refused:
            client.submit(["true"], put=[random_file(tmp_path, "large", 120)])
        assert (refused.value.code, refused.value.reason) == (Code.RESOURCE_EXHAUSTED, Reason.DISK_FULL)
        assert contents(narrow) == []
        assert client.run(["echo", "hi"]).stdout == b"hi\n"


def test_jobs_whose_files_do_not_fit_wait_and_take_nothing(narrow: Worker, tmp_path: Path) -> None:
    file = random_file(tmp_path, "file", 40)
    with narrow.client() as client:
        first = client.submit(["wc", "-c", "file"], put=[file])
        assert first.wait(60) == 0
        others = [client.submit(["wc", "-c", "file"], put=[file]) for _ in range(2)]
        for other in others:
            until_it_waits(other, "40 MiB more are needed, but 140 MiB must stay free; the worker tries again until there is space")
        assert free_bytes(narrow.state) > 140 * MEGABYTE
        assert client.run(["echo", "hi"]).stdout == b"hi\n"
        client.forget([first])
        assert others[0].wait(60) == 0
        client.forget([others[0]])
        assert others[1].wait(60) == 0


def test_who_waits_for_a_full_disk_gives_back_what_it_took(brimful: Worker, tmp_path: Path) -> None:
    with brimful.client() as client:
        assert client.submit(["true"], put=[random_file(tmp_path, "file", 20)]).wait(60) == 0
        filler = fill(brimful.state)
        os.truncate(filler, filler.stat().st_size - 10 * MEGABYTE)
        waiting = client.submit(["wc", "-c", "file"], put=[str(tmp_path / "file")])
        until_it_waits(waiting, "the disk is full; the worker tries again")
        assert write_until_full(client) > 8 * MEGABYTE
        filler.unlink()
        assert waiting.wait(60) == 0


def write_until_full(client: Client) -> int:
    """Return how much a job can write that needs no more than what is free."""
    job = client.submit(["head", "-c", str(9 * MEGABYTE), "/dev/zero"])
    assert job.wait(60) == 0
    return job.read_range("stdout", 0, 0)[1]


def until_it_waits(job: Job, why: str) -> None:
    wait_until(lambda: why in (job.info().waits_for or ""), "it waits for space")
    assert job.info().state is State.QUEUED
