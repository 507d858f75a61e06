"""Objects that belong to one connection, and so to one process: they can be neither pickled nor copied.

A copy would read from the same connection as the original, and be closed with it, and another process could not use the connection.
"""

from __future__ import annotations

from typing import NoReturn


class Attached:
    """The base of clients, and of their results that send further requests."""

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Raise TypeError: pickle and copy call this."""
        kind = type(self).__name__
        raise TypeError(f"this {kind} belongs to its connection, and can be neither pickled nor copied; pass on an id, or a JobInfo")
