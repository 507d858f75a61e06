"""What the keeper does. It is the parent of the supervisor, and of whatever loses its parent below it, and only waits.

It holds what must outlive a supervisor: the listening socket, and of each job the read ends of its pipes, deposited before the fork.
When the supervisor dies it reaps what ends meanwhile, starts the next one, and hands it all of that. It knows no spec and writes no file.

They talk in lines of words, several a datagram, over a SOCK_SEQPACKET pair ("-" is an empty word):

    supervisor -> keeper
    deposit HANDLE              a fork comes next; the last line of its datagram, with the two read ends
    ended HANDLE FOLDER         its logs are there now
    drained HANDLE              nobody writes into its pipes any more
    settled HANDLE              the desk knows how it ended
    again                       say `handed` once more, behind all that is known by now
    adopted PID...              the handover is over: of what ends from now on, only these matter
    stranger PID                a leader that has another parent than us, with its pidfd, which will tell its status
    recorded PID                its end is on disk
    retire                      end when the supervisor ends
    reload                      when the supervisor ends become the version on the disk, and start the next one

    keeper -> supervisor
    deposit HANDLE FOLDER SETTLED              with the read ends, unless it is drained
    stranger PID                               with the pidfd
    died PID STATUS MARK SESSION TICKS USER_US SYSTEM_US RESIDENT_BYTES
    handed FIRST                that was all; FIRST is 1 if this keeper had no supervisor before
"""

# This process should stay small: no pathlib, and of socket and signal only the C part, which does not load enum.
from __future__ import annotations

import os
import select
import sys
import time

from ...schemas import fault_points
from ...schemas.c_signal import signal
from ..supervisor.containment.processes import mark_of, next_zombie, read_stat
from . import handover
from .c_socket import socket
from .deposits import MOST_DESCRIPTORS_BYTES, Deposits, pack, unpack
from .light_process import DEFAULT_SIGNALS, command, say

LARGEST_DATAGRAM = 60_000
_REST_MS = 15
_CRASH_SECONDS = 1
_CRASHES_WITHOUT_PAUSE = 2
_SHORTEST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 5
_SHORTAGE_SECONDS = 1


class Keeper:
    """Waits for the supervisor, for orphans, and for what the supervisor says."""

    def __init__(self, listener: int, lock: int, files_limit: int) -> None:
        self._inherited = (listener, lock, files_limit)
        self._deposits = Deposits()
        # The ends of leaders, until the supervisor has written them down.
        self._died: dict[int, str] = {}
        # The pidfds of leaders that are nobody's children, because a keeper was killed together with its supervisor.
        self._strangers: dict[int, int] = {}
        # Whose end matters; None: everyone's, because no supervisor was there to see it.
        self._awaited: set[int] | None = None
        self._outgoing: list[tuple[str, tuple[int, ...]]] = []
        self._line: socket.socket | None = None
        self._supervisor = 0
        self._supervisors = 0
        self._crashes = 0
        self._born = 0.0
        self._start_at = 0.0
        self._retiring = False
        self._reloading = False
        self._rests = False
        self._wakeup, wakeup = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wakeup)
        self._poll = select.poll()
        self._poll.register(self._wakeup, select.POLLIN)

    def take_over(self, file: int) -> None:
        """Go on where this process was before it became this version."""
        try:
            handed = handover.read(file)
        except ValueError as error:
            # Its children are there all the same, and the supervisor opens their pipes anew.
            say(f"what this keeper held cannot be read: {error}")
            self._supervisors = 1
            return
        self._supervisors = handed.supervisors
        self._deposits.take_over(handed.deposits)
        self._died = {int(end.split(" ")[1]): end for end in handed.died}
        self._strangers = handed.strangers

    def run(self) -> None:
        """Keep a supervisor running until it retires, or somebody has removed the state folder: then there is nothing to keep."""
        # After an exec: nothing told of whom died meanwhile.
        self._reap()
        while self._supervisor or self._deposits or not self._retiring:
            if not self._supervisor and os.stat(".").st_nlink == 0:  # noqa: PTH116 -- pathlib is not light
                say("the state folder is gone, and so is its keeper")
                return
            if not self._supervisor and self._reloading:
                self._become_anew()
            if not self._supervisor and time.monotonic() >= self._start_at:
                self._start_supervisor()
            found = self._poll.poll(self._pause_ms())
            if self._rests and not found:
                self._rest(rests=False)
            for fd, events in found:
                if fd == self._wakeup:
                    os.read(fd, 512)
                    self._reap()
                else:
                    if events & select.POLLOUT:
                        self._flush()
                    self._listen()
                    # While nobody is handed over, nothing that the supervisor says is urgent: the kernel keeps it, also if it dies.
                    self._rest(rests=self._awaited is not None)

    def _pause_ms(self) -> int | None:
        if self._rests:
            return _REST_MS
        return None if self._supervisor else max(0, int((self._start_at - time.monotonic()) * 1000) + 1)

    def _rest(self, *, rests: bool) -> None:
        """Do not wake for each word of the supervisor, of which there are four a job; or do it again."""
        self._rests = rests and self._line is not None
        self._await_line()

    def _await_line(self) -> None:
        if self._line is not None:
            events = 0 if self._rests else select.POLLIN
            self._poll.modify(self._line.fileno(), events | (select.POLLOUT if self._outgoing else 0))

    def _start_supervisor(self) -> None:
        if fault_points.ARMED and self._supervisors:
            fault_points.reach("before-next-supervisor")
        try:
            self._spawn_supervisor()
        except OSError as error:
            # No process or no descriptor is left, and nothing tells when one is again. Jobs wait in their pipes.
            say(f"no supervisor can be started: {error.strerror}; trying again")
            self._start_at = time.monotonic() + _SHORTAGE_SECONDS

    def _spawn_supervisor(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(0)
        listener, lock, files_limit = self._inherited
        for fd in (theirs.fileno(), listener, lock):
            os.set_inheritable(fd, True)  # noqa: FBT003 -- it takes no name
        call = f"supervisor.main import main; main({theirs.fileno()}, {listener}, {lock}, {files_limit})"
        environment = {**os.environ, handover.VARIABLE: str(handover.VERSION)}
        self._supervisor = os.posix_spawn(sys.executable, command(call), environment, setsigmask=[], setsigdef=DEFAULT_SIGNALS)
        theirs.close()
        self._line = ours
        self._poll.register(ours.fileno(), select.POLLIN)
        self._born = time.monotonic()
        self._retiring = False
        self._outgoing = [*self._deposits.told_again(), *((f"stranger {pid}", (fd,)) for pid, fd in self._strangers.items())]
        self._outgoing += [(end, ()) for end in self._died.values()]
        self._outgoing.append((f"handed {int(self._supervisors == 0)}", ()))
        self._supervisors += 1
        self._flush()

    def _become_anew(self) -> None:
        self._reloading = False
        handed = handover.Handed()
        handed.supervisors = self._supervisors
        handed.deposits = self._deposits.hand_over()
        handed.died = list(self._died.values())
        handed.strangers = self._strangers
        file = handover.write(handed)
        listener, lock, files_limit = self._inherited
        for fd in (listener, lock):
            os.set_inheritable(fd, True)  # noqa: FBT003 -- it takes no name
        try:
            os.execv(sys.executable, command(f"keeper import main; main('.', {files_limit}, {listener}, {lock}, {file})"))  # noqa: S606 -- no shell is wanted
        except OSError as error:
            say(f"the keeper stays of the version that it is: {error}")
            handover.take_back(handed, file)

    def _reap(self) -> None:
        while pid := next_zombie():
            supervisor = self._supervisor
            # A supervisor's children become ours in the moment it dies: who sees one of them dead must know of its death first.
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
        # What it said before it died still counts.
        self._listen()
        self._hang_up()
        lived = time.monotonic() - self._born
        self._crashes = self._crashes + 1 if lived < _CRASH_SECONDS else 0
        # At once the first times, then slower and slower: it seems to die of what it finds.
        excess = self._crashes - _CRASHES_WITHOUT_PAUSE
        pause = min(_SHORTEST_PAUSE_SECONDS * 2**excess, _LONGEST_PAUSE_SECONDS) if excess > 0 else 0
        self._start_at = time.monotonic() + pause
        if not self._retiring and not self._reloading:
            say(f"the supervisor, process {self._supervisor}, died after {lived:.1f} s")
        self._supervisor = 0
        self._awaited = None

    def _record(self, pid: int) -> None:
        # Looked at while it is a zombie: nothing of it is left once it is reaped.
        stat = read_stat(pid)
        mark = mark_of(pid)
        _, status, use = os.wait4(pid, 0)
        # Where /proc does not show it to us (hidepid), how it ended is known all the same.
        session, ticks = (stat.session, stat.start_ticks) if stat is not None else (0, 0)
        used = f"{int(use.ru_utime * 1_000_000)} {int(use.ru_stime * 1_000_000)} {use.ru_maxrss * 1024}"
        end = f"died {pid} {status} {mark} {session} {ticks} {used}"
        self._died[pid] = end
        if self._awaited is not None:
            self._awaited.discard(pid)
        if self._line is not None:
            self._outgoing.append((end, ()))
            self._flush()

    def _flush(self) -> None:
        while self._outgoing and self._line is not None:
            text, ends = self._outgoing[0]
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, pack(ends))] if ends else []
            try:
                self._line.sendmsg([text.encode()], rights)
            except BlockingIOError:
                break
            except OSError:
                self._hang_up()
                return
            del self._outgoing[0]
        self._await_line()

    def _listen(self) -> None:
        while self._line is not None:
            try:
                data, rights, _, _ = self._line.recvmsg(
                    LARGEST_DATAGRAM, socket.CMSG_SPACE(MOST_DESCRIPTORS_BYTES), socket.MSG_CMSG_CLOEXEC
                )
            except BlockingIOError:
                return
            except OSError:
                data, rights = b"", []
            if not data:
                self._hang_up()
                return
            ends = unpack(rights)
            *former, last = data.decode().split("\n")
            for line in former:
                self._hear(line, ())
            self._hear(last, ends)

    def _hear(self, line: str, ends: tuple[int, ...]) -> None:
        word, *rest = line.split(" ")
        match word:
            case "again":
                self._reap()
                self._outgoing.append(("handed 0", ()))
                self._flush()
            case "adopted":
                pids = {int(pid) for pid in rest}
                self._died = {pid: end for pid, end in self._died.items() if pid in pids}
                self._awaited = pids - self._died.keys()
            case "stranger":
                self._strangers[int(rest[0])] = ends[0]
            case "recorded":
                self._died.pop(int(rest[0]), None)
                if int(rest[0]) in self._strangers:
                    os.close(self._strangers.pop(int(rest[0])))
            case "retire":
                self._retiring = True
            case "reload":
                self._reloading = True
            case _:
                self._deposits.hear(word, rest, ends)
                if fault_points.ARMED and word == "deposit":
                    fault_points.reach("after-deposit")

    def _hang_up(self) -> None:
        if self._line is not None:
            self._poll.unregister(self._line.fileno())
            self._line.close()
        self._line = None
        self._rests = False
        self._outgoing = []
