"""Whether a process can make memory executable, which just-in-time compilers need: Java, Node.js, some Python libraries."""

from __future__ import annotations

import ctypes

_PR_GET_MDWE = 66
_PR_MDWE_REFUSE_EXEC_GAIN = 1


def are_fixed() -> bool:
    """Return whether this process and its descendants can never do that: PR_SET_MDWE of prctl(2), which systemd sets."""
    return int(ctypes.CDLL(None).prctl(_PR_GET_MDWE, ctypes.c_ulong(0), 0, 0, 0)) == _PR_MDWE_REFUSE_EXEC_GAIN
