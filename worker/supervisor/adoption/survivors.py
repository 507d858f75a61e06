"""Find the parts of a running job that an earlier supervisor started: its leader, its box, and its pipes."""

from __future__ import annotations

import os

from ...state.log_folders.folders import STREAMS
from ...state.log_folders.job_files import JobFile
from ...state.log_folders.notes import PipeName, note_problem, pipes_path, read_pipes, write_pipes
from ..containment.containment import Box, NoBox
from ..containment.processes import Stat, is_there, mark_of, read_stat
from ..containment.sessions import Sessions
from ..jobs.leaders import Fostered, Gone, Leader, Stranger
from ..services import Services
from ..spawning.spawner import RIDING_NUMBERS
from ..streams.pipes import Found, Pipes, find_terminal, has_pipe, riding_in
from .traces import started_about


class Survivors:
    """The parts of running jobs. `strangers` are the pidfds that the keeper held; it reports all ends only to a new supervisor."""

    def __init__(self, services: Services, pipes: Pipes, strangers: dict[int, int], why_gone: str, *, keeper_tells: bool) -> None:
        self._services = services
        self._strangers = dict(strangers)
        self._why_gone = why_gone
        self._keeper_tells = keeper_tells
        self._pipes = pipes

    def let_go_of_strangers(self) -> None:
        """Close the remaining pidfds: the ends of these processes are recorded; only the keeper was not told."""
        for pid, pidfd in self._strangers.items():
            os.close(pidfd)
            self._services.line.recorded(pid)

    def leader(self, folder: str, mark: int, pid: int, started_at_us: int) -> tuple[Leader, Stat | None]:
        """Return a leader, and its entry in /proc if it exists."""
        if self._why_gone:
            return Gone(pid, self._why_gone), None
        line = self._services.line
        pidfd = self._strangers.pop(pid, -1)
        if pidfd >= 0:
            return Stranger(pid, line, pidfd), read_stat(pid)
        for _ in range(2):
            found = self._look_for_leader(folder, mark, pid, started_at_us)
            if found is not None:
                return found
            if not self._keeper_tells:
                break
            # The keeper may just have reaped it; after this, its report has arrived.
            line.catch_up()
        why = "it ended while neither the supervisor nor its keeper was running"
        if line.is_up and not self._keeper_tells:
            why = "its log folder, or the file `job` in it, was removed or damaged, and it ended before the next supervisor could use them"
        if is_there(pid) and read_stat(pid) is None:
            why = f"/proc does not show process {pid} to this user, so whether it is still the job is not known"
        return Gone(pid, why), None

    def _look_for_leader(self, folder: str, mark: int, pid: int, started_at_us: int) -> tuple[Leader, Stat | None] | None:
        line = self._services.line
        try:
            if pid in line.died:
                return Fostered(line, pid), None
            stat = read_stat(pid)
            if stat is not None and self._is_of(folder, mark, pid, stat, started_at_us):
                if stat.parent == line.keeper and self._keeper_tells:
                    return Fostered(line, pid), stat
                if stat.alive:
                    return Stranger(pid, line), stat
        except OSError:
            # It ended between two reads.
            pass
        return None

    def _is_of(self, folder: str, mark: int, pid: int, stat: Stat, started_at_us: int) -> bool:
        # The clock may have been set, and the job may have changed its mark, but its pipes are still the same.
        if mark == mark_of(pid) or started_about(stat.start_ticks, started_at_us):
            return True
        return has_pipe(pid, read_pipes(pipes_path(folder)) or ())

    def box(self, members: list[int], mark: int) -> Box:
        """Return the box of a job, found through its processes."""
        for pid in members:
            box = self._services.boxes.of_process(pid, mark, members[0])
            if box is not None:
                return box
        # It may have been started when cgroups could not be used.
        return Sessions(self._services.line.keeper).of_process(members[0], mark, members[0]) if members else NoBox()

    def pipes(self, file: JobFile, folder: str, members: list[int], leader: Leader) -> tuple[int, ...]:
        """Reopen the pipes of a job, or its terminal with its pipe, note which output may be incomplete, and return the read ends."""
        names = read_pipes(pipes_path(folder))
        if names is None and not self._keeper_tells:
            # They were noted in the folder that was removed.
            names = next(filter(None, (riding_in(pid, RIDING_NUMBERS) for pid in members)), None)
            if names is not None:
                write_pipes(pipes_path(folder), names)
        found = self._find(file, names, members)
        for stream, (_, problem) in zip(STREAMS, found, strict=True):
            if problem:
                note_problem(folder, stream, leader.why_unknown if isinstance(leader, Gone) else problem)
        ends = tuple(end for end, _ in found)
        self._services.line.deposit(file.handle, ends)
        return ends

    def _find(self, file: JobFile, names: tuple[PipeName, ...] | None, members: list[int]) -> tuple[Found, ...]:
        if file.terminal is None:
            return self._pipes.find(None if self._why_gone else names, members)
        if self._why_gone or names is None:
            members = []
        return find_terminal(names or (PipeName(0, 0), PipeName(0, 0)), members)
