"""Launch a job: turn its intent into a process with pipes and box, and rename its folder."""

# ruff: noqa: PTH104, PTH110 -- pathlib is not light
from __future__ import annotations

import os
import signal
from collections.abc import Callable

from ....schemas import fault_points
from ....schemas.jobs.reserved_statuses import OWN_FAILURE
from ...keeper.light_process import say
from ...state.log_folders.folders import run_path
from ...state.log_folders.job_files import JobFile
from ..containment.containment import Box
from ..containment.memory import Group, Joined
from ..services import Services
from ..spawning.spawner import CannotStart, Spawner, mark_for
from ..streams.input import Input
from ..streams.plumbing import Plumbing
from ..streams.pump import Quota
from .job import Job
from .leaders import Child


class Launcher:
    """Launches jobs of the state folder `state`."""

    def __init__(self, services: Services, spawner: Spawner, state: str) -> None:
        self._services = services
        self._spawner = spawner
        self._state = state

    def mark(self, handle: str) -> int:
        """Return the mark of this job's processes."""
        return mark_for(self._state, handle)

    def launch(self, file: JobFile, intent: str, on_end: Callable[[Job, str], None]) -> Job:
        """Create the process of the job whose intent is this folder, and name the folder after it. `on_end`: see `Job`.

        Raises CannotStart, and OSError for problems of the disk.
        """
        plumbing = Plumbing()
        try:
            plumbing.open(self._services.loop, file, intent)
            mark = self.mark(file.handle)
            box = self._services.boxes.take(mark, file.handle if file.memory_bytes is not None else "")
            memory = self._take_memory(file, box) if file.memory_bytes is not None else None
            leader = self._spawn(file, mark, intent, box, memory, plumbing)
        except BaseException:
            plumbing.close()
            raise
        finally:
            plumbing.give_away()
        if fault_points.ARMED:
            fault_points.reach("after-fork-before-record")
        started_at_us, folder = self._rename(intent, leader.pid)
        return Job(
            self._services,
            file,
            folder,
            started_at_us,
            leader,
            box,
            streams=plumbing.streams(),
            quota=Quota(file.output_limit_bytes),
            on_end=on_end,
            input_=Input(self._services, file.handle, folder, plumbing.feed) if plumbing.feed is not None else None,
            terminal=plumbing.terminal,
            memory=memory,
        )

    def _take_memory(self, file: JobFile, box: Box) -> Group | None:
        try:
            return self._services.memory.make(file.handle)
        except BaseException:
            box.release()
            raise

    def _spawn(self, file: JobFile, mark: int, intent: str, box: Box, memory: Group | None, plumbing: Plumbing) -> Child:
        self._services.line.deposit(file.handle, plumbing.ends)
        if plumbing.feed is not None:
            self._services.line.deposit_feed(file.handle, plumbing.feed)
        if fault_points.ARMED:
            fault_points.reach("after-intent-before-fork")
        try:
            place = box if memory is None else Joined(box, memory)
            pid = self._spawner.spawn(file, mark, intent, plumbing.pipes, place, plumbing.fed, plumbing.on_terminal)
            box.lead(pid)
            child = _watch(pid)
            if memory is not None:
                _limit(memory, file.memory_bytes or 0, box, child)
        except BaseException:
            if memory is not None:
                memory.release(self._services.loop)
            box.release()
            self._services.line.drained(file.handle)
            if plumbing.feed is not None:
                self._services.line.fed(file.handle)
            raise
        return child

    def _rename(self, intent: str, pid: int) -> tuple[int, str]:
        while True:
            started_at_us = self._services.clock.now_us()
            folder = run_path(self._services.logs, pid, started_at_us)
            try:
                os.rename(intent, folder)
            except OSError as error:
                if os.path.exists(folder):
                    # The clock was set back, and an earlier run had this name.
                    continue
                say(f"the folder of process {pid} cannot be renamed: {error}")
                return started_at_us, intent
            return started_at_us, folder


def _limit(memory: Group, limit_bytes: int, box: Box, child: Child) -> None:
    try:
        memory.limit(limit_bytes)
    except OSError as error:
        box.kill()
        child.kill()
        child.reap()
        raise CannotStart(OWN_FAILURE, f"it was killed at once: {error.strerror}") from None


def _watch(pid: int) -> Child:
    try:
        return Child(pid)
    except OSError as error:
        # Its pid cannot have been reused, because it is not reaped yet.
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise CannotStart(OWN_FAILURE, f"it was killed at once, because it could not be watched: {error.strerror}") from None
