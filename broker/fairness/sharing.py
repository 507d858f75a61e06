"""The interface between what distributes requests (cpu_shares.py) and what handles them: who is charged for time, and who waits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

# Called with the public key of an identity and for how many seconds it used the loop.
Charge = Callable[[bytes, float], None]


class Sharing(Protocol):
    """Passed with each request: its handler reports what later parts of it use, and whether the sender's next requests wait."""

    def charge(self, public: bytes, seconds: float) -> None:
        """Count time that was used for an earlier request of an identity, if that is handled in slices."""
        ...

    def hold(self, public: bytes) -> None:
        """Let further requests of an identity wait until `let_go`: its last one is worked on elsewhere."""
        ...

    def let_go(self, public: bytes, seconds: float) -> None:
        """Go on with an identity that `hold` was called for, and count the time that this took."""
        ...


class NotShared:
    """For requests that are charged to nobody, such as those of a broker over its link, which speaks for many members."""

    def charge(self, public: bytes, seconds: float) -> None:
        """Count nothing."""

    def hold(self, public: bytes) -> None:
        """Delay nothing."""

    def let_go(self, public: bytes, seconds: float) -> None:
        """Do nothing."""
