"""Files for jobs on their way to workers: the broker keeps what clients sent, and sends a worker what it lacks.

A content is named by its SHA-256, which its client signed with the job: the worker checks what arrives. It is sent when a job was placed
and its worker lacks it, once for all jobs there that wait for it, and from the offset reached after a lost link.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import Protocol

from ....client.protocol.exchange import Exchange
from ....client.protocol.pushing.uploading import Uploading
from ....schemas.frames import LARGEST_PUSH, MOST_PUTS
from ....schemas.generated import request_pb2
from ....schemas.jobs.brought_files import BroughtFile
from ....schemas.refusal import Code, Refused
from ...depot import Depot
from ..workers.worker import Worker

Done = Callable[[Refused | None], None]


class Contents(Depot, Protocol):
    """Contents on the disk of the broker."""

    def read(self, owner: bytes, digest: bytes, start: int, length: int, then: Callable[[bytes | Refused], None]) -> None:
        """Read part of a content; `then` is called with it on the loop."""
        ...


class _Sending:
    """One content being sent to one worker, and who waits for it."""

    def __init__(self, worker: Worker, owner: bytes, file: BroughtFile, contents: Contents, over: Callable[[], None]) -> None:
        self.waiting: list[Done] = []
        self._worker = worker
        self._link = worker.link
        self._owner = owner
        self._file = file
        self._contents = contents
        self._over = over
        self._is_reading = False

    def begin(self) -> None:
        put = request_pb2.RelayPut(owner=self._owner, digest=self._file.digest, size=self._file.size)
        self._link = self._worker.link_for_bytes
        exchange = self._link.open(request_pb2.Request(relay_put=put), self._happened)
        self._go_on(exchange)

    def _happened(self, exchange: Exchange) -> None:
        self._link.take(exchange)
        if exchange.ended:
            self._end(exchange.refusal)
        else:
            self._go_on(exchange)

    def _go_on(self, exchange: Exchange) -> None:
        uploading = exchange.uploading
        if self._is_reading or exchange.ended or uploading is None or not uploading.room:
            return
        self._is_reading = True
        length = min(uploading.room, LARGEST_PUSH)
        then = partial(self._read, exchange, uploading, uploading.position)
        self._contents.read(self._owner, self._file.digest, uploading.position, length, then)

    def _read(self, exchange: Exchange, uploading: Uploading, position: int, result: bytes | Refused) -> None:
        self._is_reading = False
        if exchange.ended:
            return
        if isinstance(result, Refused) or not result:
            self._link.forget(exchange)
            self._end(result or Refused(Code.NOT_FOUND, "a file of the job was shortened on the disk of the broker"))
            return
        # After a lost link the worker may be elsewhere.
        if uploading.position == position and len(result) <= uploading.room:
            self._link.feed(exchange, result)
        self._go_on(exchange)

    def _end(self, refused: Refused | None) -> None:
        self._over()
        for done in self.waiting:
            done(refused)


class Sendings:
    """All contents being sent to workers; a few at a time to each of them."""

    def __init__(self, contents: Contents) -> None:
        self._contents = contents
        self._under_way: dict[tuple[bytes, bytes, bytes], _Sending] = {}
        self._queued: dict[bytes, deque[_Sending]] = {}
        self._count: dict[bytes, int] = {}

    def send(self, worker: Worker, owner: bytes, files: Iterable[BroughtFile], done: Done) -> None:
        """Send contents of an owner; `done` is called once, when the worker has all of them, or with the first refusal."""
        distinct = {file.digest: file for file in files}
        left = len(distinct)
        if not left:
            done(Refused(Code.NOT_FOUND, "the worker lacks a file that the job does not bring"))

        def one_done(refused: Refused | None) -> None:
            nonlocal left
            left -= 1
            if refused is not None and left >= 0:
                left = -1
            elif left:
                return
            done(refused)

        for file in distinct.values():
            self._send(worker, owner, file).waiting.append(one_done)

    def _send(self, worker: Worker, owner: bytes, file: BroughtFile) -> _Sending:
        name = (worker.key, owner, file.digest)
        found = self._under_way.get(name)
        if found is None:
            found = _Sending(worker, owner, file, self._contents, partial(self._ended, name))
            self._under_way[name] = found
            self._queued.setdefault(worker.key, deque()).append(found)
            self._begin(worker.key)
        return found

    def _begin(self, worker: bytes) -> None:
        queued = self._queued[worker]
        while queued and self._count.get(worker, 0) < MOST_PUTS:
            self._count[worker] = self._count.get(worker, 0) + 1
            queued.popleft().begin()

    def _ended(self, name: tuple[bytes, bytes, bytes]) -> None:
        del self._under_way[name]
        self._count[name[0]] -= 1
        self._begin(name[0])
