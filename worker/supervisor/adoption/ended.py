"""Adopt jobs that ended before this supervisor started and are not settled, or whose pipes a process may still write to."""

# ruff: noqa: PTH110 -- pathlib is not light
from __future__ import annotations

import os
from collections.abc import Callable

from ....schemas.naming import parse_folder
from ...keeper.light_process import say
from ...state.log_folders.folders import STREAMS, is_handle
from ...state.log_folders.found_folders import find_ended
from ...state.log_folders.job_files import read_job
from ...state.log_folders.notes import forget_lingering, lingering_pipes_path, read_lingering, read_pipes, read_problem, read_problems
from ...state.log_folders.outcomes import OutcomeFile, outcome_text, read_outcome
from .. import facts
from ..jobs.leaders import Use
from ..jobs.lingering import drain, pump
from ..jobs.outcome import Course, compose
from ..jobs.registry import Jobs
from ..keeper_line import Deposited
from ..loop import log_exception
from ..services import Services
from ..streams.input import STDIN
from ..streams.pipes import Pipes
from ..streams.reopening import reopen_streams

_UNWRITTEN = "the disk was full when it ended, and then the supervisor died"


class EndedJobs:
    """The jobs that the keeper knew, except the running ones."""

    def __init__(self, services: Services, jobs: Jobs, pipes: Pipes, deposits: dict[str, Deposited], why_gone: str) -> None:
        self._services = services
        self._jobs = jobs
        self._deposits = dict(deposits)
        self._why_gone = why_gone
        self._pipes = pipes

    def take_lingering(self, handle: str, note: str, members: list[int]) -> None:
        """Reopen the pipes of a lingering job if the keeper that held them is gone; they are pumped with the others then.

        `note` is the link to its folder, `members` are its processes.
        """
        if handle in self._deposits or not is_handle(handle):
            return
        names = None if self._why_gone else read_pipes(lingering_pipes_path(self._services.logs, handle))
        found = self._pipes.find(names, members)
        ends = tuple(end for end, _ in found)
        if all(problem for _, problem in found):
            for end in ends:
                os.close(end)
            forget_lingering(self._services.logs, handle)
            return
        folder = read_lingering(note)
        # Its outcome is on disk.
        self._deposits[handle] = Deposited(handle, folder, settled=True, ends=ends)
        self._services.line.deposit(handle, ends)
        self._services.line.ended(handle, folder)
        self._services.line.settled(handle)

    def has(self, handle: str) -> bool:
        """Return whether the keeper knows this job."""
        return handle in self._deposits

    def held(self, handle: str) -> Deposited | None:
        """Return what the keeper held for a running job; None if nothing."""
        return self._deposits.pop(handle, None)

    def take_all(self, has_processes: Callable[[str], bool]) -> None:
        """Add all remaining jobs that the keeper knew: they have ended, unless their folder is missing and they have processes."""
        unknown = {handle for handle, deposit in self._deposits.items() if not deposit.folder}
        found = find_ended(self._services.logs, unknown) if unknown else {}
        for handle, deposit in list(self._deposits.items()):
            folder = f"{self._services.logs}/{deposit.folder}" if deposit.folder else found.get(handle, "")
            if not folder and deposit.ends and not deposit.settled and has_processes(handle):
                self._jobs.unclaimed.hold(self._deposits.pop(handle))
                continue
            try:
                self.take(handle, folder)
            except Exception:  # noqa: BLE001 -- one broken folder must not cost the other jobs
                log_exception()
                say(f"{folder} is left unchanged")
                self.drop(handle)

    def take(self, handle: str, folder: str) -> None:
        """Add an ended job, and report it unless it is settled.

        `unread`: why an existing outcome cannot be read; it is left as it is.
        """
        deposit = self._deposits.pop(handle, None)
        self._end_feed(deposit)
        # The job was forgotten, so its end is durable and nobody waits for the fact.
        gone = not os.path.exists(folder)
        if deposit is not None and deposit.ends:
            # A process that escaped may still write.
            if gone:
                drain(self._services.loop, self._services.lingering, handle, deposit.ends)
            else:
                self._go_on_pumping(handle, folder, deposit.ends)
        if gone:
            self._services.line.settled(handle)
            return
        unread: list[OSError] = []
        outcome = read_outcome(folder, unread.append) or self._make_outcome(handle, folder, unread)
        if outcome is not None and not (deposit is not None and deposit.settled):
            self._jobs.add_ended(handle, facts.ended(handle, outcome_text(outcome), Use()))

    def _go_on_pumping(self, handle: str, folder: str, ends: tuple[int, ...]) -> None:
        try:
            file = read_job(folder)
            streams, quota = reopen_streams(file, folder, ends)
        except (OSError, ValueError) as error:
            # Who still writes must not wait for a reader.
            say(f"{folder}: what is still written is dropped: {error}")
            drain(self._services.loop, self._services.lingering, handle, ends)
            return
        pump(self._services.loop, self._services.lingering, handle, folder, streams, quota)
        if file.terminal is not None:
            # It ends with the job, and what was written to it is in the pipe or the log.
            os.close(ends[0])

    def _make_outcome(self, handle: str, folder: str, unread: list[OSError]) -> OutcomeFile | None:
        """Return an outcome that was not written because the disk was full, from the data of the keeper, which reaped the leader."""
        name = folder.rpartition("/")[2]
        parsed = parse_folder(name) if name.count("_") == len(("pid", "start")) else None
        if parsed is None:
            return None
        died = self._services.line.died.get(parsed.pid)
        if unread and died is None:
            # The worker reads it when it can be read.
            return None
        stdout_bytes, stderr_bytes = [os.stat(f"{folder}/{stream}").st_size for stream in STREAMS]  # noqa: PTH116 -- as above
        outcome = compose(
            Course(
                parsed.pid,
                parsed.started_at_us,
                parsed.ended_at_us,
                died.wait_status if died else None,
                _UNWRITTEN,
                stdout_bytes,
                stderr_bytes,
                *read_problems(folder),
                stdin_problem=read_problem(folder, STDIN),
            )
        )
        if not unread and not self._services.outcome_files.write(handle, folder, text := outcome_text(outcome)):
            self._services.outcome_files.write_later(handle, folder, text, lambda: None)
        return outcome

    def drop(self, handle: str) -> None:
        """Tell the keeper to forget a job about which nothing is known."""
        deposit = self._deposits.pop(handle, None)
        self._end_feed(deposit)
        for end in deposit.ends if deposit is not None else ():
            os.close(end)
        self._services.line.drained(handle)
        self._services.line.settled(handle)

    def _end_feed(self, deposit: Deposited | None) -> None:
        if deposit is not None and deposit.feed:
            for end in deposit.feed:
                os.close(end)
            self._services.line.fed(deposit.handle)
