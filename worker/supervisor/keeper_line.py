"""The supervisor's end of the line to its keeper; the words are those of worker/wire/words.py.

If the keeper dies, the supervisor continues without it: further messages have no effect.
"""

from __future__ import annotations

import os
import select
import signal
import struct
from collections.abc import Callable

from ...keys.c_socket import peer_of, socket
from ...schemas.private_parts.light_typing import NamedTuple
from ..keeper.light_process import say
from ..wire import datagrams
from ..wire.words import EMPTY, FromKeeper, ToKeeper
from .loop import Loop

_PATIENCE_SECONDS = 10
# Of 7 digits, in a line that is well below the largest datagram.
_PIDS_A_LINE = 5000
_FLUSH_SECONDS = 0.05


class Died(NamedTuple):
    """The end of a process that the keeper reaped, and the resources it used."""

    pid: int
    wait_status: int
    mark: int
    session: int
    start_ticks: int
    user_us: int
    system_us: int
    max_resident_bytes: int


class Deposited(NamedTuple):
    """What the keeper held for one job. `folder` is empty unless its end was reported; `ends` is empty once it was drained.

    `feed`: the descriptors for its input; empty if it is not fed, or no longer.
    """

    handle: str
    folder: str
    settled: bool
    ends: tuple[int, ...]
    feed: tuple[int, ...] = ()


class Handover(NamedTuple):
    """What this supervisor takes over. `first`: it is the first supervisor of its keeper, which does not know what happened to older jobs.

    `strangers` are the pidfds of leaders that are not children of the keeper.
    """

    deposits: dict[str, Deposited]
    strangers: dict[int, int]
    first: bool


class KeeperLine:
    """Reports to the keeper what it must know, and receives the ends of its children."""

    def __init__(self, loop: Loop, fd: int, on_lost: Callable[[], None] = lambda: None) -> None:
        """Use the socket `fd`. `on_lost` is called once, when the keeper has died."""
        self._loop = loop
        self._on_lost = on_lost
        os.set_inheritable(fd, False)  # noqa: FBT003 -- it takes no name
        self._socket: socket.socket | None = socket.socket(fileno=fd)
        self._socket.settimeout(None)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", _PATIENCE_SECONDS, 0))
        # Not getppid: if the keeper died meanwhile, that is another process. A socket pair has the pid of its creator.
        self.keeper, _ = peer_of(self._socket)
        self._lines: list[str] = []
        self._flushing = False
        # Ends that arrived before anybody waited for them.
        self.died: dict[int, Died] = {}
        self._on_death: dict[int, Callable[[Died], None]] = {}
        self._on_loss: dict[int, Callable[[], None]] = {}

    @property
    def is_up(self) -> bool:
        """Whether the keeper is alive."""
        return self._socket is not None

    def take_over(self) -> Handover:
        """Wait for everything that the keeper holds, and return it."""
        deposits: dict[str, Deposited] = {}
        strangers: dict[int, int] = {}
        while self._socket is not None:
            words, ends = self._receive()
            match words:
                case [FromKeeper.DEPOSIT, handle, folder, settled]:
                    deposits[handle] = Deposited(handle, "" if folder == EMPTY else folder, settled == "1", ends)
                case [FromKeeper.FEED, handle] if handle in deposits:
                    deposits[handle] = deposits[handle]._replace(feed=ends)
                case [FromKeeper.STRANGER, pid]:
                    strangers[int(pid)] = ends[0]
                case [FromKeeper.DIED, *rest]:
                    end = _read_died(rest)
                    self.died[end.pid] = end
                case [FromKeeper.HANDED, first]:
                    return Handover(deposits, strangers, first == "1")
                case []:
                    self._lost()
                case _:
                    _ignore(words, ends)
        return Handover(deposits, strangers, first=True)

    def catch_up(self) -> None:
        """Wait until all children of the keeper that have ended by now are in `died`."""
        self._lines.append(ToKeeper.AGAIN)
        self.flush()
        self.take_over()

    def adopted(self, pids: list[int]) -> None:
        """Tell the keeper which ends to report, and receive them from now on."""
        while len(pids) > _PIDS_A_LINE:
            # A keeper of an earlier version ignores these lines; it would have received none that is longer.
            pids, some = pids[:-_PIDS_A_LINE], pids[-_PIDS_A_LINE:]
            self._lines.append(" ".join([ToKeeper.ADOPTING, *map(str, some)]))
        self._lines.append(" ".join([ToKeeper.ADOPTED, *map(str, pids)]))
        self.flush()
        if self._socket is not None:
            self._loop.watch(self._socket.fileno(), select.EPOLLIN, self._hear)

    def await_death(self, pid: int, on_death: Callable[[Died], None], on_loss: Callable[[], None]) -> None:
        """Call `on_death` when the child `pid` of the keeper has died, or `on_loss` when the keeper has died and cannot report it."""
        end = self.died.pop(pid, None)
        if end is not None:
            on_death(end)
            return
        if self._socket is None:
            # The keeper died during the adoption, which is not reported again.
            on_loss()
            return
        self._on_death[pid] = on_death
        self._on_loss[pid] = on_loss

    def deposit(self, handle: str, ends: tuple[int, ...]) -> None:
        """Deposit a job's read ends with the keeper: from now on its output survives this process."""
        self._lines.append(f"{ToKeeper.DEPOSIT} {handle}")
        self._send(ends)

    def deposit_feed(self, handle: str, feed: tuple[int, ...]) -> None:
        """Deposit the descriptors for the input of a deposited job: from now on its input survives this process."""
        self._lines.append(f"{ToKeeper.FEED} {handle}")
        self._send(feed)

    def fed(self, handle: str) -> None:
        """Tell the keeper to close its descriptors for the input of a job, which waits for end of file."""
        self._lines.append(f"{ToKeeper.FED} {handle}")
        self.flush()

    def hold(self, pid: int, pidfd: int) -> None:
        """Deposit the pidfd of another process's child with the keeper: its holder can read the status."""
        self._lines.append(f"{ToKeeper.STRANGER} {pid}")
        self._send((pidfd,))

    def deposit_nothing(self, handle: str) -> None:
        """Tell the keeper to remember a job until it is settled, without descriptors."""
        self._say(f"{ToKeeper.DEPOSIT} {handle}")

    def ended(self, handle: str, folder: str) -> None:
        """Tell the keeper the name of the log folder of an ended job."""
        self._say(f"{ToKeeper.ENDED} {handle} {folder}")

    def drained(self, handle: str) -> None:
        """Tell the keeper that the pipes of a job have no writer any more."""
        self._say(f"{ToKeeper.DRAINED} {handle}")

    def settled(self, handle: str) -> None:
        """Tell the keeper that the desk has recorded how a job ended."""
        self._say(f"{ToKeeper.SETTLED} {handle}")

    def recorded(self, pid: int) -> None:
        """Tell the keeper that the end of its child, or of a stranger, is on disk."""
        self._say(f"{ToKeeper.RECORDED} {pid}")

    def retire(self) -> None:
        """Tell the keeper to exit together with this process."""
        self._lines.append(ToKeeper.RETIRE)
        self.flush()

    def reload(self) -> None:
        """Tell the keeper to execute the installed version when this process exits."""
        self._lines.append(ToKeeper.RELOAD)
        self.flush()

    def _say(self, line: str) -> None:
        """Send a line with the next deposit, or soon if there is none.

        If this process dies before, the next supervisor finds the same in the log folders, with more work. So the keeper is woken only once
        per job.
        """
        self._lines.append(line)
        if not self._flushing:
            self._flushing = True
            self._loop.after(_FLUSH_SECONDS, self.flush)

    def flush(self) -> None:
        """Send all lines now."""
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
            # Its only task is to listen. If it does not, it is better killed: there will be another one.
            say(f"the keeper, process {self.keeper}, has not read for {_PATIENCE_SECONDS} s and is killed")
            if os.getppid() == self.keeper:
                os.kill(self.keeper, signal.SIGKILL)
        except OSError:
            # It died; the loop notices that in a moment.
            return

    def _receive(self) -> tuple[list[str], tuple[int, ...]]:
        if self._socket is None:
            return [], ()
        data, descriptors = datagrams.receive_with(self._socket) or (b"", ())
        return data.decode().split(" ") if data else [], descriptors

    def _hear(self, _events: int) -> None:
        words, ends = self._receive()
        match words:
            case [FromKeeper.DIED, *rest]:
                end = _read_died(rest)
                self._on_loss.pop(end.pid, None)
                callback = self._on_death.pop(end.pid, None)
                if callback is not None:
                    callback(end)
            case []:
                self._lost()
            case _:
                _ignore(words, ends)

    def _lost(self) -> None:
        if self._socket is None:
            return
        self._loop.unwatch(self._socket.fileno())
        self._socket.close()
        self._socket = None
        say(f"the keeper, process {self.keeper}, died; a new one is started when no job is running")
        self._on_lost()
        callbacks, self._on_loss = list(self._on_loss.values()), {}
        self._on_death = {}
        for callback in callbacks:
            callback()


def _ignore(words: list[str], ends: tuple[int, ...]) -> None:
    # A word of a newer keeper, not needed here.
    say(f"the keeper sent a message that is not understood: {' '.join(words)!r:.200}")
    for end in ends:
        os.close(end)


def _read_died(words: list[str]) -> Died:
    pid, wait_status, mark, session, start_ticks, user_us, system_us, resident = map(int, words)
    return Died(pid, wait_status, mark, session, start_ticks, user_us, system_us, resident)
