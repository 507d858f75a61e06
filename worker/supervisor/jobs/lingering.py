"""Ended jobs whose pipes a process may still write to: they are pumped until it closes them; otherwise it would wait for ever.

This is noted next to the folder of the job, for a later pair of supervisor and keeper: there are too many folders of ended jobs to read
them all.
"""

from __future__ import annotations

import os

from ...state.log_folders.notes import forget_lingering, note_lingering
from ..keeper_line import KeeperLine
from ..loop import Loop
from ..streams.pipes import is_master
from ..streams.pump import Pump, Quota, Stream


class Lingering:
    """All such jobs."""

    def __init__(self, line: KeeperLine, logs: str) -> None:
        self._line = line
        self._logs = logs
        self._handles: set[str] = set()

    def __len__(self) -> int:
        """Return the number of these jobs."""
        return len(self._handles)

    def take(self, handle: str, folder: str, *, is_open: bool) -> None:
        """Add an ended job; if its pipes are drained, as usual, only tell the keeper that."""
        if is_open:
            self._handles.add(handle)
            note_lingering(self._logs, handle, folder)
        else:
            self._line.drained(handle)

    def hung_up(self, handle: str) -> None:
        """Tell the keeper that the pipes of a job have no writer any more. Does nothing for a job that has not ended."""
        if handle in self._handles:
            self._handles.discard(handle)
            forget_lingering(self._logs, handle)
            self._line.drained(handle)


class Lingerer:
    """The owner of the pumps of a job that ended before this supervisor started; only a hang-up matters."""

    def __init__(self, lingering: Lingering, handle: str, pipes: int) -> None:
        self._lingering = lingering
        self._handle = handle
        self._open = pipes

    def output_arrived(self, stream: str, size: int) -> None:
        """Do nothing: the modification time of its log is enough."""

    def output_exceeded(self) -> None:
        """Do nothing: there is no job that could be ended because of it."""

    def output_failed(self, stream: str, why: str) -> None:
        """Do nothing: its outcome is recorded already."""

    def output_waits(self) -> None:
        """Do nothing."""

    def output_closed(self) -> None:
        """Remove the job when its last pipe is closed."""
        self._open -= 1
        if not self._open:
            self._lingering.hung_up(self._handle)


def pump(loop: Loop, lingering: Lingering, handle: str, folder: str, streams: list[Stream], quota: Quota) -> None:
    """Pump the pipes of an ended job until no process can write to them."""
    owner = Lingerer(lingering, handle, len(streams))
    for stream in streams:
        Pump(loop, stream, quota, owner).begin()
    lingering.take(handle, folder, is_open=True)


def drain(loop: Loop, lingering: Lingering, handle: str, ends: tuple[int, ...]) -> None:
    """Drop what is written to the pipes of a job without a folder; without a reader, the writer would wait for ever."""
    streams = []
    for end in ends:
        if is_master(end):
            # Without its master, a terminal hangs up: nobody waits then.
            os.close(end)
        else:
            streams.append(Stream("", end, os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)))
    pump(loop, lingering, handle, "", streams, Quota(0))
