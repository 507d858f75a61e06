"""What the keeper holds of each job: the read ends of its pipes, and where its logs are once it ended.

It has nothing but what the supervisor said, and says the same to the next supervisor. The lines are described in loop.py.
"""

from __future__ import annotations

import os
import struct

_PAIR = struct.Struct("2i")
_PAIR_LENGTH = 2
MOST_DESCRIPTORS_BYTES = _PAIR.size
EMPTY = "-"


def pack(descriptors: tuple[int, ...]) -> bytes:
    """Write descriptors as SCM_RIGHTS takes them."""
    # Two are the usual case, once for each start.
    return _PAIR.pack(*descriptors) if len(descriptors) == _PAIR_LENGTH else struct.pack(f"{len(descriptors)}i", *descriptors)


def unpack(rights: list[tuple[int, int, bytes]]) -> tuple[int, ...]:
    """Read the descriptors that came with a datagram; none is usual."""
    return struct.unpack(f"{len(rights[0][2]) // struct.calcsize('i')}i", rights[0][2]) if rights else ()


class Deposit:
    """What is kept of one job."""

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
    """The jobs that a next supervisor would have to know of."""

    def __init__(self) -> None:
        self._kept: dict[str, Deposit] = {}

    def __len__(self) -> int:
        """Say how many jobs are kept."""
        return len(self._kept)

    def hear(self, word: str, rest: list[str], ends: tuple[int, ...]) -> None:
        """Take what the supervisor says of one job. What is said of an unknown one has no effect."""
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
        """Give all of it to whom we become by exec."""
        return [(handle, kept.folder, kept.settled, kept.ends) for handle, kept in self._kept.items()]

    def take_over(self, handed: list[tuple[str, str, bool, tuple[int, ...]]]) -> None:
        """Take what `hand_over` gave."""
        for handle, folder, settled, ends in handed:
            kept = self._kept[handle] = Deposit(ends)
            kept.folder, kept.settled = folder, settled

    def told_again(self) -> list[tuple[str, tuple[int, ...]]]:
        """Say all of it, as lines with the descriptors that go with them."""
        return [(f"deposit {handle} {kept.folder} {int(kept.settled)}", kept.ends) for handle, kept in self._kept.items()]
