"""Reading the logs of ended runs to hash them; a temporary shortage is distinguished from a missing log."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

from ....broker.engine import Run
from .folders import run_path
from .found_folders import find_run

PIECE_BYTES = 64 * 1024
_PASSES = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN}


class MissingLog(Exception):  # noqa: N818 -- what is found, and no mistake
    """Raised for a log that is not what it was at the end of the run, with the reason."""


class UnreadableNow(Exception):  # noqa: N818 -- as above
    """Raised for a log that cannot be read at the moment."""


def read_ended(take: Callable[[memoryview], None], logs: str, run: Run, stream: str, start: int, length: int) -> None:
    """Pass part of a log of an ended run to `take`, in pieces that are valid during the call.

    Raises MissingLog, and UnreadableNow.
    """
    # The same memory for each piece, and little of it: what the kernel has copied there is hashed while a cache of the processor has it.
    piece = memoryview(bytearray(min(length, PIECE_BYTES)))
    left = length
    try:
        file = _open(run_path(logs, run.pid, run.started_at_us, run.ended_at_us), stream)
        if file is None and (folder := find_run(logs, run.pid, run.started_at_us, run.ended_at_us)) is not None:
            # Its folder could not be renamed at the end.
            file = _open(folder, stream)
        if file is None:
            raise MissingLog(f"the log of {stream} was removed before it was hashed")
        try:
            while left and (read := os.preadv(file, [piece[:left]], start + length - left)):
                take(piece[:read])
                left -= read
        finally:
            os.close(file)
    except OSError as error:
        if error.errno in _PASSES:
            raise UnreadableNow from None
        raise MissingLog(f"the log of {stream} cannot be read: {error.strerror}") from None
    if left:
        raise MissingLog(f"the log of {stream} is shorter than it was at the end of the job")


def _open(folder: str, stream: str) -> int | None:
    try:
        return os.open(f"{folder}/{stream}", os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
