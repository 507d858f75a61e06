"""What the keeper holds for each job: the read ends of its pipes, and where its logs are once it has ended.

All of it comes from the supervisor, and is passed to the next supervisor. The lines are described in loop.py.
"""

from __future__ import annotations

import os
import struct

_PAIR = struct.Struct("2i")
_PAIR_LENGTH = 2
MOST_DESCRIPTORS_BYTES = _PAIR.size
EMPTY = "-"


def pack(descriptors: tuple[int, ...]) -> bytes:
    """Return descriptors in the form of SCM_RIGHTS."""
    # Two is the usual number, once for each start.
    return _PAIR.pack(*descriptors) if len(descriptors) == _PAIR_LENGTH else struct.pack(f"{len(descriptors)}i", *descriptors)


def unpack(rights: list[tuple[int, int, bytes]]) -> tuple[int, ...]:
    """Return the descriptors that came with a datagram, usually none."""
    return struct.unpack(f"{len(rights[0][2]) // struct.calcsize('i')}i", rights[0][2]) if rights else ()


class Deposit:
    """What is kept for one job."""

    __slots__ = ("ends", "folder", "settled")

    def __init__(self, ends: tuple[int, ...]) -> None:
        self.ends = ends
        self.folder = EMPTY
        self.settled = False

    def drop(self) -> None:
        """Close the read ends."""
        for end in self.ends:
            os.close(end)
        self.ends = ()


class Deposits:
    """The jobs that the next supervisor would need to know."""

    def __init__(self) -> None:
        self._kept: dict[str, Deposit] = {}

    def __len__(self) -> int:
        """Return the number of jobs."""
        return len(self._kept)

    def hear(self, word: str, rest: list[str], ends: tuple[int, ...]) -> None:
        """Process a line of the supervisor about one job. A line about an unknown job has no effect."""
        handle = rest[0]
        kept = self._kept.get(handle)
        if word == "deposit":
            if kept is not None:
                kept.drop()
            self._kept[handle] = Deposit(ends)
            return
        if kept is None:
            return
        if word == "ended":
            kept.folder = rest[1]
        elif word == "drained":
            kept.drop()
        elif word == "settled":
            kept.settled = True
        if kept.settled and not kept.ends:
            del self._kept[handle]

    def hand_over(self) -> list[tuple[str, str, bool, tuple[int, ...]]]:
        """Return all deposits, for the version that this process executes."""
        return [(handle, kept.folder, kept.settled, kept.ends) for handle, kept in self._kept.items()]

    def take_over(self, handed: list[tuple[str, str, bool, tuple[int, ...]]]) -> None:
        """Add what `hand_over` returned."""
        for handle, folder, settled, ends in handed:
            kept = self._kept[handle] = Deposit(ends)
            kept.folder, kept.settled = folder, settled

    def told_again(self) -> list[tuple[str, tuple[int, ...]]]:
        """Return all deposits, as lines with their descriptors."""
        return [(f"deposit {handle} {kept.folder} {int(kept.settled)}", kept.ends) for handle, kept in self._kept.items()]
