"""Read a file or a standard stream to its end, however slow it is, up to a limit."""

from __future__ import annotations

import errno
import os
import select

STDIN = 0
_BLOCK = 1024 * 1024


def read_whole(file: bytes | int, most_bytes: int) -> bytes:
    """Return the content of a file, by its path or descriptor; at most `most_bytes` plus one byte.

    Raises OSError.
    """
    if isinstance(file, int):
        return _read(file, most_bytes)
    if b"\0" in file:
        raise OSError(errno.EINVAL, "there is a null byte in its name")
    fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return _read(fd, most_bytes)
    finally:
        os.close(fd)


def _read(fd: int, most_bytes: int) -> bytes:
    data = bytearray()
    while len(data) <= most_bytes:
        part = read_some(fd, min(_BLOCK, most_bytes + 1 - len(data)))
        if not part:
            break
        data += part
    return bytes(data)


def read_some(fd: int, most_bytes: int) -> bytes:
    """Return what can be read, waiting if nothing is available; empty at the end.

    Raises OSError.
    """
    while True:
        try:
            return os.read(fd, most_bytes)
        except BlockingIOError:
            # Somebody who shares the stream made it non-blocking. The flag is theirs, and stays.
            poll = select.poll()
            poll.register(fd, select.POLLIN)
            poll.poll()
