"""What worker, supervisor and keeper of an earlier version send, byte for byte: it is understood, and sent in the same way.

Workers, supervisors and keepers of different versions meet at each reload. Never change what is recorded here; add to it.
"""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jobwire.broker.engine import Delayed, Ended, Launch, Paused, Started
from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.jobs.states import Outcome, OutcomeKind, ResourceUse
from jobwire.schemas.naming import AttemptKey
from jobwire.worker.engine.inputs.inlets import LocalInlet
from jobwire.worker.engine.inputs.input_notes import InputNotes
from jobwire.worker.engine.supervisor_line import Link as WorkerEnd
from jobwire.worker.engine.unanswered import Unanswered
from jobwire.worker.keeper import loop as keeper_loop
from jobwire.worker.keeper.deposits import Deposits
from jobwire.worker.keeper.loop import Keeper
from jobwire.worker.keeper.supervisor_line import Line as KeeperEnd
from jobwire.worker.state.log_folders.outcomes import OutcomeFile, outcome_text
from jobwire.worker.supervisor import facts
from jobwire.worker.supervisor.jobs.leaders import Use
from jobwire.worker.supervisor.keeper_line import Deposited, Died, KeeperLine
from jobwire.worker.supervisor.loop import Loop
from jobwire.worker.supervisor.worker_line import Link as SupervisorEnd
from jobwire.worker.wire.words import DO, ToSupervisor

KEY = AttemptKey(b"\x22" * 32, b"\x11" * 16, 1)
HANDLE = "11" * 16 + "." + "22" * 32
OUTCOME = OutcomeFile("exited", 3, 0, 'it said "no"', 7, 1000, 2000, 5, 6, "", "disk full", "nobody fed it")

WISHES = [
    b'[{"do":"hello","feed_wait_ms":120000},{"do":"recover"}]',
    b'[{"do":"start","job":"%s","queued_at_us":900}]' % HANDLE.encode(),
    b'[{"do":"signal","job":"%s","signal":10},{"do":"pause","job":"%s"},{"do":"resume","job":"%s"}]' % ((HANDLE.encode(),) * 3),
    b'[{"do":"end","job":"%s","signal":15,"grace_ms":2500}]' % HANDLE.encode(),
    b'[{"do":"settled","jobs":["%s"]},{"do":"adopt","folders":["7_x"]}]' % HANDLE.encode(),
    b'[{"do":"feed","job":"%s","token":"3333"},{"do":"fed","job":"%s"},{"do":"unfed","job":"%s"}]' % ((HANDLE.encode(),) * 3),
    b'[{"do":"retire"},{"do":"reload"}]',
]
FACTS = [
    b'[{"fact":"hello","version":1,"pid":7,"keeper_pid":6,"cgroups":true,"handover":1,"answers":true,"feeds":true},{"fact":"recovered"}]',
    b'[{"fact":"started","job":"%s","pid":7,"started_at_us":1000}]' % HANDLE.encode(),
    b'[{"fact":"started","job":"%s","pid":7,"started_at_us":1000,"paused":true,"waits":true,"stuck":"7 stays"}]' % HANDLE.encode(),
    b'[{"fact":"signalled","job":"%s","why":""},{"fact":"paused","job":"%s","paused":false,"why":"not ours"}]' % ((HANDLE.encode(),) * 2),
    b'[{"fact":"stuck","job":"%s","pids":[7,8],"why":"7 stays"},{"fact":"delayed","job":"%s"}]' % ((HANDLE.encode(),) * 2),
    b'[{"fact":"waits","job":"%s","waits":true}]' % HANDLE.encode(),
    b'[{"fact":"feed_refused","job":"%s"},{"fact":"given","job":"%s"},{"fact":"feed_over","job":"%s","why":""}]' % ((HANDLE.encode(),) * 3),
    b'[{"fact":"ended","job":"%s","version":1,"kind":"exited","exit_status":3,"signal":0,"sentence":"it said \\"no\\"","pid":7,'
    b'"started_at_us":1000,"ended_at_us":2000,"stdout_bytes":5,"stderr_bytes":6,"stdout_problem":"","stderr_problem":"disk full",'
    b'"stdin_problem":"nobody fed it","user_us":1,"system_us":2,"max_resident_bytes":4096}]' % HANDLE.encode(),
]
TO_KEEPER = [
    b"again",
    b"adopted 7 8",
    b"stranger 9",
    b"drained h\nended h 7_1_2\nsettled h\nrecorded 7\ndeposit i",
    b"deposit h",
    b"deposit j",
    b"feed j",
    b"fed j",
    b"retire",
    b"reload",
]
FROM_KEEPER = [b"deposit h - 0", b"feed h", b"deposit i 7_1_2 1", b"stranger 9", b"died 7 256 1 7 99 5 6 4096", b"handed 1"]


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        for one in (ours, theirs):
            one.settimeout(0)
        yield ours, theirs


async def test_the_worker_says_what_is_recorded(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    link = WorkerEnd(ours, asyncio.get_running_loop(), lambda _: None, lambda: None)
    said = Unanswered("")
    inlet = LocalInlet(HANDLE, b"33", None, lambda _: None, lambda _: None, InputNotes(""))  # type: ignore[arg-type] # reason: nobody is told
    messages = [
        [{DO: ToSupervisor.HELLO, "feed_wait_ms": 120_000}, {DO: ToSupervisor.RECOVER}],
        said.start([(Launch(KEY, JobSpec((b"true",)), 900), b"")]),
        [said.signal(HANDLE, 10, lambda _: None), said.pause(HANDLE, paused=True), said.pause(HANDLE, paused=False)],
        [said.end(HANDLE, 15, 2500)],
        [{DO: ToSupervisor.SETTLED, "jobs": [HANDLE]}, {DO: ToSupervisor.ADOPT, "folders": ["7_x"]}],
        [inlet.asked(), {DO: ToSupervisor.FED, "job": HANDLE}, {DO: ToSupervisor.UNFED, "job": HANDLE}],
        [{DO: ToSupervisor.RETIRE}, {DO: ToSupervisor.RELOAD}],
    ]
    for one in messages:
        link.send(one)
        link._flush()
    assert [theirs.recv(65536) for _ in WISHES] == WISHES
    link.close()


def supervisor_end(state: Path, do: Callable[[dict[str, object]], None], loop: Loop) -> tuple[SupervisorEnd, socket.socket]:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(str(state / "supervisor.sock"))
    listener.listen()
    listener.settimeout(0)
    link = SupervisorEnd(loop, listener.detach(), do, lambda: None)
    link.open()
    worker = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    worker.connect(str(state / "supervisor.sock"))
    worker.settimeout(60)
    return link, worker


def test_the_supervisor_understands_what_is_recorded_and_answers_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    loop, heard = Loop(), []
    replies = iter(
        [
            [facts.hello(version=1, pid=7, keeper_pid=6, cgroups=True, handover=1, answers=True, feeds=True), facts.recovered()],
            [facts.started(HANDLE, 7, 1000, paused=False, waits=False)],
            [facts.started(HANDLE, 7, 1000, paused=True, waits=True, stuck="7 stays")],
            [facts.signalled(HANDLE, ""), facts.paused(HANDLE, "not ours", is_paused=False)],
            [facts.stuck(HANDLE, [7, 8], "7 stays"), facts.delayed(HANDLE)],
            [facts.waits(HANDLE, does_wait=True)],
            [facts.feed_refused(HANDLE), facts.given(HANDLE), facts.feed_over(HANDLE, "")],
            [facts.ended(HANDLE, outcome_text(OUTCOME), Use(1, 2, 4096))],
        ]
    )
    expected = [wish for datagram in WISHES for wish in json.loads(datagram)]

    def do(wish: dict[str, object]) -> None:
        heard.append(wish)
        link.greet()

    link, worker = supervisor_end(tmp_path, do, loop)
    with worker:
        for datagram in WISHES:
            worker.send(datagram)

        def tell() -> None:
            # After each turn one datagram, once all is heard.
            reply = next(replies, None) if len(heard) == len(expected) else []
            for fact in reply or []:
                link.tell(fact)
            if reply is None:
                loop.end()
            else:
                loop.after(0, lambda: None)

        loop.before_sleep(tell)
        loop.run()
        assert heard == expected
        assert [worker.recv(65536) for _ in FACTS] == FACTS
    link._drop()
    os.close(link.detach_listener())


async def test_the_worker_understands_what_is_recorded(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    messages: list[dict[str, Any]] = []
    link = WorkerEnd(ours, asyncio.get_running_loop(), messages.extend, lambda: None)
    for datagram in FACTS:
        theirs.send(datagram)
    link._read()
    said = Unanswered("")
    said.start([(Launch(KEY, JobSpec((b"true",)), 900), b"")])
    # The engine itself takes these.
    own = [message for message in messages if message["fact"] in {"hello", "recovered", "signalled", "feed_refused", "given", "feed_over"}]
    found = [fact for message in messages if message not in own for fact in said.read(message)]
    assert len(own) == 6
    assert found[0] == Started(KEY, 7, 1000, adopted=False, paused=False)
    assert found[1] == Started(KEY, 7, 1000, adopted=True, paused=True)
    assert [fact.stuck for fact in found if isinstance(fact, Delayed)] == [True, True, True, False, True]
    assert Paused(KEY, paused=False, why="not ours") in found
    outcome = Outcome(OutcomeKind.EXITED, 3, 0, 'it said "no"', ResourceUse(1, 2, 4096), 5, 6, "", "disk full", "nobody fed it")
    assert found[-1] == Ended(KEY, 7, 1000, 2000, outcome)
    link.close()


def test_the_supervisor_says_to_the_keeper_what_is_recorded(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    line = KeeperLine(Loop(), ours.detach())
    ours_end, other = os.pipe()
    theirs.send(b"handed 0")
    line.catch_up()
    line.adopted([7, 8])
    line.hold(9, ours_end)
    line.drained("h")
    line.ended("h", "7_1_2")
    line.settled("h")
    line.recorded(7)
    line.deposit("i", (ours_end, other))
    line.deposit_nothing("h")
    line.flush()
    line.deposit("j", (ours_end, other))
    line.deposit_feed("j", (ours_end, other))
    line.fed("j")
    line.retire()
    line.reload()
    received = [socket.recv_fds(theirs, 65536, 2) for _ in TO_KEEPER]
    assert [data for data, _, _, _ in received] == TO_KEEPER
    assert [len(descriptors) for _, descriptors, _, _ in received] == [0, 0, 1, 2, 0, 2, 2, 0, 0, 0]
    for descriptor in (ours_end, other, *(one for _, descriptors, _, _ in received for one in descriptors)):
        os.close(descriptor)
    line._lost()


def test_the_keeper_understands_what_is_recorded(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    heard: list[tuple[str, int]] = []

    def hear(line: str, descriptors: tuple[int, ...]) -> None:
        heard.append((line, len(descriptors)))
        for descriptor in descriptors:
            os.close(descriptor)

    end = KeeperEnd(select.poll(), hear)
    end.open(ours)
    pipe = os.pipe()
    for datagram in TO_KEEPER:
        socket.send_fds(theirs, [datagram], pipe if datagram.endswith((b"deposit i", b"feed j")) else ())
    end.listen()
    lines = [line for datagram in TO_KEEPER for line in datagram.decode().split("\n")]
    assert heard == [(line, 2 if line in {"deposit i", "feed j"} else 0) for line in lines]
    deposits = Deposits()
    deposits.hear("deposit", ["h"], pipe)
    deposits.hear("feed", ["h"], os.pipe())
    deposits.hear("deposit", ["i"], os.pipe())
    deposits.hear("ended", ["i", "7_1_2"], ())
    deposits.hear("settled", ["i"], ())
    assert [line.encode() for line, _ in deposits.told_again()] == FROM_KEEPER[:3]
    deposits.hear("fed", ["h"], ())
    for handle in ("h", "i"):
        deposits.hear("drained", [handle], ())
    end.hang_up()


@pytest.fixture
def keeper() -> Iterator[Keeper]:
    """Return a keeper without a supervisor; the signal handling of this process is as before afterwards."""
    handler = signal.getsignal(signal.SIGCHLD)
    made = Keeper(-1, -1, 0)
    yield made
    os.close(signal.set_wakeup_fd(-1))
    signal.signal(signal.SIGCHLD, handler)
    os.close(made._wakeup)


def test_the_keeper_says_what_is_recorded(
    keeper: Keeper, pair: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = pair
    monkeypatch.setattr(keeper_loop.socket, "socketpair", lambda *_: (ours, socket.socket()))
    monkeypatch.setattr(keeper_loop.os, "posix_spawn", lambda *_, **__: os.getpid())
    monkeypatch.setattr(keeper_loop.os, "set_inheritable", lambda *_: None)
    monkeypatch.setattr(keeper_loop, "next_zombie", lambda: 0)
    monkeypatch.setattr(keeper_loop, "read_stat", lambda _: SimpleNamespace(session=7, start_ticks=99))
    monkeypatch.setattr(keeper_loop, "mark_of", lambda _: 1)
    monkeypatch.setattr(keeper_loop.os, "wait4", lambda pid, _: (pid, 256, SimpleNamespace(ru_utime=5e-6, ru_stime=6e-6, ru_maxrss=4)))
    pidfd = os.open("/dev/null", os.O_RDONLY)
    for line, descriptors in [
        ("deposit h", os.pipe()),
        ("feed h", os.pipe()),
        ("deposit i", os.pipe()),
        ("ended i 7_1_2", ()),
        ("settled i", ()),
        ("stranger 9", (pidfd,)),
    ]:
        keeper._hear(line, descriptors)
    keeper._record(7)
    keeper._spawn_supervisor()
    keeper._hear("again", ())
    received = [socket.recv_fds(theirs, 65536, 2) for _ in [*FROM_KEEPER, b"handed 0"]]
    assert [data for data, _, _, _ in received] == [*FROM_KEEPER, b"handed 0"]
    assert [len(descriptors) for _, descriptors, _, _ in received] == [2, 2, 2, 1, 0, 0, 0]
    for descriptor in (one for _, descriptors, _, _ in received for one in descriptors):
        os.close(descriptor)
    for line in ("fed h", "drained h", "drained i", "recorded 9"):
        keeper._hear(line, ())
    keeper._line.hang_up()


def test_the_supervisor_understands_the_keeper(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    line = KeeperLine(Loop(), ours.detach())
    pipe = os.pipe()
    for datagram in FROM_KEEPER:
        count = {b"deposit h - 0": 2, b"feed h": 2, b"stranger 9": 1}.get(datagram, 0)
        socket.send_fds(theirs, [datagram], pipe[:count])
    handover = line.take_over()
    assert handover.first
    assert {one.handle: (one.folder, one.settled, len(one.ends)) for one in handover.deposits.values()} == {
        "h": ("", False, 2),
        "i": ("7_1_2", True, 0),
    }
    assert isinstance(handover.deposits["h"], Deposited)
    assert [len(handover.deposits[handle].feed) for handle in ("h", "i")] == [2, 0]
    assert list(handover.strangers) == [9]
    assert line.died == {7: Died(7, 256, 1, 7, 99, 5, 6, 4096)}
    for descriptor in (*pipe, *handover.deposits["h"].ends, *handover.deposits["h"].feed, *handover.strangers.values()):
        os.close(descriptor)
    line._lost()


def test_the_keeper_awaits_all_processes_that_are_named_while_jobs_are_adopted(keeper: Keeper) -> None:
    for line in ("adopting 7 8", "adopting 9", "adopted 10"):
        keeper._hear(line, ())
    assert keeper._awaited == {7, 8, 9, 10}
    keeper._hear("adopted 11", ())
    assert keeper._awaited == {11}
