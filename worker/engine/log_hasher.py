"""Hash the logs of ended jobs: small ones at once, others later on a thread, at low priority.

A job that prints little, as most do, has its hashes in the record of its end, which is written and signed anyway: they only cost the
reading of a file that was just written. For a larger log the end is reported first, with the promise that a hash follows.

The thread works only a quarter of the time, and hardly at all while the rest of the process is busy, for instance because a client reads a
large log. It defers to others for at most a minute. A nice value would not do: where sessions or cgroups are scheduled as groups, it counts
only within the group (sched(7)), so the thread would still take a processor from a client; and the loop would wait for it whenever it holds
the interpreter's lock. Logs take turns, so that a short one does not wait for the end of a very long one; of each log only 64 KiB and at
most 1,024 hashes are in memory, and only of 32 jobs at a time. Each waiting job is a tuple; there are as many as rows in the store's table
`unhashed`, which has only jobs that are kept.

A reported hash is signed and final. So a temporary shortage (of threads, descriptors or memory) is waited for, and never reported.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from ...broker.engine import Ended, Fact, Hashed, Run, StreamName
from ...keys.digests import sha256
from ...keys.proofs.log_hash import BLOCK_BYTES, LEAF, LogTree, blocks_of
from ...schemas.jobs.states import Outcome
from ...schemas.naming import AttemptKey, short_id
from ...schemas.private_parts.frozen import made, replace
from ..own_process.other_threads import OtherThreads
from ..state.log_folders.ended_logs import MissingLog, UnreadableNow, read_ended

_log = logging.getLogger(__name__)
# Of both logs together; the hash of so much takes a tenth of a millisecond.
AT_ONCE_BYTES = 16 * 1024
_BLOCKS_A_TURN = 16
_MOST_AT_ONCE = 32
# For each second of work: a rest, and how much more of it while others have more to do.
_REST_SECONDS = 3.0
_LONG_REST_SECONDS = 27.0
# At a time: a step may take long, on a slow disk, and what others do changes.
_MOST_REST_SECONDS = 0.5
# A log that has waited for so long gives way no more.
_GIVES_WAY_SECONDS = 60.0
# Nothing notifies when a thread can be made, or a file opened, again.
_AGAIN_SECONDS = 2.0
_STREAMS: tuple[StreamName, StreamName] = ("stdout", "stderr")


class LogHasher:
    """The logs of one state folder. Created and used on a running loop."""

    def __init__(self, logs: str, loop: asyncio.AbstractEventLoop) -> None:
        self._logs = logs
        self._loop = loop
        # Results that come before somebody takes them: of jobs that have ended while no worker ran.
        self._early: list[Hashed] = []
        self._done: Callable[[Hashed], None] = self._early.append
        # Those whose end is not durable yet.
        self._ended: dict[AttemptKey, tuple[Run, tuple[int, int]]] = {}
        # Those whose hashes are not durable.
        self._open: set[AttemptKey] = set()
        self._turns: deque[_Task] = deque()
        # With the time since when, on `time.monotonic`.
        self._waiting: deque[tuple[Run, tuple[int, int], float]] = deque()
        self._lock = threading.Lock()
        # The small logs of the job that has ended last, until its end is durable: its report has their last lines.
        self._just_read: tuple[Run, Mapping[StreamName, bytes]] | None = None
        self._closing = threading.Event()
        self._hurries = False
        self._thread: threading.Thread | None = None
        # When a thread is tried again, if none could be made.
        self._again: asyncio.TimerHandle | None = None

    def open(self, done: Callable[[Hashed], None]) -> None:
        """Pass results to `done`, on the loop, from now on, including those that are ready."""
        self._done = done
        early, self._early = self._early, []
        for hashed in early:
            done(hashed)

    def close(self) -> None:
        """Stop after the present block; the next start continues with the rest."""
        self._closing.set()
        if self._again is not None:
            self._again.cancel()
        with self._lock:
            thread = self._thread
        # It may have seen that meanwhile, and have taken itself off.
        if thread is not None:
            thread.join()

    def hurry(self) -> None:
        """Stop deferring to others: this process is about to exit, and waits for the rest."""
        self._hurries = True

    def note(self, facts: Sequence[Fact]) -> Sequence[Fact]:
        """Return facts in which ends have the hashes of small logs, or the promise that those of larger ones follow."""
        return [self._note(fact) if isinstance(fact, Ended) and fact.outcome.log_bytes and fact.pid else fact for fact in facts]

    def _note(self, ended: Ended) -> Ended:
        run = Run(ended.key, ended.pid, ended.started_at_us, ended.ended_at_us)
        outcome: Outcome | None = None
        if ended.outcome.log_bytes <= AT_ONCE_BYTES:
            logs: dict[StreamName, bytes] = {}
            outcome = _at_once(self._logs, run, ended.outcome, logs)
            self._just_read = run, logs
        if outcome is None:
            self._ended[ended.key] = run, (ended.outcome.stdout_bytes, ended.outcome.stderr_bytes)
            outcome = replace(ended.outcome, hash_follows=True)
        return ended._replace(outcome=outcome)

    def just_read(self, run: Run, stream: StreamName) -> bytes | None:
        """Return a log that was hashed with the latest end; None if it was not, or if that end is durable."""
        return self._just_read[1].get(stream) if self._just_read is not None and self._just_read[0] == run else None

    def settled(self, keys: Sequence[AttemptKey]) -> None:
        """Start hashing for those of these attempts whose hashes are to follow: their ends are durable."""
        self._just_read = None
        if self._ended:
            for key in keys:
                if (found := self._ended.pop(key, None)) is not None:
                    self.add(*found)

    def add(self, run: Run, sizes: tuple[int, int]) -> None:
        """Hash this many bytes of stdout and of stderr, unless that is in progress."""
        if run.key in self._open or self._closing.is_set():
            return
        self._open.add(run.key)
        with self._lock:
            self._waiting.append((run, sizes, time.monotonic()))
        self._begin()

    def _begin(self) -> None:
        with self._lock:
            if self._thread is not None or self._again is not None:
                return
            thread = threading.Thread(target=self._work, name="log hashes", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:
                _log.warning("the output of jobs is hashed later: %s", error)
                self._again = self._loop.call_later(_AGAIN_SECONDS, self._begin_again)
            else:
                self._thread = thread

    def _begin_again(self) -> None:
        self._again = None
        self._begin()

    def is_hashing(self, key: AttemptKey) -> bool:
        """Return whether the output of an attempt is still to be hashed."""
        return key in self._open or key in self._ended

    def recorded(self, key: AttemptKey) -> None:
        """Note that a result is durable, or not wanted."""
        self._open.discard(key)

    def _tell(self, hashed: Hashed) -> None:
        self._done(hashed)

    def _next(self) -> tuple[_Task, float] | None:
        """Return the next task, and until when it defers to others; None if there is none, or the thread is to end. Call under the lock."""
        if self._closing.is_set():
            return None
        if self._waiting and len(self._turns) < _MOST_AT_ONCE:
            self._turns.append(_Task(self._logs, *self._waiting.popleft()))
        if not self._turns:
            return None
        # Whose turn it is delays the others too.
        gives_way_until = min(task.since for task in self._turns) + _GIVES_WAY_SECONDS
        return self._turns.popleft(), gives_way_until

    def _work(self) -> None:
        """Hash. Runs on the thread."""
        others = OtherThreads()
        while True:
            with self._lock:
                turn = self._next()
                if turn is None:
                    self._thread = None
                    return
            task, gives_way_until = turn
            is_done = False
            for _ in range(_BLOCKS_A_TURN):
                began = time.monotonic()
                try:
                    is_done = task.step()
                except UnreadableNow:
                    self._closing.wait(_AGAIN_SECONDS)
                    break
                if is_done or self._rest(time.monotonic() - began, others, gives_way_until):
                    break
            if not is_done:
                with self._lock:
                    self._turns.append(task)
            elif not self._closing.is_set():
                # The loop may be closed meanwhile.
                with contextlib.suppress(RuntimeError):
                    self._loop.call_soon_threadsafe(self._tell, task.result())

    def _rest(self, worked: float, others: OtherThreads, gives_way_until: float) -> bool:
        """Rest after this many seconds of work; return whether the thread is to end."""
        if self._hurries:
            return self._closing.is_set()
        if self._closing.wait(worked * _REST_SECONDS):
            return True
        is_long = others.are_busy() and time.monotonic() < gives_way_until
        return is_long and self._closing.wait(min(worked * _LONG_REST_SECONDS, _MOST_REST_SECONDS))


class _Task:
    """The logs of one attempt, hashed block by block. Files are closed between turns."""

    def __init__(self, logs: str, run: Run, sizes: tuple[int, int], since: float) -> None:
        self.run = run
        # When it came, on `time.monotonic`.
        self.since = since
        self._logs = logs
        self._sizes = sizes
        self._trees = tuple(map(LogTree, sizes))
        self._problem = ""

    def result(self) -> Hashed:
        """Return the result to report."""
        stdout, stderr = self._trees
        if self._problem:
            return Hashed(self.run.key, problem=self._problem)
        return Hashed(self.run.key, stdout.root, stderr.root, stdout.kept, stderr.kept)

    def step(self) -> bool:
        """Hash one block; return whether it was the last one, or there is a problem.

        Raises UnreadableNow.
        """
        try:
            return self._step()
        except UnreadableNow:
            raise
        except Exception:  # noqa: BLE001 -- a bug affects only this job
            _log.exception("the logs of job %s cannot be hashed", short_id(self.run.key.id))
            self._problem = "the log was not hashed because of an internal error"
            return True

    def _step(self) -> bool:
        # 4 MB of OpenSSL, which is five times as fast as libsodium.
        import hashlib  # noqa: PLC0415 -- most workers never have a large log

        for stream, size, tree in zip(_STREAMS, self._sizes, self._trees, strict=True):
            if tree.left:
                start = (blocks_of(size) - tree.left) * BLOCK_BYTES
                hasher = hashlib.sha256(LEAF)
                try:
                    read_ended(hasher.update, self._logs, self.run, stream, start, min(BLOCK_BYTES, size - start))
                except MissingLog as missing:
                    self._problem = str(missing)
                    return True
                tree.add(hasher.digest())
                break
        return not any(tree.left for tree in self._trees)


def _at_once(logs: str, run: Run, outcome: Outcome, read: dict[StreamName, bytes]) -> Outcome | None:
    """Return an outcome with the hashes of its logs, or why there are none; None if they cannot be read at the moment.

    Adds the bytes read to `read`.
    """
    found: dict[str, object] = {}
    try:
        for stream, size in zip(_STREAMS, (outcome.stdout_bytes, outcome.stderr_bytes), strict=True):
            if size:
                content = bytearray()
                read_ended(content.extend, logs, run, stream, 0, size)
                read[stream] = bytes(content)
                found[f"{stream}_root"] = sha256(LEAF + read[stream])
    except MissingLog as missing:
        found = {"hash_problem": str(missing)}
    except UnreadableNow:
        return None
    return made(Outcome, vars(outcome) | found)
