"""All jobs that the supervisor knows, from their start until the desk has settled their end."""

# ruff: noqa: PTH104, PTH110 -- pathlib is not light
from __future__ import annotations

import os
import resource
from collections.abc import Callable
from errno import ENOENT

from ....schemas.jobs.reserved_statuses import OWN_FAILURE
from ...keeper.light_process import say
from ...state.log_folders.folders import STREAMS, intent_path, remove_intent, run_path
from ...state.log_folders.found_folders import find_ended
from ...state.log_folders.job_files import job_of, read_job
from ...state.log_folders.outcomes import OutcomeFile, outcome_text, read_outcome, write_outcome
from ...state.small_files import DISK_FULL, FILE_MODE, RETRY_SECONDS
from ...wire.words import Kind
from .. import facts
from ..loop import Timer, log_exception
from ..services import Services
from ..spawning.spawner import CannotStart
from ..streams.input import Input
from ..streams.terminal import Terminal
from .job import Job
from .launcher import Launcher
from .leaders import Use
from .unclaimed import Unclaimed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# For a running job: pipes and logs of two streams, a pidfd, two files of its cgroup. A start needs a few more for a moment.
_DESCRIPTORS_A_JOB = 7
# For the input of a job that is fed: a file in memory, and a pipe.
_DESCRIPTORS_A_FEED = 2
# For the terminal of a job that has one: a slave, and the other end of its pipe.
_DESCRIPTORS_A_TERMINAL = 2
_DESCRIPTORS_IN_RESERVE = 64


class _CrowdedError(Exception):
    """Raised if there are no file descriptors for another job."""


class Jobs:
    """The table of jobs, by handle. `tell_start` and `tell_end` send the fact of a start or an end, by handle, to the worker."""

    def __init__(
        self, services: Services, launcher: Launcher, tell_start: Callable[[str, str], None], tell_end: Callable[[str, str], None]
    ) -> None:
        self._services = services
        self._tell_start = tell_start
        self._tell_end = tell_end
        self._launcher = launcher
        self._running: dict[str, Job] = {}
        # Of running jobs that are fed, or have a terminal.
        self._inputs: dict[str, Input] = {}
        self._terminals: dict[str, Terminal] = {}
        # The facts of jobs that have ended and are not settled.
        self._ended: dict[str, str] = {}
        # Jobs that wait for disk space for their logs, with the timer of the next attempt; or, without one, for the end of another job.
        self._delayed: dict[str, Timer | None] = {}
        self._crowded = 0
        self.unclaimed = Unclaimed(services)
        _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._most_descriptors = most_files - _DESCRIPTORS_IN_RESERVE

    def __len__(self) -> int:
        """Return the number of jobs, including those that have ended and are not settled, are delayed, or are not claimed."""
        return len(self._running) + len(self._ended) + len(self._delayed) + len(self.unclaimed)

    def knows(self, handle: str) -> bool:
        """Return whether a job is running, or has ended and is not settled."""
        return handle in self._running or handle in self._ended

    def mark(self, handle: str) -> int:
        """Return the mark of this job's processes."""
        return self._launcher.mark(handle)

    def start(self, handle: str, queued_at_us: int = 0, fields: Any = None, *, at_once: bool = False) -> None:
        """Start a job whose intent is on the disk, unless it was started before. A fact reports the result.

        `fields`: the content of its `job` file; None: it is read. `at_once`: the fact of its start is not held back.
        """
        # The folder is found by its name, so its start must not be before the job was queued.
        if not self._running and not self._delayed:
            self._services.clock.follow()
        self._services.clock.not_before(queued_at_us)
        if self.knows(handle):
            return
        was_delayed = handle in self._delayed
        self._stop_waiting(handle)
        try:
            job = self._launch(handle, fields)
        except _CrowdedError as crowded:
            if not was_delayed:
                self._services.report(facts.delayed(handle, str(crowded)))
            self._delayed[handle] = None
            self._crowded += 1
        except CannotStart as reason:
            self.failed(handle, reason.status, reason.sentence)
        except OSError as error:
            self._not_started(handle, error, was_delayed=was_delayed)
        except Exception:  # noqa: BLE001 -- whatever is wrong with this one, the desk must be told of its end
            log_exception()
            self.failed(handle, OWN_FAILURE, "its job file is damaged")
        else:
            self.add(job, at_once=at_once)

    def _not_started(self, handle: str, error: OSError, *, was_delayed: bool) -> None:
        if error.errno in DISK_FULL:
            if not was_delayed:
                self._services.report(facts.delayed(handle))
            self._delayed[handle] = self._services.loop.after(RETRY_SECONDS, lambda: self.start(handle))
        elif os.path.exists(intent_path(self._services.logs, handle)) or not self._ended_before(handle):
            self.failed(handle, OWN_FAILURE, self._what_failed(error))

    def _what_failed(self, error: OSError) -> str:
        # The second one: of a link, whose first one is what it says.
        path = error.filename2 or error.filename
        if not path:
            return error.strerror or str(error)
        if str(path).startswith(f"{self._services.logs}/"):
            return "its log folder is gone" if error.errno == ENOENT else f"its log folder cannot be written: {error.strerror}"
        return f"{path}: {error.strerror}"

    def _stop_waiting(self, handle: str) -> None:
        if handle in self._delayed:
            timer = self._delayed.pop(handle)
            self._services.loop.cancel(timer)
            self._crowded -= timer is None

    def _start_crowded(self) -> None:
        for handle in [handle for handle, timer in self._delayed.items() if timer is None]:
            self.start(handle)
            if self._delayed.get(handle, ...) is None:
                break

    def add(self, job: Job, age_seconds: float | None = 0.0, *, at_once: bool = False) -> None:
        """Add a job that has a process. `at_once`: see `start`."""
        self._running[job.handle] = job
        if job.input is not None:
            self._inputs[job.handle] = job.input
        if job.terminal is not None:
            self._terminals[job.handle] = job.terminal
        if at_once:
            self._services.report(job.started_fact())
        else:
            self._tell_start(job.handle, job.started_fact())
        job.begin(age_seconds)

    def add_ended(self, handle: str, fact: str) -> None:
        """Add a job that has ended and is not settled."""
        self._ended[handle] = fact
        self._tell_end(handle, fact)

    def ended(self, job: Job, fact: str) -> None:
        """Record that a running job has ended, and report it."""
        del self._running[job.handle]
        self._inputs.pop(job.handle, None)
        self._terminals.pop(job.handle, None)
        self.add_ended(job.handle, fact)
        if self._crowded:
            # When it has put its descriptors away.
            self._services.loop.after(0, self._start_crowded)

    def send(self, handle: str, number: int) -> None:
        """Send a signal to every process of a job; a fact reports the result, even if it is not running."""
        job = self._running.get(handle)
        if job is not None:
            job.send(number)
        else:
            self._services.report(facts.signalled(handle, ""))

    def end(self, handle: str, number: int, grace_ms: int) -> None:
        """End a job, if it is running; one that waits for disk space, or for the end of another job, is cancelled."""
        job = self._running.get(handle)
        if job is not None:
            job.end(number, grace_ms)
        elif handle in self._delayed:
            self._stop_waiting(handle)
            self.failed(handle, 0, "stopped before it could start", kind=Kind.CANCELLED)

    def limit(self, handle: str, limit_ms: int) -> None:
        """Change the time limit of a job, if it is running; 0: none."""
        job = self._running.get(handle)
        if job is not None:
            job.limit(limit_ms)

    def pause(self, handle: str, *, paused: bool) -> None:
        """Pause or resume a job, if it is running."""
        job = self._running.get(handle)
        if job is not None:
            if paused:
                job.pause()
            else:
                job.resume()

    def attach(self, handle: str, token: str) -> None:
        """Let a client feed a job; a fact says whether it can."""
        if handle in self._inputs:
            self._inputs[handle].attach(token)
        else:
            self._services.report(
                facts.feed_over(handle, "the job is not running" if handle not in self._running else "the job takes no input")
            )

    def show_terminal(self, handle: str) -> None:
        """Send the worker the terminal of a job; a fact says if it is not running, or has none."""
        if handle in self._terminals and self._terminals[handle].is_open:
            self._services.hand(facts.terminal(handle), self._terminals[handle].master)
        else:
            self._services.report(facts.feed_over(handle, "the terminal of the job cannot be reached"))

    def move_input(self, handle: str, problem: str) -> None:
        """Give a job the input that has arrived. With a problem, no more follows."""
        if handle in self._inputs:
            self._inputs[handle].move(problem)

    def detach(self, handle: str) -> None:
        """Note that no client feeds a job at present."""
        if handle in self._inputs:
            self._inputs[handle].detach()

    def detach_all(self) -> None:
        """Note that no client feeds any job at present."""
        for one in self._inputs.values():
            one.detach()

    def wait_for_feeders(self, seconds: float) -> None:
        """Set how long a job waits for a client to feed it, from now on."""
        if seconds != self._services.feed_wait_seconds:
            self._services.feed_wait_seconds = seconds
            for one in self._inputs.values():
                one.wait()

    def settle(self, handle: str) -> None:
        """Forget a job whose end is durable elsewhere."""
        self.unclaimed.settle(handle)
        if self._ended.pop(handle, None) is not None:
            self._services.line.settled(handle)
        elif handle not in self._running and handle not in self._delayed:
            # The desk was killed before it knew whether this job had been started, and the next desk was told to cancel it.
            remove_intent(self._services.logs, handle)
            # Or the keeper knows it, and its outcome could not be read when this supervisor began.
            self._services.line.settled(handle)

    def settle_all(self) -> None:
        """Forget all ended jobs, because no worker will ask for them."""
        for handle in list(self._ended):
            self.settle(handle)
        self.unclaimed.settle_all()

    def tell_all(self) -> None:
        """Report all jobs again."""
        for job in self._running.values():
            self._tell_start(job.handle, job.started_fact())
        for handle, fact in self._ended.items():
            self._tell_end(handle, fact)

    def failed(self, handle: str, status: int, sentence: str, kind: str = Kind.FAILED_TO_START) -> None:
        """Record that an intent did not become a process (`lost`: or that this is unknown)."""
        started_at_us = self._services.clock.now_us()
        outcome = OutcomeFile(
            kind=kind, exit_status=status, sentence=sentence, started_at_us=started_at_us, ended_at_us=self._services.clock.now_us()
        )
        text = outcome_text(outcome)
        path = run_path(self._services.logs, 0, started_at_us, outcome.ended_at_us)
        intent = intent_path(self._services.logs, handle)
        try:
            # So that its logs can be read: empty, or with what a lost job wrote.
            for name in STREAMS:
                os.close(os.open(f"{intent}/{name}", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, FILE_MODE))
            write_outcome(intent, text)
            os.rename(intent, path)
        except OSError as error:
            say(f"job {handle} could not be started, and its outcome could not be written: {error}")
        self._services.line.deposit_nothing(handle)
        self._services.line.ended(handle, path.rpartition("/")[2])
        self.add_ended(handle, facts.ended(handle, text, Use()))

    def _ended_before(self, handle: str) -> bool:
        # It ran, and the processes that knew of its end died before that was settled.
        unread: list[OSError] = []
        folder = find_ended(self._services.logs, {handle}).get(handle, "")
        outcome = read_outcome(folder, unread.append) if folder else None
        if unread:
            self.failed(handle, 0, f"whether it ran is not known: its outcome cannot be read: {unread[0].strerror}", kind=Kind.LOST)
            return True
        if outcome is None:
            return False
        self.add_ended(handle, facts.ended(handle, outcome_text(outcome), Use()))
        return True

    def _launch(self, handle: str, fields: Any) -> Job:
        intent = intent_path(self._services.logs, handle)
        file = read_job(intent) if fields is None else job_of(fields)
        needed = (len(self._running) + self._services.unfinished() + 1) * _DESCRIPTORS_A_JOB
        needed += (len(self._inputs) + file.feed) * _DESCRIPTORS_A_FEED
        needed += (len(self._terminals) + (file.terminal is not None)) * _DESCRIPTORS_A_TERMINAL
        if needed > self._most_descriptors and self._running:
            why = f"{len(self._running)} jobs are running, and there are no file descriptors for more: it starts when one of them has ended"
            raise _CrowdedError(why)
        return self._launcher.launch(file, intent, self.ended)
