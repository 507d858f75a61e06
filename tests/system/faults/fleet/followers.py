"""Readers that follow logs while they are written, some of them slowly, each on a thread of its own with a client of its own."""

from __future__ import annotations

import random
import select
import threading
from collections.abc import Callable, Mapping
from typing import Literal

from evidence import Evidence, Row
from house import PATIENCE_SECONDS
from orders import Order

from jobwire.client.library.client import Client
from jobwire.schemas.jobs.states import OutcomeKind
from jobwire.schemas.refusal import Refused

_MOST = 4
_PIECE_BYTES = 32 * 1024


class Follower:
    """Reads one log to the end of its job."""

    def __init__(
        self, connect: Callable[[], Client], order: Order, owner: bytes, stream: Literal["stdout", "stderr"], pause_ms: int
    ) -> None:
        self.order = order
        self.stream = stream
        self.data = b""
        self.failure: BaseException | None = None
        self._connect = connect
        self._owner = owner
        self._pause_ms = pause_ms
        self.thread = threading.Thread(target=self._read, name=f"follower of {order.text_id}", daemon=True)
        self.thread.start()

    def _read(self) -> None:
        try:
            with self._connect() as client:
                job = client.job_by_key(self._owner, self.order.key_id)
                output = job.stdout if self.stream == "stdout" else job.stderr
                while data := output.read1(_PIECE_BYTES):
                    self.data += data
                    select.poll().poll(self._pause_ms)
        except BaseException as failure:  # noqa: BLE001 -- it is the account's to tell
            self.failure = failure

    def problem(self, row: Row | None, log: bytes | None) -> str:
        """Return what is wrong with what it has read; `log`: what is read of it now."""
        name = f"the follower of {self.stream} of {self.order.text_id}"
        self.thread.join(PATIENCE_SECONDS)
        if self.thread.is_alive():
            return f"{name} has not heard of the end, after {len(self.data)} bytes"
        if row is None or row.outcome is None or row.outcome.kind is OutcomeKind.LOST:
            return ""
        if self.failure is not None:
            # A job that never ran has no log.
            return "" if isinstance(self.failure, Refused) and not row.pid else f"{name} failed: {self.failure!r}"
        return "" if self.data == (log or b"") else f"{name} read {len(self.data)} bytes, and the log has {len(log or b'')}, or others"


class Followers:
    """All of them."""

    def __init__(self, desk: Evidence, draw: random.Random) -> None:
        self._desk = desk
        self._draw = draw
        self.all: list[Follower] = []

    def add(self, order: Order, owner: bytes) -> None:
        """Follow a job from now on, if not many are being followed."""
        if sum(one.thread.is_alive() for one in self.all) < _MOST:
            stream: Literal["stdout", "stderr"] = self._draw.choice(("stdout", "stderr"))
            self.all.append(Follower(self._desk.connect, order, owner, stream, self._draw.choice((0, 0, 0, 20))))

    def problems(self, rows: Mapping[bytes, Row]) -> list[str]:
        """Return what is wrong with what they have read, when all jobs have ended."""
        found = []
        for one in self.all:
            row = rows.get(one.order.key_id)
            log = self._desk.log_of(row, one.stream) if row is not None and row.pid else b""
            found.append(one.problem(row, log))
        return list(filter(None, found))
