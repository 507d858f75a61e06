"""A pool of threads, where the system lets a process make no more of them."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from jobwire.broker.own_process.threads import Pool, on_thread
from jobwire.schemas.refusal import Refused


def _refused(_thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def test_a_lack_that_passes_what_is_handed_over_without_another_thread_is_done_once(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[int] = []
    with Pool(4, "test") as pool:
        gate = threading.Event()
        busy = pool.submit(gate.wait, 30)
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", _refused)
            waiting = [pool.submit(done.append, number) for number in range(3)]
            failing = pool.submit(int, "x")
        gate.set()
        assert busy.result(30)
        for one in waiting:
            one.result(30)
        assert isinstance(failing.exception(30), ValueError)
    assert sorted(done) == [0, 1, 2]
    with pytest.raises(RuntimeError):
        pool.submit(done.append, 3)


def test_a_lack_that_passes_a_pool_without_its_first_thread_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading.Thread, "start", _refused)
    # As nobody makes a thread then, what a plain executor was given is never done.
    with pytest.raises(Refused, match="this daemon cannot create a thread: can't start new thread") as caught:
        Pool(1, "test")
    assert "ulimit -u" in caught.value.next_step
    with pytest.raises(RuntimeError):
        ThreadPoolExecutor(1).submit(int)


async def test_a_lack_that_passes_what_could_not_begin_is_not_done_later(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[int] = []
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", _refused)
        with pytest.raises(RuntimeError):
            await on_thread(done.append, 1)
    await on_thread(done.append, 2)
    with pytest.raises(ValueError, match="invalid literal"):
        await on_thread(int, "x")
    assert done == [2]


# Its thread waits for something that does not happen while it runs, such as the answer of a command.
_LEAVES = """
import asyncio, os, sys
from jobwire.broker.own_process.threads import on_thread

async def main():
    begun, begins = os.pipe()
    working = asyncio.create_task(on_thread(lambda: os.write(begins, b".") and os.read(int(sys.argv[1]), 1)))
    await on_thread(os.read, begun, 1)
    working.cancel()

asyncio.run(main())
"""


def test_a_process_exits_while_a_thread_still_waits_for_what_nobody_wants_any_more() -> None:
    never, writer = os.pipe()
    try:
        argv = [sys.executable, "-c", _LEAVES, str(never)]
        done = subprocess.run(argv, pass_fds=[never], capture_output=True, text=True, timeout=30, check=False)
    finally:
        os.close(never)
        os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


async def test_what_a_thread_returns_after_its_caller_was_cancelled_is_dropped() -> None:
    gate, done = threading.Event(), threading.Event()

    def work() -> None:
        gate.wait(30)
        done.set()

    working = asyncio.create_task(on_thread(work))
    await asyncio.sleep(0)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    gate.set()
    assert await on_thread(done.wait, 30)
    # In the turn in which it reports: a result that nobody waits for is no error of the loop.
    await asyncio.sleep(0)
