"""The checks of a proof: each has a name, and one that fails has a reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from google.protobuf.message import DecodeError

from ...schemas.refusal import Code, Refused

_Found = TypeVar("_Found")


class Check(NamedTuple):
    """What was checked, the result or the reason, and whether it holds. `proven`: by a trusted signature, and not only stated."""

    name: str
    sentence: str
    holds: bool = True
    proven: bool = True


class Checks:
    """The checks that were made, in their order."""

    def __init__(self) -> None:
        self.made: list[Check] = []

    def holds(self, name: str, sentence: str) -> None:
        """Note a check that holds."""
        self.made.append(Check(name, sentence))

    def leaves_open(self, name: str, sentence: str) -> None:
        """Note a check that finds nothing wrong, and proves nothing."""
        self.made.append(Check(name, sentence, proven=False))

    def fails(self, name: str, why: str) -> None:
        """Note a check that fails."""
        self.made.append(Check(name, why, holds=False))

    def make(self, name: str, part: Callable[[], _Found]) -> _Found | None:
        """Return the result of a part of the verification; add a failed check if it raises Refused, and return None."""
        try:
            return part()
        except Refused as refused:
            self.fails(name, refused.message)
        except DecodeError:
            self.fails(name, "it cannot be decoded")
        return None


def wrong(message: str) -> Refused:
    """Return the exception for a failed check."""
    return Refused(Code.FAILED_PRECONDITION, message)
