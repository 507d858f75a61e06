"""Small files that are written and read as a whole, and JSON values in them.

The supervisor imports this: nothing heavy may be imported here.
"""

from __future__ import annotations

import errno
import json
import os

from ...schemas.json_text import object_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FILE_MODE = 0o600
# The disk is full or became read-only. Nothing reports when it can be written again, so what failed is retried at this interval.
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
RETRY_SECONDS = 1.0

_PART_BYTES = 65_536
# More than a job can be with all that is written in it. A link to a device never ends.
_MOST_PARTS = 2_048
# O_NONBLOCK: as for reading. Through a link, somebody else's file would be overwritten.
_WRITE_ANEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

to_json = json.JSONEncoder(separators=(",", ":")).encode


def write_file(path: str, content: bytes) -> None:
    """Write a file that only its owner may read."""
    file = os.open(path, _WRITE_ANEW, FILE_MODE)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(file, view) :]
    finally:
        os.close(file)


def read_file(path: str) -> bytes:
    """Return the content of a file, which may be in /proc. Raises OSError, also if it is larger than any small file of jobwire."""
    # O_NONBLOCK: nobody would ever write into a FIFO of that name.
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        parts = [os.read(file, _PART_BYTES)]
        # One read is enough for almost all files.
        while len(parts[-1]) == _PART_BYTES:
            if len(parts) > _MOST_PARTS:
                raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), path)
            parts.append(os.read(file, _PART_BYTES))
        return b"".join(parts)
    finally:
        os.close(file)


def read_object(path: str) -> dict[str, Any]:
    """Return the JSON object in a file.

    Raises OSError if there is no file, ValueError if it does not hold one.
    """
    return object_of(read_file(path))
