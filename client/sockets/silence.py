"""Notice that the worker, or one behind a broker, does not respond while somebody waits for it and watches, and tell them.

When it counts as silent is decided by pulse.py; which worker a broker is asked about, by signs.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from ...schemas.generated import job_pb2
from ...schemas.naming import JobKey
from ...schemas.wire_codec import key_to_wire
from ..protocol.conversation import Conversation
from ..protocol.pulse import Pulse, Sign, always
from .connecting import diagnosis
from .event_socket import EventSocket
from .request_socket import RequestSocket


class Silence:
    """Whether the worker of one client is silent. Its user is told through `RequestSocket.tell`."""

    def __init__(self, conversation: Conversation, requests: RequestSocket, events: EventSocket) -> None:
        self._conversation = conversation
        self._requests = requests
        self._events = events
        # Asked before anybody is told: whether they would see it. If not, the worker is not asked for a sign either.
        self.looks_on: Callable[[], bool] = always
        # Whether somebody wants to know, and whether that is so since the last look.
        self.is_wanted = self.is_new = False
        self._pulse: Pulse | None = None
        # The jobs that they look at, beside those that requests and subscriptions name.
        self._looked_at: Callable[[], Iterable[JobKey]] = tuple
        # When a broker is asked about their workers next; None: never.
        self._inquire_at: float | None = None
        # The worker behind a broker that was reported to give no sign; empty: none was.
        self._silent_worker = ""

    @property
    def patience(self) -> float | None:
        """How many seconds the worker may give no sign before whoever waits for it is told; None: until the connection is lost.

        It is asked for one as often, unless something else comes.
        """
        return self._pulse.patience if self._pulse is not None else None

    @patience.setter
    def patience(self, seconds: float | None) -> None:
        self._pulse = Pulse(seconds) if seconds is not None else None
        self._inquire_at = None
        # Whoever comes next, such as another command in a shell, was told nothing yet.
        self._silent_worker = ""
        self._conversation.signs.silent_worker = None
        self.is_wanted = self.is_new = seconds is not None

    @property
    def kind(self) -> str:
        """What the other side is, as far as known: a worker or a broker."""
        hello = self._conversation.hello
        return "broker" if hello is not None and hello.kind == "broker" else "worker"

    @property
    def heard(self) -> int:
        """How many messages came so far, on both sockets."""
        return self._requests.received + self._events.received

    def is_moving(self, within: float) -> bool:
        """Return whether bytes came or were taken within so many seconds, though perhaps no message is complete: the line is slow."""
        known = self._requests.monitored.tcp_info()
        return known is not None and known.is_moving(within)

    @property
    def whose(self) -> str:
        """Who gives no sign, as their user was told: an endpoint, or the worker behind a broker; empty: nobody."""
        if self._pulse is not None and self._pulse.is_silent:
            return self._requests.monitored.endpoint
        return f"worker {self._silent_worker}" if self._silent_worker else ""

    @contextmanager
    def looks_at(self, jobs: Callable[[], Iterable[JobKey]]) -> Iterator[None]:
        """Ask a broker in the block about the workers of these jobs too, one after the other, while there is a `patience`."""
        before, self._looked_at = self._looked_at, jobs
        try:
            yield
        finally:
            self._looked_at = before

    def due_at(self) -> float | None:
        """Return when to look again even if nothing comes; None: never."""
        pulse_at = self._pulse.due_at() if self._pulse is not None else None
        return min(filter(None, (pulse_at, self._inquire_at)), default=None)

    def look(self, now: float, *, waits: bool) -> None:
        """Look for a sign of the worker, if that is wanted. `waits`: there is something to wait for, if there is a connection."""
        self.is_new = False
        pulse = self._pulse
        if pulse is None:
            return
        endpoint, kind = self._requests.monitored.endpoint, self.kind
        waits = waits and self._conversation.greeted
        if not (waits and kind == "broker"):
            self._inquire_at = None
        match pulse.look(now, self.heard, waits=waits, is_moving=lambda: self.is_moving(pulse.patience), looks_on=self.looks_on):
            case Sign.ASK:
                self._conversation.ask_for_a_sign(self._jobs())
            case Sign.SILENT:
                self._requests.tell(diagnosis.silent(kind, endpoint, pulse.silent_for(now)))
            case Sign.BACK:
                if self.looks_on():
                    self._requests.tell(diagnosis.answers(kind, endpoint))
            case Sign.NOTHING:
                self._tell_of_worker(endpoint)
                if waits and kind == "broker":
                    self._inquire(pulse.patience, now)

    def _inquire(self, patience: float, now: float) -> None:
        """Ask a broker about the next of their workers, if it is time to: what comes is a sign of the broker, and not of each of them."""
        if self._inquire_at is not None and now < self._inquire_at:
            return
        is_first, self._inquire_at = self._inquire_at is None, now + patience
        if not is_first and self.looks_on() and self._conversation.signs.number is None and (jobs := self._jobs()):
            self._conversation.ask_for_a_sign(jobs)

    def _jobs(self) -> list[job_pb2.JobKey]:
        return [*map(key_to_wire, self._looked_at()), *self._events.jobs]

    def _tell_of_worker(self, endpoint: str) -> None:
        """Have told what a broker says of the worker behind it. If that or the connection is lost, others speak of it."""
        silent, before = self._conversation.signs.silent_worker, self._silent_worker
        name = silent.name if silent is not None else ""
        if name == before or not self.looks_on():
            return
        self._silent_worker = name
        if silent is not None:
            self._requests.tell(diagnosis.silent_behind(silent.name, endpoint, silent.seconds))
        elif self._conversation.greeted:
            self._requests.tell(diagnosis.answers_behind(before, endpoint))
