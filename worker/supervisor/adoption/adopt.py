"""Adopt jobs that were started before this supervisor, from the keeper's handover, the log folders, and /proc.

The tables in remains.py define what is done with each folder, and why. As long as the keeper was alive nothing is lost: it reaped processes
that ended, with their status.
"""

# ruff: noqa: PTH104, PTH110, PTH208 -- pathlib is not light
from __future__ import annotations

import os

from ....schemas import fault_points
from ....schemas.naming import parse_folder
from ...keeper.light_process import say
from ...state.folders import INTENT_PREFIX, LINGERS_PREFIX, STREAMS, run_path
from ...state.found_folders import find_ended
from ...state.job_files import JobFile, OutcomeFile, outcome_text, read_job, read_outcome
from ...state.notes import (
    forget_lingering,
    lingering_pipes_path,
    note_problem,
    pipes_path,
    read_lingering,
    read_pipes,
    read_problems,
    write_pipes,
)
from ..containment.containment import Box, NoBox
from ..containment.processes import Stat, age_seconds, is_there, mark_of, read_stat
from ..containment.sessions import Sessions
from ..facts import ended_fact
from ..job_context import Yard
from ..jobs.job import Job
from ..jobs.leaders import Fostered, Gone, Leader, Stranger, Use
from ..jobs.outcome import judge
from ..jobs.pipes import Pipes, has_pipe, riding_in
from ..jobs.pump import Pump, Quota
from ..jobs.registry import Jobs
from ..jobs.reopening import reopen_pumps
from ..jobs.spawn import RIDING_NUMBERS
from ..keeper_line import Deposited, Handover
from ..loop import log_exception
from .remains import OF_FOLDER, OF_TRY, Deed, left, witness
from .traces import find_leader, marked_processes, started_about


class Adoption:
    """One pass over everything; without a handover, over log folders that were not there at the first pass."""

    def __init__(self, yard: Yard, jobs: Jobs, handover: Handover | None, *, why_gone: str = "") -> None:
        self._yard = yard
        self._jobs = jobs
        # The keeper reports all ends only to a supervisor that has just started.
        self._keeper_tells = handover is not None
        handover = self._handover = handover or Handover({}, {}, first=False)
        # Why none of the jobs in the folders can be running any more, or belongs to this supervisor.
        self._why_gone = why_gone
        self._seen = {} if why_gone else marked_processes()
        self._deposits = dict(handover.deposits)
        self._strangers = dict(handover.strangers)
        self._pipes = Pipes()
        self._found: list[tuple[Job, float | None]] = []
        self._awaited: list[int] = []

    def run(self) -> None:
        """Adopt all jobs. A folder that cannot be understood is left unchanged, with a line in the log."""
        self._look_at_all(os.listdir(self._yard.logs))
        self._take_ended()
        for pid, pidfd in self._strangers.items():
            # Its end is on disk; only the keeper was not told.
            os.close(pidfd)
            self._yard.line.say(f"recorded {pid}")
        # From here on, the keeper reaps all other processes without reporting them.
        self._yard.line.adopted(self._awaited)
        for job, age in self._found:
            self._jobs.add(job, age)
        self._yard.line.died.clear()

    def take_over(self, names: list[str]) -> None:
        """Adopt jobs whose folders were removed and created again."""
        here = [name for name in names if not self._jobs.knows(read_job(f"{self._yard.logs}/{name}").handle)]
        self._look_at_all(here)
        for job, age in self._found:
            self._jobs.add(job, age)

    def _look_at_all(self, names: list[str]) -> None:
        for name in names:
            try:
                self._look_at(name)
            except Exception:  # noqa: BLE001 -- one broken folder must not cost the other jobs
                log_exception()
                say(f"{self._yard.logs}/{name} is left unchanged")

    def _look_at(self, name: str) -> None:
        path = f"{self._yard.logs}/{name}"
        if name.startswith(LINGERS_PREFIX):
            self._take_lingering(name.removeprefix(LINGERS_PREFIX), path)
            return
        deed = OF_FOLDER[left(name, lambda: os.path.exists(f"{path}/stderr"), lambda: read_outcome(path) is not None)]
        if deed is Deed.LEAVE:
            return
        parsed = parse_folder(name)
        # The `job` file of an intent may be damaged.
        handle = read_job(path).handle if parsed is not None else name.removeprefix(INTENT_PREFIX)
        pid, started_at_us = (parsed.pid, parsed.started_at_us) if parsed is not None else (0, 0)
        self._yard.clock.not_before(started_at_us)
        if deed is Deed.ASK_FOR_WITNESS:
            pid = self._find_process(handle)
            deed = OF_TRY[witness(pid, keeper_is_new=self._handover.first)]
        match deed:
            case Deed.TAKE_OVER:
                if not started_at_us:
                    started_at_us = self._yard.clock.now_us()
                    path = self._rename(path, run_path(self._yard.logs, pid, started_at_us))
                self._take_running(read_job(path), path, pid, started_at_us)
            case Deed.NAME:
                self._name(handle, path, pid)
            case Deed.FORGET_TRY:
                self._drop(handle)
            case Deed.CALL_LOST:
                why = "the processes that start jobs died at that moment, so whether it ran is not known"
                self._jobs.failed(handle, 0, why, kind="lost")
            case Deed.LEAVE | Deed.ASK_FOR_WITNESS:
                pass

    def _find_process(self, handle: str) -> int:
        mark = self._jobs.mark(handle)
        # A process that was missing in /proc is known to the keeper by now.
        self._yard.line.catch_up()
        return find_leader(self._seen.get(mark, {}), [one for one in self._yard.line.died.values() if one.mark == mark])

    def _name(self, handle: str, path: str, pid: int) -> None:
        outcome = read_outcome(path)
        if outcome is None:
            return
        folder = self._rename(path, run_path(self._yard.logs, pid, outcome.started_at_us, outcome.ended_at_us))
        if handle not in self._deposits:
            self._yard.line.say(f"deposit {handle}")
        self._yard.line.say(f"ended {handle} {folder.rpartition('/')[2]}")
        self._take_one_ended(handle, folder)

    def _rename(self, path: str, wanted: str) -> str:
        try:
            os.rename(path, wanted)
        except OSError as error:
            # For example, the folder is read-only. Its content is valid nevertheless.
            say(f"{path} keeps its name: {error.strerror}")
            return path
        return wanted

    def _take_running(self, file: JobFile, folder: str, pid: int, started_at_us: int) -> None:
        mark = self._jobs.mark(file.handle)
        leader, stat = self._find_leader(folder, mark, pid, started_at_us)
        members = [*([pid] if stat else []), *self._seen.get(mark, {})]
        box = self._find_box(members, mark)
        deposit = self._deposits.pop(file.handle, None)
        ends = (deposit.ends if deposit is not None else ()) or self._find_pipes(file.handle, folder, [*members, *box.pids()], leader)
        if isinstance(leader, Fostered):
            self._awaited.append(pid)
        pumps = reopen_pumps(self._yard.loop, file, folder, ends)
        job = Job(self._yard, file, folder, started_at_us, leader, box, pumps, paused=box.is_frozen())
        self._found.append((job, age_seconds(stat.start_ticks) if stat else None))
        if fault_points.ARMED:
            fault_points.reach("during-adoption")

    def _find_leader(self, folder: str, mark: int, pid: int, started_at_us: int) -> tuple[Leader, Stat | None]:
        """Return a leader, and what /proc says about it if it exists."""
        if self._why_gone:
            return Gone(pid, self._why_gone), None
        line = self._yard.line
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
        if is_there(pid) and read_stat(pid) is None:
            why = f"/proc does not show process {pid} to this user, so whether it is still the job is not known"
        return Gone(pid, why), None

    def _look_for_leader(self, folder: str, mark: int, pid: int, started_at_us: int) -> tuple[Leader, Stat | None] | None:
        line = self._yard.line
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

    def _find_box(self, members: list[int], mark: int) -> Box:
        for pid in members:
            box = self._yard.boxes.of_process(pid, mark, members[0])
            if box is not None:
                return box
        # It may have been started when cgroups could not be used.
        return Sessions(self._yard.line.keeper).of_process(members[0], mark, members[0]) if members else NoBox()

    def _find_pipes(self, handle: str, folder: str, members: list[int], leader: Leader) -> tuple[int, ...]:
        """Reopen the pipes of a job, note which output may be incomplete, and return the read ends."""
        names = read_pipes(pipes_path(folder))
        if names is None and not self._keeper_tells:
            # They were noted in the folder that was removed.
            names = next(filter(None, (riding_in(pid, RIDING_NUMBERS) for pid in members)), None)
            if names is not None:
                write_pipes(pipes_path(folder), names)
        found = self._pipes.find(None if self._why_gone else names, members)
        for stream, (_, problem) in zip(STREAMS, found, strict=True):
            if problem:
                note_problem(folder, stream, leader.why_unknown if isinstance(leader, Gone) else problem)
        ends = tuple(end for end, _ in found)
        self._yard.line.deposit(handle, ends)
        return ends

    def _take_lingering(self, handle: str, note: str) -> None:
        """Reopen the pipes of a lingering job if the keeper that held them is gone; they are pumped with the others then."""
        if handle in self._deposits:
            return
        members = list(self._seen.get(self._jobs.mark(handle), {}))
        names = None if self._why_gone else read_pipes(lingering_pipes_path(self._yard.logs, handle))
        found = self._pipes.find(names, members)
        ends = tuple(end for end, _ in found)
        if all(problem for _, problem in found):
            for end in ends:
                os.close(end)
            forget_lingering(self._yard.logs, handle)
            return
        folder = read_lingering(note)
        # Its outcome is on disk.
        self._deposits[handle] = Deposited(handle, folder, settled=True, ends=ends)
        self._yard.line.deposit(handle, ends)
        self._yard.line.say(f"ended {handle} {folder}")
        self._yard.line.say(f"settled {handle}")

    def _drains(self, ends: tuple[int, ...]) -> list[Pump]:
        # Without logs the output is dropped; without a reader, the writer would wait forever.
        return [Pump(self._yard.loop, end, os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC), quota=Quota(0)) for end in ends]

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
        # The job was forgotten, so its end is durable and nobody waits for the fact.
        gone = not os.path.exists(folder)
        if deposit is not None and deposit.ends:
            # A process that escaped may still write.
            pumps = self._drains(deposit.ends) if gone else reopen_pumps(self._yard.loop, read_job(folder), folder, deposit.ends)
            for pump in pumps:
                pump.begin()
            self._yard.pump_on(handle, pumps, folder)
        if gone:
            self._yard.line.say(f"settled {handle}")
            return
        outcome = read_outcome(folder) or self._make_outcome(handle, folder)
        if outcome is not None and not (deposit is not None and deposit.settled):
            self._jobs.add_ended(handle, ended_fact(handle, outcome_text(outcome), Use()))

    def _make_outcome(self, handle: str, folder: str) -> OutcomeFile | None:
        """Return an outcome that could not be written because the disk was full, from what the keeper knows, which reaped the leader."""
        name = folder.rpartition("/")[2]
        parsed = parse_folder(name) if name.count("_") == len(("pid", "start")) else None
        if parsed is None:
            return None
        died = self._yard.line.died.get(parsed.pid)
        verdict = judge(died.wait_status if died else None, why_unknown="the disk was full when it ended, and then the supervisor died")
        stdout_bytes, stderr_bytes = [os.stat(f"{folder}/{stream}").st_size for stream in STREAMS]  # noqa: PTH116 -- as above
        outcome = OutcomeFile(
            verdict.kind,
            verdict.exit_status,
            verdict.signal,
            verdict.sentence,
            parsed.pid,
            parsed.started_at_us,
            parsed.ended_at_us,
            stdout_bytes,
            stderr_bytes,
            *read_problems(folder),
        )
        if not self._yard.write(handle, folder, text := outcome_text(outcome)):
            self._yard.write_later(handle, folder, text, lambda: None)
        return outcome

    def _drop(self, handle: str) -> None:
        deposit = self._deposits.pop(handle, None)
        for end in deposit.ends if deposit is not None else ():
            os.close(end)
        self._yard.line.say(f"drained {handle}")
        self._yard.line.say(f"settled {handle}")
