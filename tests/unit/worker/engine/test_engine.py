"""The engine over supervisors of other versions: what each says, and what may be asked of it."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from jobwire.broker.engine import Ended, Expected, Launch, Run
from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.jobs.states import OutcomeKind
from jobwire.schemas.naming import AttemptKey
from jobwire.schemas.refusal import Code, Refused
from jobwire.schemas.workers.capacity import Capacity
from jobwire.worker.engine.engine import LocalEngine
from jobwire.worker.engine.found.found_runs import at_log, left_intents
from jobwire.worker.keeper import process
from jobwire.worker.state import layout
from jobwire.worker.state.log_folders import folders, new_folders, outcomes
from jobwire.worker.state.log_folders.outcomes import OutcomeFile
from jobwire.worker.wire import words
from jobwire.worker.wire.supervisor_socket import connect


class OtherSupervisor:
    """Says hello in its own way, and remembers what it was asked."""

    def __init__(self, state: Path, *, dies_at: str = "", loop: asyncio.AbstractEventLoop | None = None, **hello: object) -> None:
        self.asked: list[str] = []
        self.wishes: list[dict[str, object]] = []
        self._arrived = asyncio.Event()
        self._dies_at = dies_at
        self._hello = {"fact": "hello", "version": 1, "pid": 7, "keeper_pid": 6, "cgroups": False, **hello}
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(str(state / layout.SOCKET))
        self._listener.listen()
        self._listener.settimeout(0)
        self._connection: socket.socket | None = None
        self._loop = loop or asyncio.get_running_loop()
        self._loop.call_soon_threadsafe(self._loop.add_reader, self._listener, self._accept)

    async def await_asked(self, what: str, count: int) -> None:
        async with asyncio.timeout(60):
            while self.asked.count(what) < count:
                self._arrived.clear()
                await self._arrived.wait()

    def _accept(self) -> None:
        self._connection, _ = self._listener.accept()
        self._connection.settimeout(0)
        self._loop.add_reader(self._connection, self._read)

    def _read(self) -> None:
        assert self._connection is not None
        data = self._connection.recv(65536)
        for wish in json.loads(data) if data else []:
            self.asked.append(wish["do"])
            self.wishes.append(wish)
            self._arrived.set()
            answer = {"hello": self._hello, "recover": {"fact": "recovered"}}.get(wish["do"])
            if answer is not None:
                self._connection.send(json.dumps([answer]).encode())
            if wish["do"] == "reload":
                data = b""
            if wish["do"] == self._dies_at:
                self._dies_at = ""
                self.hang_up()
                return
        if not data:
            self.close()

    def hang_up(self) -> None:
        if self._connection is not None:
            self._loop.remove_reader(self._connection)
            self._connection.close()
            self._connection = None

    def close(self) -> None:
        self.hang_up()
        if self._listener.fileno() >= 0:
            self._loop.remove_reader(self._listener)
            self._listener.close()


class Pair:
    """An engine and the supervisor that it will meet. The engine lets go first: who loses its line starts a real pair."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.loop = asyncio.get_running_loop()
        self.engine = LocalEngine(state, Capacity(1), b"/")
        self.supervisor: OtherSupervisor | None = None

    def meet(self, *, dies_at: str = "", **hello: object) -> OtherSupervisor:
        self.supervisor = OtherSupervisor(self.state, dies_at=dies_at, **hello)
        self.engine.open(lambda _: None)
        return self.supervisor


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    made = Pair(tmp_path)
    yield made
    made.engine.close()
    if made.supervisor is not None:
        made.supervisor.close()
    assert not (tmp_path / layout.SUPERVISOR_LOG).exists(), "a real pair was started"


async def test_a_supervisor_that_cannot_hand_over_is_left_alone(pair: Pair) -> None:
    supervisor = pair.meet()
    await pair.engine.recover([])
    assert pair.engine.supervisor.hello.pid == 7
    # What a supervisor of an earlier version does not say is said in its place, and stands in the description of the worker.
    assert pair.engine.supervisor.hello.memory_problem == "the supervisor is of an earlier version"
    assert "cannot hand over" in await pair.engine.reload()
    assert "reload" not in supervisor.asked


async def test_a_supervisor_without_a_keeper_is_left_alone(pair: Pair) -> None:
    pair.meet(keeper_pid=0, handover=0)
    await pair.engine.recover([])
    assert "the keeper was killed" in await pair.engine.reload()


async def test_a_supervisor_that_is_just_being_started_again_is_not_called_unable(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    is_lost = asyncio.Event()

    async def reconnect() -> None:
        is_lost.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(pair.engine.supervisor, "_reconnect", reconnect)
    supervisor = pair.meet(handover=1)
    await pair.engine.recover([])
    supervisor.hang_up()
    async with asyncio.timeout(60):
        await is_lost.wait()
    assert (await pair.engine.reload()).endswith("another one was starting; reload again")


async def test_a_supervisor_that_can_makes_way_and_no_other_line_is_taken_up(pair: Pair) -> None:
    supervisor = pair.meet(handover=1)
    await pair.engine.recover([])
    assert await pair.engine.reload() == ""
    assert supervisor.asked == ["hello", "recover", "reload"]


async def test_a_supervisor_of_a_newer_line_is_refused_with_a_message(pair: Pair) -> None:
    pair.meet(version=words.VERSION + 1)
    with pytest.raises(Refused, match="is of a newer jobwire and uses version") as refused:
        await pair.engine.recover([])
    assert refused.value.code is Code.FAILED_PRECONDITION


async def test_who_asks_what_is_known_is_answered_though_the_line_breaks(pair: Pair) -> None:
    """A supervisor that just retires takes the line of the next worker with it."""
    pair.meet(dies_at=words.ToSupervisor.HELLO)
    assert await asyncio.wait_for(pair.engine.recover([]), 60) == []


async def test_a_supervisor_that_cannot_be_started_yet_is_waited_for(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    tries, loop = asyncio.Semaphore(0), asyncio.get_running_loop()

    def start(state: Path, files_limit: int) -> None:
        loop.call_soon_threadsafe(tries.release)
        raise OSError(errno.ENOMEM, "no memory")

    monkeypatch.setattr("jobwire.worker.keeper.process.start", start)
    monkeypatch.setattr("jobwire.worker.engine.supervisor._RECONNECT_SECONDS", 0)
    pair.meet().close()
    for _ in range(3):
        await asyncio.wait_for(tries.acquire(), 60)
    (pair.state / layout.SOCKET).unlink()
    pair.supervisor = OtherSupervisor(pair.state)
    await pair.supervisor.await_asked(words.ToSupervisor.RECOVER, 1)
    assert pair.supervisor.asked == ["hello", "recover"]


async def test_what_is_settled_is_not_asked_for_again(pair: Pair) -> None:
    """For example, a job whose end is found in its log folder while a stop of it is not answered."""
    supervisor = pair.meet()
    await pair.engine.recover([])
    ended, running = (AttemptKey(b"o" * 32, bytes([number]) * 16, 1) for number in range(2))
    pair.engine.end(ended, 15, 0)
    pair.engine.settled([ended])
    pair.engine.end(running, 15, 0)
    await supervisor.await_asked("end", 2)
    supervisor.hang_up()
    await supervisor.await_asked("end", 3)
    assert supervisor.asked == ["hello", "recover", "end", "end", "hello", "recover", "end"]


async def test_an_end_that_only_the_log_folder_knows_is_recovered(pair: Pair) -> None:
    key = AttemptKey(b"o" * 32, b"i" * 16, 1)
    logs = str(pair.state / "logs")
    pair.meet()
    new_folders.write_intent(logs, Launch(key, JobSpec((b"true",))), directory=b"/", grace_ms=1)
    intent = folders.intent_path(logs, folders.handle(key))
    outcome = OutcomeFile("exited", exit_status=3, pid=9, started_at_us=10, ended_at_us=20, stdout_bytes=5)
    outcomes.write_outcome(intent, outcomes.outcome_text(outcome))
    os.rename(intent, folders.run_path(logs, 9, 10, 20))  # noqa: PTH104 -- it does not wait for anything
    (fact,) = await pair.engine.recover([Expected(key, 9, 10, 5, launched=True)])
    assert isinstance(fact, Ended)
    assert (fact.outcome.kind, fact.outcome.exit_status, fact.outcome.stdout_bytes) == (OutcomeKind.EXITED, 3, 5)


def test_intents_of_jobs_that_nobody_expects_are_found_and_nothing_else(tmp_path: Path) -> None:
    expected, left, ended = (AttemptKey(b"o" * 32, bytes([number]) * 16, 1) for number in range(3))
    for key in (expected, left, ended):
        new_folders.write_intent(str(tmp_path), Launch(key, JobSpec((b"true",))), directory=b"/", grace_ms=1)
    (Path(folders.intent_path(str(tmp_path), folders.handle(ended))) / "outcome").touch()
    (tmp_path / ".new-x").mkdir()
    assert left_intents(str(tmp_path), [Expected(expected, 0, 0, 5, launched=True)]) == [folders.handle(left)]


@pytest.mark.parametrize("ended_at_us", [20, 0], ids=["named after its end", "without an end in its name"])
def test_logs_that_may_be_there_are_not_said_to_be_gone(tmp_path: Path, ended_at_us: int) -> None:
    # It is there, and the system refuses to look at it, as on a disk that fails.
    folder = Path(folders.run_path(str(tmp_path), 9, 10, ended_at_us))
    folder.symlink_to(folder.name)
    with pytest.raises(Refused, match="the log cannot be read: Too many levels of symbolic links") as refused:
        at_log(str(tmp_path), Run(AttemptKey(b"o" * 32, b"i" * 16, 1), 9, 10, 20), "stdout", str)
    assert refused.value.code is Code.INTERNAL
    folder.unlink()
    with pytest.raises(Refused, match="no longer exist"):
        at_log(str(tmp_path), Run(AttemptKey(b"o" * 32, b"i" * 16, 1), 9, 10, 20), "stdout", str)


def test_folders_that_cannot_be_listed_are_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "logs").touch()
    with pytest.raises(Refused, match="the log folders cannot be read: Not a directory"):
        left_intents(str(tmp_path / "logs"), [])


async def test_a_supervisor_that_takes_the_place_of_another_is_told_to_retire_too(pair: Pair) -> None:
    """The former one became the keeper just before it could read that."""
    supervisor = pair.meet(dies_at=words.ToSupervisor.RETIRE)
    await pair.engine.recover([])
    await pair.engine.retire()
    await supervisor.await_asked(words.ToSupervisor.RETIRE, 2)
    assert supervisor.asked.count(words.ToSupervisor.HELLO) == 1


async def test_the_loop_goes_on_while_a_new_pair_waits_for_the_one_that_was_there(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """For example, it runs, and its socket was removed."""
    supervisor = pair.meet()
    await pair.engine.recover([])
    turns = threading.Event()

    def start(state: Path, _files_limit: int) -> None:
        assert turns.wait(60), "the loop waits too"
        pair.supervisor = OtherSupervisor(state, loop=pair.loop)

    monkeypatch.setattr(process, "start", start)
    supervisor.close()
    (pair.state / layout.SOCKET).unlink()
    async with asyncio.timeout(60):
        while pair.supervisor is supervisor:
            await asyncio.sleep(0.01)
            turns.set()
    await pair.supervisor.await_asked(words.ToSupervisor.RECOVER, 1)


async def test_a_supervisor_that_accepts_nothing_is_not_waited_for(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(tmp_path / layout.SOCKET))
        listener.listen(0)
        with closing(connect(tmp_path)), pytest.raises(BlockingIOError):
            connect(tmp_path)


@pytest.mark.parametrize("is_fast", [True, False])
async def test_a_start_that_comes_alone_is_told_at_once_where_the_disk_is_fast(pair: Pair, *, is_fast: bool) -> None:
    supervisor = pair.meet()
    pair.engine.open(lambda _: None, lambda: is_fast)
    launches = [Launch(AttemptKey(b"o" * 32, bytes([number]) * 16, 1), JobSpec((b"true",))) for number in range(3)]
    pair.engine.start(launches[:1])
    pair.engine.start(launches[1:])
    await supervisor.await_asked("start", 3)
    assert [wish.get("at_once", False) for wish in supervisor.wishes if wish["do"] == "start"] == [is_fast, False, False]
