"""The depot of a broker: it keeps contents until a worker has them; the folders of jobs are on the workers, and read from there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from ....client.protocol.conversation import Chunk
from ....client.protocol.exchange import Exchange
from ....schemas.generated import request_pb2
from ....schemas.jobs.brought_files import BroughtFile, FileKind
from ....schemas.naming import AttemptKey, JobKey
from ....schemas.refusal import Code, Reason, Refused
from ...depot import Depot, Fetched, Piece, Placement, Reading, Sender, Upload
from ..workers.worker import Worker
from .contents import Contents, Sendings

# What is sent is kept by the worker for an hour.
_TRIES = 3

_Then = Callable[[Piece | Fetched | Refused], None]


class FleetDepot(Depot):
    """`worker_of` returns the worker on which an attempt was placed, if it is connected now."""

    def __init__(
        self, contents: Contents, sendings: Sendings, worker_of: Callable[[AttemptKey], Worker], loop: asyncio.AbstractEventLoop
    ) -> None:
        self._contents = contents
        self._sendings = sendings
        self._worker_of = worker_of
        self._loop = loop

    def has(self, owner: bytes, file: BroughtFile, lender: bytes = b"") -> bool:
        """Return whether a content is stored here."""
        return self._contents.has(owner, file, lender)

    def put(self, owner: bytes, file: BroughtFile, limit_bytes: int, sender: Sender, token: bytes = b"") -> Upload:
        """Receive a content."""
        return self._contents.put(owner, file, limit_bytes, sender, token)

    def place(self, wanted: Placement, done: Callable[[Refused | None], None]) -> None:
        """Tell the worker of a job to put contents into its folder, as signed by their sender; first send what it lacks."""
        try:
            worker = self._worker_of(wanted.key)
        except Refused as refused:
            self._loop.call_soon(done, refused)
            return
        self._pass(worker, wanted, done, _TRIES)

    def _pass(self, worker: Worker, wanted: Placement, done: Callable[[Refused | None], None], tries: int) -> None:
        key = wanted.key
        name = request_pb2.AttemptName(owner=key.owner, id=key.id, attempt=key.attempt)

        def answered(answer: request_pb2.Reply | Refused) -> None:
            if not isinstance(answer, Refused):
                done(None)
            elif answer.reason is Reason.FILES_MISSING and tries:
                missing = [file for file in wanted.files if file.digest in answer.missing]
                self._sendings.send(worker, wanted.sender, missing, sent)
            else:
                done(answer)

        def sent(refused: Refused | None) -> None:
            if refused is None:
                self._pass(worker, wanted, done, tries - 1)
            else:
                done(refused)

        worker.link.ask(request_pb2.Request(relay=request_pb2.Relay(job=name, request=wanted.proof)), answered)

    def measure(self, key: JobKey, done: Callable[[int], None]) -> None:
        """Report that the folder takes no space here."""
        del key
        done(0)

    def fetch(self, key: AttemptKey, path: bytes, start: int, validator: bytes) -> Reading:
        """Read a file or folder in the folder of an attempt, at its worker."""
        return _Passed(self._worker_of(key), key, path, start, validator, self._loop)

    def sweep(self, in_use: Callable[[bytes, Sequence[bytes]], set[bytes]], is_known: Callable[[JobKey], bool]) -> None:
        """Remove unused contents."""
        self._contents.sweep(in_use, is_known)


class _Passed:
    """A file or folder that arrives from a worker, within the credit of the link."""

    def __init__(self, worker: Worker, key: AttemptKey, path: bytes, start: int, validator: bytes, loop: asyncio.AbstractEventLoop) -> None:
        self._link = worker.link_for_bytes
        self._loop = loop
        self._wanted: tuple[int, _Then] | None = None
        self._rest: tuple[memoryview, FileKind, bytes] | None = None
        name = request_pb2.AttemptName(owner=key.owner, id=key.id, attempt=key.attempt)
        fetch = request_pb2.Fetch(path=path, start=start, validator=validator)
        request = request_pb2.Request(relay_fetch=request_pb2.RelayFetch(job=name, fetch=fetch))
        self._exchange = self._link.open(request, self._happened)

    def next(self, length: int, then: _Then) -> None:
        """Return at most `length` bytes when they are there."""
        self._wanted = (length, then)
        # Never at once: it is called again from there.
        self._loop.call_soon(self._answer)

    def close(self) -> None:
        """Stop, here and at the worker."""
        self._wanted = None
        self._link.forget(self._exchange)

    def _happened(self, exchange: Exchange) -> None:
        del exchange
        self._answer()

    def _answer(self) -> None:
        if self._wanted is None:
            return
        length, then = self._wanted
        if (result := self._read(length)) is not None:
            self._wanted = None
            then(result)

    def _read(self, length: int) -> Piece | Fetched | Refused | None:
        if self._rest is None:
            item = self._link.take(self._exchange)
            if isinstance(item, Chunk):
                said = item.reply.fetch_chunk
                self._rest = (memoryview(item.data), FileKind(said.kind), said.validator)
            elif item is not None and item.HasField("fetch_end"):
                end = item.fetch_end
                return Fetched(end.size, end.digest, FileKind(end.kind), end.mode)
            elif self._exchange.refusal is not None:
                return self._exchange.refusal
            elif self._exchange.ended:
                return Refused(Code.INTERNAL, "the worker has ended the file without saying why")
        if self._rest is None:
            return None
        data, kind, validator = self._rest
        self._rest = (data[length:], kind, validator) if length < len(data) else None
        return Piece(bytes(data[:length]), kind, validator)
