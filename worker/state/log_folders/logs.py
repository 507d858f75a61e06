"""Read what jobs wrote: ranges, the last lines, and a log as it grows.

Bytes are never decoded. Knows no job and no folder layout: it is given paths.
"""

from __future__ import annotations

import errno
import logging
import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ....broker.engine import LogPart, LogPiece
from ....keys.files import inotify
from ....schemas.refusal import Code, Reason, Refused
from ....schemas.text.last_lines import start_of_last

_log = logging.getLogger(__name__)

# Ten lines are rarely longer.
_FIRST_WINDOW = 4096
_WINDOW_GROWTH = 8
_EVENTS_BYTES = 65_536
_OVERFLOW = -1


def read_range(path: str | Path, start: int, length: int) -> LogPart:
    """Return at most `length` bytes from `start`: fewer at the end of the log, none after it.

    Raises `Refused`: NOT_FOUND if there is no log, INTERNAL if it cannot be read.
    """
    fd = open_log(path)
    try:
        size = os.fstat(fd).st_size
        # After the end, do not call the kernel: `start` comes from a client, and may be larger than a file offset can be.
        data = os.pread(fd, min(length, size - start), start) if start < size else b""
    except OSError as error:
        raise unreadable(error, path) from error
    finally:
        os.close(fd)
    return LogPart(start, data, size)


def tail(path: str | Path, lines: int, most_bytes: int) -> LogPart:
    r"""Return the last `lines` lines, or as much of them as fits into `most_bytes`.

    A line ends with `\n`; bytes after the last `\n` are a line too. Raises `Refused` as `read_range` does.
    """
    fd = open_log(path)
    try:
        size = os.fstat(fd).st_size
        limit = min(size, most_bytes)
        window = min(limit, _FIRST_WINDOW)
        data = os.pread(fd, window, size - window)
        while window < limit and data.count(b"\n", 0, -1) < lines:
            window = min(limit, window * _WINDOW_GROWTH)
            data = os.pread(fd, window, size - window)
    except OSError as error:
        raise unreadable(error, path) from error
    finally:
        os.close(fd)
    first = start_of_last(data, lines)
    return LogPart(size - window + first, data[first:], size)


def tail_of(log: bytes, lines: int, most_bytes: int) -> LogPart:
    """Return the same as `tail`, of a log that was read completely."""
    data = log[max(0, len(log) - most_bytes) :]
    first = start_of_last(data, lines)
    return LogPart(len(log) - len(data) + first, data[first:], len(log))


def open_log(path: str | Path) -> int:
    """Return a descriptor of a log. Raises Refused as `read_range` does, and if it is no longer a file."""
    try:
        # A job can put something else in the place of its log: a link is not followed, and a FIFO is not waited for.
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        if stat.S_ISREG(mode := os.fstat(fd).st_mode) or stat.S_ISDIR(mode) or path == os.devnull:
            return fd
        os.close(fd)
        raise replaced(path, "something that is not a file")
    except FileNotFoundError:
        raise Refused(Code.NOT_FOUND, "there is no such log: the job has not started, or its logs were removed") from None
    except OSError as error:
        if error.errno == errno.ELOOP and Path(path).is_symlink():
            raise replaced(path, "a symbolic link") from error
        if error.errno == errno.ENXIO:
            # A socket, or a device that is not there.
            raise replaced(path, "something that is not a file") from error
        # No descriptor is left, for instance, or somebody changed the rights of the folder.
        raise unreadable(error, path) from error


def replaced(path: str | Path, what: str) -> Refused:
    """Return the refusal to read what was put in the place of a log, usually by the job. Not logged for the operator."""
    return Refused(Code.FAILED_PRECONDITION, f"the log {Path(path).name} was replaced: {what} is in its place")


def unreadable(error: OSError, path: str | Path) -> Refused:
    """Return the refusal to read a log that the system cannot read, for instance because its disk fails. Logged for the operator."""
    _log.error("%s cannot be read: %s", path, error.strerror)
    return Refused(Code.INTERNAL, f"the log cannot be read: {error.strerror}", "try again, or look at the logs on the machine")


def _open_from(path: str | Path, start: int) -> int:
    fd = open_log(path)
    try:
        size = os.fstat(fd).st_size
    except OSError as error:
        os.close(fd)
        raise unreadable(error, path) from error
    if start <= size:
        return fd
    os.close(fd)
    raise Refused(Code.OUT_OF_RANGE, f"the log has {size} bytes so far and cannot be followed from {start}", reason=Reason.BEYOND_END)


@dataclass(frozen=True, slots=True, eq=False)
class Watch:
    """The result of `Growth.watch`, for `Growth.unwatch`."""

    descriptor: int
    callback: Callable[[], None]


class Growth:
    """Notices that files grow: one inotify instance for all followed files. The loop watches `fileno` and calls `drain`."""

    def __init__(self) -> None:
        try:
            self._inotify = inotify.Inotify()
        except OSError as error:
            raise Refused(
                Code.FAILED_PRECONDITION, f"growing logs cannot be watched: {error.strerror}", "raise fs.inotify.max_user_instances"
            ) from None
        # The kernel has one watch descriptor for each file, however often it is watched. The inner dict is an ordered set.
        self._watches: dict[int, dict[Watch, None]] = {}

    def fileno(self) -> int:
        """Return the descriptor that is readable when a file has grown."""
        return self._inotify.fileno()

    def watch(self, path: str | Path, callback: Callable[[], None]) -> Watch:
        """Call `callback` (from `drain`) each time the file has grown, even if it is renamed. Return the watch, for `unwatch`."""
        descriptor = self._inotify.add_watch(path, inotify.MODIFY)
        watch = Watch(descriptor, callback)
        self._watches.setdefault(descriptor, {})[watch] = None
        return watch

    def unwatch(self, watch: Watch) -> None:
        """Remove a watch; `callback` is not called again, not even for pending growth. Does nothing after `close`."""
        watches = self._watches.get(watch.descriptor)
        if watches is None:
            return
        del watches[watch]
        if not watches:
            del self._watches[watch.descriptor]
            self._inotify.rm_watch(watch.descriptor)

    def drain(self) -> None:
        """Call the callbacks of all files that have grown, once each."""
        try:
            events = os.read(self.fileno(), _EVENTS_BYTES)
        except BlockingIOError:
            return
        # inotify(7): four 32-bit integers for each event, the watch descriptor first; no name follows, because no folder is watched.
        grown = set(memoryview(events).cast("i")[::4])
        if _OVERFLOW in grown:
            grown = set(self._watches)
        for descriptor in grown:
            for watch in tuple(self._watches.get(descriptor, ())):
                # An earlier callback may have removed it.
                if watch in self._watches.get(descriptor, ()):
                    watch.callback()

    def close(self) -> None:
        """Remove all watches."""
        self._watches.clear()
        self._inotify.close()


class Follower:
    """Reads one log from a position on; the `LogReader` of broker/engine.py.

    Without `growth` it is not watched, because it is complete. Raises `Refused`: NOT_FOUND if there is no log, OUT_OF_RANGE for a position
    after its end, RESOURCE_EXHAUSTED; INTERNAL, also later, if it cannot be read.
    """

    def __init__(self, path: str | Path, start: int, growth: Growth | None, on_growth: Callable[[], None]) -> None:
        # The folder may have another name later.
        self._path = path
        self._fd = _open_from(path, start)
        self._position = start
        self._growth = growth
        try:
            # By the descriptor and not by the path, because the folder is renamed when the job ends.
            self._watch = growth.watch(f"/proc/self/fd/{self._fd}", on_growth) if growth is not None else None
        except OSError as error:
            os.close(self._fd)
            # inotify(7): the number of watches is limited for each user.
            reason = "no more files can be watched" if error.errno == errno.ENOSPC else error.strerror
            raise Refused(Code.RESOURCE_EXHAUSTED, f"the log cannot be followed: {reason}", "raise fs.inotify.max_user_watches") from None

    @property
    def pieces(self) -> Sequence[LogPiece]:
        """Empty: a single log has no pieces."""
        return ()

    def state(self) -> tuple[int, int]:
        """Return the size of the log, and its modification time in microseconds UTC."""
        try:
            found = os.fstat(self._fd)
        except OSError as error:
            raise unreadable(error, self._path) from error
        return found.st_size, found.st_mtime_ns // 1000

    def read(self, length: int) -> bytes:
        """Return the next bytes, at most `length`; empty if there are none at present."""
        try:
            data = os.pread(self._fd, length, self._position)
        except OSError as error:
            raise unreadable(error, self._path) from error
        self._position += len(data)
        return data

    def close(self) -> None:
        """Close the file and remove the watch."""
        if self._fd >= 0:
            if self._growth is not None and self._watch is not None:
                self._growth.unwatch(self._watch)
            os.close(self._fd)
            self._fd = -1
