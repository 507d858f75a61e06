"""Subscribers that record all events, each in a thread of its own with a client of its own."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable
from dataclasses import dataclass

from jobwire.client.library.client import Client
from jobwire.client.library.values.event import Event, EventCursor
from jobwire.schemas.generated import event_pb2
from jobwire.schemas.jobs.states import EventKind

_PATIENCE_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Heard:
    """One event, as far as two accounts of it are compared."""

    seq: int
    kind: int
    owner: bytes
    id: bytes
    pid: int
    outcome: tuple[int, int, int] | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a witness subscribes to; empty: everything."""

    name: str
    owner: bytes = b""
    label: str = ""

    def lets_through(self, event: event_pb2.Event) -> bool:
        labels = {label.name: label.value for label in event.labels}
        return (not self.owner or event.key.owner == self.owner) and (not self.label or labels.get("group") == self.label)


class Witness:
    """Receives events from now on. `pause` and `go_on` make the subscriber leave and come back with its cursor."""

    def __init__(self, connect: Callable[[], Client], wanted: Wanted) -> None:
        self.wanted = wanted
        self.heard: list[Heard] = []
        self.finished: set[str] = set()
        # Why it could not continue.
        self.failure: BaseException | None = None
        self.first_seq = 0
        self._connect = connect
        self._cursor: EventCursor | None = None
        self._thread: threading.Thread | None = None
        self._ready = threading.Event()
        self._stop = -1

    def go_on(self, *, wait: bool = False) -> Witness:
        """Subscribe from its cursor on; with `wait`, return once that is certain."""
        if self._thread is None:
            self._stop = os.eventfd(0)
            self._thread = threading.Thread(target=self._listen, name=self.wanted.name)
            self._thread.start()
        if wait:
            assert self._ready.wait(_PATIENCE_SECONDS), f"{self.wanted.name} could not subscribe"
        return self

    def pause(self) -> None:
        """Leave, without waiting for the worker."""
        if self._thread is not None:
            os.eventfd_write(self._stop, 1)
            self._thread.join()
            os.close(self._stop)
            self._thread = None

    @property
    def last_seq(self) -> int:
        return self.heard[-1].seq if self.heard else self.first_seq

    def _listen(self) -> None:
        try:
            with self._connect() as client, client.events(self._cursor or "now", **self._filter()) as stream:
                if self._cursor is None:
                    self._cursor = stream.cursor
                    self.first_seq = self._cursor.seq
                self._ready.set()
                while not self._is_stopped():
                    while (event := stream.take()) is not None:
                        self._write_down(event)
                    client.pump(None, [self._stop])
        except BaseException as failure:  # noqa: BLE001 -- it is the account's to tell
            self.failure = failure

    def _filter(self) -> dict[str, object]:
        wanted: dict[str, object] = {"owner": self.wanted.owner or None}
        if self.wanted.label:
            wanted["labels"] = {"group": self.wanted.label}
        return wanted

    def _is_stopped(self) -> bool:
        return bool(select.select([self._stop], [], [], 0)[0])

    def _write_down(self, event: Event) -> None:
        outcome = event.outcome and (int(event.outcome.kind), event.outcome.exit_status, event.outcome.signal)
        self.heard.append(Heard(event.cursor.seq, int(event.kind), event.key.owner, event.key.id, event.pid or 0, outcome or None))
        self._cursor = event.cursor
        if event.kind is EventKind.FINISHED:
            self.finished.add(event.key.id.hex())
