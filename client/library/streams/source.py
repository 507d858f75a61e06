"""The source of a job's standard input: a descriptor of this process, or an object with `read`. Reading never waits."""

from __future__ import annotations

import errno
import os
import select
import stat
from typing import IO, Protocol, TypeAlias

# Of `subprocess`, whose import is slow.
_DEVNULL = -3

# A descriptor, or a file object; one with a descriptor is read from there, as `subprocess` does.
Stdin: TypeAlias = "int | IO[bytes]"


class Source(Protocol):
    """Something that can be read in pieces."""

    @property
    def fd(self) -> int:
        """The descriptor that is readable when there may be data; -1: there always is."""
        ...

    def read(self, most_bytes: int) -> bytes | None:
        """Return the available data; empty at the end, None if there is none at the moment. Raises OSError."""
        ...


class DescriptorSource:
    """A pipe, a file, a socket or a device. `before`: data that was read from it already."""

    def __init__(self, fd: int, before: bytes = b"") -> None:
        self._fd = fd
        self._before = before
        self._is_file = stat.S_ISREG(os.fstat(fd).st_mode)
        self._buffer = memoryview(b"")

    @property
    def fd(self) -> int:
        """The descriptor; -1 for a file, and for data that was read already."""
        return -1 if self._is_file or self._before else self._fd

    def read(self, most_bytes: int) -> bytes | None:
        """Return the available data; empty at the end, None if there is none at the moment. Raises OSError."""
        if self._before:
            data, self._before = self._before[:most_bytes], self._before[most_bytes:]
            return data
        if self._is_file:
            return os.read(self._fd, most_bytes)
        if len(self._buffer) < most_bytes:
            self._buffer = memoryview(bytearray(most_bytes))
        try:
            # Others may read from it too, and take what poll(2) told of: then a plain read would wait.
            return bytes(self._buffer[: os.preadv(self._fd, [self._buffer[:most_bytes]], -1, os.RWF_NOWAIT)])
        except BlockingIOError:
            return None
        except OSError as error:
            if error.errno not in {errno.EOPNOTSUPP, errno.ESPIPE}:
                raise
        # An older kernel, or a device that does not know how.
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        return self._read_ready(most_bytes) if poll.poll(0) else None

    def _read_ready(self, most_bytes: int) -> bytes | None:
        try:
            return os.read(self._fd, most_bytes)
        except BlockingIOError:
            return None


class ObjectSource:
    """An object with `read` and without a descriptor, such as `io.BytesIO`."""

    fd = -1

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, most_bytes: int) -> bytes | None:
        """Return the next bytes; empty at the end. Raises OSError, and TypeError for text."""
        data = self._file.read(most_bytes)
        if data is not None and not isinstance(data, bytes):
            raise TypeError(f"stdin must be opened in binary mode; it returned {type(data).__name__}")
        return data


def source_of(stdin: Stdin | None, *, has_input: bool = False) -> Source | None:
    """Return the source for an argument `stdin`, as in `subprocess`; None: there is none.

    Raises ValueError for an invalid one, or if `input` is given too, and OSError if it is closed.
    """
    if stdin is None:
        return None
    if has_input:
        raise ValueError("stdin and input arguments may not both be used")
    if stdin == _DEVNULL:
        return None
    if isinstance(stdin, int):
        if stdin < 0:
            raise ValueError("stdin is a descriptor, a file object or DEVNULL; to pass bytes, use input=")
        return DescriptorSource(stdin)
    try:
        fd = stdin.fileno()
    except (AttributeError, OSError):
        # io.UnsupportedOperation is an OSError.
        return ObjectSource(stdin)
    return DescriptorSource(fd)
