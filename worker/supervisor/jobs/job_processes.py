"""All processes of one job, its leader and the others in its box: signalled, suspended and killed together.

The worker is told, with the pids, which of them could not be reached. job.py decides when that happens.
"""

from __future__ import annotations

import signal

from .. import facts
from ..containment.containment import Box
from ..containment.unreached import not_ours, outlived_kill
from ..services import Services
from .leaders import Leader


class JobProcesses:
    """The processes of one job. Does not own leader and box."""

    __slots__ = ("_handle", "_services", "box", "is_paused", "leader", "stuck_by", "untold", "wait_status")

    def __init__(self, services: Services, handle: str, leader: Leader, box: Box, *, is_paused: bool) -> None:
        self._services = services
        self._handle = handle
        self.leader = leader
        self.box = box
        # That of the leader, as from waitpid(2); None: it has not ended, or its status is not known.
        self.wait_status: int | None = None
        self.is_paused = is_paused
        # Which of them cannot be ended, in words, as far as known.
        self.stuck_by = ""
        # Why the leader could not be told to end, in words; empty: it was, or nobody asked.
        self.untold = ""

    def send(self, number: int) -> None:
        """Send a signal to all; a fact reports which it did not reach."""
        self._services.report(facts.signalled(self._handle, not_ours(self.box.send(number), "signalled")))

    def ask_to_end(self, number: int) -> None:
        """Send the stop signal to all, and let them handle it."""
        refused = self.box.send(number)
        # A stopped process would not handle the signal. A frozen one handles it first when it is thawed.
        self.box.send(signal.SIGCONT)
        self.thaw()
        self.untold = not_ours(refused & {self.leader.pid}, "told to end")
        if not self._tell_who_cannot_be_ended(refused) and self.untold:
            self._tell_stuck([self.leader.pid], f"{self.untold}; it is killed after the grace time")

    def kill(self) -> None:
        """Kill all; a fact reports those of other users."""
        self.box.kill()
        self.leader.kill()
        # Signal 0 only checks whether a signal could be sent.
        self._tell_who_cannot_be_ended(self.box.send(0))

    def pause(self) -> None:
        """Suspend all or none; a fact reports which."""
        refused = self.box.freeze()
        self.is_paused = True
        if refused:
            self.thaw(not_ours(refused, "suspended"))
        else:
            self.tell_whether_paused()

    def thaw(self, why: str = "") -> None:
        """Resume all if they are suspended; a fact reports it, with the reason if not all were."""
        if self.is_paused:
            self.box.thaw()
            self.is_paused = False
            self.tell_whether_paused(why)

    def resume(self) -> None:
        """Let all continue; a fact reports that they are not suspended, even if they were not."""
        if self.is_paused:
            self.thaw()
        else:
            self.tell_whether_paused()

    def tell_whether_paused(self, why: str = "") -> None:
        """Report whether they are suspended."""
        self._services.report(facts.paused(self._handle, why, is_paused=self.is_paused))

    def tell_who_outlived_a_kill(self) -> None:
        """Report which of them SIGKILL has not ended."""
        pids = sorted({*self.box.pids(), self.leader.pid} if self.wait_status is None else self.box.pids())
        self._tell_stuck(pids, outlived_kill(pids, self.box.send(0)))

    def _tell_who_cannot_be_ended(self, refused: set[int]) -> bool:
        """Report them, and return whether there are any."""
        beyond = self.box.beyond(refused) if refused else set()
        if beyond:
            self._tell_stuck(sorted(beyond), not_ours(beyond, "ended"))
        return bool(beyond)

    def _tell_stuck(self, pids: list[int], why: str) -> None:
        self.stuck_by = why
        self._services.report(facts.stuck(self._handle, pids, why))
