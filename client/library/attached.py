"""What belongs to one connection, and with it to one process: it can be neither pickled nor copied.

A copy would read from the same connection as the original, and be closed with it, and another process has no connection to go on with.
"""

from __future__ import annotations

from typing import NoReturn


class Attached:
    """The base of clients, and of what they return that asks the worker for more."""

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Raise TypeError: pickle and copy ask here."""
        kind = type(self).__name__
        raise TypeError(f"this {kind} belongs to its connection, and can be neither pickled nor copied; pass on an id, or a JobInfo")
