"""The interface between the desk and what keeps the files of jobs: contents that members have sent, and the folders of jobs.

Who refers to a content is known to the store of the desk; the bytes are kept by this machine (worker/depot/depot.py) or, later, by a fleet
of workers. Whatever takes long is done elsewhere, and reported on the loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ..schemas.jobs.brought_files import BroughtFile, FileKind
from ..schemas.naming import AttemptKey, JobKey
from ..schemas.refusal import Refused


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes of what is fetched, and what it was when the first byte was read."""

    data: bytes
    kind: FileKind
    validator: bytes


@dataclass(frozen=True, slots=True)
class Fetched:
    """The end of what is fetched: its size, and its SHA-256 from the first byte on. `mode`: permissions of a file."""

    size: int
    digest: bytes
    kind: FileKind
    mode: int


@dataclass(frozen=True, slots=True)
class Placement:
    """What is to be put into the folder of an attempt: contents of the `sender`. With `only_check`, nothing is.

    `is_queued`: the job has not started as far as the desk knows; what arrives waits for it. `proof`: the request, as received.
    """

    key: AttemptKey
    sender: bytes
    files: Sequence[BroughtFile]
    is_queued: bool
    only_check: bool
    proof: bytes = b""


class Sender(Protocol):
    """What sends a content. Called on the loop, never during a call of its `Upload`."""

    def advance(self) -> None:
        """Check the upload again: more can be written to it."""
        ...

    def stored(self) -> None:
        """Stop: the content is complete and on the disk."""
        ...

    def refuse(self, refused: Refused) -> None:
        """Stop: the content cannot be stored."""
        ...


class Upload(Protocol):
    """A content on its way to the disk. Several may send the same one."""

    @property
    def reached(self) -> int:
        """How many bytes have arrived."""
        ...

    @property
    def limit(self) -> int:
        """Up to which offset bytes may be written now; 0 until the first `advance`."""
        ...

    def write(self, data: memoryview) -> None:
        """Add bytes."""
        ...

    def leave(self, sender: Sender) -> None:
        """Stop sending; what has arrived is kept for an hour."""
        ...


class Reading(Protocol):
    """A file or folder that is read."""

    def next(self, length: int, then: Callable[[Piece | Fetched | Refused], None]) -> None:
        """Read at most `length` bytes; `then` gets them, on the loop, or the end. One call at a time."""
        ...

    def close(self) -> None:
        """Stop; a pending `then` is not called any more."""
        ...


class Depot(Protocol):
    """What a desk needs from whatever keeps files."""

    def has(self, owner: bytes, file: BroughtFile, lender: bytes = b"") -> bool:
        """Return whether a content is there; if so, it stays for an hour at least. The owner also gets it if the member `lender` has it."""
        ...

    def put(self, owner: bytes, file: BroughtFile, limit_bytes: int, sender: Sender, token: bytes = b"") -> Upload:
        """Receive a content, or what is missing of it; the owner may have `limit_bytes` in all.

        With a `token`, which names the upload, the file has no digest yet, and is for one `place`.
        """
        ...

    def place(self, wanted: Placement, done: Callable[[Refused | None], None]) -> None:
        """Put contents into the folder of a job; `done` gets why not, if so. A content that is missing is refused as in a start."""
        ...

    def measure(self, key: JobKey, done: Callable[[int], None]) -> None:
        """Tell how many bytes the folder of a job takes, which has ended."""
        ...

    def fetch(self, key: AttemptKey, path: bytes, start: int, validator: bytes) -> Reading:
        """Read something in the folder of an attempt, from a byte on."""
        ...

    def sweep(self, in_use: Callable[[bytes, Sequence[bytes]], set[bytes]], is_known: Callable[[JobKey], bool]) -> None:
        """Remove contents that were not used for an hour and are not `in_use` (of an owner, digests), and folders of unknown jobs."""
        ...
