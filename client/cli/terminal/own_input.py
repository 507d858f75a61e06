"""This command's own stdin, as the input of a job: none, the content of a small file, or a stream."""

from __future__ import annotations

import fcntl
import os
import select
import stat
from contextlib import suppress

from ....schemas.frames import LARGEST_PUSH
from ....schemas.jobs.spec_check import LARGEST_STDIN
from ...batch.reading import read_whole
from ...library.streams.source import DescriptorSource
from .streams import STDIN

_NULL = os.makedev(1, 3)


def own_input() -> bytes | DescriptorSource | None:
    """Return the content of a file that fits into a spec, or a source to read the input from; None if there is no input.

    There is none on a terminal, on /dev/null, and on a pipe that is empty and has no writer. A small file is sent and kept with the job, so
    that a rerun has it. Raises OSError if it cannot be read.
    """
    found = os.fstat(STDIN)
    if stat.S_ISCHR(found.st_mode) and (found.st_rdev == _NULL or os.isatty(STDIN)):
        return None
    if stat.S_ISFIFO(found.st_mode):
        if _is_over():
            return None
        # Fewer and larger pieces, for a producer that fills it.
        with suppress(OSError):
            fcntl.fcntl(STDIN, fcntl.F_SETPIPE_SZ, LARGEST_PUSH)
    if not stat.S_ISREG(found.st_mode) and not stat.S_ISDIR(found.st_mode):
        return DescriptorSource(STDIN)
    data = read_whole(STDIN, LARGEST_STDIN)
    return data if len(data) <= LARGEST_STDIN else DescriptorSource(STDIN, data)


def _is_over() -> bool:
    poll = select.poll()
    poll.register(STDIN, select.POLLIN)
    return poll.poll(0) == [(STDIN, select.POLLHUP)]


def own_source() -> DescriptorSource | None:
    """Return a source to read the input from, whatever its size; None as above. Raises OSError if it cannot be read."""
    found = own_input()
    return DescriptorSource(STDIN, found) if isinstance(found, bytes) else found


def let_go() -> None:
    """Close stdin, which is no longer needed: its writer gets SIGPIPE."""
    null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    os.dup2(null, STDIN)
    os.close(null)


def unreadable(error: OSError) -> str:
    """Return the sentence about a stdin that cannot be read."""
    return f"read error: the standard input cannot be read: {error.strerror}"
