"""Write a file, or unpack an archive as it arrives: beneath a folder, never through a symbolic link, and never over an existing file.

Links are created last, folders get their permissions at the end, owners and special permissions are ignored. Blocks of zeros become holes,
so that a sparse file stays sparse. Calls the kernel in the calling thread.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

from ..refusal import Code, Refused
from . import beneath
from .archive import MOST_ENTRIES, Entry, HeaderReader, Kind, does_not_travel, padding

_HOLE_BYTES = 64 * 1024
_ZEROS = bytes(_HOLE_BYTES)
_FILE_MODE = 0o600
# Beside their owner's, no folder loses these while it is filled.
_FOLDER_MODE = 0o700


def write_at(fd: int, data: bytes | memoryview, position: int) -> None:
    """Write all bytes at a position; whole blocks of zeros are skipped. Call `finish_at` afterwards. Raises OSError."""
    view = memoryview(data)
    for at in range(0, len(view), _HOLE_BYTES):
        block = view[at : at + _HOLE_BYTES]
        if block[0] or bytes(block) != _ZEROS[: len(block)]:
            while block:
                written = os.pwrite(fd, block, position + at)
                block, at = block[written:], at + written  # noqa: PLW2901 -- the rest of it


def finish_at(fd: int, size: int) -> None:
    """Set the size of a file, in case it ends with zeros. Raises OSError."""
    os.ftruncate(fd, size)


class Unpacking:
    """Unpacks one archive into the folder `root` (a descriptor), which must be new and empty; messages call it `said`.

    `keep_link` decides about each symbolic link by its path and target; without it all are kept. `leave_out` gets the paths of entries that
    the archive only lists and cannot contain; without it they are refused.
    """

    def __init__(
        self,
        root: int,
        said: str,
        keep_link: Callable[[bytes, bytes], bool] | None = None,
        leave_out: Callable[[bytes], object] | None = None,
    ) -> None:
        self._root = root
        self._said = said
        self._keep_link = keep_link
        self._leave_out = leave_out
        self._headers = HeaderReader()
        self._pending = bytearray()
        # Of the file that is being written: its descriptor and size, how much of it was written, and how many zeros follow it.
        self._file = -1
        self._entry = Entry(b"", Kind.FOLDER)
        self._written = 0
        self._padding = 0
        self._links: list[Entry] = []
        self._folders: list[Entry] = []
        self._count = 0
        self._is_complete = False
        # The folder that the last entry was in, as entries of one folder follow each other.
        self._near = (b"", os.dup(root))

    def feed(self, data: bytes | memoryview) -> None:
        """Take the next bytes. Raises `Refused` for a damaged archive, or one that leads out of the folder, and OSError."""
        rest = memoryview(data)
        while rest:
            if self._is_complete:
                return
            if self._file >= 0:
                taken = min(len(rest), self._entry.size - self._written)
                write_at(self._file, rest[:taken], self._written)
                self._written += taken
                if self._written == self._entry.size:
                    self._close_file()
            elif self._padding:
                taken = min(len(rest), self._padding)
                self._padding -= taken
            else:
                taken = min(len(rest), self._headers.awaited - len(self._pending))
                self._pending += rest[:taken]
                if len(self._pending) == self._headers.awaited:
                    self._take_header()
            rest = rest[taken:]

    def finish(self) -> None:
        """Create links and set permissions. Raises `Refused` if the archive is incomplete, and OSError."""
        if not self._is_complete:
            raise Refused(Code.INVALID_ARGUMENT, f"the archive of {self._said} ends in the middle")
        for link in self._links:
            os.symlink(link.target, self._name_in(link.path), dir_fd=self._near[1])
        # The innermost first: a folder that cannot be searched hides those in it.
        for folder in reversed(self._folders):
            fd = beneath.open_folder(self._root, folder.path)
            try:
                os.fchmod(fd, folder.mode)
            finally:
                os.close(fd)

    def close(self) -> None:
        """Close all files."""
        for fd in (self._file, self._near[1]):
            if fd >= 0:
                os.close(fd)
        self._file, self._near = -1, (b"", -1)

    def _take_header(self) -> None:
        block = bytes(self._pending)
        self._pending.clear()
        if not any(block):
            self._is_complete = True
            return
        entry = self._headers.read(block)
        if entry is None:
            return
        self._count += 1
        if self._count > MOST_ENTRIES:
            raise Refused(Code.INVALID_ARGUMENT, f"the archive of {self._said} has more than {MOST_ENTRIES} files")
        try:
            self._create(entry)
        except FileExistsError:
            shown = os.fsdecode(entry.path)
            raise Refused(Code.INVALID_ARGUMENT, f"{shown!r} is in {self._said} twice, or exists already") from None
        except OSError as error:
            if error.errno in beneath.LED_AWAY:
                shown = os.fsdecode(entry.path)
                raise Refused(Code.INVALID_ARGUMENT, f"{shown!r} in {self._said} is below something that is not a folder") from None
            raise

    def _create(self, entry: Entry) -> None:
        if entry.kind is Kind.OTHER:
            if self._leave_out is None:
                raise does_not_travel(entry.path)
            self._leave_out(entry.path)
            return
        if entry.kind is Kind.LINK:
            if self._keep_link is None or self._keep_link(entry.path, entry.target):
                self._name_in(entry.path)
                self._links.append(entry)
            return
        if entry.kind is Kind.FOLDER:
            self._folders.append(entry)
            if entry.path:
                os.mkdir(self._name_in(entry.path), _FOLDER_MODE, dir_fd=self._near[1])
            return
        if not entry.path:
            raise Refused(Code.INVALID_ARGUMENT, f"a file in {self._said} has no name")
        self._entry, self._written = entry, 0
        self._file = os.open(self._name_in(entry.path), beneath.CREATE, _FILE_MODE, dir_fd=self._near[1])
        if not entry.size:
            self._close_file()

    def _close_file(self) -> None:
        finish_at(self._file, self._entry.size)
        os.fchmod(self._file, self._entry.mode)
        file, self._file = self._file, -1
        os.close(file)
        self._padding = padding(self._entry.size)

    def _name_in(self, path: bytes) -> bytes:
        """Open the folder of a path, and return its name in it."""
        folder, _, name = path.rpartition(b"/")
        if folder != self._near[0]:
            fd = beneath.open_folder(self._root, folder, create=True)
            os.close(self._near[1])
            self._near = (folder, fd)
        return name


def leads_out(path: bytes, target: bytes) -> bool:
    """Return whether a symbolic link at a path in a folder leads out of that folder, judged by its text."""
    if target.startswith(b"/"):
        return True
    depth = path.count(b"/")
    parts = [part for part in target.split(b"/") if part not in (b"", b".")]
    inner = [part for part in parts if part != b".."]
    ups = len(parts) - len(inner)
    # `..` behind a name that may be a link itself leads nobody knows where.
    return ups > depth or parts[ups:] != inner


def is_disk_full(error: OSError) -> bool:
    """Return whether an error means that there is no space, or no more for this user. A limit on the size of files is none of these."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)
