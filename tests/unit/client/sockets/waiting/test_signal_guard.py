"""Signals of a program that takes them from a pipe of its own, while its connection waits."""

from __future__ import annotations

import os
import select
import signal
import threading

import pytest

from jobwire.client.sockets.waiting.signal_guard import SignalGuard

ROUNDS = 2_000
SECONDS = 60


def test_no_signal_is_taken_from_a_program_with_a_wakeup_pipe_of_its_own() -> None:
    read, write = os.pipe2(os.O_NONBLOCK)
    before = signal.signal(signal.SIGWINCH, lambda *_: None)
    pipe_before = signal.set_wakeup_fd(write)
    guard = SignalGuard(lambda: None)
    heard: list[int] = []
    ended = threading.Event()

    def send() -> None:
        try:
            for _ in range(ROUNDS):
                os.kill(os.getpid(), signal.SIGWINCH)
                if not select.select([read], [], [], SECONDS)[0]:
                    return
                heard.extend(os.read(read, 64))
        finally:
            ended.set()

    sender = threading.Thread(target=send)
    try:
        sender.start()
        while not ended.is_set():
            with guard:
                assert len(guard.begin_wait()) == 1
                guard.end_wait()
    finally:
        sender.join()
        guard.close()
        signal.set_wakeup_fd(pipe_before)
        signal.signal(signal.SIGWINCH, before)
        os.close(read)
        os.close(write)
    assert heard == [signal.SIGWINCH] * ROUNDS


@pytest.mark.parametrize("has_own_pipe", [False, True])
def test_a_wait_ends_when_a_handler_has_called(*, has_own_pipe: bool) -> None:
    read, write = os.pipe2(os.O_NONBLOCK)
    guard = SignalGuard(lambda: None)
    called: list[int] = []

    def call(*_: object) -> None:
        with guard:
            # Takes whatever ended the wait of the other call.
            guard.begin_wait()
            guard.end_wait()
        called.append(guard.entered)

    before = signal.signal(signal.SIGWINCH, call)
    pipe_before = signal.set_wakeup_fd(write if has_own_pipe else -1)
    try:
        with guard:
            entered = guard.entered
            pipe = guard.begin_wait()
            signal.raise_signal(signal.SIGWINCH)
            assert select.select(pipe, [], [], SECONDS)[0] == pipe
            guard.end_wait()
            assert called == [guard.entered] == [entered + 1]
            assert select.select(pipe, [], [], 0)[0] == []
            guard.begin_wait()
            guard.end_wait(any_signal=False)
        assert bytes(signal.SIGWINCH for _ in called) == (os.read(read, 64) if has_own_pipe else bytes([signal.SIGWINCH]))
    finally:
        guard.close()
        signal.set_wakeup_fd(pipe_before)
        signal.signal(signal.SIGWINCH, before)
        os.close(read)
        os.close(write)


def test_what_ended_a_wait_is_not_heard_again_later() -> None:
    before = signal.signal(signal.SIGWINCH, lambda *_: None)
    guard = SignalGuard(lambda: None)
    try:
        with guard:
            pipe = guard.begin_wait()
            signal.raise_signal(signal.SIGWINCH)
            assert select.select(pipe, [], [], SECONDS)[0] == pipe
            guard.end_wait()
        with guard:
            pipe = guard.begin_wait()
            assert select.select(pipe, [], [], 0)[0] == []
            guard.end_wait()
    finally:
        guard.close()
        signal.signal(signal.SIGWINCH, before)


@pytest.mark.parametrize("reused", [False, True])
def test_a_pipe_that_its_program_has_closed_is_no_obstacle(*, reused: bool) -> None:
    read, write = os.pipe2(os.O_NONBLOCK)
    before = signal.set_wakeup_fd(write)
    os.close(write)
    if reused and (other := os.open("/dev/null", os.O_WRONLY)) != write:
        os.dup2(other, write)
        os.close(other)
    guard = SignalGuard()
    try:
        with guard:
            assert len(guard.begin_wait()) == 1
            guard.end_wait()
        assert signal.set_wakeup_fd(-1) == -1
    finally:
        guard.close()
        signal.set_wakeup_fd(before)
        os.close(read)
        if reused:
            os.close(write)


def test_an_exception_as_a_wait_begins_leaves_no_pipe_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    real, interrupted = signal.set_wakeup_fd, []

    def interrupt(fd: int, *, warn_on_full_buffer: bool = True) -> int:
        answer = real(fd, warn_on_full_buffer=warn_on_full_buffer)
        if not interrupted:
            interrupted.append(True)
            raise KeyboardInterrupt
        return answer

    guard = SignalGuard()
    monkeypatch.setattr(signal, "set_wakeup_fd", interrupt)
    with pytest.raises(KeyboardInterrupt), guard:
        guard.begin_wait()
    guard.close()
    assert real(-1) == -1


@pytest.mark.parametrize("moment", ["before the wait", "during it", "before its end", "after it"])
def test_a_handler_that_raises_at_any_moment_of_a_wait_wakes_no_later_one(moment: str) -> None:
    guard = SignalGuard()
    try:
        with pytest.raises(KeyboardInterrupt):
            _raise_in_a_wait(guard, moment)
        for _ in range(2):
            with guard:
                assert select.select(guard.begin_wait(), [], [], 0)[0] == []
                guard.end_wait()
    finally:
        guard.close()


def _raise_in_a_wait(guard: SignalGuard, moment: str) -> None:
    with guard:
        if moment == "before the wait":
            raise KeyboardInterrupt
        pipe = guard.begin_wait()
        if moment == "during it":
            raise KeyboardInterrupt
        awake = select.select(pipe, [], [], 0)[0]
        if moment == "before its end":
            raise KeyboardInterrupt
        guard.end_wait(any_signal=bool(awake))
        raise KeyboardInterrupt


def test_closing_during_a_wait_leaves_no_pipe_behind() -> None:
    guard = SignalGuard()
    with guard:
        guard.begin_wait()
        guard.close()
        guard.end_wait()
    assert signal.set_wakeup_fd(-1) == -1
