"""Signals of a program that takes them from a pipe of its own, while its connection waits."""

from __future__ import annotations

import os
import select
import signal
import threading

from jobwire.client.sockets.signal_guard import SignalGuard

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
                assert guard.begin_wait() == []
                guard.end_wait()
    finally:
        sender.join()
        guard.close()
        signal.set_wakeup_fd(pipe_before)
        signal.signal(signal.SIGWINCH, before)
        os.close(read)
        os.close(write)
    assert heard == [signal.SIGWINCH] * ROUNDS


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
