"""What the engine asks a supervisor, and which facts are held back until it has answered."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from jobwire.broker.engine import Delayed, Ended, Expected, Fact, Paused, Started
from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.jobs.states import OutcomeKind
from jobwire.schemas.naming import AttemptKey
from jobwire.worker.engine.found import unread_ends
from jobwire.worker.engine.recovery import Recovery
from jobwire.worker.engine.supervisor_line import Message
from jobwire.worker.state.log_folders import folders, new_folders, outcomes
from jobwire.worker.supervisor.containment.processes import read_stat, started_at_us

AGAIN = "the worker keeps trying; to give the job up, use jobwire stop --now"
PAUSED = Paused(AttemptKey(b"o" * 32, b"i" * 16, 1), paused=True)


async def test_who_asks_again_at_once_gets_the_second_answer_whole(tmp_path: Path) -> None:
    """The line broke when the first answer was complete."""
    said: list[Message] = []
    heard: list[Fact] = []
    recovery = Recovery(str(tmp_path), b"/", asyncio.get_running_loop(), said.extend, heard.extend, rebooted=False)

    async def ask_twice() -> list[Fact]:
        assert await recovery.find_out([]) == []
        return await recovery.find_out([])

    asking = asyncio.create_task(ask_twice())
    for number in (1, 2):
        # More turns of the loop than it takes to ask, and to finish with the answer before.
        for _ in range(5):
            await asyncio.sleep(0)
        assert len(said) == number
        recovery.tell([PAUSED] * (number - 1))
        assert recovery.told_all([])
    assert await asyncio.wait_for(asking, 60) == [PAUSED]
    assert heard == []
    recovery.tell([PAUSED])
    assert heard == [PAUSED]


async def recover(logs: Path, heard: Callable[[Sequence[Fact]], object], *expected: Expected) -> tuple[Recovery, list[Fact]]:
    """Recover with a supervisor that knows nothing."""
    recovery = Recovery(str(logs), b"/", asyncio.get_running_loop(), lambda _: None, heard, rebooted=False)
    finding = asyncio.create_task(recovery.find_out(expected))
    await asyncio.sleep(0)
    assert recovery.told_all([])
    return recovery, await asyncio.wait_for(finding, 60)


async def test_a_job_in_a_folder_that_cannot_be_read_is_neither_started_again_nor_lost(tmp_path: Path) -> None:
    """As on a disk that fails: the folders are there, and reading them fails."""
    unreadable = Path(folders.run_path(str(tmp_path), 9, 10, 20))
    (unreadable / "job").mkdir(parents=True)
    recovery, facts = await recover(tmp_path, lambda _: None, Expected(PAUSED.key, 0, 0, 5, launched=True))
    assert facts == [Delayed(PAUSED.key, f"whether it ran cannot be read: Is a directory; {AGAIN}")]
    recovery.close()


@pytest.mark.parametrize("is_named", [True, False])
async def test_an_outcome_that_cannot_be_read_is_told_when_it_can_be(tmp_path: Path, *, is_named: bool) -> None:
    """With its last name, and without: that may not have been possible any more."""
    folder = Path(folders.run_path(str(tmp_path), 9, 10, 20 if is_named else 0))
    new_folders.write_folder(str(folder), PAUSED.key, JobSpec((b"true",)), None, directory=b"/", grace_ms=0)
    (folder / "outcome").mkdir(parents=True)
    heard: asyncio.Queue[Fact] = asyncio.Queue()
    one, other = Expected(PAUSED.key, 9, 10, 5, launched=True), Expected(AttemptKey(b"o" * 32, b"j" * 16, 1), 8, 10, 5, launched=True)
    recovery, facts = await recover(tmp_path, lambda some: [heard.put_nowait(fact) for fact in some], one, other)
    lost, delayed = facts
    assert isinstance(lost, Ended)
    assert lost.key == other.key, "nothing of it is there, readable or not"
    assert delayed == Delayed(one.key, f"how it ended cannot be read: Is a directory; {AGAIN}", stuck=True)
    (folder / "outcome").rmdir()
    outcomes.write_outcome(str(folder), outcomes.outcome_text(outcomes.OutcomeFile("exited", 3, pid=9, started_at_us=10, ended_at_us=20)))
    ended = await asyncio.wait_for(heard.get(), 60)
    assert isinstance(ended, Ended)
    assert (ended.key, ended.outcome.kind, ended.outcome.exit_status) == (one.key, OutcomeKind.EXITED, 3)
    recovery.close()


async def test_an_outcome_that_cannot_be_read_is_given_up_by_a_stop_at_once(tmp_path: Path) -> None:
    (Path(folders.run_path(str(tmp_path), 9, 10)) / "outcome").mkdir(parents=True)
    heard: asyncio.Queue[Fact] = asyncio.Queue()
    recovery, _ = await recover(
        tmp_path, lambda some: [heard.put_nowait(one) for one in some], Expected(PAUSED.key, 9, 10, 5, launched=True)
    )
    assert not recovery.give_up(PAUSED.key._replace(attempt=2))
    assert recovery.give_up(PAUSED.key)
    ended = await asyncio.wait_for(heard.get(), 60)
    assert isinstance(ended, Ended)
    assert ended.outcome.kind is OutcomeKind.LOST
    assert not recovery.give_up(PAUSED.key)
    recovery.close()


async def ask(recovery: Recovery, told: Sequence[Fact], *expected: Expected) -> list[Fact]:
    """Recover again, with a supervisor that tells these facts."""
    finding = asyncio.create_task(recovery.find_out(expected))
    await asyncio.sleep(0)
    assert recovery.told_all(told)
    return await asyncio.wait_for(finding, 60)


@pytest.mark.parametrize("pid", [9, 0])
async def test_what_another_supervisor_knows_is_not_awaited_any_more(tmp_path: Path, pid: int) -> None:
    """Otherwise a job that runs is told to be lost, and a stop does not reach it. Whether its process was known before or not."""
    if pid:
        unreadable = Path(folders.run_path(str(tmp_path), 9, 10)) / "outcome"
    else:
        unreadable = Path(folders.run_path(str(tmp_path), 9, 10, 20)) / "job"
    unreadable.mkdir(parents=True)
    one = Expected(PAUSED.key, pid, 10 if pid else 0, 5, launched=True)
    recovery, facts = await recover(tmp_path, lambda _: None, one)
    assert [type(fact) for fact in facts] == [Delayed]
    unreadable.rmdir()
    started = Started(PAUSED.key, 9, 10)
    assert await ask(recovery, [started], one) == [started]
    assert not recovery.give_up(PAUSED.key)
    recovery.close()


async def test_what_can_be_started_again_is_not_awaited_any_more(tmp_path: Path) -> None:
    unreadable = Path(folders.run_path(str(tmp_path), 9, 10, 20)) / "job"
    unreadable.mkdir(parents=True)
    one = Expected(PAUSED.key, 0, 0, 5, launched=True)
    recovery, _ = await recover(tmp_path, lambda _: None, one)
    unreadable.rmdir()
    assert await ask(recovery, [], one) == []
    assert not recovery.give_up(PAUSED.key)
    recovery.close()


@pytest.mark.parametrize("is_adopted", [True, False])
async def test_a_job_that_runs_when_its_folder_can_be_read_again_is_adopted_and_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_adopted: bool
) -> None:
    """The supervisor began while it could not. If it finds no process of the job, it is lost after all."""
    monkeypatch.setattr(unread_ends, "_FIRST_SECONDS", 0.0)
    pid = os.getpid()
    folder = Path(folders.run_path(str(tmp_path), pid, 10))
    new_folders.write_folder(str(folder), PAUSED.key, JobSpec((b"true",)), None, directory=b"/", grace_ms=0)
    (folder / "outcome").mkdir()
    said: asyncio.Queue[Message] = asyncio.Queue()
    heard: asyncio.Queue[Fact] = asyncio.Queue()

    def say(messages: Sequence[Message]) -> None:
        for message in messages:
            said.put_nowait(message)

    def hear(facts: Sequence[Fact]) -> None:
        for fact in facts:
            heard.put_nowait(fact)

    recovery = Recovery(str(tmp_path), b"/", asyncio.get_running_loop(), say, hear, rebooted=False)
    finding = asyncio.create_task(recovery.find_out([Expected(PAUSED.key, pid, 10, 5, launched=True)]))
    await said.get()
    assert recovery.told_all([])
    assert [type(fact) for fact in await asyncio.wait_for(finding, 60)] == [Delayed]
    (folder / "outcome").rmdir()
    assert (await asyncio.wait_for(said.get(), 60))["folders"] == [folder.name]
    reading = recovery._unread._reading
    assert reading is not None
    if is_adopted:
        started = Started(PAUSED.key, pid, 10)
        recovery.tell([started])
        assert not recovery.give_up(PAUSED.key)
        assert heard.get_nowait() == started
    else:
        ended = await asyncio.wait_for(heard.get(), 60)
        assert isinstance(ended, Ended)
        assert ended.outcome.kind is OutcomeKind.LOST
    # It reads on a thread, and ends when nothing is awaited.
    await asyncio.wait_for(reading, 60)
    recovery.close()


def started_now() -> tuple[int, int]:
    """Return pid and start of this process, as a supervisor notes them."""
    stat = read_stat(os.getpid())
    assert stat is not None
    return os.getpid(), started_at_us(stat.start_ticks)


async def test_a_process_that_cannot_be_adopted_is_not_lost_while_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody knows the spec of the job any more, and its folder is damaged."""
    monkeypatch.setattr(unread_ends, "_FIRST_SECONDS", 0.0)
    pid, at_us = started_now()
    heard: asyncio.Queue[Fact] = asyncio.Queue()
    recovery, told = await recover(
        tmp_path, lambda facts: [*map(heard.put_nowait, facts)], Expected(PAUSED.key, pid, at_us, 5, launched=True)
    )
    (fact,) = told
    assert isinstance(fact, Delayed)
    assert f"process {pid} is running, but its log folder is damaged" in fact.why
    assert heard.empty()
    monkeypatch.setattr(unread_ends, "may_be_running", lambda _: False)
    ended = await asyncio.wait_for(heard.get(), 60)
    assert isinstance(ended, Ended)
    assert ended.outcome.kind is OutcomeKind.LOST
    assert "supervisor and keeper" not in ended.outcome.sentence
    recovery.close()


async def test_what_began_after_the_machine_was_restarted_is_not_said_to_have_run_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker was the first after that; later, its supervisor was killed, and an outcome cannot be read for a while."""
    monkeypatch.setattr(unread_ends, "_FIRST_SECONDS", 0.0)
    heard: asyncio.Queue[Fact] = asyncio.Queue()
    recovery = Recovery(
        str(tmp_path), b"/", asyncio.get_running_loop(), lambda _: None, lambda facts: [*map(heard.put_nowait, facts)], rebooted=True
    )

    async def find_out(*expected: Expected) -> list[Fact]:
        finding = asyncio.create_task(recovery.find_out(expected))
        await asyncio.sleep(0)
        assert recovery.told_all([])
        return await asyncio.wait_for(finding, 60)

    assert await find_out() == []
    folder = Path(folders.run_path(str(tmp_path), 999_999_999, 10))
    (folder / "outcome").mkdir(parents=True)
    assert [type(fact) for fact in await find_out(Expected(PAUSED.key, 999_999_999, 10, 5, launched=True))] == [Delayed]
    (folder / "outcome").rmdir()
    ended = await asyncio.wait_for(heard.get(), 60)
    assert isinstance(ended, Ended)
    assert "restarted" not in ended.outcome.sentence
    recovery.close()


async def test_a_listener_that_fails_once_hears_of_what_can_be_read_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unread_ends, "_FIRST_SECONDS", 0.0)
    wanted = [Expected(AttemptKey(b"o" * 32, bytes([number]) * 16, 1), number, 10, 5, launched=True) for number in (8, 9)]
    heard: asyncio.Queue[Fact] = asyncio.Queue()
    failures = [ValueError("a bug")]

    def hear(facts: Sequence[Fact]) -> None:
        if failures:
            raise failures.pop()
        for fact in facts:
            heard.put_nowait(fact)

    loop = asyncio.get_running_loop()
    failed: asyncio.Queue[object] = asyncio.Queue()
    loop.set_exception_handler(lambda _, context: failed.put_nowait(context["exception"]))
    unread = unread_ends.UnreadEnds(str(tmp_path), loop, hear, lambda _: False)
    unread.add([(wanted[0], "Input/output error")], rebooted=False)
    assert isinstance(await asyncio.wait_for(failed.get(), 60), ValueError)
    unread.add([(wanted[1], "Input/output error")], rebooted=False)
    assert (await asyncio.wait_for(heard.get(), 60)).key == wanted[1].key
    unread.close()
