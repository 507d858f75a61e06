"""The keeper's loop: it is the parent of the supervisor, and of all orphans below it, and waits.

It holds what must outlive a supervisor: the listening socket, and the read ends of each job's pipes, deposited before the fork. If the
supervisor dies, it reaps processes that end meanwhile, starts the next supervisor, and passes all of that on. It knows no spec and writes
no file.

worker/wire/words.py describes the lines between the two.
"""

# This process should stay small: no pathlib, and only the C parts of socket and signal, which do not load enum.
from __future__ import annotations

import os
import select
import sys
import time

from ...keys.c_socket import socket
from ...schemas import fault_points
from ...schemas.private_parts.c_signal import signal
from ..supervisor.containment.processes import mark_of, next_zombie, read_stat
from ..wire.words import FromKeeper, ToKeeper
from . import handover
from .deposits import Deposits
from .light_process import DEFAULT_SIGNALS, command, say
from .supervisor_line import Line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_REST_MS = 15
_CRASH_SECONDS = 1
_CRASHES_WITHOUT_PAUSE = 2
_SHORTEST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 5
_SHORTAGE_SECONDS = 1


class Keeper:
    """The keeper: waits for the supervisor, for its lines, and for orphans."""

    def __init__(self, listener: int, lock: int, files_limit: int) -> None:
        self._inherited = (listener, lock, files_limit)
        self._deposits = Deposits()
        # The ends of leaders, until the supervisor has recorded them.
        self._died: dict[int, str] = {}
        # The pidfds of leaders that are children of neither process, because a keeper was killed together with its supervisor.
        self._strangers: dict[int, int] = {}
        # The processes whose ends are reported; None: all, because there is no supervisor that could see them.
        self._awaited: set[int] | None = None
        # The first of them, until the supervisor has named all.
        self._adopting: set[int] = set()
        self._supervisor = 0
        self._supervisors = 0
        self._crashes = 0
        self._born = 0.0
        self._start_at = 0.0
        self._retiring = False
        self._reloading = False
        self._wakeup, wakeup = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wakeup)
        self._poll = select.poll()
        self._poll.register(self._wakeup, select.POLLIN)
        self._line = Line(self._poll, self._hear)

    def take_over(self, file: int) -> None:
        """Continue with the state that this process had before it executed this version."""
        try:
            handed = handover.read(file)
        except ValueError as error:
            # Its children still exist, and the supervisor reopens their pipes.
            say(f"what this keeper held cannot be read: {error}")
            self._supervisors = 1
            return
        self._supervisors = handed.supervisors
        self._deposits.take_over(handed.deposits, handed.feeds)
        self._died = {int(end.split(" ")[1]): end for end in handed.died}
        self._strangers = handed.strangers

    def run(self) -> None:
        """Keep a supervisor running until it retires, or until the state folder was removed."""
        # After an exec: no signal was received for processes that ended meanwhile.
        self._reap()
        while self._supervisor or self._deposits or not self._retiring:
            if not self._supervisor and os.stat(".").st_nlink == 0:  # noqa: PTH116 -- pathlib is not light
                say("the state folder was removed; the keeper exits")
                return
            if not self._supervisor and self._reloading:
                self._become_anew()
            if not self._supervisor and time.monotonic() >= self._start_at:
                self._start_supervisor()
            found = self._poll.poll(self._pause_ms())
            if self._line.rests and not found:
                self._line.rest(rests=False)
            for fd, events in found:
                if fd == self._wakeup:
                    os.read(fd, 512)
                    self._reap()
                else:
                    if events & select.POLLOUT:
                        self._line.flush()
                    self._line.listen()
                    # Except during adoption, and for a job that waits for the end of its input, no line of the supervisor is urgent: the
                    # kernel keeps the lines, even if it dies.
                    self._line.rest(rests=self._awaited is not None and not self._deposits.are_fed)

    def _pause_ms(self) -> int | None:
        if self._line.rests:
            return _REST_MS
        return None if self._supervisor else max(0, int((self._start_at - time.monotonic()) * 1000) + 1)

    def _start_supervisor(self) -> None:
        if fault_points.ARMED and self._supervisors:
            fault_points.reach("before-next-supervisor")
        try:
            self._spawn_supervisor()
        except OSError as error:
            # There is no free process or descriptor, and nothing reports when there is one again. Jobs wait when their pipes are full.
            say(f"the supervisor cannot be started: {error.strerror}; trying again")
            self._start_at = time.monotonic() + _SHORTAGE_SECONDS

    def _spawn_supervisor(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener, lock, files_limit = self._inherited
        for fd in (theirs.fileno(), listener, lock):
            os.set_inheritable(fd, True)  # noqa: FBT003 -- it takes no name
        call = f"supervisor.main import main; main({theirs.fileno()}, {listener}, {lock}, {files_limit})"
        environment = {**os.environ, handover.VARIABLE: str(handover.VERSION)}
        self._supervisor = os.posix_spawn(sys.executable, command(call), environment, setsigmask=[], setsigdef=DEFAULT_SIGNALS)
        theirs.close()
        self._line.open(ours)
        self._born = time.monotonic()
        self._retiring = False
        for line, ends in self._deposits.told_again():
            self._line.say(line, ends)
        for pid, pidfd in self._strangers.items():
            self._line.say(f"{FromKeeper.STRANGER} {pid}", (pidfd,))
        for end in self._died.values():
            self._line.say(end)
        self._line.say(f"{FromKeeper.HANDED} {int(self._supervisors == 0)}")
        self._supervisors += 1
        self._line.flush()

    def _become_anew(self) -> None:
        self._reloading = False
        handed = handover.Handed()
        handed.supervisors = self._supervisors
        handed.deposits = self._deposits.hand_over()
        handed.feeds = self._deposits.feeds()
        handed.died = list(self._died.values())
        handed.strangers = self._strangers
        file = handover.write(handed)
        listener, lock, files_limit = self._inherited
        for fd in (listener, lock):
            os.set_inheritable(fd, True)  # noqa: FBT003 -- it takes no name
        try:
            os.execv(sys.executable, command(f"keeper import main; main('.', {files_limit}, {listener}, {lock}, {file})"))  # noqa: S606 -- no shell is wanted
        except OSError as error:
            say(f"the keeper cannot execute the new version and keeps the old one: {error}")
            handover.take_back(handed, file)

    def _reap(self) -> None:
        while pid := next_zombie():
            supervisor = self._supervisor
            # The children of a supervisor become children of the keeper when it dies, so its death must be noticed before theirs.
            self._notice_death_of_supervisor()
            if pid == supervisor:
                continue
            if self._awaited is None or pid in self._awaited:
                self._record(pid)
            else:
                os.waitpid(pid, 0)

    def _notice_death_of_supervisor(self) -> None:
        if not self._supervisor or os.waitpid(self._supervisor, os.WNOHANG)[0] == 0:
            return
        # Lines that it sent before it died still count.
        self._line.listen()
        self._line.hang_up()
        lived = time.monotonic() - self._born
        self._crashes = self._crashes + 1 if lived < _CRASH_SECONDS else 0
        # At once the first times, then with growing delays: what it adopts seems to make it crash.
        excess = self._crashes - _CRASHES_WITHOUT_PAUSE
        pause = min(_SHORTEST_PAUSE_SECONDS * 2**excess, _LONGEST_PAUSE_SECONDS) if excess > 0 else 0
        self._start_at = time.monotonic() + pause
        if not self._retiring and not self._reloading:
            say(f"the supervisor, process {self._supervisor}, died after {lived:.1f} s")
        self._supervisor = 0
        self._awaited = None
        self._adopting = set()

    def _record(self, pid: int) -> None:
        # Read while it is a zombie: nothing can be read once it is reaped.
        stat = read_stat(pid)
        mark = mark_of(pid)
        _, status, use = os.wait4(pid, 0)
        # If /proc hides it (hidepid), its status is known nevertheless.
        session, ticks = (stat.session, stat.start_ticks) if stat is not None else (0, 0)
        used = f"{int(use.ru_utime * 1_000_000)} {int(use.ru_stime * 1_000_000)} {use.ru_maxrss * 1024}"
        end = f"{FromKeeper.DIED} {pid} {status} {mark} {session} {ticks} {used}"
        self._died[pid] = end
        if self._awaited is not None:
            self._awaited.discard(pid)
        self._line.say(end)
        self._line.flush()

    def _report_only(self, pids: Iterable[int], *, more_follow: bool) -> None:
        self._adopting.update(pids)
        if not more_follow:
            self._died = {pid: end for pid, end in self._died.items() if pid in self._adopting}
            self._awaited = self._adopting - self._died.keys()
            self._adopting = set()

    def _hear(self, line: str, ends: tuple[int, ...]) -> None:
        word, *rest = line.split(" ")
        match word:
            case ToKeeper.AGAIN:
                self._reap()
                self._line.say(f"{FromKeeper.HANDED} 0")
                self._line.flush()
            case ToKeeper.ADOPTING | ToKeeper.ADOPTED:
                self._report_only(map(int, rest), more_follow=word == ToKeeper.ADOPTING)
            case ToKeeper.STRANGER:
                self._strangers[int(rest[0])] = ends[0]
            case ToKeeper.RECORDED:
                self._forget_end(int(rest[0]))
            case ToKeeper.RETIRE:
                self._retiring = True
            case ToKeeper.RELOAD:
                self._reloading = True
            case ToKeeper.DEPOSIT | ToKeeper.FEED | ToKeeper.FED | ToKeeper.ENDED | ToKeeper.DRAINED | ToKeeper.SETTLED:
                self._deposits.hear(word, rest, ends)
                if fault_points.ARMED and word == ToKeeper.DEPOSIT:
                    fault_points.reach("after-deposit")
            case _:
                # A word of a newer supervisor, not needed here.
                for end in ends:
                    os.close(end)

    def _forget_end(self, pid: int) -> None:
        self._died.pop(pid, None)
        if pid in self._strangers:
            os.close(self._strangers.pop(pid))
