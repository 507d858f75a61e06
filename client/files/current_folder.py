"""The current folder of this process, which may have been removed meanwhile. Its name may be non-UTF-8."""

from __future__ import annotations

import os

from ...schemas.refusal import Code, Refused


def current_folder() -> bytes:
    """Return its path. Raises Refused(FAILED_PRECONDITION) if it was removed."""
    try:
        return os.getcwdb()  # noqa: PTH109 -- bytes
    except FileNotFoundError:
        raise gone() from None


def absolute(path: bytes) -> bytes:
    """Return the absolute path. Raises Refused(FAILED_PRECONDITION) if it is relative to a folder that was removed."""
    return path if path.startswith(b"/") else os.path.join(current_folder(), path)  # noqa: PTH118 -- bytes


def gone() -> Refused:
    """Return the refusal of an operation that needs the current folder, which was removed."""
    return Refused(Code.FAILED_PRECONDITION, "the current folder was removed", "go to another one: cd")
