"""Takes over what was started before this supervisor: from what the keeper held, the log folders, and /proc.

What an earlier supervisor may have left, in the order in which it does things:
    .new-<handle> without `stderr`            never tried: it stays, and is started when that is asked for again
    .new-<handle> with `stderr`               a fork may have happened: its process is looked for
    <pid>_<start>                             it runs, or ended meanwhile
    .new-<handle>, <pid>_<start> with `outcome`     it ended, only the new name is missing
    <pid>_<start>_<end>                       the keeper knows whether the desk has settled it

As long as the keeper lived nothing is lost: whoever ended was reaped by it, with its status.
"""

# ruff: noqa: PTH104, PTH110, PTH208 -- pathlib is not light
from __future__ import annotations

import os

from ...schemas import faults
from ...schemas.naming import parse_folder
from ..folders import FILE_MODE, INTENT_PREFIX, STREAMS, JobFile, find_ended, outcome_text, read_job, read_outcome, run_path
from ..keeper_loop import say
from .containment import Box, NoBox
from .job import Job, Yard, ended_fact
from .jobs import Jobs
from .keeper_line import Handover
from .leaders import Fostered, Gone, Leader, Stranger, Use
from .loop import log_exception
from .processes import Stat, age_seconds, mark_of, read_stat
from .pump import Pump
from .sessions import Sessions
from .traces import find_leader, find_pipes, marked_processes, started_about


class Adoption:
    """One pass over everything."""

    def __init__(self, yard: Yard, jobs: Jobs, handover: Handover, *, rebooted: bool) -> None:
        self._yard = yard
        self._jobs = jobs
        self._handover = handover
        self._rebooted = rebooted
        self._seen = {} if rebooted else marked_processes()
        self._deposits = dict(handover.deposits)
        self._strangers = dict(handover.strangers)
        self._found: list[tuple[Job, float]] = []
        self._awaited: list[int] = []

    def run(self) -> None:
        """Take in whatever there is; what cannot be understood is left alone, with a line in the log."""
        for name in os.listdir(self._yard.logs):
            try:
                self._look_at(name)
            except Exception:  # noqa: BLE001 -- one broken folder must not cost the other jobs
                log_exception()
                say(f"{self._yard.logs}/{name} is left alone")
        self._take_ended()
        for pid, pidfd in self._strangers.items():
            # Its end is on disk, and only the keeper was not told.
            os.close(pidfd)
            self._yard.line.say(f"recorded {pid}")
        # From here on the keeper reaps without a word whom we do not name.
        self._yard.line.adopted(self._awaited)
        for job, age in self._found:
            self._jobs.add(job, age)
        self._yard.line.died.clear()

    def _look_at(self, name: str) -> None:
        path = f"{self._yard.logs}/{name}"
        if name.startswith(INTENT_PREFIX):
            if os.path.exists(f"{path}/stderr"):
                self._look_at_tried(name.removeprefix(INTENT_PREFIX), path)
            return
        parsed = parse_folder(name) if name.count("_") == 1 else None
        if parsed is None:
            return
        file = read_job(path)
        if not self._has_ended(file.handle, path, parsed.pid):
            self._take_running(file, path, parsed.pid, parsed.started_at_us)

    def _look_at_tried(self, handle: str, path: str) -> None:
        if self._has_ended(handle, path, 0):
            return
        mark = self._jobs.mark(handle)
        # Whoever was gone when we looked at /proc is known to the keeper by now.
        self._yard.line.catch_up()
        pid = find_leader(self._seen.get(mark, {}), [one for one in self._yard.line.died.values() if one.mark == mark])
        if pid:
            started_at_us = self._yard.now_us()
            folder = run_path(self._yard.logs, pid, started_at_us)
            os.rename(path, folder)
            self._take_running(read_job(folder), folder, pid, started_at_us)
        elif self._handover.first:
            self._jobs.failed(handle, 0, "those who started it died in that moment: whether it ran is not known", kind="lost")
        else:
            # The keeper was there and saw no process of it end, and none is there: no fork happened.
            self._drop(handle)

    def _has_ended(self, handle: str, path: str, pid: int) -> bool:
        outcome = read_outcome(path)
        if outcome is None:
            return False
        folder = run_path(self._yard.logs, pid, outcome.started_at_us, outcome.ended_at_us)
        os.rename(path, folder)
        if handle not in self._deposits:
            self._yard.line.say(f"deposit {handle}")
        self._yard.line.say(f"ended {handle} {folder.rpartition('/')[2]}")
        self._take_one_ended(handle, folder)
        return True

    def _take_running(self, file: JobFile, folder: str, pid: int, started_at_us: int) -> None:
        mark = self._jobs.mark(file.handle)
        leader, stat = self._find_leader(mark, pid, started_at_us)
        members = [*([pid] if stat else []), *self._seen.get(mark, {})]
        box = self._find_box(members, mark)
        deposit = self._deposits.pop(file.handle, None)
        if deposit is not None and deposit.ends:
            ends = deposit.ends
        else:
            ends = find_pipes(members)
            self._yard.line.deposit(file.handle, ends if min(ends) >= 0 else ())
        if isinstance(leader, Fostered):
            self._awaited.append(pid)
        job = Job(self._yard, file, folder, started_at_us, leader, box, self._open_pumps(folder, ends))
        self._found.append((job, age_seconds(stat.start_ticks) if stat else 0.0))
        if faults.ARMED:
            faults.reach("during-adoption")

    def _find_leader(self, mark: int, pid: int, started_at_us: int) -> tuple[Leader, Stat | None]:
        """Find out what became of a leader; and what /proc says of it, if it is there."""
        if self._rebooted:
            return Gone(pid, "the machine was restarted while it ran"), None
        line = self._yard.line
        pidfd = self._strangers.pop(pid, -1)
        if pidfd >= 0:
            stat = read_stat(pid)
            return Stranger(pid, line, pidfd), stat if stat is not None and stat.alive else None
        for _ in range(2):
            if pid in line.died:
                return Fostered(line, pid), None
            stat = read_stat(pid)
            try:
                if stat is not None and stat.parent == line.keeper:
                    return Fostered(line, pid), stat
                if stat is not None and stat.alive and (mark == mark_of(pid) or started_about(stat.start_ticks, started_at_us)):
                    return Stranger(pid, line), stat
            except OSError:
                # It ended between two looks.
                pass
            # The keeper may just have reaped it. After this we know.
            line.catch_up()
        return Gone(pid, "it ended while neither the supervisor nor its keeper was there"), None

    def _find_box(self, members: list[int], mark: int) -> Box:
        for pid in members:
            box = self._yard.boxes.of_process(pid, mark)
            if box is not None:
                return box
        # It may have been started when cgroups could not be used.
        return Sessions(self._yard.line.keeper).of_process(members[0], mark) if members else NoBox()

    def _open_pumps(self, folder: str, ends: tuple[int, ...]) -> list[Pump]:
        pumps = []
        for name, end in zip(STREAMS, ends, strict=True):
            file = os.open(f"{folder}/{name}", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
            # Not O_APPEND, which splice refuses.
            pumps.append(Pump(self._yard.loop, end, file, os.lseek(file, 0, os.SEEK_END)))
        return pumps

    def _take_ended(self) -> None:
        unknown = {handle for handle, deposit in self._deposits.items() if not deposit.folder}
        found = find_ended(self._yard.logs, unknown) if unknown else {}
        for handle, deposit in list(self._deposits.items()):
            folder = f"{self._yard.logs}/{deposit.folder}" if deposit.folder else found.get(handle, "")
            try:
                self._take_one_ended(handle, folder)
            except OSError:
                log_exception()
                self._drop(handle)

    def _take_one_ended(self, handle: str, folder: str) -> None:
        deposit = self._deposits.pop(handle, None)
        if deposit is not None and deposit.ends:
            # Something that escaped may still write.
            pumps = self._open_pumps(folder, deposit.ends)
            for pump in pumps:
                pump.begin()
            self._yard.pump_on(handle, pumps)
        outcome = read_outcome(folder)
        if outcome is not None and not (deposit is not None and deposit.settled):
            self._jobs.add_ended(handle, ended_fact(handle, outcome_text(outcome), Use()))

    def _drop(self, handle: str) -> None:
        deposit = self._deposits.pop(handle, None)
        for end in deposit.ends if deposit is not None else ():
            os.close(end)
        self._yard.line.say(f"drained {handle}")
        self._yard.line.say(f"settled {handle}")
