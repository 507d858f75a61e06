"""Logs of jobs whose workers have left: STATE/logs/OWNER/ID-ATTEMPT/stdout and stderr, on the disk of the broker, within a limit.

Incoming logs are in a folder `.ID-ATTEMPT`, which is renamed when both are complete, match the signed hashes, and are on the disk. Above
the limit, the oldest are removed first. The age is the modification time of the folder, on the scale of ages: setting the machine's clock
removes nothing, and changes no order. One thread finds, writes, hashes and removes files; their total size is kept in memory. While a new
broker lists what there is, `has` checks for a log by its path, and further logs wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from ...broker.engine import LogPart, StreamName
from ...broker.fleet.transfers.shelf import Ends
from ...broker.own_process.threads import Pool
from ...broker.retention.ages import BELIEVED_AFTER_SECONDS, Ages
from ...keys.digests import sha256
from ...keys.proofs.log_hash import BLOCK_BYTES, LEAF, LogTree
from ...schemas.naming import AttemptKey
from ...schemas.refusal import Code, Refused
from ..state.log_folders import logs

# What was not completed for so long is not continued.
_ABANDONED_SECONDS = 86_400.0
# When ages that are not known at the start are known.
_LOOK_AGAIN_SECONDS = BELIEVED_AFTER_SECONDS + 60
_Result = TypeVar("_Result")


class KeptLogs:
    """The `Shelf` of a broker. `limit_bytes`: of all logs together, 0: none are kept; `free_bytes`: what stays free on the disk.

    Only the thread uses `ages`.
    """

    def __init__(self, folder: Path, limit_bytes: int, free_bytes: int, loop: asyncio.AbstractEventLoop, ages: Ages) -> None:
        self._folder = folder
        self.limit_bytes = limit_bytes
        self._free_bytes = free_bytes
        self._loop = loop
        self._ages = ages
        self._thread = Pool(1, "kept-logs")
        # The oldest first; and what is on its way.
        self._sizes: dict[AttemptKey, int] = {}
        self._coming: dict[AttemptKey, int] = {}
        self._taken = 0
        # What waits until it is known what is there, and what was removed meanwhile; None: it is known.
        self._held: dict[AttemptKey, Callable[[], None]] | None = {}
        self._dropped: set[AttemptKey] = set()
        self._look_again: asyncio.TimerHandle | None = None
        self._run(self._find, self._found)

    def close(self) -> None:
        """Finish what was begun."""
        if self._look_again is not None:
            self._look_again.cancel()
        self._thread.shutdown()

    def _find(self) -> dict[AttemptKey, int]:
        """Return what is on the disk, oldest first. Runs on the thread."""
        found: list[tuple[float, AttemptKey, int]] = []
        for path in self._folder.glob("*/*"):
            # What cannot be looked at is nothing of ours, or goes just now.
            with contextlib.suppress(OSError):
                if not path.name.startswith(".") and (key := _key_of(path)) is not None:
                    found.append((path.stat().st_mtime, key, sum(one.stat().st_size for one in path.iterdir())))
        return {key: size for _, key, size in sorted(found)}

    def _remove_abandoned(self) -> bool:
        """Remove incoming logs that were abandoned, and return True; False while ages are unknown. Runs on the thread."""
        if not self._ages.known:
            return False
        now = self._ages.now_us() / 1_000_000
        for path in self._folder.glob("*/.*"):
            with contextlib.suppress(OSError):
                # From the future too: what somebody else has dated.
                if abs(now - path.stat().st_mtime) > _ABANDONED_SECONDS:
                    shutil.rmtree(path, ignore_errors=True)
        return True

    def _removed(self, is_known: bool | OSError) -> None:  # noqa: FBT001 -- as it is returned
        if is_known is False:
            self._look_again = self._loop.call_later(_LOOK_AGAIN_SECONDS, self._run, self._remove_abandoned, self._removed)

    def _date(self, path: Path) -> None:
        now_ns = self._ages.now_us() * 1000
        os.utime(path, ns=(now_ns, now_ns))

    def _found(self, found: dict[AttemptKey, int] | OSError) -> None:
        if not isinstance(found, OSError):
            self._sizes = {key: size for key, size in found.items() if key not in self._dropped}
            self._taken += sum(self._sizes.values())
        self._run(self._remove_abandoned, self._removed)
        held, self._held = self._held or {}, None
        self._dropped.clear()
        for begin in held.values():
            begin()

    def begin(self, key: AttemptKey, size: int, then: Callable[[tuple[int, int] | None], None]) -> None:
        """Make space by removing the oldest logs, and report how much of this log is there already."""
        if size > self.limit_bytes:
            self._loop.call_soon(then, None)
            return
        if self._held is not None:
            self._held[key] = partial(self.begin, key, size, then)
            return
        self._coming[key] = size
        self._taken += size
        while self._taken > self.limit_bytes and self._sizes:
            self.drop(next(iter(self._sizes)))
        if self._taken > self.limit_bytes:
            # Others are on their way, which fill it.
            self._taken -= self._coming.pop(key)
            self._loop.call_soon(then, None)
            return
        self._run(partial(self._begin, self._part(key), size), lambda found: then(found if isinstance(found, tuple) else None))

    def _begin(self, part: Path, size: int) -> tuple[int, int] | None:
        for folder in (self._folder, part.parent, part):
            folder.mkdir(mode=0o700, exist_ok=True)
        # Also before it can be taken for abandoned.
        self._date(part)
        space = os.statvfs(part)
        if space.f_bavail * space.f_frsize < size + self._free_bytes:
            return None
        return _size(part / "stdout"), _size(part / "stderr")

    def add(self, key: AttemptKey, stream: StreamName, data: bytes, then: Callable[[str], None]) -> None:
        """Append bytes to a log."""
        self._run(partial(self._append, self._part(key), stream, data), lambda problem: then(_in_words(problem)))

    def finish(self, key: AttemptKey, ends: Ends, then: Callable[[str], None]) -> None:
        """Rename the folder of both logs, if they match what was signed."""

        def finished(problem: str | OSError) -> None:
            if key not in self._coming:
                # Its job was forgotten meanwhile.
                self._remove(key)
                then("")
                return
            if not problem:
                self._sizes[key] = self._coming.pop(key)
            then(_in_words(problem))

        self._run(partial(self._finish, self._part(key), self._path(key), ends), finished)

    def _append(self, part: Path, stream: StreamName, data: bytes) -> None:
        _append(part / stream, data)
        # A new file has changed the date of its folder.
        self._date(part)

    def _finish(self, part: Path, path: Path, ends: Ends) -> str:
        self._date(part)
        return _finish(part, path, ends)

    def drop(self, key: AttemptKey) -> None:
        """Remove logs."""
        if self._held is not None:
            # Who drops it waits for it no more.
            self._held.pop(key, None)
            self._dropped.add(key)
            self._remove(key)
            return
        kept, coming = self._sizes.pop(key, None), self._coming.pop(key, None)
        self._taken -= (kept or 0) + (coming or 0)
        if kept is not None or coming is not None:
            self._remove(key)

    def _remove(self, key: AttemptKey) -> None:
        for path in (self._path(key), self._part(key)):
            self._thread.submit(shutil.rmtree, path, ignore_errors=True)

    def has(self, key: AttemptKey) -> bool:
        """Return whether logs are kept."""
        if self._held is None:
            return key in self._sizes
        # What cannot be looked at is not there; pathlib raises then.
        return key not in self._dropped and os.path.isdir(self._path(key))  # noqa: PTH112 -- see above

    def read(self, key: AttemptKey, stream: StreamName, start: int, length: int) -> LogPart:
        """Return a part of a log."""
        return _unless_missing(lambda: logs.read_range(self._path(key) / stream, start, length), LogPart(start, b"", 0))

    def tail(self, key: AttemptKey, stream: StreamName, lines: int, most_bytes: int) -> LogPart:
        """Return the last lines of a log."""
        return _unless_missing(lambda: logs.tail(self._path(key) / stream, lines, most_bytes), LogPart(0, b"", 0))

    def _path(self, key: AttemptKey) -> Path:
        return self._folder / key.owner.hex() / f"{key.id.hex()}-{key.attempt}"

    def _part(self, key: AttemptKey) -> Path:
        return self._folder / key.owner.hex() / f".{key.id.hex()}-{key.attempt}"

    def _run(self, work: Callable[[], _Result], then: Callable[[_Result | OSError], None]) -> None:
        """Run a function on the thread, and call `then` on the loop with its result, or with why it failed."""

        def run() -> None:
            try:
                result: _Result | OSError = work()
            except OSError as error:
                result = error
            with contextlib.suppress(RuntimeError):
                # The loop may be closed.
                self._loop.call_soon_threadsafe(then, result)

        self._thread.submit(run)


def _unless_missing(read: Callable[[], LogPart], missing: LogPart) -> LogPart:
    """Read a log; an empty log has no file. Raises Refused if it cannot be read."""
    try:
        return read()
    except Refused as refused:
        if refused.code is not Code.NOT_FOUND:
            raise
        return missing


def _in_words(problem: str | OSError | None) -> str:
    return f"it cannot be written: {problem.strerror}" if isinstance(problem, OSError) else problem or ""


def _key_of(path: Path) -> AttemptKey | None:
    job, _, attempt = path.name.partition("-")
    try:
        return AttemptKey(bytes.fromhex(path.parent.name), bytes.fromhex(job), int(attempt))
    except ValueError:
        return None


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _append(path: Path, data: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        while data:
            data = data[os.write(fd, data) :]
    finally:
        os.close(fd)


def _finish(part: Path, path: Path, ends: Ends) -> str:
    for stream, size, root in (("stdout", ends.stdout, ends.stdout_root), ("stderr", ends.stderr, ends.stderr_root)):
        if (found := _size(part / stream)) != size:
            return f"{stream} has {found} bytes, not {size}"
        if size and root and _root_of(part / stream, size) != root:
            return f"{stream} does not match what its worker signed"
        if size:
            _sync(part / stream)
    _sync(part)
    shutil.rmtree(path, ignore_errors=True)
    part.rename(path)
    # Also those above it, which may be new.
    for folder in [*path.parents][:3]:
        _sync(folder)
    return ""


def _root_of(path: Path, size: int) -> bytes:
    tree = LogTree(size)
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            tree.add(sha256(LEAF + block))
    return tree.root


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
