"""The terminals of running jobs at which clients type: their master ends, which the supervisor sends.

What is typed goes straight to the terminal, and never to a disk. If the supervisor is killed, the terminal survives, and this process has
it already.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import struct
import termios
from collections.abc import Callable, Sequence

from ....broker.engine import Feeder
from ....schemas.jobs.terminal import TerminalSize
from ....schemas.naming import AttemptKey
from ...state.log_folders import folders
from ...wire.words import DO, FACT, ToSupervisor, ToWorker
from ..supervisor_line import DESCRIPTOR, Message

_WINDOW = struct.Struct("4H")


class LocalTerminal:
    """The terminal of one job, for one client. `forget` is called when it is closed."""

    def __init__(self, loop: asyncio.AbstractEventLoop, handle: str, feeder: Feeder, forget: Callable[[LocalTerminal], None]) -> None:
        self.handle = handle
        self.feeder = feeder
        self._loop = loop
        self._forget = forget
        # -1: the supervisor has not answered yet.
        self._master = -1

    @property
    def is_open(self) -> bool:
        """Whether typing is possible."""
        return self._master >= 0

    def opened(self, master: int) -> None:
        """Use this descriptor."""
        self._master = master
        self.feeder.advance()

    def type(self, data: bytes) -> int:
        """Type bytes and return how many were accepted: fewer if the job does not read them; the feeder is called when it does."""
        if self._master < 0:
            return 0
        # The job has the same master, and can change that.
        os.set_blocking(self._master, False)
        typed = 0
        try:
            while typed < len(data):
                typed += os.write(self._master, data[typed:])
        except BlockingIOError:
            self._loop.add_writer(self._master, self._writable)
        except OSError:
            # Nobody has it open any more: nobody will read this.
            return len(data)
        return typed

    def resize(self, size: TerminalSize) -> None:
        """Set the size; foreground programs get SIGWINCH if it changes."""
        if self._master >= 0:
            fcntl.ioctl(self._master, termios.TIOCSWINSZ, _WINDOW.pack(*size, 0, 0))

    def close(self) -> None:
        """Close it; does nothing the second time."""
        self._forget(self)
        master, self._master = self._master, -1
        if master >= 0:
            self._loop.remove_writer(master)
            os.close(master)

    def _writable(self) -> None:
        self._loop.remove_writer(self._master)
        self.feeder.advance()


class Terminals:
    """All terminals; `say` sends messages to the supervisor."""

    def __init__(self, loop: asyncio.AbstractEventLoop, say: Callable[[Sequence[Message]], None]) -> None:
        self._loop = loop
        self._say = say
        self._open: list[LocalTerminal] = []

    def open(self, key: AttemptKey, feeder: Feeder) -> LocalTerminal:
        """Request the terminal of a running job; the feeder is called when it can be typed at."""
        terminal = LocalTerminal(self._loop, folders.handle(key), feeder, self._forget)
        self._open.append(terminal)
        self._say([_asked(terminal.handle)])
        return terminal

    def again(self) -> list[Message]:
        """Return the messages that request all terminals from a new supervisor."""
        return [_asked(terminal.handle) for terminal in self._open if not terminal.is_open]

    def hear(self, message: Message) -> None:
        """Process a fact about the terminal of a job."""
        # Whoever asked first is answered first, and each is answered.
        waiting = next((one for one in self._open if one.handle == message["job"] and not one.is_open), None)
        master: int = message.get(DESCRIPTOR, -1) if message[FACT] == ToWorker.TERMINAL else -1
        if waiting is not None and master >= 0:
            waiting.opened(master)
        elif waiting is not None and message[FACT] == ToWorker.FEED_OVER:
            waiting.feeder.over(message["why"])
        elif master >= 0:
            os.close(master)

    def close(self) -> None:
        """Close all."""
        for terminal in list(self._open):
            terminal.close()

    def _forget(self, terminal: LocalTerminal) -> None:
        if terminal in self._open:
            self._open.remove(terminal)


def _asked(handle: str) -> Message:
    return {DO: ToSupervisor.TERMINAL, "job": handle}
