"""The supervisor's end of the line to its keeper; the words are those of worker/wire/words.py.

If the keeper dies the supervisor goes on without it: what is said then has no effect.
"""

from __future__ import annotations

import os
import select
import signal
import struct
from collections.abc import Callable
from typing import NamedTuple

from ..keeper.light_process import say
from ..wire import datagrams
from ..wire.c_socket import socket
from ..wire.words import EMPTY, FromKeeper, ToKeeper
from .loop import Loop

_PATIENCE_SECONDS = 10
_FLUSH_SECONDS = 0.05
_CREDENTIALS = struct.Struct("3i")


class Died(NamedTuple):
    """The end of a process that the keeper reaped, and what it used."""

    pid: int
    wait_status: int
    mark: int
    session: int
    start_ticks: int
    user_us: int
    system_us: int
    max_resident_bytes: int


class Deposited(NamedTuple):
    """What the keeper held of one job. `folder` is empty unless its end was told; `ends` are gone once it was drained."""

    handle: str
    folder: str
    settled: bool
    ends: tuple[int, ...]


class Handover(NamedTuple):
    """What this supervisor takes over. `first`: its keeper had none before, and did not see what happened to older jobs.

    `strangers` are the pidfds of leaders that are not the keeper's children.
    """

    deposits: dict[str, Deposited]
    strangers: dict[int, int]
    first: bool


class KeeperLine:
    """Says what the keeper must know, and hears which of its children died."""

    def __init__(self, loop: Loop, fd: int) -> None:
        self._loop = loop
        os.set_inheritable(fd, False)  # noqa: FBT003 -- it takes no name
        self._socket: socket.socket | None = socket.socket(fileno=fd)
        self._socket.settimeout(None)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", _PATIENCE_SECONDS, 0))
        # Not getppid: if it died meanwhile that would be somebody else. A pair of sockets names who made it.
        self.keeper, _, _ = _CREDENTIALS.unpack(self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
        self._lines: list[str] = []
        self._flushing = False
        # Who died before anybody asked.
        self.died: dict[int, Died] = {}
        self._on_death: dict[int, Callable[[Died], None]] = {}
        self._on_loss: dict[int, Callable[[], None]] = {}

    @property
    def is_up(self) -> bool:
        """Whether the keeper lives."""
        return self._socket is not None

    def take_over(self) -> Handover:
        """Wait for all that the keeper has."""
        deposits: dict[str, Deposited] = {}
        strangers: dict[int, int] = {}
        while self._socket is not None:
            words, ends = self._receive()
            match words:
                case [FromKeeper.DEPOSIT, handle, folder, settled]:
                    deposits[handle] = Deposited(handle, "" if folder == EMPTY else folder, settled == "1", ends)
                case [FromKeeper.STRANGER, pid]:
                    strangers[int(pid)] = ends[0]
                case [FromKeeper.DIED, *rest]:
                    end = _read_died(rest)
                    self.died[end.pid] = end
                case [FromKeeper.HANDED, first]:
                    return Handover(deposits, strangers, first == "1")
                case _:
                    self._lost()
        return Handover(deposits, strangers, first=True)

    def catch_up(self) -> None:
        """Wait until all of the keeper's children that are dead by now are in `died`."""
        self._lines.append(ToKeeper.AGAIN)
        self.flush()
        self.take_over()

    def adopted(self, pids: list[int]) -> None:
        """Say of whose ends news is wanted, and listen for it from now on."""
        self._lines.append(" ".join([ToKeeper.ADOPTED, *map(str, pids)]))
        self.flush()
        if self._socket is not None:
            self._loop.watch(self._socket.fileno(), select.EPOLLIN, self._hear)

    def await_death(self, pid: int, on_death: Callable[[Died], None], on_loss: Callable[[], None]) -> None:
        """Call back when the keeper's child `pid` died, or when the keeper itself is gone and cannot tell any more."""
        end = self.died.pop(pid, None)
        if end is not None:
            on_death(end)
            return
        if self._socket is None:
            # It died while we took over, and nobody will say so again.
            on_loss()
            return
        self._on_death[pid] = on_death
        self._on_loss[pid] = on_loss

    def deposit(self, handle: str, ends: tuple[int, ...]) -> None:
        """Leave a job's read ends with the keeper: from now on its output survives us."""
        self._lines.append(f"{ToKeeper.DEPOSIT} {handle}")
        self._send(ends)

    def hold(self, pid: int, pidfd: int) -> None:
        """Leave the pidfd of somebody else's child with the keeper: whoever holds it can be told its status."""
        self._lines.append(f"{ToKeeper.STRANGER} {pid}")
        self._send((pidfd,))

    def deposit_nothing(self, handle: str) -> None:
        """Have the keeper know a job that needs nothing of it any more, until it is settled."""
        self._say(f"{ToKeeper.DEPOSIT} {handle}")

    def ended(self, handle: str, folder: str) -> None:
        """Say under which name the logs of a job that ended are found."""
        self._say(f"{ToKeeper.ENDED} {handle} {folder}")

    def drained(self, handle: str) -> None:
        """Say that nobody writes into the pipes of a job any more."""
        self._say(f"{ToKeeper.DRAINED} {handle}")

    def settled(self, handle: str) -> None:
        """Say that the desk knows how a job ended."""
        self._say(f"{ToKeeper.SETTLED} {handle}")

    def recorded(self, pid: int) -> None:
        """Say that the end of the keeper's child, or of a stranger, is on disk."""
        self._say(f"{ToKeeper.RECORDED} {pid}")

    def retire(self) -> None:
        """Have the keeper end when we do."""
        self._lines.append(ToKeeper.RETIRE)
        self.flush()

    def reload(self) -> None:
        """Have the keeper become the version on the disk when we end."""
        self._lines.append(ToKeeper.RELOAD)
        self.flush()

    def _say(self, line: str) -> None:
        """Say something: with the next deposit, and where none comes, in a moment.

        Should we die before, the next supervisor finds the same out from the log folders, only with more work. So one waking of the
        keeper is enough for each job.
        """
        self._lines.append(line)
        if not self._flushing:
            self._flushing = True
            self._loop.after(_FLUSH_SECONDS, self.flush)

    def flush(self) -> None:
        """Send what was said."""
        self._flushing = False
        if self._lines:
            self._send(())

    def _send(self, ends: tuple[int, ...]) -> None:
        lines, self._lines = self._lines, []
        if self._socket is None:
            return
        *former, last = datagrams.lines(lines)
        try:
            for one in former:
                self._socket.send(one)
            datagrams.send_with(self._socket, last, ends)
        except BlockingIOError:
            # It does nothing but listen; if it does not even do that, it is better dead: we get another one.
            say(f"the keeper, process {self.keeper}, has not listened for {_PATIENCE_SECONDS} s and is killed")
            if os.getppid() == self.keeper:
                os.kill(self.keeper, signal.SIGKILL)
        except OSError:
            # It died; the loop hears of it in a moment.
            return

    def _receive(self) -> tuple[list[str], tuple[int, ...]]:
        if self._socket is None:
            return [], ()
        data, descriptors = datagrams.receive_with(self._socket) or (b"", ())
        return data.decode().split(" ") if data else [], descriptors

    def _hear(self, _events: int) -> None:
        words, _ = self._receive()
        match words:
            case [FromKeeper.DIED, *rest]:
                end = _read_died(rest)
                self._on_loss.pop(end.pid, None)
                callback = self._on_death.pop(end.pid, None)
                if callback is not None:
                    callback(end)
            case _:
                self._lost()

    def _lost(self) -> None:
        if self._socket is None:
            return
        self._loop.unwatch(self._socket.fileno())
        self._socket.close()
        self._socket = None
        say(f"the keeper, process {self.keeper}, is gone; a new one comes when nothing runs")
        callbacks, self._on_loss = list(self._on_loss.values()), {}
        self._on_death = {}
        for callback in callbacks:
            callback()


def _read_died(words: list[str]) -> Died:
    pid, wait_status, mark, session, start_ticks, user_us, system_us, resident = map(int, words)
    return Died(pid, wait_status, mark, session, start_ticks, user_us, system_us, resident)
