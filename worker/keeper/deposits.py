"""What the keeper holds for each job: the read ends of its pipes, and where its logs are once it has ended.

All of it comes from the supervisor, and is passed to the next supervisor. The words are those of worker/wire/words.py.
"""

from __future__ import annotations

import os

from ..wire.words import EMPTY, FromKeeper, ToKeeper


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
        if word == ToKeeper.DEPOSIT:
            if kept is not None:
                kept.drop()
            self._kept[handle] = Deposit(ends)
            return
        if kept is None:
            return
        if word == ToKeeper.ENDED:
            kept.folder = rest[1]
        elif word == ToKeeper.DRAINED:
            kept.drop()
        elif word == ToKeeper.SETTLED:
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
        return [(f"{FromKeeper.DEPOSIT} {handle} {kept.folder} {int(kept.settled)}", kept.ends) for handle, kept in self._kept.items()]
