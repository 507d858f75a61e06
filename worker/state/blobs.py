"""Contents from members, each under its digest and only for its member: STATE/blobs/OWNER/DIGEST.

A member must not learn what others have sent, so members share nothing. An upload is written to `.DIGEST.part`, from which the next one
continues, and renamed when it is complete, correct and on the disk. A content that no job refers to is removed an hour after its last use;
the caller knows the references. The last use is the modification time of its file, on the scale of ages: setting the machine's clock
removes nothing. Used by the loop and by threads; calls that may take long are for threads.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ...broker.retention.ages import Ages
from ...broker.store.free_space import Room
from ...broker.store.repair.soundness import size_limit
from ...schemas import fault_points
from ...schemas.jobs.brought_files import BroughtFile
from ...schemas.refusal import Code, Reason, Refused
from ...schemas.text.sizes import format_limit
from ...schemas.trees.writing import finish_at, is_disk_full, write_at

KEEP_SECONDS = 3600.0
# Added to the size of each content, so that a limit of bytes also limits the number of files.
FILE_OVERHEAD = 64 * 1024
_PART = ".part"
_GONE = ".gone"
_ONCE = ".once"
_READ_BYTES = 1024 * 1024
_FOLDER_MODE = 0o700
_FILE_MODE = 0o600
_DIGEST_DIGITS = 64


class Held(NamedTuple):
    """A stored content."""

    owner: bytes
    digest: bytes


class Blobs:
    """All contents of one state folder."""

    def __init__(self, folder: Path, ages: Ages, room: Room) -> None:
        self._folder = folder
        self.room = room
        self._ages = ages
        # For the two below, and for the moment in which a content gets or loses its name.
        self._lock = threading.Lock()
        # When a content was last used in this run of the worker: a start that refers to it may not be on disk yet.
        self._used: dict[Held, float] = {}
        # What the contents of a member take, with that; read from the disk when it is first needed.
        self._taken: dict[bytes, int] = {}
        # The uploads that are under way, and how large they will be.
        self._open: dict[str, int] = {}

    def path(self, owner: bytes, digest: bytes) -> str:
        """Return the path of a content, if it is stored."""
        return f"{self._folder}/{owner.hex()}/{digest.hex()}"

    def read(self, owner: bytes, digest: bytes, start: int, length: int) -> bytes:
        """Return part of a content, even of one that can be taken once. For threads. Raises OSError."""
        try:
            fd = os.open(self.path(owner, digest), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            fd = os.open(self._once(owner, digest), os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.pread(fd, length, start)
        finally:
            os.close(fd)

    def has(self, owner: bytes, file: BroughtFile) -> bool:
        """Return whether a content is stored; if so, it is kept for another hour. One stat(2)."""
        path = self.path(owner, file.digest)
        with self._lock:
            try:
                if os.stat(path).st_size != file.size:  # noqa: PTH116 -- on the loop
                    return False
            except OSError:
                return False
            self._used[Held(owner, file.digest)] = time.monotonic()
        with contextlib.suppress(OSError):
            self._date(path)
        return True

    def _date(self, path: str) -> None:
        with self._lock:
            now_ns = self._ages.now_us() * 1000
        os.utime(path, ns=(now_ns, now_ns))

    def lend(self, owner: bytes, to: bytes, file: BroughtFile) -> bool:
        """Give another member a content too, as for a rerun; return whether the member has it now."""
        if owner == to or self.has(to, file):
            return self.has(to, file)
        if not self.has(owner, file):
            return False
        self._make_folder(to)
        with self._lock, contextlib.suppress(FileExistsError):
            os.link(self.path(owner, file.digest), self.path(to, file.digest))
            self._taken.pop(to, None)
        return self.has(to, file)

    def receive(self, owner: bytes, file: BroughtFile, limit_bytes: int, token: bytes = b"") -> Receiving:
        """Start or continue to receive a content. For threads: reads what arrived before.

        With a `token`, the digest of the file is not known yet: it can be taken once, under the digest that is computed.

        Raises Refused if the member would have more than `limit_bytes`, or if all uploads in progress would leave too little of the disk
        free.
        """
        try:
            self._make_folder(owner)
            path = f"{self._folder}/{owner.hex()}/.{(token or file.digest).hex()}{_PART}"
            self._demand_room(owner, file, limit_bytes)
            with self._lock:
                under_way = self._open | {path: file.size}
                coming = sum(max(0, size - _size_of(part)) for part, size in under_way.items())
                if refused := self.room.shortage(coming):
                    raise refused
                self._open = under_way
            return Receiving(self, owner, file, path)
        except OSError as error:
            raise _cannot_be_stored(error) from None

    def release(self, part: str) -> None:
        """Note that an upload is no longer in progress."""
        with self._lock:
            self._open.pop(part, None)

    def _make_folder(self, owner: bytes) -> None:
        folder = self._folder / owner.hex()
        if not folder.is_dir():
            folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
            for parent in (folder.parent, folder.parent.parent):
                _sync(str(parent))

    def _demand_room(self, owner: bytes, file: BroughtFile, limit_bytes: int) -> None:
        with self._lock:
            taken = self._taken.get(owner)
        if taken is None:
            taken = sum(size + FILE_OVERHEAD for _, size, _ in self._files(owner))
            with self._lock:
                self._taken[owner] = taken
        if taken + file.size > limit_bytes:
            message = (
                f"your files on this worker would take {format_limit(taken + file.size)}, but the limit is {format_limit(limit_bytes)}"
            )
            next_step = "forget jobs whose files you no longer need; files that no job uses are removed after an hour"
            raise Refused(Code.RESOURCE_EXHAUSTED, message, next_step)

    def _files(self, owner: bytes) -> Iterator[tuple[str, int, float]]:
        """Iterate over the names, sizes and times of everything stored for a member."""
        with contextlib.suppress(FileNotFoundError), os.scandir(self._folder / owner.hex()) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):
                    status = entry.stat(follow_symlinks=False)
                    yield entry.name, status.st_size, status.st_mtime

    def complete(self, owner: bytes, file: BroughtFile, part: str) -> None:
        """Rename a content that is complete and on the disk. For threads. Raises OSError."""
        self._date(part)
        with self._lock:
            os.rename(part, self.path(owner, file.digest))  # noqa: PTH104 -- as above
            self._used[Held(owner, file.digest)] = time.monotonic()
            if owner in self._taken:
                self._taken[owner] += file.size + FILE_OVERHEAD
        _sync(f"{self._folder}/{owner.hex()}")

    def complete_once(self, owner: bytes, digest: bytes, size: int, part: str) -> None:
        """Rename a complete content that can be taken once. For threads. Raises OSError."""
        self._date(part)
        with self._lock:
            os.rename(part, self._once(owner, digest))  # noqa: PTH104 -- as above
            if owner in self._taken:
                self._taken[owner] += size + FILE_OVERHEAD

    def take(self, owner: bytes, digest: bytes, target: str) -> bool:
        """Move a content that can be taken once to this path, or hard-link a stored one; return whether it is there. For threads.

        Raises OSError. The file may only be written to if this is its only link.
        """
        with self._lock:
            try:
                os.rename(self._once(owner, digest), target)  # noqa: PTH104 -- as above
            except FileNotFoundError:
                try:
                    os.link(self.path(owner, digest), target)
                except FileNotFoundError:
                    return False
                return True
            self._taken.pop(owner, None)
        return True

    def _once(self, owner: bytes, digest: bytes) -> str:
        return f"{self._folder}/{owner.hex()}/.{digest.hex()}{_ONCE}"

    def find_unused(self) -> list[Held]:
        """Return the contents that were not used for an hour, and remove uploads that were abandoned as long. For threads.

        Nothing is found while ages are unknown.
        """
        unused: list[Held] = []
        with self._lock:
            if not self._ages.known:
                return unused
            now, age_now = time.monotonic(), self._ages.now_us() / 1_000_000
        for folder in self._folder.iterdir() if self._folder.is_dir() else ():
            with contextlib.suppress(ValueError):
                owner = bytes.fromhex(folder.name)
                for name, _, modified in self._files(owner):
                    # From the future too: what was written of an upload has the machine's date.
                    if abs(age_now - modified) < KEEP_SECONDS:
                        continue
                    if name.startswith("."):
                        self._remove_part(f"{folder}/{name}")
                    elif len(name) == _DIGEST_DIGITS:
                        unused.append(Held(owner, bytes.fromhex(name)))
        return [one for one in unused if now - self._used.get(one, -KEEP_SECONDS) >= KEEP_SECONDS]

    def _remove_part(self, path: str) -> None:
        with self._lock:
            if path not in self._open:
                Path(path).unlink(missing_ok=True)

    def remove(self, unused: list[Held]) -> int:
        """Remove contents without references, unless they were used meanwhile; return how many. For threads."""
        count = 0
        for one in unused:
            path = self.path(*one)
            gone = f"{self._folder}/{one.owner.hex()}/.{one.digest.hex()}{_GONE}"
            with self._lock:
                if time.monotonic() - self._used.pop(one, -KEEP_SECONDS) < KEEP_SECONDS:
                    continue
                # Removing a large file takes long, and `has` must not wait for that.
                with contextlib.suppress(FileNotFoundError):
                    os.rename(path, gone)  # noqa: PTH104 -- as above
                    count += 1
                self._taken.pop(one.owner, None)
            Path(gone).unlink(missing_ok=True)
        return count


class Receiving:
    """One upload. All methods are for threads, one at a time."""

    def __init__(self, blobs: Blobs, owner: bytes, file: BroughtFile, part: str) -> None:
        self._blobs = blobs
        self._fd = -1
        self._owner = owner
        self._file = file
        self._part = part
        import hashlib  # noqa: PLC0415 -- it loads OpenSSL, which an idle worker does without

        self._hasher = hashlib.sha256()
        self.written = 0
        try:
            self._fd = os.open(part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, _FILE_MODE)
            while self.written < file.size and (data := os.pread(self._fd, _READ_BYTES, self.written)):
                self._hasher.update(data)
                self.written += len(data)
        except BaseException:
            self.close()
            raise

    def write(self, data: bytes) -> None:
        """Add bytes. Raises Refused if there is no space."""
        try:
            write_at(self._fd, data, self.written)
            self.written += len(data)
            # The next run continues at the size.
            finish_at(self._fd, self.written)
            if fault_points.ARMED:
                fault_points.reach("in-an-upload")
        except OSError as error:
            if is_disk_full(error) or error.errno == errno.EFBIG:
                self.drop()
            raise _cannot_be_stored(error) from None
        self._hasher.update(data)

    def complete(self) -> None:
        """Verify the content and rename it, durably.

        Raises Refused: INVALID_ARGUMENT if it does not match its digest; then all of it is dropped.
        """
        digest = self._hasher.digest()
        if not self._file.digest:
            try:
                self._blobs.complete_once(self._owner, digest, self._file.size, self._part)
            except OSError as error:
                raise _cannot_be_stored(error) from None
            return
        if digest != self._file.digest:
            self.drop()
            what = "the SHA-256 of the content that arrived is not the announced one"
            raise Refused(Code.INVALID_ARGUMENT, what, "send it again; the file may have changed meanwhile", reason=Reason.CHANGED)
        try:
            os.fsync(self._fd)
            if fault_points.ARMED:
                fault_points.reach("after-content-before-name")
            self._blobs.complete(self._owner, self._file, self._part)
            if fault_points.ARMED:
                fault_points.reach("after-name-before-answer")
        except OSError as error:
            raise _cannot_be_stored(error) from None

    def drop(self) -> None:
        """Remove what has arrived."""
        with contextlib.suppress(OSError):
            os.unlink(self._part)  # noqa: PTH108 -- as above

    def close(self) -> None:
        """Close the file; what has arrived is kept for the next upload."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        self._blobs.release(self._part)


def _cannot_be_stored(error: OSError) -> Refused:
    if is_disk_full(error):
        return Refused(
            Code.RESOURCE_EXHAUSTED,
            "the worker's disk is full: the file cannot be stored",
            "free some space there",
            reason=Reason.DISK_FULL,
        )
    if error.errno == errno.EFBIG:
        why = size_limit() or "it is larger than the file system allows"
        return Refused(Code.RESOURCE_EXHAUSTED, f"the worker cannot store the file: {why}", "send a smaller one, or several")
    return Refused(Code.INTERNAL, f"the worker cannot store the file: {error.strerror}", "the worker's log may say more")


def _size_of(part: str) -> int:
    try:
        return os.stat(part).st_size  # noqa: PTH116 -- as above
    except FileNotFoundError:
        return 0


def _sync(folder: str) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
