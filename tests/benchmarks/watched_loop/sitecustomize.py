"""Notes the longest piece of work of a worker's loop, in processor time, in the file that JOBWIRE_WATCHED_LOOP names: a double.

With this folder in PYTHONPATH, an interpreter imports it by itself (https://docs.python.org/3/library/site.html). Whoever reads the file
sets it to 0 again. Other processes than a worker leave it alone.
"""

from __future__ import annotations

import asyncio.events
import mmap
import os
import struct
import time
from pathlib import Path

_PIECE = struct.Struct("d")


def _watch(path: str) -> None:
    with Path(path).open("r+b") as file:
        shared = mmap.mmap(file.fileno(), _PIECE.size)
    run = asyncio.events.Handle._run

    def watched(handle: asyncio.events.Handle) -> None:
        began = time.thread_time()
        try:
            run(handle)
        finally:
            piece = time.thread_time() - began
            if piece > _PIECE.unpack_from(shared)[0]:
                _PIECE.pack_into(shared, 0, piece)

    asyncio.events.Handle._run = watched  # type: ignore[method-assign] # reason: what is measured


if "JOBWIRE_WATCHED_LOOP" in os.environ and b"jobwire.worker.main" in Path("/proc/self/cmdline").read_bytes().split(b"\0"):
    _watch(os.environ["JOBWIRE_WATCHED_LOOP"])
