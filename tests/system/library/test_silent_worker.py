"""A timeout, or Ctrl-C, ends each call of the library that waits, also if the worker gives no sign any more."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from daemons import Worker, wait_until

from jobwire.client.asynchronous.batch_run import AsyncBatchRun
from jobwire.client.asynchronous.client import AsyncClient
from jobwire.client.asynchronous.job import AsyncJob
from jobwire.client.library.batch_run import BatchRun
from jobwire.client.library.client import Client
from jobwire.client.library.job import Job
from jobwire.client.library.values.completed_job import JobTimeout
from jobwire.schemas.jobs.states import State

pytestmark = pytest.mark.timeout(200)

_SLEEP = ["sleep", "600"]
_TIMEOUT = 0.5
# A call that stops its job before it raises tries that for five seconds without a sign, which begin anew when this process stood still for
# three. Without a limit, a call goes on until its test is ended.
_AT_MOST_SECONDS = 50


class Found(NamedTuple):
    """What calls are about. `found`, `run_found`: handles of what this client has not submitted."""

    client: Client
    job: Job
    found: Job
    run: BatchRun
    run_found: BatchRun


class AsyncFound(NamedTuple):
    """The same on an event loop."""

    client: AsyncClient
    job: AsyncJob
    found: AsyncJob
    run: AsyncBatchRun
    run_found: AsyncBatchRun


async def every(iterator: AsyncIterator[object]) -> list[object]:
    return [one async for one in iterator]


TIMED: dict[str, Callable[[Found, float | None], object]] = {
    "wait": lambda on, limit: on.job.wait(limit),
    "wait, found": lambda on, limit: on.found.wait(limit),
    "result": lambda on, limit: on.job.result(limit),
    "wait for several": lambda on, limit: on.client.wait([on.job, on.found], timeout=limit),
    "as_completed": lambda on, limit: list(on.client.as_completed([on.job, on.found], timeout=limit)),
    "run": lambda on, limit: on.client.run(_SLEEP, timeout=limit),
    "stop": lambda on, limit: on.job.stop(timeout=limit),
    "stop_soon": lambda on, limit: on.job.stop_soon(timeout=limit),
    "stop several": lambda on, limit: on.client.stop([on.job, on.found], timeout=limit),
    "wait for a run": lambda on, limit: on.run.wait(limit),
    "jobs of a run": lambda on, limit: list(on.run.as_completed(timeout=limit)),
    "jobs of a run, found": lambda on, limit: list(on.run_found.as_completed(timeout=limit)),
    "stop a run": lambda on, limit: on.run.stop(timeout=limit),
    "events": lambda on, limit: list(on.client.events(timeout=limit)),
    "events from the start": lambda on, limit: list(on.client.events("start", timeout=limit)),
    "events of an hour": lambda on, limit: list(on.client.events(timedelta(hours=1), timeout=limit)),
}

ASYNC_TIMED: dict[str, Callable[[AsyncFound, float | None], Awaitable[object]]] = {
    "wait": lambda on, limit: on.job.wait(limit),
    "wait, found": lambda on, limit: on.found.wait(limit),
    "result": lambda on, limit: on.job.result(limit),
    "as_completed": lambda on, limit: every(on.client.as_completed([on.job, on.found], timeout=limit)),
    "run": lambda on, limit: on.client.run(_SLEEP, timeout=limit),
    "stop": lambda on, limit: on.job.stop(timeout=limit),
    "stop_soon": lambda on, limit: on.job.stop_soon(timeout=limit),
    "stop several": lambda on, limit: on.client.stop([on.job, on.found], timeout=limit),
    "wait for a run": lambda on, limit: on.run.wait(limit),
    "jobs of a run": lambda on, limit: every(on.run.as_completed(timeout=limit)),
    "jobs of a run, found": lambda on, limit: every(on.run_found.as_completed(timeout=limit)),
    "stop a run": lambda on, limit: on.run.stop(timeout=limit),
    "events": lambda on, limit: every(on.client.events(timeout=limit)),
    "events from the start": lambda on, limit: every(on.client.events("start", timeout=limit)),
    "events of an hour": lambda on, limit: every(on.client.events(timedelta(hours=1), timeout=limit)),
}

# Those that take no timeout.
OTHERS: dict[str, Callable[[Found], object]] = {
    "submit": lambda on: on.client.submit(["true"]),
    "a batch": lambda on: on.client.batch([["true"]] * 300),
    "list": lambda on: list(on.client.list()),
    "info": lambda on: on.job.info(),
    "send_signal": lambda on: on.job.send_signal(signal.SIGUSR1),
    "pause": lambda on: on.client.pause([on.job]),
    "read": lambda on: on.job.stdout.read(),
    "cancel": lambda on: on.job.cancel(),
    "rerun": lambda on: on.job.rerun(),
    "put": lambda on: on.job.put(__file__),
    "status": lambda on: on.client.status(),
}


@contextmanager
def struck(worker: Worker, how: str) -> Iterator[None]:
    """Let the worker give no sign."""
    assert worker.process is not None
    if how == "suspended":
        worker.process.send_signal(signal.SIGSTOP)
    else:
        worker.kill()
    try:
        yield
    finally:
        if how == "suspended":
            worker.process.send_signal(signal.SIGCONT)
            # For what it was asked meanwhile.
            wait_until(lambda: worker.lets_in(worker.admin), "it answers again")
        else:
            worker.start()


@pytest.fixture
def on(tmp_path: Path) -> Iterator[tuple[Worker, Found]]:
    with Worker(tmp_path, slots=20, options=["--jobs-as-root"]).start() as worker, worker.client() as client:
        job, run = client.submit(_SLEEP, put=__file__), client.batch([_SLEEP] * 2)
        yield worker, Found(client, job, client.job(job.id), run, client.batch_run(run.id))


@pytest.mark.parametrize("how", [pytest.param("killed", marks=pytest.mark.soak), "suspended"])
def test_a_timeout_ends_each_call(on: tuple[Worker, Found], how: str) -> None:
    worker, found = on
    with struck(worker, how):
        for name, call in TIMED.items():
            begun = time.monotonic()
            with pytest.raises(TimeoutError if name not in {"wait", "wait, found", "result", "run"} else Exception, match=r"time"):
                call(found, _TIMEOUT)
            assert _TIMEOUT <= time.monotonic() - begun < _AT_MOST_SECONDS, name


@pytest.mark.parametrize("how", ["killed", "suspended"])
def test_a_timeout_ends_each_call_on_an_event_loop(tmp_path: Path, how: str) -> None:
    with Worker(tmp_path, slots=20, options=["--jobs-as-root"]).start() as worker:

        async def use() -> dict[str, BaseException | object]:
            async with AsyncClient.connect(worker.endpoint, worker.public, worker.admin) as client:
                job, run = await client.submit(_SLEEP), await client.batch([_SLEEP] * 2)
                found = AsyncFound(client, job, await client.job(job.id), run, await client.batch_run(run.id))
                with struck(worker, how):
                    begun = time.monotonic()
                    ends = await asyncio.gather(*(call(found, _TIMEOUT) for call in ASYNC_TIMED.values()), return_exceptions=True)
                    assert time.monotonic() - begun < _AT_MOST_SECONDS
                return dict(zip(ASYNC_TIMED, ends, strict=True))

        ends = asyncio.run(asyncio.wait_for(use(), 60))
    assert not [name for name, end in ends.items() if "Timeout" not in type(end).__name__], ends


@contextmanager
def interrupted() -> Iterator[None]:
    """Have Ctrl-C typed in a moment, while a call waits."""
    typed = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    try:
        # On a busy machine it may come before the call begins.
        with pytest.raises(KeyboardInterrupt), _started(typed):
            yield
    finally:
        typed.join()


@contextmanager
def _started(thread: threading.Thread) -> Iterator[None]:
    thread.start()
    yield


@pytest.mark.parametrize("how", ["killed", pytest.param("suspended", marks=pytest.mark.soak)])
def test_ctrl_c_ends_each_call(on: tuple[Worker, Found], how: str) -> None:
    worker, found = on
    calls = {name: lambda at, call=call: call(at, None) for name, call in TIMED.items()} | OTHERS
    with struck(worker, how):
        for name, call in calls.items():
            begun = time.monotonic()
            with interrupted():
                call(found)
            assert time.monotonic() - begun < _AT_MOST_SECONDS, name


async def run_on_loop(worker: Worker, argv: list[str]) -> object:
    async with AsyncClient.connect(worker.endpoint, worker.public, worker.admin) as client:
        return await client.run(argv, timeout=1, grace=60)


def run_blocking(worker: Worker, argv: list[str]) -> object:
    with worker.client() as client:
        return client.run(argv, timeout=1, grace=60)


@pytest.mark.parametrize("on_loop", [False, True])
def test_a_run_whose_time_is_over_leaves_a_worker_that_is_killed_in_the_middle_of_the_stop(tmp_path: Path, on_loop: bool) -> None:  # noqa: FBT001 -- a parameter
    argv = ["sh", "-c", "trap '' TERM; echo begun; while :; do sleep 600; done"]
    with Worker(tmp_path).start() as worker:

        def kill() -> None:
            with worker.client() as client:
                wait_until(lambda: list(client.list(states=[State.STOPPING])), "it is being stopped")
            worker.kill()

        killing = threading.Thread(target=kill)
        killing.start()
        begun = time.monotonic()
        with pytest.raises(JobTimeout) as caught:
            asyncio.run(run_on_loop(worker, argv)) if on_loop else run_blocking(worker, argv)
        killing.join()
        # A second, and five without a sign; not all of its grace.
        assert 6 <= time.monotonic() - begun < _AT_MOST_SECONDS
        assert caught.value.stdout == b"begun\n"
        worker.start()
