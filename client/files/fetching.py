"""Fetch a file or folder from the folder of a job, and write it here.

It is renamed when it is complete and correct; until then it has a name beside it that begins with a dot. Nothing that exists is
overwritten, except a file by a file. Symbolic links that lead out of a folder are left out: whoever follows them later would be led to a
place chosen by the job.
"""

# ruff: noqa: PTH102, PTH112, PTH114, PTH118, PTH208 -- names are bytes, which need not be text
from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from typing import TYPE_CHECKING, NamedTuple

from ...schemas.generated import request_pb2
from ...schemas.jobs.brought_files import FileKind
from ...schemas.naming import JobKey
from ...schemas.refusal import Code, Refused
from ...schemas.trees import beneath
from ...schemas.trees.writing import Unpacking, finish_at, leads_out, write_at
from ...schemas.wire_codec import key_to_wire
from ..protocol.exchange import Chunk, Item
from ..sockets.waiting.onlooker import Transfer
from .current_folder import absolute
from .local_files import shown
from .special_places import is_special

if TYPE_CHECKING:
    from ..sockets.connection import Connection

_MODE = 0o600


class FetchedFile(NamedTuple):
    """What was fetched: its path here, its size as sent, and the paths of links and others (FIFOs, sockets, devices) left out."""

    place: bytes
    size: int
    left_out: tuple[bytes, ...]
    others: tuple[bytes, ...] = ()


def fetch_request(key: JobKey, path: bytes) -> request_pb2.Request:
    """Return a request for a file or folder."""
    return request_pb2.Request(fetch=request_pb2.Fetch(key=key_to_wire(key), path=path))


def fetch(connection: Connection, key: JobKey, path: bytes, place: bytes = b"", default_name: bytes = b"files") -> FetchedFile:
    """Fetch `path` of a job's folder to `place`; into it under its own name, if that is a folder. Default: the current folder.

    A place that ends with a slash is a folder, which is created if missing.

    Raises the refusal, and `Refused` if it cannot be written here.
    """
    exchange = connection.ask(fetch_request(key, path))
    fetching = Fetching(path, place, default_name)
    try:
        with connection.waits_for(fetching.purpose):
            while (found := fetching.take(connection.next(exchange))) is None:
                pass
        return found
    finally:
        connection.forget(exchange)
        fetching.close()


class Fetching:
    """Processes the replies to one fetch."""

    def __init__(self, path: bytes, place: bytes, default_name: bytes) -> None:
        self._path = path
        self._place = place
        self._default_name = default_name
        self._writing: _Writing | None = None

    def take(self, item: Item | None) -> FetchedFile | None:
        """Write what arrived, and return the file or folder when it is complete.

        Raises `Refused` if it cannot be written here, or does not match the digest of the worker.
        """
        try:
            if isinstance(item, Chunk):
                self._written_as(FileKind(item.reply.fetch_chunk.kind)).add(item.data)
                return None
            if item is not None and item.HasField("fetch_end"):
                end = item.fetch_end
                # An empty file has no chunk.
                return self._written_as(FileKind(end.kind)).finish(end.size, end.digest, end.mode)
        except OSError as error:
            where = shown(self._writing.place if self._writing is not None else self._place or b".")
            raise Refused(Code.INVALID_ARGUMENT, f"{where!r} cannot be written: {error.strerror}") from None
        if item is None:
            raise Refused(Code.INTERNAL, "the worker ended the fetch before its end")
        return None

    def _written_as(self, kind: FileKind) -> _Writing:
        if self._writing is None:
            self._writing = _Writing(_target(self._place, self._path, self._default_name), kind)
        return self._writing

    def purpose(self) -> Transfer | None:
        """Return the progress for an onlooker; None before anything has arrived."""
        return None if self._writing is None else Transfer(is_sent=False, done_bytes=self._writing.size, size_bytes=None)

    def close(self) -> None:
        """Remove what is incomplete."""
        if self._writing is not None:
            self._writing.close()


def _target(place: bytes, path: bytes, default_name: bytes) -> bytes:
    name = path.rpartition(b"/")[2] or default_name
    if not place:
        return name
    if place.endswith(b"/"):
        with contextlib.suppress(FileExistsError):
            os.mkdir(place)
    return os.path.join(place, name) if place.endswith(b"/") or os.path.isdir(place) else place


class _Writing:
    """One file or folder being written beside its destination."""

    def __init__(self, place: bytes, kind: FileKind) -> None:
        self.place = place
        self._kind = kind
        self._hasher = hashlib.sha256()
        self.size = 0
        self._left_out: list[bytes] = []
        self._others: list[bytes] = []
        self._unpacking: Unpacking | None = None
        outer, self._name = os.path.split(os.path.normpath(absolute(place)))
        self._part = b"." + self._name[:200] + b"." + secrets.token_hex(4).encode()
        # The folder may be reached through links: it is what the user named.
        self._outer = os.open(outer, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._fd = -1
        self._is_done = False
        try:
            self._demand_free()
            if kind is FileKind.TREE:
                os.mkdir(self._part, 0o700, dir_fd=self._outer)
                self._fd = os.open(self._part, beneath.FOLDER, dir_fd=self._outer)
                self._unpacking = Unpacking(self._fd, shown(place), self._keep_link, self._others.append)
            else:
                self._fd = os.open(self._part, beneath.CREATE, _MODE, dir_fd=self._outer)
        except BaseException:
            self.close()
            raise

    def _demand_free(self) -> None:
        """Check that the destination is free: a file may replace a file, a folder an empty folder."""
        if is_special(self.place):
            what = f"{shown(self.place)!r} cannot be replaced by a file: it is a device, a pipe or a socket"
            raise Refused(Code.INVALID_ARGUMENT, what, "write another name: PATH:DEST")
        if not os.path.lexists(self.place):
            return
        is_folder = os.path.isdir(self.place) and not os.path.islink(self.place)
        if self._kind is FileKind.FILE:
            if is_folder:
                raise Refused(Code.INVALID_ARGUMENT, f"{shown(self.place)!r} exists, and is a folder", "write another name: PATH:DEST")
            return
        if not is_folder or os.listdir(self.place):
            raise Refused(Code.ALREADY_EXISTS, f"{shown(self.place)!r} exists already", "remove it, or write another name: PATH:DEST")

    def add(self, data: bytes | memoryview) -> None:
        """Write the next bytes."""
        self._hasher.update(data)
        if self._unpacking is not None:
            self._unpacking.feed(data)
        else:
            write_at(self._fd, data, self.size)
        self.size += len(data)

    def finish(self, size: int, digest: bytes, mode: int) -> FetchedFile:
        """Verify what was written, and rename it. Raises Refused, or OSError."""
        if size != self.size or digest != self._hasher.digest():
            what = f"{shown(self.place)!r} is damaged: what arrived is not what the worker sent"
            raise Refused(Code.INTERNAL, what, "fetch it again")
        if self._unpacking is not None:
            self._unpacking.finish()
        else:
            finish_at(self._fd, size)
            os.fchmod(self._fd, mode & 0o777)
        os.rename(self._part, self._name, src_dir_fd=self._outer, dst_dir_fd=self._outer)
        self._is_done = True
        return FetchedFile(self.place, size, tuple(self._left_out), tuple(self._others))

    def close(self) -> None:
        """Close everything, and remove what is incomplete."""
        if self._unpacking is not None:
            self._unpacking.close()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        if self._outer >= 0:
            if not self._is_done:
                with contextlib.suppress(OSError):
                    beneath.remove_tree(self._outer, self._part)
            os.close(self._outer)
            self._outer = -1

    def _keep_link(self, path: bytes, target: bytes) -> bool:
        if leads_out(path, target):
            self._left_out.append(path)
            return False
        return True
