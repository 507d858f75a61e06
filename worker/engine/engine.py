"""The engine of this machine: effects become intents on disk and messages to the supervisor, whose facts are passed to the desk.

A start is first an intent folder and then a message, so that it is idempotent here too: the supervisor starts each intent once. If the line
breaks, all unanswered starts and ends are sent again.
"""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from ...broker.engine import Ended, Expected, Fact, Feeder, Inlet, Launch, LogPart, LogReader, Run, Started, StreamName, Terminal
from ...keys import more_processes
from ...schemas import fault_points
from ...schemas.naming import AttemptKey, short_id
from ...schemas.refusal import Code, Refused
from ...schemas.workers.capacity import Capacity
from ..depot.depot import LocalDepot
from ..state import layout
from ..state.log_folders import folders
from ..state.log_folders.logs import Follower, Growth, read_range, tail, tail_of
from ..state.log_folders.timed_log import NoLog, TimedFollower, find_moment
from ..state.sweep import Sweeper
from ..wire.words import FACT, USUAL_FEED_WAIT_MS, ToWorker
from .desk_facts import could_not_start, why_unwritten
from .found.found_runs import at_log, in_folder, left_intents
from .inputs.inlets import Inlets
from .inputs.input_notes import InputNotes
from .inputs.terminals import Terminals
from .intents import Intent, Intents
from .job_keys import JobKeys
from .log_hasher import LogHasher
from .lone_starts import LoneStarts
from .recovery import Recovery
from .settled import Settled
from .supervisor import Supervisor
from .supervisor_line import Message
from .unanswered import Unanswered

_log = logging.getLogger(__name__)


def _unknown_disk() -> bool:
    return False


class LocalEngine:
    """Jobs of this machine, through the supervisor of one state folder.

    `directory` is the working folder for jobs that do not set one, `files_limit` their soft RLIMIT_NOFILE. `feed_wait_ms`: how long a job
    waits for a client to feed it. `rebooted`: the machine was rebooted since the last worker ran, so that a missing file proves nothing.
    `on_hello` is called when a supervisor has answered hello.
    """

    def __init__(
        self,
        state: Path,
        capacity: Capacity,
        directory: bytes,
        *,
        files_limit: int = 0,
        feed_wait_ms: int = USUAL_FEED_WAIT_MS,
        keep_free_bytes: int = 0,
        rebooted: bool = False,
        on_hello: Callable[[], object] = lambda: None,
    ) -> None:
        self._state = state
        self._logs = str(state / layout.LOGS)
        self._capacity = capacity
        self._loop = asyncio.get_running_loop()
        self.supervisor = Supervisor(
            state, self._loop, self._take, self._lost, self._back, on_hello, files_limit=files_limit, feed_wait_ms=feed_wait_ms
        )
        self._sweeper = Sweeper(Path(self._logs), self._loop)
        self._hear: Callable[[Sequence[Fact]], None] = _nobody_hears
        self._recovery = Recovery(self._logs, directory, self._loop, self.supervisor.say, self._tell_desk, rebooted=rebooted)
        self._intents = Intents(self._logs, directory, self._loop, self._start_written, self._recovery.tell)
        self._depot = LocalDepot(state, self._loop, self._intents.write, self._recovery.tell, keep_free_bytes)
        self._growth = Growth()
        self._loop.add_reader(self._growth.fileno(), self._growth.drain)
        self._unanswered = Unanswered(self._logs)
        self._lone_starts = LoneStarts()
        self._is_disk_fast: Callable[[], bool] = _unknown_disk
        self._input_notes = InputNotes(self._logs)
        self._inlets = Inlets(self.supervisor.say, self._input_notes)
        self._terminals = Terminals(self._loop, self.supervisor.say)
        self._settled = Settled(self._loop, self.supervisor.say)
        self._job_keys = JobKeys(self._logs)
        self.hasher = LogHasher(self._logs, self._loop)

    @property
    def capacity(self) -> Capacity:
        """The capacity for jobs, unless an operator has set another one."""
        return self._capacity

    @property
    def memory_problem(self) -> str:
        """Why memory limits of jobs are not enforced; empty if they are."""
        return self.supervisor.hello.memory_problem

    @property
    def depot(self) -> LocalDepot:
        """The depot with the files of the jobs."""
        return self._depot

    def open(self, hear: Callable[[Sequence[Fact]], None], is_disk_fast: Callable[[], bool] = _unknown_disk) -> None:
        """Connect to the supervisor, which is started if there is none. Facts are passed to `hear` from now on.

        `is_disk_fast`: whether commits are fast enough at the moment to record each fact alone.

        Raises Refused(UNAVAILABLE) if it cannot be started.
        """
        self._hear = hear
        self._is_disk_fast = is_disk_fast
        try:
            Path(self._logs).mkdir(mode=0o700, exist_ok=True)
            if not self.supervisor.is_connected:
                self.supervisor.connect()
        except OSError as error:
            # fork(2) says no more than that it may be tried again.
            is_short = error.errno in {errno.EAGAIN, errno.ENOMEM}
            next_step = more_processes.next_step(error.errno) if is_short else f"see {self._state / layout.SUPERVISOR_LOG}"
            raise Refused(
                Code.UNAVAILABLE, f"the supervisor of {self._state} cannot be reached: {error.strerror or error}", next_step
            ) from error

    def close(self) -> None:
        """Close the line; the supervisor and its jobs continue."""
        self.hasher.close()
        self._depot.close()
        self._intents.close()
        self._recovery.close()
        self._inlets.close()
        self._terminals.close()
        self._settled.say_now()
        self.supervisor.close()
        self._loop.remove_reader(self._growth.fileno())
        self._growth.close()
        self._sweeper.close()

    async def retire(self) -> None:
        """Tell the supervisor to exit once no job is running; reaches also one that is just replacing another."""
        self._settled.say_now()
        await self.supervisor.retire()

    async def reload(self) -> str:
        """Make supervisor and keeper execute the installed version, and close the line. Return why they cannot; empty if they do."""
        self._settled.say_now()
        return await self.supervisor.reload()

    # Effects.

    def start(self, launches: Sequence[Launch]) -> None:
        """Fill the folders of jobs that have one, write the intents, and tell the supervisor."""
        hello = self.supervisor.hello
        refused = [] if hello.can_start_all else [launch for launch in launches if not hello.can_start(launch.spec)]
        if refused:
            why = "the worker's supervisor is of an older version and cannot start such a job; it is replaced when no job is running"
            self._loop.call_soon(self._recovery.tell, [could_not_start(launch, why) for launch in refused])
        startable = [launch for launch in launches if launch not in refused] if refused else launches
        self._job_keys.note(startable)
        self._intents.write(self._depot.workplaces.prepare(startable))

    def _start_written(self, written: Sequence[Intent]) -> None:
        alone = self._lone_starts.is_alone(len(written), self._unanswered.starting, self._loop.time())
        words = self._unanswered.start(written, at_once=alone and self._is_disk_fast())
        if fault_points.ARMED:
            fault_points.reach("after-intent-before-start")
        self.supervisor.say(words)

    def signal(self, key: AttemptKey, number: int, done: Callable[[Refused | None], None], proof: bytes = b"") -> None:
        """Send a signal to the job; `done` is called with why not all of its processes received it, or None."""
        del proof
        self.supervisor.say([self._unanswered.signal(folders.handle(key), number, done)])
        if not self.supervisor.is_connected:
            self._unanswered.give_up_signals(_unknown())
        elif not self.supervisor.hello.answers_signals:
            # A supervisor of an older version.
            self._unanswered.give_up_signals(None)

    def limit(self, key: AttemptKey, limit_ms: int) -> None:
        """Change the time limit of the job."""
        self.supervisor.say([self._unanswered.limit(folders.handle(key), limit_ms)])

    def lend(self, key: AttemptKey, *, begins: bool) -> None:
        """Do nothing: the desk counts slots."""

    def pause(self, key: AttemptKey, *, paused: bool, proof: bytes = b"") -> None:
        """Pause or resume the job."""
        del proof
        self.supervisor.say([self._unanswered.pause(folders.handle(key), paused=paused)])

    def end(self, key: AttemptKey, number: int, grace_ms: int) -> None:
        """Stop the job. One whose end cannot be read at the moment becomes lost at once."""
        if grace_ms == 0 and self._recovery.give_up(key):
            return
        if not (self._depot.workplaces.withdraw(key) or self._intents.withdraw(key)):
            self.supervisor.say([self._unanswered.end(folders.handle(key), number, grace_ms)])

    def settled(self, keys: Sequence[AttemptKey]) -> None:
        """Forget these jobs, and tell the supervisor to forget them."""
        handles = [folders.handle(key) for key in keys]
        self._unanswered.forget(handles)
        self._job_keys.settle(handles)
        self._input_notes.settle(handles)
        self._settled.add(handles)
        self.hasher.settled(keys)

    def discard(self, runs: Sequence[Run], done: Callable[[Sequence[Run]], None]) -> None:
        """Remove the log folders of runs, on a thread."""
        self._sweeper.sweep(runs, done)

    async def recover(self, expected: Sequence[Expected]) -> Sequence[Fact]:
        """Return facts about jobs from the supervisor, and from the log folders for jobs that it does not know."""
        self._unanswered.expect(expected)
        self._job_keys.expect(expected)
        self._input_notes.expect(expected)
        self._settled.add(left_intents(self._logs, expected))
        self._settled.say_now()
        return self.hasher.note(await self._recovery.find_out(expected))

    # Logs.

    def read_log(self, run: Run, stream: StreamName, start: int, length: int) -> LogPart:
        """Return a range of a log."""
        return at_log(self._logs, run, stream, lambda path: read_range(path, start, length))

    def tail_log(self, run: Run, stream: StreamName, lines: int, most_bytes: int) -> LogPart:
        """Return the last lines of a log."""
        # Of a job that has just ended, for those who wait for it.
        log = self.hasher.just_read(run, stream)
        if log is not None:
            return tail_of(log, lines, most_bytes)
        return at_log(self._logs, run, stream, lambda path: tail(path, lines, most_bytes))

    def follow_log(self, run: Run, stream: StreamName, start: int, on_growth: Callable[[], None]) -> LogReader:
        """Return a reader of a log from `start` on."""
        growth = None if run.ended_at_us else self._growth
        return at_log(self._logs, run, stream, lambda path: Follower(path, start, growth, on_growth))

    def follow_timed(self, run: Run, streams: Sequence[StreamName], starts: Sequence[int], on_growth: Callable[[], None]) -> LogReader:
        """Return a reader of one log or both, with times."""
        growth = None if run.ended_at_us else self._growth

        def follow(folder: str) -> LogReader:
            return TimedFollower(folder, streams, starts, growth, on_growth)

        return in_folder(self._logs, run, follow, NoLog)

    def find_in_logs(self, run: Run, since_us: int) -> Sequence[int]:
        """Return the positions from which the logs contain what arrived at a moment or later."""
        return in_folder(self._logs, run, lambda folder: find_moment(folder, since_us), lambda: [0, 0])

    # Standard input.

    def feed(self, key: AttemptKey, token: bytes, feeder: Feeder) -> Inlet:
        """Return the standard input of a job that is fed."""
        return self._inlets.open(key, token, feeder)

    def terminal(self, key: AttemptKey, feeder: Feeder) -> Terminal:
        """Return the terminal of a job that has one."""
        return self._terminals.open(key, feeder)

    # The line.

    def _lost(self) -> None:
        self._unanswered.give_up_signals(_unknown())

    async def _back(self) -> None:
        if self._recovery.awaits_answer:
            # The line broke during a recovery, which is answered on the new line.
            self._recovery.ask_again()
        else:
            self._tell_desk(await self._recovery.find_out(self._unanswered.running()))
            self.supervisor.say(self._unanswered.again())
        self.supervisor.say(self._inlets.again() + self._terminals.again())

    def _take(self, messages: list[Message]) -> None:
        facts: list[Fact] = []
        for message in messages:
            match message.get(FACT):
                case ToWorker.HELLO:
                    self._greeted(message)
                case ToWorker.RECOVERED:
                    facts = [] if self._recovery.told_all(facts) else facts
                case ToWorker.FEED | ToWorker.FEED_REFUSED | ToWorker.FEED_OVER | ToWorker.GIVEN:
                    self._inlets.hear(message)
                    self._terminals.hear(message)
                case ToWorker.TERMINAL:
                    self._terminals.hear(message)
                case ToWorker.SIGNALLED:
                    self._unanswered.signalled(message)
                case ToWorker.STUCK:
                    _log.error("job %s cannot be ended: %s", message["job"], message.get("why") or f"processes {message['pids']}")
                    facts += self._unanswered.read(message)
                case _:
                    facts += self._unanswered.read(message)
        if facts:
            self._recovery.tell(facts)
            if self._unanswered.limiting:
                self._limit_again(facts)

    def _limit_again(self, facts: Sequence[Fact]) -> None:
        """Send the time limits again that were set after the start of jobs."""
        if limits := self._unanswered.limits_of(folders.handle(fact.key) for fact in facts if isinstance(fact, Started)):
            self.supervisor.say(limits)

    def _greeted(self, message: Message) -> None:
        refused = self.supervisor.meet(message)
        if refused is not None:
            self._recovery.refuse(refused)

    def _tell_desk(self, facts: Sequence[Fact]) -> None:
        for fact in facts:
            if isinstance(fact, Ended) and (problem := why_unwritten(fact.outcome)):
                _log.error("the output of job %s is incomplete: %s", short_id(fact.key.id), problem)
        self._hear(self.hasher.note(facts))


def _nobody_hears(facts: Sequence[Fact]) -> None:
    _log.error("%d facts arrived before the desk was connected", len(facts))


def _unknown() -> Refused:
    return Refused(Code.UNAVAILABLE, "the supervisor died before it reported whether the signal was sent")
