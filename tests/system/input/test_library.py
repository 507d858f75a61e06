"""The standard input of a job as a stream, from Python."""

from __future__ import annotations

import asyncio
import io
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from daemons import Worker
from home import Home

import jobwire
from jobwire.schemas.refusal import Reason, Refused

MIB = 1024 * 1024
DATA = os.urandom(3 * MIB)


def in_pipe(data: bytes) -> int:
    """Return the read end of a pipe into which a thread writes."""
    read_end, write_end = os.pipe()

    def write() -> None:
        with os.fdopen(write_end, "wb") as file:
            file.write(data)

    threading.Thread(target=write).start()
    return read_end


def async_client(worker: Worker) -> jobwire.AsyncClient:
    return jobwire.AsyncClient.connect(worker.endpoint, worker.public, worker.admin)


def run_blocking(worker: Worker, stdin: object) -> bytes:
    with worker.client() as client:
        return client.run(["cat"], stdin=stdin, check=True).stdout  # type: ignore[call-overload, no-any-return] # reason: of several kinds


def run_async(worker: Worker, stdin: object) -> bytes:
    async def run() -> bytes:
        async with async_client(worker) as client:
            return (await client.run(["cat"], stdin=stdin, check=True)).stdout  # type: ignore[call-overload, no-any-return] # reason: as above

    return asyncio.run(run())


@pytest.mark.parametrize("run", [run_blocking, run_async])
def test_a_pipe_a_file_and_an_object_are_passed_on_whole(worker: Worker, tmp_path: Path, run: Callable[[Worker, object], bytes]) -> None:
    pipe = in_pipe(DATA)
    assert run(worker, pipe) == DATA
    os.close(pipe)
    (tmp_path / "file").write_bytes(DATA)
    with (tmp_path / "file").open("rb") as file:
        assert run(worker, file) == DATA
    assert run(worker, io.BytesIO(DATA)) == DATA
    assert run(worker, io.BytesIO()) == b""


@pytest.mark.parametrize("run", [run_blocking, run_async])
def test_what_cannot_be_the_input_is_refused_as_by_subprocess(worker: Worker, run: Callable[[Worker, object], bytes]) -> None:
    with pytest.raises(ValueError, match="a descriptor"):
        run(worker, -1)
    with pytest.raises(TypeError, match="binary mode"):
        run(worker, io.StringIO("text"))
    with worker.client() as client, pytest.raises(ValueError, match="may not both be used"):
        client.run(["cat"], stdin=0, input=b"")


def test_a_run_ends_with_its_job_although_its_input_does_not(worker: Worker) -> None:
    read_end, write_end = os.pipe()
    with worker.client() as client:
        assert client.run(["true"], stdin=read_end).returncode == 0

    async def run() -> int:
        async with async_client(worker) as client:
            return (await client.run(["sh", "-c", "exit 3"], stdin=read_end)).returncode

    assert asyncio.run(run()) == 3
    os.close(read_end)
    os.close(write_end)


def test_an_input_that_was_not_kept_is_given_again(worker: Worker) -> None:
    with worker.client() as client:
        first = client.run(["cat"], stdin=io.BytesIO(b"once"))
        job = client.job_by_key(*first.key)
        with pytest.raises(Refused) as refused:
            job.rerun()
        assert refused.value.reason is Reason.STDIN_NOT_KEPT
        (again,) = client.rerun([job], feed=True)
        again.feed(io.BytesIO(b"twice"))
        again.wait()
        assert again.stdout.read() == b"twice"
        kept = client.run(["cat"], input=b"kept")
        with pytest.raises(Refused, match="did not come as a stream"):
            client.rerun([client.job_by_key(*kept.key)], feed=True)


async def give_again(worker: Worker, key: jobwire.JobKey) -> bytes:
    async with async_client(worker) as client:
        (again,) = await client.rerun([client.job_by_key(*key)], feed=True)
        await again.feed(io.BytesIO(b"twice"))
        await again.wait()
        return await again.stdout.read()


def test_an_input_is_given_again_on_an_event_loop(worker: Worker) -> None:
    with worker.client() as client:
        key = client.run(["cat"], stdin=io.BytesIO(b"once")).key
    assert asyncio.run(give_again(worker, key)) == b"twice"


def test_the_command_line_gives_it_again(worker: Worker, tmp_path: Path) -> None:
    home = Home(tmp_path / "home", tmp_path / "bytecode", "admin")
    home.use(worker, worker.admin)
    assert home.jobwire("run", "-n", "fed", "--", "cat", stdin=b"once").stdout == b"once"
    assert home.records("show", "fed")[0]["feed"] is True
    assert home.jobwire("rerun", "fed", "--follow", "-q", stdin=b"twice").stdout == b"twice"
    again = home.jobwire("rerun", "fed", "-q", stdin=b"thrice").stdout.decode().strip()
    assert home.jobwire("wait", again).stdout == b""
    assert home.jobwire("logs", again).stdout == b"thrice"
    terminal = home.jobwire("rerun", "fed", "fed", status=None)
    assert b"jobwire rerun JOB < FILE" in terminal.stderr
    batch = home.jobwire("batch", "-", stdin=home.jobwire("show", "--json", again).stdout, status=2)
    assert b"came as a stream, which was not kept" in batch.stderr
