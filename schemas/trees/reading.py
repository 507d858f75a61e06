"""Read a file, or a folder as an archive: in pieces, from any byte on, with a digest, and with a check that nothing changed meanwhile.

No symbolic link is followed. What changes while it is read is refused, never sent as a mixture. Calls the kernel in the calling thread.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Generator, Iterator
from contextlib import suppress
from typing import NamedTuple, Self

from ..jobs.brought_files import LONGEST_PATH, FileKind
from ..private_parts.c_blake2 import blake2b
from ..refusal import Code, Reason, Refused
from . import beneath
from .archive import END, MOST_ENTRIES, MOST_MODE, Entry, Kind, padding, write_header

# Each open folder above the current one holds a descriptor.
MOST_DEPTH = 100
_READ_BYTES = 256 * 1024
# Small files are sent together with their headers.
_PIECE_BYTES = 128 * 1024
_VALIDATOR_BYTES = 16


class Survey(NamedTuple):
    """What is to be read: its kind, its size in bytes as it is sent, permissions of a file, and a value that changes when it does."""

    kind: FileKind
    size: int
    mode: int
    validator: bytes


class Source:
    """One file or folder that can be read. A context manager, which closes it."""

    def __init__(self, fd: int, said: str, survey: Survey | None = None, *, names_others: bool = False) -> None:
        """Take over the descriptor of a file or folder; messages call it `said`. Without a survey, it is surveyed first.

        `names_others`: the archive of a folder only lists FIFOs, sockets and devices in it; otherwise they are refused. Raises OSError, or
        `Refused` for something that is neither a file nor a folder.
        """
        self._names_others = names_others
        self.said = said
        self._fd = fd
        try:
            status = os.fstat(self._fd)
            if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
                raise Refused(Code.INVALID_ARGUMENT, f"{said} is neither a file nor a folder")
            self.is_folder = stat.S_ISDIR(status.st_mode)
            self.survey = survey or self._look()
        except BaseException:
            self.close()
            raise

    def _look(self) -> Survey:
        if not self.is_folder:
            status = os.fstat(self._fd)
            if not status.st_size:
                _demand_empty(self._fd, self.said)
            return Survey(FileKind.FILE, status.st_size, status.st_mode & MOST_MODE, _validator_of([(b"", status)]))
        seen = blake2b(digest_size=_VALIDATOR_BYTES)
        size = len(END)
        for found in _walk(self._fd, self.said, names_others=self._names_others):
            seen.update(found.mark())
            size += found.room()
        return Survey(FileKind.TREE, size, 0, seen.digest())

    def read(self, start: int = 0) -> Generator[bytes, None, None]:
        """Iterate over the bytes from offset `start` on.

        Raises `Refused(FAILED_PRECONDITION, CHANGED)` if it no longer is what was surveyed, and OSError.
        """
        return self._read_folder(start) if self.is_folder else self._read_file(start)

    def _read_file(self, start: int) -> Generator[bytes, None, None]:
        size, position = self.survey.size, start
        while position < size and (data := os.pread(self._fd, min(_READ_BYTES, size - position), position)):
            position += len(data)
            yield data
        status = os.fstat(self._fd)
        if _validator_of([(b"", status)]) != self.survey.validator:
            raise changed(self.said)
        if position < size:
            raise _without_fixed_size(self.said, size)

    def _read_folder(self, start: int) -> Generator[bytes, None, None]:
        seen = blake2b(digest_size=_VALIDATOR_BYTES)
        pieces = bytearray()
        position = 0
        for found in _walk(self._fd, self.said, names_others=self._names_others):
            seen.update(found.mark())
            room = found.room()
            for data in found.pieces(start - position) if position + room > start else ():
                pieces += data
                if len(pieces) >= _PIECE_BYTES:
                    yield bytes(pieces)
                    pieces.clear()
            position += room
        if seen.digest() != self.survey.validator:
            raise changed(self.said)
        pieces += END[max(0, start - position) :]
        yield bytes(pieces)

    def close(self) -> None:
        """Close it."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()


class _Found:
    """One entry of a folder, and where its content is, which can be read until the walk continues."""

    def __init__(self, entry: Entry, status: os.stat_result, parent: int, name: bytes, said: str) -> None:
        self.entry = entry
        self._status = status
        self._parent = parent
        self._name = name
        self._said = said
        self._header = write_header(entry)

    def mark(self) -> bytes:
        """Return a value that changes when the entry does."""
        return _validator_of([(self._header, self._status)])

    def room(self) -> int:
        """Return how many bytes it takes in the archive."""
        return len(self._header) + self.entry.size + padding(self.entry.size)

    def pieces(self, start: int) -> Iterator[bytes]:
        """Iterate over its bytes in the archive."""
        start = max(0, start)
        if start < len(self._header):
            yield self._header[start:]
        size = self.entry.size
        if not size and self.entry.kind is not Kind.FILE:
            return
        if not size:
            # It was empty even for those who may not read it.
            with suppress(PermissionError):
                fd = os.open(self._name, beneath.READ, dir_fd=self._parent)
                try:
                    _demand_empty(fd, self._said)
                finally:
                    os.close(fd)
            return
        position = max(0, start - len(self._header))
        if position < size:
            fd = os.open(self._name, beneath.READ, dir_fd=self._parent)
            try:
                status = os.fstat(fd)
                if _marks(status) != _marks(self._status):
                    raise changed(self._said)
                while position < size and (data := os.pread(fd, min(_READ_BYTES, size - position), position)):
                    position += len(data)
                    yield data
                if _marks(os.fstat(fd)) != _marks(self._status):
                    raise changed(self._said)
                if position < size:
                    raise _without_fixed_size(self._said, size)
            finally:
                os.close(fd)
        yield bytes(padding(size) - (position - size))


class _Level(NamedTuple):
    """A folder that is open during a walk, and the names in it that are still to be visited, the next one last."""

    fd: int
    path: bytes
    names: list[bytes]


def _walk(root: int, said: str, *, names_others: bool) -> Iterator[_Found]:
    """Iterate over a folder and everything in it: each folder before its content, names sorted by their bytes."""
    status = os.fstat(root)
    yield _Found(Entry(b"", Kind.FOLDER, status.st_mode & MOST_MODE), status, root, b"", said)
    levels = [_Level(os.dup(root), b"", _names(root))]
    count = 0
    try:
        while levels:
            fd, path, names = levels[-1]
            if not names:
                levels.pop()
                os.close(fd)
                continue
            count += 1
            if count > MOST_ENTRIES:
                raise Refused(Code.INVALID_ARGUMENT, f"{said} has more than {MOST_ENTRIES} files", "archive it, and send the archive")
            name = names.pop()
            found = _find(fd, path, name, said, names_others=names_others)
            yield found
            if found.entry.kind is Kind.FOLDER:
                if len(levels) >= MOST_DEPTH:
                    raise Refused(Code.INVALID_ARGUMENT, f"{said} has folders that are nested more than {MOST_DEPTH} deep", "archive it")
                inner = os.open(name, beneath.FOLDER, dir_fd=fd)
                levels.append(_Level(inner, found.entry.path, _names(inner)))
    finally:
        for level in levels:
            os.close(level.fd)


def _names(folder: int) -> list[bytes]:
    return sorted(map(os.fsencode, os.listdir(folder)), reverse=True)


def _find(folder: int, path: bytes, name: bytes, said: str, *, names_others: bool) -> _Found:
    inner = path + b"/" + name if path else name
    shown = f"{said}/{os.fsdecode(inner)}"
    if len(inner) > LONGEST_PATH:
        raise Refused(Code.INVALID_ARGUMENT, f"{said} has a path of more than {LONGEST_PATH} bytes")
    status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    mode = status.st_mode & MOST_MODE
    match stat.S_IFMT(status.st_mode):
        case stat.S_IFREG:
            entry = Entry(inner, Kind.FILE, mode, status.st_size)
        case stat.S_IFDIR:
            entry = Entry(inner, Kind.FOLDER, mode)
        case stat.S_IFLNK:
            entry = Entry(inner, Kind.LINK, 0, 0, os.readlink(name, dir_fd=folder))
        case _ if names_others:
            entry = Entry(inner, Kind.OTHER)
        case _:
            raise Refused(Code.INVALID_ARGUMENT, f"{shown} is neither a file nor a folder nor a symbolic link", "leave it out")
    return _Found(entry, status, folder, name, shown)


def _demand_empty(fd: int, said: str) -> None:
    """Check that a file of size 0 is empty. Those of proc(5) are not: their content is made when they are read, and would be left out."""
    with suppress(OSError):
        if os.pread(fd, 1, 0):
            raise Refused(
                Code.INVALID_ARGUMENT, f"{said} has content but a size of 0, like the kernel's files in /proc", "copy it, and send the copy"
            )


def _without_fixed_size(said: str, size: int) -> Refused:
    """Return the refusal of a file that ends early and has not changed. Those of sysfs(5) have the size of a page."""
    what = f"{said} has less content than its size of {size} bytes, like the kernel's files in /sys"
    return Refused(Code.INVALID_ARGUMENT, what, "copy it, and send the copy")


def _marks(status: os.stat_result) -> tuple[int, ...]:
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _validator_of(things: list[tuple[bytes, os.stat_result]]) -> bytes:
    seen = blake2b(digest_size=_VALIDATOR_BYTES)
    for header, status in things:
        seen.update(header)
        seen.update(b"%d:%d:%d:%d:%d" % _marks(status))
    return seen.digest()


def changed(said: str) -> Refused:
    """Return the refusal of a file or folder that changed while it was read."""
    return Refused(Code.FAILED_PRECONDITION, f"{said} changed while it was being read", "try again", reason=Reason.CHANGED)
