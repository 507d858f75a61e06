"""The interface between what hands requests out (cpu_shares.py) and what handles them: who is charged for time, and who waits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

# Called with the public key of an identity and for how many seconds it used the loop.
Charge = Callable[[bytes, float], None]


class Sharing(Protocol):
    """What a request is handled under: its handler tells what later parts of it use, and whether its sender's next requests wait."""

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
    """Requests that are counted for nobody, such as those of a broker over its link, which speaks for many."""

    def charge(self, public: bytes, seconds: float) -> None:
        """Count nothing."""

    def hold(self, public: bytes) -> None:
        """Let nothing wait."""

    def let_go(self, public: bytes, seconds: float) -> None:
        """Go on as before."""
