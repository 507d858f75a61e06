"""Logs of jobs that have ended are hashed: small ones with the end, larger ones after it, on a thread, and none is held up by another."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jobwire.broker.engine import Ended, Hashed, Run
from jobwire.keys.proofs.log_hash import BLOCK_BYTES, LEAF, parts_of
from jobwire.keys.proofs.merkle import root_of
from jobwire.schemas.jobs.states import Outcome, OutcomeKind
from jobwire.schemas.naming import AttemptKey
from jobwire.worker.engine import log_hasher
from jobwire.worker.engine.log_hasher import AT_ONCE_BYTES, LogHasher
from jobwire.worker.own_process.other_threads import OtherThreads
from jobwire.worker.state.log_folders import ended_logs
from jobwire.worker.state.log_folders.folders import run_path

LARGE = bytes(range(256)) * (AT_ONCE_BYTES // 256 + 1)


class Bench:
    """A hasher, the logs of jobs, and what it has told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.told: asyncio.Queue[Hashed] = asyncio.Queue()
        self.hasher = self.new()

    def new(self) -> LogHasher:
        hasher = LogHasher(str(self.folder), asyncio.get_running_loop())
        hasher.open(self.told.put_nowait)
        return hasher

    def ended(self, number: int, stdout: bytes, stderr: bytes = b"") -> Ended:
        key = AttemptKey(b"o" * 32, bytes([number]) * 16, 1)
        folder = Path(run_path(str(self.folder), number, 1_000_000, 2_000_000))
        folder.mkdir()
        (folder / "stdout").write_bytes(stdout)
        (folder / "stderr").write_bytes(stderr)
        outcome = Outcome(OutcomeKind.EXITED, stdout_bytes=len(stdout), stderr_bytes=len(stderr))
        return Ended(key, number, 1_000_000, 2_000_000, outcome)

    def path(self, number: int) -> Path:
        return Path(run_path(str(self.folder), number, 1_000_000, 2_000_000)) / "stdout"

    def note(self, ended: Ended) -> Outcome:
        (noted,) = self.hasher.note([ended])
        assert isinstance(noted, Ended)
        return noted.outcome

    async def result(self) -> Hashed:
        return await asyncio.wait_for(self.told.get(), 30)


@pytest.fixture
async def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:  # type: ignore[misc]
    monkeypatch.setattr(log_hasher, "_REST_SECONDS", 0.0)
    made = Bench(tmp_path)
    yield made
    made.hasher.close()


def run_of(ended: Ended) -> Run:
    return Run(ended.key, ended.pid, ended.started_at_us, ended.ended_at_us)


def leaf(data: bytes) -> bytes:
    return hashlib.sha256(LEAF + data).digest()


async def test_a_small_log_is_hashed_with_the_end(bench: Bench) -> None:
    outcome = bench.note(bench.ended(1, b"hi\n", b"oh\n"))
    assert (outcome.stdout_root, outcome.stderr_root, outcome.hash_follows) == (leaf(b"hi\n"), leaf(b"oh\n"), False)
    silent = bench.ended(2, b"")
    assert bench.note(silent) is silent.outcome


async def test_a_small_log_is_read_once_for_its_hash_and_for_the_report_of_the_end(bench: Bench) -> None:
    first, second = bench.ended(1, b"hi\n", b"oh\n"), bench.ended(2, b"", b"two")
    runs = [run_of(ended) for ended in (first, second)]
    bench.note(first)
    bench.path(1).unlink()
    assert [bench.hasher.just_read(runs[0], stream) for stream in ("stdout", "stderr")] == [b"hi\n", b"oh\n"]
    assert bench.hasher.just_read(runs[1], "stdout") is None
    bench.note(second)
    assert [bench.hasher.just_read(run, "stderr") for run in runs] == [None, b"two"]
    # What was read is not kept.
    bench.hasher.settled([second.key])
    assert bench.hasher.just_read(runs[1], "stderr") is None


async def test_a_large_log_is_not_kept_for_the_report(bench: Bench) -> None:
    ended = bench.ended(1, LARGE)
    bench.note(ended)
    assert bench.hasher.just_read(run_of(ended), "stdout") is None


async def test_what_is_hashed_before_somebody_takes_results_is_not_lost(bench: Bench) -> None:
    bench.hasher = LogHasher(str(bench.folder), asyncio.get_running_loop())
    ended = bench.ended(1, LARGE)
    bench.note(ended)
    bench.hasher.settled([ended.key])
    if (thread := bench.hasher._thread) is not None:
        await asyncio.to_thread(thread.join)
    await asyncio.sleep(0)
    assert bench.told.empty()
    bench.hasher.open(bench.told.put_nowait)
    assert (await bench.result()).stdout_root == leaf(LARGE)


async def test_the_end_of_a_job_with_a_larger_log_is_told_first_and_its_hash_follows_when_that_is_durable(bench: Bench) -> None:
    content = bytes(3 * BLOCK_BYTES + 7)
    ended = bench.ended(1, content, LARGE)
    outcome = bench.note(ended)
    assert outcome.hash_follows
    assert not outcome.stdout_root
    assert bench.hasher.is_hashing(ended.key)
    bench.hasher.settled([ended.key])
    hashed = await bench.result()
    assert hashed.stdout_root == root_of([leaf(bytes(BLOCK_BYTES))] * 3 + [leaf(bytes(7))])
    assert parts_of(len(content), hashed.stdout_root, hashed.stdout_hashes) is not None
    assert (hashed.stderr_root, hashed.stderr_hashes) == (leaf(LARGE), b"")
    assert bench.hasher.is_hashing(ended.key)
    bench.hasher.recorded(ended.key)
    assert not bench.hasher.is_hashing(ended.key)


async def test_only_so_many_bytes_are_hashed_as_there_were_at_the_end(bench: Bench) -> None:
    ended = bench.ended(1, LARGE)
    bench.note(ended)
    with bench.path(1).open("ab") as log:
        log.write(b"what was left behind still writes")
    bench.hasher.settled([ended.key])
    assert (await bench.result()).stdout_root == leaf(LARGE)


async def test_a_log_that_is_read_in_pieces_has_the_hash_of_all_its_bytes(bench: Bench) -> None:
    content = b"".join(number.to_bytes(4, "big") for number in range((BLOCK_BYTES + 3 * ended_logs.PIECE_BYTES) // 4)) + b"end"
    ended = bench.ended(1, content, content[:-1])
    bench.note(ended)
    bench.hasher.settled([ended.key])
    hashed = await bench.result()
    assert hashed.stdout_root == root_of([leaf(content[:BLOCK_BYTES]), leaf(content[BLOCK_BYTES:])])
    assert hashed.stderr_root == root_of([leaf(content[:BLOCK_BYTES]), leaf(content[BLOCK_BYTES:-1])])


async def test_a_log_that_is_gone_or_shorter_is_not_hashed_and_it_is_said_why(bench: Bench) -> None:
    for number, content in ((1, b"hi\n"), (2, LARGE), (4, bytes(ended_logs.PIECE_BYTES) + b"x")):
        ended = bench.ended(number, content)
        bench.path(number).write_bytes(content[:-1])
        outcome = bench.note(ended)
        bench.hasher.settled([ended.key])
        problem = outcome.hash_problem or (await bench.result()).problem
        assert "is shorter" in problem
    gone = bench.ended(3, LARGE)
    bench.note(gone)
    bench.path(3).unlink()
    (bench.path(3).parent / "stderr").unlink()
    bench.path(3).parent.rmdir()
    bench.hasher.settled([gone.key])
    assert "was removed" in (await bench.result()).problem


async def test_a_short_log_does_not_wait_for_the_end_of_a_long_one(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_hasher, "_BLOCKS_A_TURN", 1)
    long, short = bench.ended(1, bytes(20 * BLOCK_BYTES)), bench.ended(2, LARGE)
    for ended in (long, short):
        bench.note(ended)
    bench.hasher.settled([long.key, short.key])
    assert [(await bench.result()).key for _ in range(2)] == [short.key, long.key]


async def test_what_was_not_finished_is_hashed_by_the_next_one(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_hasher, "_REST_SECONDS", 1e6)
    ended = bench.ended(1, bytes(2 * BLOCK_BYTES))
    bench.note(ended)
    bench.hasher.settled([ended.key])
    bench.hasher.close()
    assert bench.told.empty()
    monkeypatch.setattr(log_hasher, "_REST_SECONDS", 0.0)
    bench.hasher = bench.new()
    bench.hasher.add(run_of(ended), (2 * BLOCK_BYTES, 0))
    assert (await bench.result()).stdout_root == root_of([leaf(bytes(BLOCK_BYTES))] * 2)


@pytest.fixture
def asked_while_busy(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Let the rest of the process have much to do, and a hasher give way to it for ever; set when that has asked."""
    asked = threading.Event()

    def are_busy(_others: OtherThreads) -> bool:
        asked.set()
        return True

    monkeypatch.setattr(OtherThreads, "are_busy", are_busy)
    monkeypatch.setattr(log_hasher, "_LONG_REST_SECONDS", 1e9)
    monkeypatch.setattr(log_hasher, "_MOST_REST_SECONDS", 1e6)
    return asked


async def test_a_hash_gives_way_while_the_process_has_much_to_do_and_its_end_is_not_waited_for(
    bench: Bench, asked_while_busy: threading.Event
) -> None:
    ended = bench.ended(1, bytes(2 * BLOCK_BYTES))
    bench.note(ended)
    bench.hasher.settled([ended.key])
    assert await asyncio.to_thread(asked_while_busy.wait, 30)
    bench.hasher.close()
    assert bench.told.empty()
    assert bench.hasher.is_hashing(ended.key)


async def test_a_log_that_has_waited_for_long_gives_way_no_more(
    bench: Bench, asked_while_busy: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_hasher, "_GIVES_WAY_SECONDS", 0.0)
    ended = bench.ended(1, bytes(3 * BLOCK_BYTES))
    bench.note(ended)
    bench.hasher.settled([ended.key])
    assert (await bench.result()).stdout_root == root_of([leaf(bytes(BLOCK_BYTES))] * 3)
    assert asked_while_busy.is_set()


async def test_a_younger_log_does_not_give_way_while_an_older_one_waits(
    bench: Bench, asked_while_busy: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_hasher, "_BLOCKS_A_TURN", 1)
    monkeypatch.setattr(log_hasher, "_GIVES_WAY_SECONDS", 3600.0)
    began: list[float] = []

    def older(self: log_hasher._Task, logs: str, run: Run, sizes: tuple[int, int], since: float) -> None:
        began.append(since)
        begin(self, logs, run, sizes, since - (7200.0 if len(began) == 2 else 0.0))

    begin = log_hasher._Task.__init__
    monkeypatch.setattr(log_hasher._Task, "__init__", older)
    younger, waiting = bench.ended(1, bytes(2 * BLOCK_BYTES)), bench.ended(2, bytes(9 * BLOCK_BYTES))
    for ended in (younger, waiting):
        bench.note(ended)
    with bench.hasher._lock:
        # Both are taken up before the first has a turn.
        for ended in (younger, waiting):
            sizes = ended.outcome.stdout_bytes, 0
            bench.hasher._turns.append(log_hasher._Task(str(bench.folder), run_of(ended), sizes, time.monotonic()))
            bench.hasher._open.add(ended.key)
    bench.hasher._begin()
    assert (await bench.result()).key == younger.key
    assert (await bench.result()).key == waiting.key
    assert asked_while_busy.is_set()


async def test_one_that_hurries_does_not_rest(bench: Bench, asked_while_busy: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_hasher, "_REST_SECONDS", 1e6)
    ended = bench.ended(1, bytes(3 * BLOCK_BYTES))
    bench.note(ended)
    bench.hasher.hurry()
    bench.hasher.settled([ended.key])
    assert (await bench.result()).stdout_root == root_of([leaf(bytes(BLOCK_BYTES))] * 3)
    assert not asked_while_busy.is_set()


async def test_a_log_whose_folder_could_not_be_renamed_is_found(bench: Bench) -> None:
    ended = bench.ended(1, b"hi\n")
    bench.path(1).parent.rename(run_path(str(bench.folder), 1, 1_000_000))
    assert bench.note(ended).stdout_root == leaf(b"hi\n")


async def test_a_log_that_cannot_be_hashed_because_of_a_mistake_holds_up_no_other(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bad, good = bench.ended(1, LARGE), bench.ended(2, LARGE)
    read = log_hasher.read_ended

    def mistaken(take: Callable[[memoryview], None], logs: str, run: Run, stream: str, start: int, length: int) -> None:
        if run.key == bad.key:
            raise ValueError("a mistake")
        read(take, logs, run, stream, start, length)

    monkeypatch.setattr(log_hasher, "read_ended", mistaken)
    for ended in (bad, good):
        bench.note(ended)
    bench.hasher.settled([bad.key, good.key])
    told = {hashed.key: hashed for hashed in [await bench.result() for _ in range(2)]}
    assert told[bad.key].problem == "the log was not hashed because of an internal error"
    assert told[good.key].stdout_root == leaf(LARGE)


async def test_a_lack_that_passes_no_thread_hashes_later(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(log_hasher, "_AGAIN_SECONDS", 0.01)
    both = bench.ended(1, LARGE), bench.ended(2, LARGE)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refused)
        for ended in both:
            bench.note(ended)
            bench.hasher.settled([ended.key])
            assert bench.hasher.is_hashing(ended.key)
        assert bench.told.empty()
    for _ in both:
        assert (await bench.result()).stdout_root == leaf(LARGE)


async def test_a_lack_that_passes_no_descriptor_hashes_later(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = 0

    def scarce(folder: str, stream: str) -> int | None:
        nonlocal attempts
        attempts += 1
        if attempts <= 3:
            raise OSError(errno.EMFILE, "Too many open files")
        return opened(folder, stream)

    opened = ended_logs._open
    monkeypatch.setattr(log_hasher, "_AGAIN_SECONDS", 0.01)
    monkeypatch.setattr(ended_logs, "_open", scarce)
    small, large = bench.ended(1, b"hi\n"), bench.ended(2, LARGE)
    for ended in (small, large):
        noted = bench.note(ended)
        assert (noted.hash_follows, noted.hash_problem) == (True, "")
    bench.hasher.settled([small.key, large.key])
    found = {hashed.key: hashed.stdout_root for hashed in [await bench.result() for _ in range(2)]}
    assert found == {small.key: leaf(b"hi\n"), large.key: leaf(LARGE)}


async def test_more_logs_than_take_turns_are_hashed_all(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_hasher, "_MOST_AT_ONCE", 2)
    most = 0
    begin = log_hasher._Task.__init__

    def counted(task: log_hasher._Task, *arguments: Any) -> None:
        nonlocal most
        most = max(most, len(bench.hasher._turns) + 1)
        begin(task, *arguments)

    monkeypatch.setattr(log_hasher._Task, "__init__", counted)
    jobs = [bench.ended(number, LARGE * 2) for number in range(1, 8)]
    for ended in jobs:
        bench.note(ended)
    bench.hasher.settled([ended.key for ended in jobs])
    told = [await bench.result() for _ in jobs]
    assert {hashed.key for hashed in told} == {ended.key for ended in jobs}
    assert {hashed.stdout_root for hashed in told} == {leaf(LARGE * 2)}
    assert most <= 2
