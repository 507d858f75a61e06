"""What the keeper holds for each job: the read ends of its pipes, its input if it is fed, and where its logs are once it has ended.

All of it comes from the supervisor, and is passed to the next supervisor. The words are those of worker/wire/words.py.
"""

from __future__ import annotations

import os

from ..wire.words import EMPTY, FromKeeper, ToKeeper


class Deposit:
    """What is kept for one job."""

    __slots__ = ("ends", "feed", "folder", "settled")

    def __init__(self, ends: tuple[int, ...]) -> None:
        self.ends = ends
        # The file in memory and the write end; empty if it is not fed, or no longer.
        self.feed: tuple[int, ...] = ()
        self.folder = EMPTY
        self.settled = False

    def drop(self) -> None:
        """Close the read ends."""
        for end in self.ends:
            os.close(end)
        self.ends = ()

    def end_feed(self) -> None:
        """Close what belongs to its input."""
        for end in self.feed:
            os.close(end)
        self.feed = ()


class Deposits:
    """The jobs that the next supervisor needs to know."""

    def __init__(self) -> None:
        self._kept: dict[str, Deposit] = {}

    def __len__(self) -> int:
        """Return the number of jobs."""
        return len(self._kept)

    def hear(self, word: str, rest: list[str], ends: tuple[int, ...]) -> None:
        """Process a line of the supervisor about one job. A line about an unknown job is ignored."""
        handle = rest[0]
        kept = self._kept.get(handle)
        if word == ToKeeper.DEPOSIT:
            if kept is not None:
                kept.drop()
                kept.end_feed()
            self._kept[handle] = Deposit(ends)
            return
        if kept is None:
            for end in ends:
                os.close(end)
            return
        if word in {ToKeeper.FEED, ToKeeper.FED}:
            kept.end_feed()
            kept.feed = ends
        elif word == ToKeeper.ENDED:
            kept.folder = rest[1]
        elif word == ToKeeper.DRAINED:
            kept.drop()
        elif word == ToKeeper.SETTLED:
            kept.settled = True
        if kept.settled and not (kept.ends or kept.feed):
            del self._kept[handle]

    @property
    def are_fed(self) -> bool:
        """Whether a job waits for the end of its input, for which both processes have to close it."""
        return any(kept.feed for kept in self._kept.values())

    def feeds(self) -> dict[str, tuple[int, ...]]:
        """Return the descriptors for the inputs of jobs that are fed, by handle."""
        return {handle: kept.feed for handle, kept in self._kept.items() if kept.feed}

    def hand_over(self) -> list[tuple[str, str, bool, tuple[int, ...]]]:
        """Return all deposits for the next version of this process."""
        return [(handle, kept.folder, kept.settled, kept.ends) for handle, kept in self._kept.items()]

    def take_over(self, handed: list[tuple[str, str, bool, tuple[int, ...]]], feeds: dict[str, tuple[int, ...]]) -> None:
        """Restore what `hand_over` and `feeds` returned."""
        for handle, folder, settled, ends in handed:
            kept = self._kept[handle] = Deposit(ends)
            kept.folder, kept.settled = folder, settled
            kept.feed = feeds.get(handle, ())

    def told_again(self) -> list[tuple[str, tuple[int, ...]]]:
        """Return all deposits, as lines with their descriptors."""
        lines = []
        for handle, kept in self._kept.items():
            lines.append((f"{FromKeeper.DEPOSIT} {handle} {kept.folder} {int(kept.settled)}", kept.ends))
            if kept.feed:
                lines.append((f"{FromKeeper.FEED} {handle}", kept.feed))
        return lines
