"""How much space the disk has. Below a floor, new jobs are refused, so that running jobs can continue.

A disk without free inodes is full too, however many bytes are free.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from ...schemas.refusal import Code, Reason, Refused
from ...schemas.text.sizes import format_limit, format_size

# A disk does not fill so fast that this matters, and the store can handle a full one.
_LOOK_SECONDS = 0.1
# A job creates a folder and four files.
_LEAST_FILES = 100


def free_bytes(folder: Path) -> int:
    """Return how many bytes of the file system of a folder are free for this user.

    Raises OSError.
    """
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


def no_files_left(folder: Path, least: int = 1) -> bool:
    """Return whether the file system of a folder has space for fewer than `least` new files. Some, such as btrfs, do not count files."""
    try:
        disk = os.statvfs(folder)
    except OSError:
        return False
    return _has_few_files(disk, least)


def _has_few_files(disk: os.statvfs_result, least: int) -> bool:
    return disk.f_files > 0 and disk.f_favail < least


def what_to_check(folder: Path) -> str:
    """Return what to look at when something cannot be written: free space, or inodes if none are left."""
    if no_files_left(folder):
        return "that its disk can hold more files: its inodes are used up (df -i shows how many there are)"
    return "that its disk has free space"


class Room:
    """The file system of a folder, and how many bytes of it must stay free."""

    def __init__(self, folder: Path, floor_bytes: int) -> None:
        self._folder = folder
        self._floor_bytes = floor_bytes
        self._enough_until = 0.0

    def measure(self) -> tuple[int, int]:
        """Return how many bytes are free for this user and how many there are; zeros if that cannot be determined."""
        try:
            disk = os.statvfs(self._folder)
        except OSError:
            return 0, 0
        return disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize

    def files_left(self) -> int | None:
        """Return how many new files fit; None if the file system does not count them, or that is unknown."""
        try:
            disk = os.statvfs(self._folder)
        except OSError:
            return None
        return disk.f_favail if disk.f_files else None

    def shortage(self, more_bytes: int = 0) -> Refused | None:
        """Return why new jobs, or that many more bytes, are refused; None if there is space. May be called on any thread.

        For new jobs, the disk is checked at most ten times per second while there is space.
        """
        now = time.monotonic()
        if not self._floor_bytes or (now < self._enough_until and not more_bytes):
            return None
        try:
            disk = os.statvfs(self._folder)
        except OSError:
            # Then nothing can be recorded either, and that is reported.
            return None
        free = disk.f_bavail * disk.f_frsize
        if _has_few_files(disk, _LEAST_FILES):
            return Refused(
                Code.RESOURCE_EXHAUSTED,
                f"the disk of the state folder has fewer than {_LEAST_FILES} free inodes, although {format_size(free)} are free",
                "forget jobs that have ended, or remove other files there, then try again; df -i shows how many there are",
                reason=Reason.DISK_FULL,
            )
        if free - more_bytes >= self._floor_bytes:
            self._enough_until = now + _LOOK_SECONDS
            return None
        takes = f", {format_size(more_bytes)} more are needed" if more_bytes else ""
        return Refused(
            Code.RESOURCE_EXHAUSTED,
            f"the disk of the state folder has {format_size(free)} free{takes}, but {format_limit(self._floor_bytes)} must stay free",
            "forget jobs that have ended, or stop one that writes too much, then try again",
            reason=Reason.DISK_FULL,
        )
