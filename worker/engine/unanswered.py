"""Messages to the supervisor about jobs that no fact has answered yet, to be sent again on a new line; and which jobs are running.

Knows the words of worker/wire/words.py, and no socket.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence

import msgspec

from ...broker.engine import Delayed, Ended, Expected, Fact, Launch, Paused, Started
from ...schemas.naming import AttemptKey
from ...schemas.refusal import Code, Refused
from ..state.log_folders import folders
from ..wire.words import DO, FACT, ToSupervisor, ToWorker
from .desk_facts import WRITES_DELAYED, read_ended, start_delayed
from .intents import Intent
from .supervisor_line import Message

_log = logging.getLogger(__name__)

# Of a `job` file. A longer one is read from the disk: many of them would fill the line.
_MOST_SAID_BYTES = 2048


class Unanswered:
    """Messages by handle. Each is created here, to be sent at once."""

    def __init__(self, logs: str) -> None:
        self._logs = logs
        self._starting: dict[str, Message] = {}
        self._pausing: dict[str, Message] = {}
        self._ending: dict[str, Message] = {}
        # Never answered: said again whenever the job may have missed it.
        self.limiting: dict[str, Message] = {}
        self._signalling: dict[str, deque[Callable[[Refused | None], None]]] = {}
        self._running: dict[str, Expected] = {}
        # For all jobs whose end is not settled.
        self._known: dict[str, Launch | Expected] = {}

    @property
    def starting(self) -> int:
        """How many starts are pending: neither started nor ended."""
        return len(self._starting)

    def start(self, written: Iterable[Intent], *, at_once: bool = False) -> list[Message]:
        """Return messages to start jobs, whose intents are on the disk. `at_once`: the facts of their starts are not held back."""
        words: dict[str, Message] = {}
        for launch, text in written:
            handle = folders.handle(launch.key)
            self._known[handle] = launch
            words[handle] = {DO: ToSupervisor.START, "job": handle, "queued_at_us": launch.queued_at_us}
            if 0 < len(text) <= _MOST_SAID_BYTES:
                words[handle]["file"] = msgspec.Raw(text)
            if at_once:
                words[handle]["at_once"] = True
        self._starting |= words
        return list(words.values())

    def limit(self, handle: str, limit_ms: int) -> Message:
        """Return the message to change the time limit of a job."""
        word = self.limiting[handle] = {DO: ToSupervisor.LIMIT, "job": handle, "time_limit_ms": limit_ms}
        return word

    def limits_of(self, handles: Iterable[str]) -> list[Message]:
        """Return the messages about time limits of these jobs."""
        return [self.limiting[handle] for handle in handles if handle in self.limiting]

    def pause(self, handle: str, *, paused: bool) -> Message:
        """Return the message to pause or resume a job."""
        word = self._pausing[handle] = {DO: ToSupervisor.PAUSE if paused else ToSupervisor.RESUME, "job": handle}
        return word

    def end(self, handle: str, number: int, grace_ms: int) -> Message:
        """Return the message to stop a job."""
        word = self._ending[handle] = {DO: ToSupervisor.END, "job": handle, "signal": number, "grace_ms": grace_ms}
        return word

    def signal(self, handle: str, number: int, done: Callable[[Refused | None], None]) -> Message:
        """Return the message to send a signal. It is never repeated: `done` is called with the result, or with why it is unknown."""
        self._signalling.setdefault(handle, deque()).append(done)
        return {DO: ToSupervisor.SIGNAL, "job": handle, "signal": number}

    def give_up_signals(self, why: Refused | None) -> None:
        """Call back for all signals that will get no answer."""
        signalling, self._signalling = self._signalling, {}
        for waiting in signalling.values():
            for done in waiting:
                done(why)

    def signalled(self, message: Message) -> None:
        """Process the answer to the oldest signal to a job."""
        waiting = self._signalling.get(message["job"])
        if waiting:
            why = message["why"]
            waiting.popleft()(Refused(Code.PERMISSION_DENIED, f"not all processes of the job got the signal: {why}") if why else None)
            if not waiting:
                del self._signalling[message["job"]]

    def again(self) -> list[Message]:
        """Return all messages again, in a valid order."""
        return [*self._starting.values(), *self.limiting.values(), *self._pausing.values(), *self._ending.values()]

    def expect(self, jobs: Sequence[Expected]) -> None:
        """Note jobs that an earlier worker may have started."""
        self._known |= {folders.handle(job.key): job for job in jobs if job.spec is not None}

    def forget(self, handles: Collection[str]) -> None:
        """Forget jobs whose end is durable, even if no fact reported it (it was found in the log folders, or they were cancelled)."""
        for known in (self._starting, self._pausing, self._ending, self.limiting, self._running, self._known):
            for handle in handles:
                known.pop(handle, None)

    def running(self) -> list[Expected]:
        """Return the jobs that have started and have not been reported as ended."""
        return list(self._running.values())

    def read(self, message: Message) -> list[Fact]:
        """Return the facts in a supervisor's message about a job, and drop the messages that it answers."""
        match message.get(FACT):
            case ToWorker.STARTED:
                return [self._started(message), *_standing(message), *_stuck(message.get("stuck"), message)]
            case ToWorker.ENDED:
                return [self._ended(message)]
            case ToWorker.PAUSED:
                self._pausing.pop(message["job"], None)
                return [Paused(folders.key_of(message["job"]), message["paused"], message.get("why", ""))]
            case ToWorker.STUCK:
                return _stuck(message.get("why"), message)
            case ToWorker.WAITS | ToWorker.DELAYED as kind:
                why = WRITES_DELAYED if kind == ToWorker.WAITS and message["waits"] else ""
                if kind == ToWorker.DELAYED:
                    why = message.get("why") or start_delayed(self._logs)
                return [Delayed(folders.key_of(message["job"]), why, stuck=why == WRITES_DELAYED)]
            case unknown:
                _log.warning("the supervisor sent an unknown fact: %s", unknown)
        return []

    def _started(self, message: Message) -> Started:
        handle = message["job"]
        adopted = self._starting.pop(handle, None) is None
        paused = message.get("paused", False)
        known = self._known.get(handle)
        fact = Started(self._key_of(handle), message["pid"], message["started_at_us"], adopted, paused)
        spec, rerun_of = (known.spec, known.rerun_of) if known else (None, None)
        at_us = fact.started_at_us
        self._running[handle] = Expected(fact.key, fact.pid, at_us, at_us, launched=True, spec=spec, rerun_of=rerun_of)
        return fact

    def _ended(self, message: Message) -> Ended:
        handle = message["job"]
        key = self._key_of(handle)
        self.forget([handle])
        return read_ended(key, message)

    def _key_of(self, handle: str) -> AttemptKey:
        # As a rule it is known, and need not be parsed.
        known = self._known.get(handle)
        return known.key if known is not None else folders.key_of(handle)


def _stuck(why: str | None, message: Message) -> list[Fact]:
    return [Delayed(folders.key_of(message["job"]), why, stuck=True)] if why else []


def _standing(message: Message) -> list[Fact]:
    return [Delayed(folders.key_of(message["job"]), WRITES_DELAYED, stuck=True)] if message.get("waits") else []
