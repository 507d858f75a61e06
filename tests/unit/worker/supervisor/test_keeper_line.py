from __future__ import annotations

import os
import socket
import threading

import pytest

from jobwire.worker.supervisor.keeper_line import Died, Handover, KeeperLine
from jobwire.worker.supervisor.loop import Loop
from jobwire.worker.wire.datagrams import LARGEST_DATAGRAM

DEATH = "died 7 256 1 7 99 5 6 4096"


def _line(loop: Loop | None = None) -> tuple[socket.socket, KeeperLine]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    return ours, KeeperLine(loop or Loop(), theirs.detach())


def _ask(line: KeeperLine, pid: int) -> list[object]:
    """Await a death; what was called back."""
    heard: list[object] = []
    line.await_death(pid, heard.append, lambda: heard.append("lost"))
    return heard


def test_the_keeper_is_the_process_that_made_the_line_even_if_it_is_not_the_parent() -> None:
    ours, line = _line()
    with ours:
        assert line.keeper == os.getpid() != os.getppid()
        ours.send(b"handed 1")
        assert line.take_over() == Handover({}, {}, first=True)
    line.take_over()


def test_an_unknown_word_of_the_keeper_is_not_its_death() -> None:
    loop = Loop()
    ours, line = _line(loop)
    read_end, write_end = os.pipe()
    with ours:
        ours.send(b"hint 5")
        socket.send_fds(ours, [b"gift 7"], [read_end])
        os.close(read_end)
        ours.send(b"handed 1")
        assert line.take_over() == Handover({}, {}, first=True)
        with pytest.raises(BrokenPipeError):
            os.write(write_end, b"x")
        os.close(write_end)
        line.adopted([7])
        heard = _ask(line, 7)
        ours.send(b"hint 6")
        ours.send(DEATH.encode())
        loop.before_sleep(lambda: loop.end() if heard else None)
        loop.run()
        assert heard == [Died(7, 256, 1, 7, 99, 5, 6, 4096)]
        assert line.is_up
    line.take_over()


def test_a_keeper_that_died_before_the_handover_leaves_nobody_waiting_for_its_word() -> None:
    ours, line = _line()
    ours.send(DEATH.encode())
    ours.close()
    assert line.take_over() == Handover({}, {}, first=True)
    assert not line.is_up
    # What it said before still counts; of others it can tell nothing any more.
    assert _ask(line, 7) == [Died(7, 256, 1, 7, 99, 5, 6, 4096)]
    assert _ask(line, 8) == ["lost"]


def test_the_keeper_learns_of_any_number_of_adopted_jobs() -> None:
    pids = [*range(4_000_000, 4_060_000)]
    adopting: list[int] = []
    ours, line = _line()
    with ours:
        telling = threading.Thread(target=line.adopted, args=(pids,))
        telling.start()
        word = "adopting"
        while word == "adopting":
            datagram = ours.recv(1_000_000)
            assert len(datagram) <= LARGEST_DATAGRAM
            for said in datagram.decode().split("\n"):
                word, *some = said.split(" ")
                adopting += map(int, some)
        telling.join()
    assert word == "adopted"
    assert sorted(adopting) == pids
    line.take_over()
