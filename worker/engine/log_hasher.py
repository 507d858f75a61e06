"""Hashes the logs of jobs that have ended: small ones at once, others later and on a thread, whoever waits for the loop.

A job that prints little, as most do, has its hashes in the record of its end, which is written and signed anyway: they cost the reading
of a file that was just written. Of a larger one the end is told first, with the promise that a hash follows.

The thread has the priority of the loop, and works only a quarter of the time. With a lower priority it would rarely run on a busy
machine, and the loop would wait for it whenever it holds the lock of the interpreter. Logs take turns, so that a short one does not wait
for the end of a very long one; nothing of a log is in memory but 64 KiB and at most 1,024 hashes, and only of 32 jobs at a time. Of
those that wait there is a pair each; they are as many as the store has in its table `unhashed`, which is of jobs that are kept.

What is told about a log is signed and final. So a lack that passes (no thread, no descriptor, no memory) is waited for, and never told.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
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
from ..state.log_folders.folders import run_path
from ..state.log_folders.found_folders import find_run

_log = logging.getLogger(__name__)
# Of both logs together; the hash of so much takes a tenth of a millisecond.
AT_ONCE_BYTES = 16 * 1024
_PIECE_BYTES = 64 * 1024
_BLOCKS_A_TURN = 16
_MOST_AT_ONCE = 32
# For each second of work.
_REST_SECONDS = 3.0
# Nothing notifies when a thread can be made, or a file opened, again.
_AGAIN_SECONDS = 2.0
_PASSES = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN}
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
        self._waiting: deque[tuple[Run, tuple[int, int]]] = deque()
        self._lock = threading.Lock()
        # The small logs of the job that has ended last, until its end is durable: its report has their last lines.
        self._just_read: tuple[Run, Mapping[StreamName, bytes]] | None = None
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        # When a thread is tried again, if none could be made.
        self._again: asyncio.TimerHandle | None = None

    def open(self, done: Callable[[Hashed], None]) -> None:
        """Pass results to `done`, on the loop, from now on; and those that there are."""
        self._done = done
        early, self._early = self._early, []
        for hashed in early:
            done(hashed)

    def close(self) -> None:
        """Stop after the block that is being hashed; what is left is taken up at the next start."""
        self._closing.set()
        if self._again is not None:
            self._again.cancel()
        with self._lock:
            thread = self._thread
        # It may have seen that meanwhile, and have taken itself off.
        if thread is not None:
            thread.join()

    def note(self, facts: Sequence[Fact]) -> Sequence[Fact]:
        """Return facts in which ends have the hashes of small logs, and say of larger ones that they follow."""
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
        """Return a log that was hashed with the last end; None if it was not, or that end is durable."""
        return self._just_read[1].get(stream) if self._just_read is not None and self._just_read[0] == run else None

    def settled(self, keys: Sequence[AttemptKey]) -> None:
        """Begin with those of these attempts whose hashes are to follow: their ends are durable."""
        self._just_read = None
        if self._ended:
            for key in keys:
                if (found := self._ended.pop(key, None)) is not None:
                    self.add(*found)

    def add(self, run: Run, sizes: tuple[int, int]) -> None:
        """Hash so many bytes of stdout and of stderr, unless that is being done."""
        if run.key in self._open or self._closing.is_set():
            return
        self._open.add(run.key)
        with self._lock:
            self._waiting.append((run, sizes))
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
        """Note that a result is durable, or is not wanted."""
        self._open.discard(key)

    def _tell(self, hashed: Hashed) -> None:
        self._done(hashed)

    def _next(self) -> _Task | None:
        """Return the one whose turn it is; None if there is none, or this is to end. Under the lock."""
        if self._closing.is_set():
            return None
        if self._waiting and len(self._turns) < _MOST_AT_ONCE:
            self._turns.append(_Task(self._logs, *self._waiting.popleft()))
        return self._turns.popleft() if self._turns else None

    def _work(self) -> None:
        """Run on the thread."""
        while True:
            with self._lock:
                task = self._next()
                if task is None:
                    self._thread = None
                    return
            is_done = False
            for _ in range(_BLOCKS_A_TURN):
                began = time.monotonic()
                try:
                    is_done = task.step()
                except _NotNow:
                    self._closing.wait(_AGAIN_SECONDS)
                    break
                if is_done or self._closing.wait((time.monotonic() - began) * _REST_SECONDS):
                    break
            if not is_done:
                with self._lock:
                    self._turns.append(task)
            elif not self._closing.is_set():
                # The loop may be closed meanwhile.
                with contextlib.suppress(RuntimeError):
                    self._loop.call_soon_threadsafe(self._tell, task.result())


class _Task:
    """The logs of one attempt, block by block. Files are not open between turns."""

    def __init__(self, logs: str, run: Run, sizes: tuple[int, int]) -> None:
        self.run = run
        self._logs = logs
        self._sizes = sizes
        self._trees = tuple(map(LogTree, sizes))
        self._problem = ""

    def result(self) -> Hashed:
        """Return what is to be told."""
        stdout, stderr = self._trees
        if self._problem:
            return Hashed(self.run.key, problem=self._problem)
        return Hashed(self.run.key, stdout.root, stderr.root, stdout.kept, stderr.kept)

    def step(self) -> bool:
        """Hash one block; return whether that was the last one, or there is a problem.

        Raises _NotNow.
        """
        try:
            return self._step()
        except _NotNow:
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
                    _read_into(hasher.update, self._logs, self.run, stream, start, min(BLOCK_BYTES, size - start))
                except _Missing as missing:
                    self._problem = str(missing)
                    return True
                tree.add(hasher.digest())
                break
        return not any(tree.left for tree in self._trees)


class _Missing(Exception):  # noqa: N818 -- what is found, and no mistake
    """Raised for a log that cannot be hashed: why."""


class _NotNow(Exception):  # noqa: N818 -- as above
    """Raised for a log that cannot be read at the moment."""


def _at_once(logs: str, run: Run, outcome: Outcome, read: dict[StreamName, bytes]) -> Outcome | None:
    """Return an outcome with the hashes of its logs, or why there are none; None if they cannot be read at the moment.

    Adds what was read of them to `read`.
    """
    found: dict[str, object] = {}
    try:
        for stream, size in zip(_STREAMS, (outcome.stdout_bytes, outcome.stderr_bytes), strict=True):
            if size:
                read[stream] = _read(logs, run, stream, 0, size)
                found[f"{stream}_root"] = sha256(LEAF + read[stream])
    except _Missing as missing:
        found = {"hash_problem": str(missing)}
    except _NotNow:
        return None
    return made(Outcome, vars(outcome) | found)


def _read(logs: str, run: Run, stream: str, start: int, length: int) -> bytes:
    """Return a part of a log of a run that has ended.

    Raises _Missing, and _NotNow.
    """
    parts: list[bytes] = []
    _read_into(lambda piece: parts.append(bytes(piece)), logs, run, stream, start, length)
    return b"".join(parts)


def _read_into(take: Callable[[memoryview], None], logs: str, run: Run, stream: str, start: int, length: int) -> None:
    """Pass a part of a log of a run that has ended to `take`, in pieces that are valid during the call.

    Raises _Missing, and _NotNow.
    """
    # The same memory for each piece, and little of it: what the kernel has copied there is hashed while a cache of the processor has it.
    piece = memoryview(bytearray(min(length, _PIECE_BYTES)))
    left = length
    try:
        file = _open(run_path(logs, run.pid, run.started_at_us, run.ended_at_us), stream)
        if file is None and (folder := find_run(logs, run.pid, run.started_at_us, run.ended_at_us)) is not None:
            # Its folder could not be renamed at the end.
            file = _open(folder, stream)
        if file is None:
            raise _Missing(f"the log of {stream} was removed before it was hashed")
        try:
            while left and (read := os.preadv(file, [piece[:left]], start + length - left)):
                take(piece[:read])
                left -= read
        finally:
            os.close(file)
    except OSError as error:
        if error.errno in _PASSES:
            raise _NotNow from None
        raise _Missing(f"the log of {stream} cannot be read: {error.strerror}") from None
    if left:
        raise _Missing(f"the log of {stream} is shorter than it was at the end of the job")


def _open(folder: str, stream: str) -> int | None:
    try:
        return os.open(f"{folder}/{stream}", os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
