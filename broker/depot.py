"""The interface between the desk and the depot, which keeps the files of jobs: contents from members, and the folders of jobs.

The desk's store knows what refers to a content; the bytes are kept by this machine (worker/depot/depot.py), or by a broker until its
workers have them (broker/fleet/transfers/depot.py). Whatever takes long runs elsewhere, and its result is reported on the loop.
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
    """Bytes of a fetched file or folder, and its kind and size when the first byte was read."""

    data: bytes
    kind: FileKind
    validator: bytes


@dataclass(frozen=True, slots=True)
class Fetched:
    """The end of a fetch: its size, and its SHA-256 from the first byte on. `mode`: permissions of a file."""

    size: int
    digest: bytes
    kind: FileKind
    mode: int


@dataclass(frozen=True, slots=True)
class Placement:
    """A request to put contents of the `sender` into the folder of an attempt. With `only_check`, nothing is written.

    `is_queued`: the desk has not started the job; the files wait for its start. `proof`: the request, as received.
    """

    key: AttemptKey
    sender: bytes
    files: Sequence[BroughtFile]
    is_queued: bool
    only_check: bool
    proof: bytes = b""


class Sender(Protocol):
    """The sender of a content. Called on the loop, never during a call of its `Upload`."""

    def advance(self) -> None:
        """Check the upload again: more can be written to it."""
        ...

    def stored(self) -> None:
        """Stop: the content is complete and on the disk."""
        ...

    def refuse(self, refused: Refused) -> None:
        """Stop: the content cannot be stored, for this reason."""
        ...


class Upload(Protocol):
    """A content that is being received. Several senders may send the same one."""

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
    """A file or folder that is being read."""

    def next(self, length: int, then: Callable[[Piece | Fetched | Refused], None]) -> None:
        """Read at most `length` bytes; `then` is called on the loop with them, or with the end. One call at a time."""
        ...

    def close(self) -> None:
        """Stop; a pending `then` is not called."""
        ...


class Depot(Protocol):
    """What a desk needs from a depot."""

    def has(self, owner: bytes, file: BroughtFile, lender: bytes = b"") -> bool:
        """Return whether a content is stored; if so, it stays for at least an hour. It also counts if the member `lender` has stored it."""
        ...

    def put(self, owner: bytes, file: BroughtFile, limit_bytes: int, sender: Sender, token: bytes = b"") -> Upload:
        """Receive a content, or the rest of it; the contents of the owner may take `limit_bytes` in all.

        With a `token`, which names the upload, the digest is not known yet, and the file is for one `place`.
        """
        ...

    def place(self, wanted: Placement, done: Callable[[Refused | None], None]) -> None:
        """Put contents into the folder of a job; `done` gets the reason if that fails. A missing content is refused as in a start."""
        ...

    def measure(self, key: JobKey, done: Callable[[int], None]) -> None:
        """Report how many bytes the folder of an ended job takes."""
        ...

    def fetch(self, key: AttemptKey, path: bytes, start: int, validator: bytes) -> Reading:
        """Read a file or folder in the folder of an attempt, from a byte on."""
        ...

    def sweep(self, in_use: Callable[[bytes, Sequence[bytes]], set[bytes]], is_known: Callable[[JobKey], bool]) -> None:
        """Remove contents that were not used for an hour and are not `in_use` (of an owner, digests), and folders of unknown jobs."""
        ...
