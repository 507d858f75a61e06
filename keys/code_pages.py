"""Whether the memory of a process can become executable, as interpreters need that compile: Java, Node.js, some of Python's libraries."""

from __future__ import annotations

import ctypes

_PR_GET_MDWE = 66
_PR_MDWE_REFUSE_EXEC_GAIN = 1


def are_fixed() -> bool:
    """Return whether this process and its descendants are denied that, for good: PR_SET_MDWE of prctl(2), as systemd sets it."""
    return int(ctypes.CDLL(None).prctl(_PR_GET_MDWE, ctypes.c_ulong(0), 0, 0, 0)) == _PR_MDWE_REFUSE_EXEC_GAIN
