"""Keep the memory for chunks that pass through a socket: logs and files. Knows nothing of them but the size of a chunk."""

from __future__ import annotations

import ctypes

from ..schemas.frames import LARGEST_CHUNK

# mallopt(3).
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_KEPT_BYTES = 16 * 1024 * 1024


def reuse_buffers() -> None:
    """Make malloc reuse freed memory. By default, glibc returns a block of this size to the kernel, and maps it again, for each chunk.

    Measured: a tenth more bytes per second in a worker, and a tenth less processor time in a client.
    Does nothing if malloc is not that of glibc.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, 4 * LARGEST_CHUNK)
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
