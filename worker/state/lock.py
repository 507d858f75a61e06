"""Which worker holds a state folder: locks that it holds while it is running, and a file that describes it.

The locks prove that it is running (files remain after `kill -9`, and may be removed before); keys/holder.py reads them.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import select
import time
from pathlib import Path
from typing import Any

from ...broker.store.free_space import what_to_check
from ...keys.files import private_files
from ...keys.files.file_kind import kind_problem_at
from ...keys.files.ownership import judge
from ...keys.files.shortage import demand_descriptors
from ...keys.files.small_file import read_small
from ...keys.holder import DESCRIPTION, LOCK, Whereabouts, holder_of, identify, locate, locks, reason_in
from ...schemas.json_text import object_of
from ...schemas.refusal import Code, Refused
from . import layout, store_files
from .store_files import find

_LOOK_AGAIN_MS = 5
_PATIENCE_SECONDS = 20
_STEP = "use another one with --state"


class StateLock:
    """The state folder of one worker, private and locked until `release` or the end of the process."""

    def __init__(self, state: Path, inherited: int = -1) -> None:
        """Lock the folder; `inherited` is the descriptor of the lock, if this process held it before it executed itself.

        Raises Refused(FAILED_PRECONDITION) if another worker holds it, or the folder cannot be used.
        """
        self._state = state
        self._description = b""
        self._store: store_files.Noted = {}
        self._file = inherited
        self._is_passed_on = False
        try:
            private_files.make_folder(state)
            self._folder = os.open(state, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                self._take(inherited)
            except BaseException:
                os.close(self._folder)
                raise
        except OSError as error:
            demand_descriptors(error.errno)
            raise Refused(Code.FAILED_PRECONDITION, f"the state folder {state} cannot be used: {reason_in(state, error)}", _STEP) from error

    def _take(self, inherited: int) -> None:
        judge(os.fstat(self._folder), self._state, "the state folder")
        if inherited >= 0:
            os.set_inheritable(inherited, False)  # noqa: FBT003 -- it takes no name
            # A process that has it for a moment finds the file locked, and releases the folder.
            fcntl.flock(self._folder, fcntl.LOCK_EX)
            return
        # The folder first: a running worker still holds it even if its file was removed.
        self._lock(self._folder)
        self._demand_files()
        self._file = self._open_file()
        try:
            self._lock(self._file)
        except BaseException:
            os.close(self._file)
            raise
        self._demand_original()
        self._sign()

    def _demand_files(self) -> None:
        """Raise OSError if something that is not a file has the name of a file that a daemon opens: reading a FIFO would never end."""
        for name in (LOCK, *layout.OPENED):
            if problem := kind_problem_at(self._state / name, follow=name in layout.LINKED):
                raise OSError(errno.EINVAL, f"it {problem}", name)
        for name in (layout.LOGS, layout.BLOBS, layout.WORK, layout.KEYS, layout.GROWTH):
            if os.path.lexists(self._state / name) and not (self._state / name).is_dir():
                raise NotADirectoryError(errno.ENOTDIR, "it is not a folder; remove it, or move it away", name)
        # What else has these names is replaced.
        for name, kind in ((layout.SOCKET, "a socket"), (layout.SOCKET_ANEW, "a file"), (DESCRIPTION, "a file")):
            if (self._state / name).is_dir() and not (self._state / name).is_symlink():
                raise FileExistsError(errno.EEXIST, f"it is a folder, not {kind}; remove it, or move it away", name)

    def _demand_original(self) -> None:
        """Refuse a copy of a folder from this boot: a worker in the original has the same jobs and identity.

        After a reboot none can be running there, and devices may have other numbers, as they may in another container.
        """
        said = last_description(self._state) or {}
        inode, device = (said.get(name) for name in ("folder_inode", "folder_device"))
        here, me = os.fstat(self._folder), identify()
        is_moved = device != here.st_dev and said.get("pid_namespace") == me["pid_namespace"]
        if inode is None or said.get("boot_id") != me["boot_id"] or (inode == here.st_ino and not is_moved):
            return
        other = said.get("state")
        which = "the folder that had this path before" if other == str(self._state) else str(other)
        raise Refused(
            Code.FAILED_PRECONDITION,
            f"the state folder {self._state} is a copy of {which}, whose worker and jobs may still run",
            f"use the original; or, if it is no longer used, rm {self._state / DESCRIPTION} (its copies of running jobs are lost,"
            " and its queued jobs start, also those that the original has started since it was copied)",
        )

    def _open_file(self) -> int:
        return os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=self._folder)

    def _sign(self) -> None:
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)

    def _lock(self, fd: int) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not locks(fd, fcntl.LOCK_EX):
            # A process that checks for a worker holds a shared lock for a moment; its release is not reported.
            if not locks(fd, fcntl.LOCK_SH) or time.monotonic() > deadline:
                raise self._held()
            fcntl.flock(fd, fcntl.LOCK_UN)
            select.poll().poll(_LOOK_AGAIN_MS)

    def _held(self) -> Refused:
        holder = holder_of(self._state) or ""
        who = f" (pid {holder})" if holder else ""
        return Refused(
            Code.FAILED_PRECONDITION,
            f"another worker{who} holds the state folder {self._state}",
            f"jobwire worker stop --state {self._state}",
        )

    def describe(self, description: dict[str, Any]) -> None:
        """Write the description by which others find this worker. If that fails, `make_again` does it.

        Raises Refused(FAILED_PRECONDITION) if it cannot be written.
        """
        here = os.fstat(self._folder)
        noted = {**description, "folder_device": here.st_dev, "folder_inode": here.st_ino, store_files.NOTED: self._store}
        self._description = json.dumps(noted).encode() + b"\n"
        try:
            self._write_description()
        except OSError as error:
            raise Refused(
                Code.FAILED_PRECONDITION,
                f"the state folder {self._state} cannot be used: {DESCRIPTION} cannot be written: {error.strerror}",
                f"check {what_to_check(self._state)}, and nothing else with that name",
            ) from error

    def note_store(self) -> None:
        """Record the files of the open store, so that `loss` notices when one of them is removed or replaced."""
        self._store = store_files.note(self._folder)

    def loss(self) -> str:
        """Return a sentence about a removed file without which this worker cannot continue; empty if there is none."""
        try:
            there = self._state.stat()
        except (FileNotFoundError, NotADirectoryError):
            return f"the state folder {self._state} was removed"
        if not os.path.samestat(there, os.fstat(self._folder)):
            return f"the state folder {self._state} was replaced by another"
        for name, noted in self._store.items():
            found = find(self._folder, name)
            if found is None or (found.st_dev, found.st_ino) != noted:
                # Data written to a file without a name is lost with the process, although it was acknowledged.
                return f"the store {self._state / name} was {'removed' if found is None else 'replaced by another file'}"
        return ""

    def make_again(self) -> None:
        """Restore the files by which others find this worker, if they were removed or overwritten.

        Raises OSError.
        """
        if self._is_passed_on:
            # The descriptor stays the same from now on.
            return
        if not _is_in(self._folder, LOCK, self._file):
            # The new file is locked before the old one, which has no name any more, is closed.
            file = self._open_file()
            if not locks(file, fcntl.LOCK_EX):
                os.close(file)
                raise BlockingIOError(0, "another process holds it")
            os.close(self._file)
            self._file = file
            self._sign()
            is_told = False
        else:
            is_told = self._is_told()
        # Also together with the lock: processes that wait for this worker notice a file that is renamed to this name.
        if self._description and not is_told:
            self._write_description()

    def _write_description(self) -> None:
        # On the loop, while others wait for it: a disk under load may take a minute for fsync(2). After power loss, what is in it counts
        # for little, and may be missing.
        # In place of a link, not through it: nobody else's file is meant.
        private_files.Place(self._folder, self._state / DESCRIPTION).replace(self._description, durable=False)

    def _is_told(self) -> bool:
        try:
            return read_small(self._state / DESCRIPTION) == self._description
        except OSError:
            return False

    def pass_on(self) -> int:
        """Return the descriptor that holds the lock, for a process that executes itself: `release` keeps the lock then."""
        self._is_passed_on = True
        return self._file

    def release(self) -> None:
        """Release the lock, unless it is passed on."""
        if self._is_passed_on:
            return
        os.close(self._file)
        os.close(self._folder)


def _is_in(folder: int, name: str, fd: int) -> bool:
    """Return whether a name exists and refers to this very file."""
    found = find(folder, name, follow=False)
    return found is not None and os.path.samestat(found, os.fstat(fd))


def running(state: Path) -> dict[str, Any] | None:
    """Return the description of the worker that holds this folder; None if none is running.

    Raises Refused(UNAVAILABLE) if one is running that has no description yet.
    """
    try:
        holder = holder_of(state)
    except OSError as error:
        demand_descriptors(error.errno)
        raise Refused(Code.FAILED_PRECONDITION, f"the state folder {state} cannot be read: {reason_in(state, error)}", _STEP) from None
    if holder is None:
        return None
    found = last_description(state)
    if found is None or _is_of_another(found, holder):
        who = f" (pid {holder})" if holder else ""
        raise Refused(Code.UNAVAILABLE, f"a worker{who} holds {state}, but is not ready yet", "try again in a moment")
    return found


def _is_of_another(description: dict[str, Any], holder: str) -> bool:
    """Return whether the description was written by an earlier worker than the current holder of the folder."""
    pid = description.get("pid")
    return bool(holder) and isinstance(pid, int) and str(pid) != holder and locate(description) is Whereabouts.GONE


def open_process(state: Path, description: dict[str, Any]) -> int | None:
    """Return a pidfd of the worker that holds a folder and has this description; None if it has exited.

    Raises Refused: UNAVAILABLE if another one has taken its place meanwhile; FAILED_PRECONDITION if its process is not visible from here,
    where its pid may belong to another process.
    """
    try:
        process = os.pidfd_open(int(description["pid"]))
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        process = -1
    where = locate(description)
    if process >= 0 and where is Whereabouts.HERE:
        return process
    if process >= 0:
        os.close(process)
    holder = holder_of(state)
    if holder is None:
        return None
    if _is_of_another(description, holder):
        reason = f"worker {description['pid']} has exited, and another one (pid {holder}) holds {state} by now; nothing was signalled"
        raise Refused(Code.UNAVAILABLE, reason, "try again in a moment")
    reason = "in another container or on another machine" if where is Whereabouts.ELSEWHERE else "its process is not visible from here"
    raise Refused(
        Code.FAILED_PRECONDITION,
        f"your worker is running elsewhere, {reason}; nothing was signalled",
        f"run this where the worker of {state} is running",
    )


def last_description(state: Path) -> dict[str, Any] | None:
    """Return the description of the last worker of this folder; None if there was none."""
    try:
        return object_of(read_small(state / DESCRIPTION))
    except (OSError, ValueError):
        return None
