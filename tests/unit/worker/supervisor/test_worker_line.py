"""The supervisor's end of the line to the worker, without a supervisor."""

from __future__ import annotations

import json
import os
import select
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from jobwire.worker.state import layout
from jobwire.worker.supervisor.loop import Loop
from jobwire.worker.supervisor.worker_line import Link, Wish


def test_a_fact_that_is_too_long_costs_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    def tell(link: Link) -> None:
        for fact in ("1", f'"{"x" * 300_000}"', f'"{"y" * 65_500}"', "2"):
            link.tell(fact)

    assert _told(tmp_path, monkeypatch, tell) == [1, 2]
    assert capfd.readouterr().err.count("is too long to be sent") == 2


def test_a_start_is_told_before_what_follows_it_and_not_with_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def tell(link: Link) -> None:
        link.tell_start("a", '"a started"')
        link.tell_start("b", '"b started"')
        link.tell_end("a", '"a ended"')
        assert not link.is_quiet()
        link.tell('"b is paused"')

    assert _told(tmp_path, monkeypatch, tell) == ["a ended", "b started", "b is paused"]


def test_a_descriptor_that_cannot_be_duplicated_costs_only_what_needs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert _told(tmp_path, monkeypatch, lambda link: link.hand("2", 1_000_000)) == [2]
    assert "a descriptor cannot be sent" in capfd.readouterr().err


def test_what_nobody_waits_for_is_done_when_the_facts_are_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loops: list[Loop] = []
    done: list[str] = []
    make = Loop

    def keep() -> Loop:
        loops.append(make())
        return loops[-1]

    def tell(link: Link) -> None:
        send = link._send_facts

        def send_and_note() -> None:
            send()
            done.append("sent")

        link._send_facts = send_and_note  # type: ignore[method-assign] # reason: to see the order
        loops[0].postpone(lambda: done.append("put away"))
        link.tell('"ended"')

    monkeypatch.setattr(f"{__name__}.Loop", keep)
    assert _told(tmp_path, monkeypatch, tell) == ["ended"]
    assert done[:2] == ["sent", "put away"]


def _told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tell: Callable[[Link], None]) -> object:
    """Return the first datagram that a worker gets of what is told once it has said hello."""
    monkeypatch.chdir(tmp_path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(layout.SOCKET)
    listener.listen()
    loop = Loop()
    answered: list[Wish] = []

    def answer(wish: Wish) -> None:
        link.greet()
        tell(link)
        answered.append(wish)

    def end_with_the_worker() -> None:
        if answered and not link.is_connected:
            loop.end()

    link = Link(loop, listener.detach(), answer, lambda: None)
    link.open()
    loop.before_sleep(end_with_the_worker)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as worker:
        worker.connect(layout.SOCKET)
        worker.send(b'[{"do":"hello"}]')
        worker.shutdown(socket.SHUT_WR)
        loop.run()
        told: object = json.loads(worker.recv(65_536))
    socket.socket(fileno=link.detach_listener()).close()
    return told


def test_what_has_ended_is_told_before_the_next_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(layout.SOCKET)
    listener.listen()
    loop = Loop()
    told: list[object] = []
    ended = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def do(wish: Wish) -> None:
        if wish["do"] == "hello":
            link.greet()
            # In one turn, a job is found to have ended, and another is to be started.
            os.eventfd_write(ended, 1)
            worker.send(b'[{"do":"start"}]')
        else:
            told.append(json.loads(worker.recv(65_536, socket.MSG_DONTWAIT)))
            loop.end()

    def look(_events: int) -> None:
        os.eventfd_read(ended)
        link.tell_end("a", '"a ended"')

    link = Link(loop, listener.detach(), do, lambda: None)
    link.open()
    loop.watch(ended, select.EPOLLIN, look)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as worker:
        worker.connect(layout.SOCKET)
        worker.send(b'[{"do":"hello"}]')
        loop.run()
    assert told == [["a ended"]]
    loop.unwatch(ended)
    os.close(ended)
    loop._ended = False
    loop.before_sleep(lambda: loop.end() if not link.is_connected else None)
    loop.run()
    socket.socket(fileno=link.detach_listener()).close()
