"""What a daemon has opened is closed after the last turn of its loop: nothing that was queued meets it closed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from jobwire.broker.own_process.closing import Closing
from jobwire.worker.own_process import daemon_loop


@pytest.fixture(autouse=True)
def _signals_as_before() -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    yield
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Part:
    """Something that notes how often it was used, and whether that was after its close."""

    def __init__(self, order: list[str], name: str = "") -> None:
        self.is_closed = False
        self.used = 0
        self.used_closed = 0
        self._order = order
        self._name = name

    def use(self) -> None:
        self.used += 1
        self.used_closed += self.is_closed

    def close(self) -> None:
        self.is_closed = True
        self._order.append(self._name)


def test_what_threads_and_timers_have_queued_does_not_meet_a_closed_part() -> None:
    part = Part([])
    threads: list[threading.Thread] = []

    async def serve(closing: Closing) -> str:
        closing.own(part)
        loop, enough = asyncio.get_running_loop(), asyncio.Event()

        def queue_for_ever() -> None:
            # Until the loop is closed.
            with contextlib.suppress(RuntimeError):
                while True:
                    loop.call_soon_threadsafe(part.use)
                    if part.used > 100:
                        loop.call_soon_threadsafe(enough.set)

        threads.append(threading.Thread(target=queue_for_ever))
        threads[0].start()
        await enough.wait()
        # These are queued in the turn in which the daemon ends, before and after other things that end then.
        loop.call_soon(loop.call_soon, part.use)
        loop.call_later(0, part.use)
        return "told to exit"

    assert daemon_loop.run(serve) == "told to exit"
    threads[0].join()
    assert part.is_closed
    assert part.used > 100
    assert part.used_closed == 0


def test_tasks_end_while_all_is_open_also_those_that_begin_meanwhile() -> None:
    part = Part([])
    last_words: list[bool] = []

    async def serve(closing: Closing) -> None:
        closing.own(part)
        asyncio.create_task(work("first"))  # noqa: RUF006 -- the loop has it until it ends
        await asyncio.sleep(0)

    async def work(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            last_words.append(part.is_closed)
            if name == "first":
                asyncio.create_task(work("second"))  # noqa: RUF006 -- as above
                await asyncio.sleep(0)

    daemon_loop.run(serve)
    assert last_words == [False, False]


def test_a_daemon_that_cannot_start_closes_what_it_has_opened_in_reverse_order_whatever_fails(caplog: pytest.LogCaptureFixture) -> None:
    order: list[str] = []

    async def serve(closing: Closing) -> None:
        closing.own(Part(order, "lock"))
        closing.on_close(lambda: 1 // 0)
        closing.own(Part(order, "store"))
        await asyncio.sleep(0)
        raise ConnectionRefusedError

    with caplog.at_level(logging.ERROR), pytest.raises(ConnectionRefusedError):
        daemon_loop.run(serve)
    assert order == ["store", "lock"]
    assert "could not be closed" in caplog.text


def test_parts_can_still_remove_their_descriptors_from_the_loop(caplog: pytest.LogCaptureFixture) -> None:
    one, other = socket.socketpair()

    async def serve(closing: Closing) -> asyncio.AbstractEventLoop:
        loop = asyncio.get_running_loop()
        loop.add_reader(one, one.recv, 1)
        closing.on_close(lambda: removed.append(loop.remove_reader(one)))
        await asyncio.sleep(0)
        return loop

    removed: list[bool] = []
    with one, other:
        loop = daemon_loop.run(serve)
    assert removed == [True]
    assert loop.is_closed()
    assert not caplog.text


# As of a service manager or a person without patience, also in the very moment in which the loop is closed.
_TOLD_AGAIN = """
import asyncio, os, signal, sys, threading
from jobwire.broker.own_process.handled_signals import SIGNALS
from jobwire.broker.own_process.threads import on_thread
from jobwire.worker.own_process import daemon_loop

async def serve(closing):
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, int)
    closing.on_close(tell_again)
    close = loop.close
    loop.close = lambda: (tell_again(), close(), tell_again())
    if sys.argv[1] == "thread":
        # A command that does not answer, for longer than the loop is there.
        begun = asyncio.Event()
        asyncio.create_task(on_thread(hang, loop, begun))
        await begun.wait()
    if sys.argv[1] == "refused":
        raise ConnectionRefusedError

def hang(loop, begun):
    loop.call_soon_threadsafe(begun.set)
    threading.Event().wait()

def tell_again():
    for number in SIGNALS:
        os.kill(os.getpid(), number)

try:
    daemon_loop.run(serve)
except ConnectionRefusedError:
    pass
tell_again()
sys.exit(3)
"""


@pytest.mark.parametrize("start", ["ready", "refused", "thread"])
def test_a_daemon_that_is_told_again_while_it_exits_ends_with_its_own_status(start: str) -> None:
    argv = [sys.executable, "-c", _TOLD_AGAIN, start]
    ended = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (3, "")
