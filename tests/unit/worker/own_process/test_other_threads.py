"""Whether the rest of a process has much to do is known from the processor time that it uses."""

from __future__ import annotations

import hashlib
import threading
import time

from jobwire.worker.own_process.other_threads import OtherThreads

PIECE = bytes(1024 * 1024)


def work_here() -> None:
    until = time.thread_time() + 0.1
    while time.thread_time() < until:
        hashlib.sha256(PIECE)


def test_a_thread_that_works_is_noticed_and_also_that_it_has_ended() -> None:
    over = threading.Event()

    def work() -> None:
        while not over.is_set():
            hashlib.sha256(PIECE)

    others = OtherThreads()
    thread = threading.Thread(target=work)
    thread.start()
    try:
        # Until the time limit of the test.
        while not others.are_busy():
            over.wait(0.001)
    finally:
        over.set()
        thread.join()
    others.are_busy()
    work_here()
    assert not others.are_busy()


def test_what_the_asking_thread_does_itself_does_not_count() -> None:
    others = OtherThreads()
    work_here()
    assert not others.are_busy()
