"""The supervisor's end of the line to the worker, without a supervisor."""

from __future__ import annotations

import json
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
