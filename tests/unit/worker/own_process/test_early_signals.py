"""A start that waits for what never comes ends when the daemon is told to exit."""

from __future__ import annotations

import asyncio
import signal

import pytest

from jobwire.worker.own_process.early_signals import completes

Signals = asyncio.Queue[signal.Signals]


def ends(one: signal.Signals) -> bool:
    return one is not signal.SIGHUP


def told(*numbers: signal.Signals) -> Signals:
    signals: Signals = asyncio.Queue()
    for number in numbers:
        signals.put_nowait(number)
    return signals


async def test_a_start_that_waits_is_cancelled_and_the_signal_stays() -> None:
    signals, cleaned = told(signal.SIGTERM), []

    async def start() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            cleaned.append(True)

    assert not await completes(asyncio.create_task(start()), signals, ends)
    assert cleaned == [True]
    assert signals.get_nowait() is signal.SIGTERM


async def test_a_signal_that_does_not_end_it_waits_until_it_is_ready() -> None:
    signals = told(signal.SIGHUP)

    async def start() -> None:
        # Others have a turn, in which the signal is heard.
        for _ in range(3):
            await asyncio.sleep(0)
        assert signals.empty()

    assert await completes(asyncio.create_task(start()), signals, ends)
    assert signals.get_nowait() is signal.SIGHUP


async def test_what_a_start_raises_is_raised() -> None:
    async def start() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        await completes(asyncio.create_task(start()), told(), ends)
