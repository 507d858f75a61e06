"""Adopt jobs that were started before this supervisor, from the keeper's handover, the log folders, and /proc.

The tables in remains.py define what is done with each folder, and why; survivors.py finds the parts of running jobs, ended.py handles ended
ones. While the keeper is alive nothing is lost: it reaps processes that end, with their status.
"""

# ruff: noqa: PTH104, PTH110 -- pathlib is not light
from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from ....schemas import fault_points
from ....schemas.naming import parse_folder
from ...keeper.light_process import say
from ...state.log_folders.folders import INTENT_PREFIX, LINGERS_PREFIX, run_path
from ...state.log_folders.job_files import JobFile, read_job
from ...state.log_folders.notes import pipes_path, write_pipes
from ...state.log_folders.outcomes import read_outcome
from ...wire.words import Kind
from ..containment.memory import Group
from ..containment.processes import age_seconds
from ..jobs.job import Job
from ..jobs.leaders import Fostered
from ..jobs.registry import Jobs
from ..keeper_line import Deposited, Handover
from ..loop import log_exception
from ..services import Services
from ..streams.input import adopted as adopted_input
from ..streams.pipes import Pipes, name_of
from ..streams.reopening import reopen_streams
from ..streams.terminal import adopted as adopted_terminal
from .ended import EndedJobs
from .listing import list_logs
from .remains import OF_FOLDER, OF_TRY, Deed, left, witness
from .survivors import Survivors
from .traces import find_leader, marked_processes


def _fail(error: OSError) -> None:
    # As if there were no outcome, the job would get another one in its place, or be started again.
    raise error


class Adoption:
    """One pass over everything; without a handover, over log folders that did not exist at the first pass.

    `why_gone`: why none of the jobs in the folders can still be running, or belong to this supervisor; empty if they may.
    """

    def __init__(self, services: Services, jobs: Jobs, handover: Handover | None, *, why_gone: str = "") -> None:
        self._services = services
        self._jobs = jobs
        # The keeper reports all ends only to a supervisor that has just started.
        keeper_tells = handover is not None
        handover = self._handover = handover or Handover({}, {}, first=False)
        self._seen = {} if why_gone else marked_processes()
        pipes = Pipes()
        self._survivors = Survivors(services, pipes, handover.strangers, why_gone, keeper_tells=keeper_tells)
        self._ended = EndedJobs(services, jobs, pipes, handover.deposits, why_gone)
        self._found: list[tuple[Job, float | None]] = []
        self._awaited: list[int] = []

    def run(self) -> None:
        """Adopt all jobs. A folder that cannot be interpreted is left unchanged, with a line in the log."""
        self._look_at_all(list_logs(self._services.logs))
        self._ended.take_all(lambda handle: self._jobs.mark(handle) in self._seen)
        self._survivors.let_go_of_strangers()
        # From here on, the keeper reaps all other processes without reporting them.
        self._services.line.adopted(self._awaited)
        self._add_found()
        self._services.line.died.clear()

    def take_over(self, names: list[str]) -> None:
        """Adopt jobs whose folders were removed and created again."""
        self._look_at_all([name for name in names if not self._knows(name)])
        self._add_found()

    def _knows(self, name: str) -> bool:
        try:
            return self._jobs.knows(read_job(f"{self._services.logs}/{name}").handle)
        except (OSError, ValueError):
            # What is wrong with it is logged when it is looked at.
            return False

    def _look_at_all(self, names: list[str]) -> None:
        for name in names:
            try:
                self._look_at(name)
            except (OSError, ValueError) as error:
                say(f"{self._services.logs}/{name} is left unchanged: {error}")
            except Exception:  # noqa: BLE001 -- one broken folder must not cost the other jobs
                log_exception()
                say(f"{self._services.logs}/{name} is left unchanged")

    def _add_found(self) -> None:
        for job, age in self._found:
            try:
                self._jobs.add(job, age)
            except Exception:  # noqa: BLE001 -- as above
                log_exception()
                say(f"job {job.handle} was not adopted completely")

    def _look_at(self, name: str) -> None:
        path = f"{self._services.logs}/{name}"
        if name.startswith(LINGERS_PREFIX):
            handle = name.removeprefix(LINGERS_PREFIX)
            self._ended.take_lingering(handle, path, list(self._seen.get(self._jobs.mark(handle), {})))
            return
        deed = OF_FOLDER[left(name, lambda: os.path.exists(f"{path}/stderr"), lambda: read_outcome(path, _fail) is not None)]
        if deed is Deed.LEAVE:
            return
        parsed = parse_folder(name)
        # The `job` file of an intent may be damaged.
        handle = read_job(path).handle if parsed is not None else name.removeprefix(INTENT_PREFIX)
        pid, started_at_us = (parsed.pid, parsed.started_at_us) if parsed is not None else (0, 0)
        self._services.clock.not_before(started_at_us)
        if deed is Deed.ASK_FOR_WITNESS:
            pid = self._find_process(handle)
            deed = OF_TRY[witness(pid, keeper_is_new=self._handover.first)]
        match deed:
            case Deed.TAKE_OVER:
                if not started_at_us:
                    started_at_us = self._services.clock.now_us()
                    path = self._rename(path, run_path(self._services.logs, pid, started_at_us))
                self._take_running(read_job(path), path, pid, started_at_us)
            case Deed.NAME:
                self._name(handle, path, pid)
            case Deed.FORGET_TRY:
                self._ended.drop(handle)
            case Deed.CALL_LOST:
                why = "the processes that start jobs died at that moment, so whether it ran is not known"
                self._jobs.failed(handle, 0, why, kind=Kind.LOST)
            case Deed.LEAVE | Deed.ASK_FOR_WITNESS:
                pass

    def _claim(self, handle: str, folder: str) -> Deposited | None:
        held = self._jobs.unclaimed.claim(handle)
        if held is not None:
            # The note was in the folder that was removed.
            with self._or_hold(held):
                write_pipes(pipes_path(folder), [name_of(end) for end in held.ends])
        return held

    @contextmanager
    def _or_hold(self, deposit: Deposited) -> Iterator[None]:
        """Hold what belongs to a job if its adoption fails: its output waits until the worker requests adoption again, or settles it."""
        try:
            yield
        except BaseException:
            self._jobs.unclaimed.hold(deposit)
            raise

    def _find_process(self, handle: str) -> int:
        mark = self._jobs.mark(handle)
        # A process that was missing in /proc is known to the keeper by now.
        self._services.line.catch_up()
        return find_leader(self._seen.get(mark, {}), [one for one in self._services.line.died.values() if one.mark == mark])

    def _name(self, handle: str, path: str, pid: int) -> None:
        outcome = read_outcome(path)
        if outcome is None:
            return
        folder = self._rename(path, run_path(self._services.logs, pid, outcome.started_at_us, outcome.ended_at_us))
        if not self._ended.has(handle):
            self._services.line.deposit_nothing(handle)
        self._services.line.ended(handle, folder.rpartition("/")[2])
        self._ended.take(handle, folder)

    def _memory_of(self, file: JobFile) -> Group | None:
        memory = self._services.memory.find(file.handle) if file.memory_bytes is not None else None
        if memory is not None:
            try:
                # Again: the supervisor may have been killed between the fork and this.
                memory.limit(file.memory_bytes or 0)
            except OSError as error:
                say(f"job {file.handle}: {error.strerror}")
        return memory

    def _rename(self, path: str, wanted: str) -> str:
        try:
            os.rename(path, wanted)
        except OSError as error:
            # For example, the folder is read-only. Its content is valid nevertheless.
            say(f"{path} cannot be renamed: {error.strerror}")
            return path
        return wanted

    def _take_running(self, file: JobFile, folder: str, pid: int, started_at_us: int) -> None:
        mark = self._jobs.mark(file.handle)
        leader, stat = self._survivors.leader(folder, mark, pid, started_at_us)
        members = [*([pid] if stat else []), *self._seen.get(mark, {})]
        box = self._survivors.box(members, mark)
        held = self._ended.held(file.handle) or self._claim(file.handle, folder)
        ends = held.ends if held is not None else ()
        if not ends:
            ends = self._survivors.pipes(file, folder, [*members, *box.pids()], leader)
        if isinstance(leader, Fostered):
            self._awaited.append(pid)
        with self._or_hold((held or Deposited(file.handle, "", settled=False, ends=ends))._replace(ends=ends)):
            streams, quota = reopen_streams(file, folder, ends)
        job = Job(
            self._services,
            file,
            folder,
            started_at_us,
            leader,
            box,
            streams=streams,
            quota=quota,
            on_end=self._jobs.ended,
            paused=box.is_frozen(),
            input_=adopted_input(self._services, file.handle, folder, held.feed if held is not None else ()) if file.feed else None,
            terminal=adopted_terminal(self._services.loop, ends) if file.terminal is not None else None,
            memory=self._memory_of(file),
        )
        self._found.append((job, age_seconds(stat.start_ticks) if stat else None))
        if fault_points.ARMED:
            fault_points.reach("during-adoption")
