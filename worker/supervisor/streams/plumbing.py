"""The descriptors of a job that is about to start: its pipes or its terminal, its logs, and the stream of its input."""

from __future__ import annotations

import os

from ...state.log_folders.folders import STREAMS
from ...state.log_folders.job_files import JobFile
from ...state.log_folders.notes import pipes_path, write_pipes
from ...state.small_files import FILE_MODE
from ..loop import Loop
from . import terminal as terminals
from .feed import Ends, create
from .pipes import Pipe, name_of
from .pump import Stream
from .terminal import Terminal

_NEW_LOG = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC


class Plumbing:
    """All of these. They belong to the job once it has a process; until then, `close` closes those that were opened."""

    __slots__ = ("_ends", "_logs", "fed", "feed", "pipes", "terminal")

    def __init__(self) -> None:
        # Those of a job that is not on a terminal.
        self.pipes: list[Pipe] = []
        self.terminal: Terminal | None = None
        # Of a job that is fed: what is kept, and the end from which it reads.
        self.feed: Ends | None = None
        self.fed = -1
        self._ends: tuple[int, ...] = ()
        self._logs: list[int] = []

    def open(self, loop: Loop, file: JobFile, intent: str) -> None:
        """Open them, and note in the folder of the intent which they are. Raises OSError."""
        if file.terminal is not None:
            self.terminal, self._ends = terminals.create(loop, *file.terminal)
            write_pipes(pipes_path(intent), [name_of(end) for end in self._ends])
        else:
            # One by one, so that whichever was opened is closed if a later one cannot be.
            for _ in STREAMS:
                self.pipes.append(Pipe())
            stdout, stderr = self.pipes
            write_pipes(pipes_path(intent), (stdout.name, stderr.name))
        # Once `stderr` exists, a fork may have happened, and the next supervisor must find out.
        for name in STREAMS:
            self._logs.append(os.open(f"{intent}/{name}", _NEW_LOG, FILE_MODE))
        if file.feed:
            self.feed, self.fed = create()

    @property
    def ends(self) -> tuple[int, ...]:
        """What the keeper holds too: the read ends of the pipes, or the master of the terminal and the read end of its pipe."""
        if self._ends:
            return self._ends
        stdout, stderr = self.pipes
        return stdout.read_end, stderr.read_end

    @property
    def on_terminal(self) -> tuple[int, ...]:
        """What a job on a terminal gets: the slave, and the ends; empty for other jobs."""
        return (self.terminal.peer, *self._ends) if self.terminal is not None else ()

    def streams(self) -> list[Stream]:
        """Return what pumps need."""
        if self.terminal is not None:
            return terminals.streams_of(self._ends, self._logs)
        (stdout, stderr), (stdout_log, stderr_log) = self.pipes, self._logs
        return [Stream(STREAMS[0], stdout.read_end, stdout_log), Stream(STREAMS[1], stderr.read_end, stderr_log)]

    def give_away(self) -> None:
        """Close the ends that only the job needs."""
        for pipe in self.pipes:
            pipe.give_away()
        if self.fed >= 0:
            os.close(self.fed)

    def close(self) -> None:
        """Close everything else, because the job could not be started."""
        for fd in (*self._logs, *(pipe.read_end for pipe in self.pipes), *(self.feed or ()), *self._ends[1:]):
            os.close(fd)
        if self.terminal is not None:
            self.terminal.close()
