"""The roster's file: read, edited, and the roster in force while the file changes.

Knows how the file changes, not its format (roster_text.py) nor what the roles allow (rights.py).
"""

from __future__ import annotations

import errno
import os
import shlex
import stat
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType

from ...schemas.refusal import Code, Refused
from ...schemas.text.plain_text import why_not_text
from ..files import inotify, private_files
from ..files.attributes import reason_with
from ..files.file_kind import demand_kind, way_to_read
from ..files.ownership import demand_fixed, judge_owner
from ..files.shortage import demand_descriptors
from ..files.small_file import read_all
from ..identity import curve_public_of, format_public
from .limits import EVERYBODYS, Limits
from .rights import Member
from .roster_text import Roster, name_problem, parse, refused_at, role_problem, vouch_problem

__all__ = ["LARGEST_ROSTER", "Roster", "RosterFile", "add_member", "edit", "list_members", "parse", "read", "read_open"]

LARGEST_ROSTER = 1024 * 1024
_NO_LIMITS: Mapping[str, int] = MappingProxyType({})

_WRITTEN = inotify.CLOSE_WRITE | inotify.MOVED_TO
_TAKEN_AWAY = inotify.MOVED_FROM | inotify.DELETE
_WATCHED = _WRITTEN | _TAKEN_AWAY | inotify.CREATE | inotify.ATTRIB | inotify.MOVE_SELF | inotify.ONLYDIR
# Editors move or delete the old file and then write the new one. Wait this long for it before the roster counts as empty.
_SETTLE_SECONDS = 0.1


def read(path: Path) -> Roster:
    """Return the roster of a file; a missing one is empty.

    Raises `Refused`.
    """
    return parse(_read_text(path), str(path))


def _read_text(path: Path, *, in_force: bool = False) -> str:
    """Return the content of the file. `in_force`: it will take effect, so only the user who runs this, or root, may have written it."""
    if in_force:
        # The owner of a folder above could put an older roster of root there and get access again.
        demand_fixed(path, "the roster")
    try:
        # O_NONBLOCK: a FIFO of that name must not block.
        return read_open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), path, in_force=in_force)
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        demand_descriptors(error.errno)
        demand_kind(path, "the roster")
        raise Refused(Code.PERMISSION_DENIED, f"{path} cannot be read: {error.strerror}", way_to_read(path)) from None


def read_open(fd: int, path: Path, *, in_force: bool = False) -> str:
    """Return the content, read from a descriptor, which is closed; mode and owner are those of the file that is read.

    Raises `Refused`.
    """
    try:
        status = os.fstat(fd)
        mode = status.st_mode
        demand_kind(path, "the roster", status)
        content = read_all(fd, LARGEST_ROSTER + 1)
    except OSError as error:
        raise Refused(Code.PERMISSION_DENIED, f"{path} cannot be read: {error.strerror}", way_to_read(path)) from None
    finally:
        os.close(fd)
    if len(content) > LARGEST_ROSTER:
        raise Refused(Code.FAILED_PRECONDITION, f"the roster {path} has more than {LARGEST_ROSTER} bytes")
    if mode & stat.S_IWOTH:
        raise Refused(
            Code.FAILED_PRECONDITION, f"anyone can write to {path} and add themselves", f"type: chmod 600 {shlex.quote(str(path))}"
        )
    if in_force:
        judge_owner(status, path, "the roster", roots_too=True)
    if (wrong := why_not_text(content)) is not None:
        raise refused_at(str(path), wrong.line, wrong.what, wrong.next_step)
    # With its line ends as they are: what is changed in it is a part of the file.
    return content.decode()


def list_members(path: Path) -> tuple[Member, ...]:
    """Return the members in a roster's file, in its order.

    Raises `Refused`.
    """
    return read(path).members


def add_member(path: Path, name: str, public: bytes, role: str, limits: Mapping[str, int] = _NO_LIMITS, vouch: str = "") -> bool:
    """Add a member to a roster's file, which is created if missing; its other content, with comments, is left unchanged.

    `limits`: by the names of limits.py. `vouch`: of a relay. Return False if this member was there already, else True.

    Raises `Refused`: ALREADY_EXISTS if the name or the key is in use, INVALID_ARGUMENT, FAILED_PRECONDITION if it cannot be written.
    """
    if problem := name_problem(name) or role_problem(role) or vouch_problem(vouch, role):
        raise Refused(Code.INVALID_ARGUMENT, problem)
    curve = curve_public_of(public)
    was_there = False

    def add(text: str, place: Path) -> str:
        nonlocal was_there
        known = parse(text, str(place))
        was_there = any((member.name, member.key, member.role) == (name, public, role) for member in known.members)
        if was_there:
            return text
        refuse_known(known, place, name, curve)
        added = f'vouch = "{vouch}"\n' if vouch else ""
        added += "".join(f"{limit} = {value}\n" for limit, value in limits.items())
        return with_entry(text, place, Member(name, public, role), added)

    edit(path, add, make=True)
    return not was_there


def edit(path: Path, change: Callable[[str, Path], str], *, make: bool = False) -> None:
    """Replace the text of a roster's file with what `change` makes of it, one process at a time. `make`: a missing file is empty.

    Readers see the text before or the text after, which survives a crash once this returns. `change` is also given the path, with links
    resolved.

    Raises `Refused`: FAILED_PRECONDITION if it cannot be written, what `change` raises; and FileNotFoundError.
    """
    try:
        # If it is a symbolic link, the file is replaced and not the link.
        with private_files.place_of(path, make=make) as place:
            place.lock()
            text = ""
            with suppress(*[FileNotFoundError] if make else []):
                text = read_open(place.open(), place.path)
            changed = change(text, place.path)
            if changed != text:
                place.replace(changed.encode())
    except OSError as error:
        if isinstance(error, FileNotFoundError | NotADirectoryError) and not make:
            raise
        raise Refused(Code.FAILED_PRECONDITION, f"{path} cannot be written: {reason_with(error, path)}") from None


def refuse_known(roster: Roster, path: Path, name: str, curve: bytes) -> None:
    """Refuse a name or a key that the roster has already.

    Raises `Refused(ALREADY_EXISTS)`.
    """
    if any(member.name == name for member in roster.members):
        raise Refused(Code.ALREADY_EXISTS, f"the name {name} is already in {path}", "choose another name")
    known = roster.by_curve(curve)
    if known is not None:
        raise Refused(Code.ALREADY_EXISTS, f"the key is already in {path}, as that of {known.name}")


def with_entry(text: str, path: Path, member: Member, more: str) -> str:
    """Return the text with one more member; `more`: further lines of its entry.

    Raises `Refused(FAILED_PRECONDITION)` if no entry can be appended to it.
    """
    # Appended, so that every byte that a person wrote is kept. Nothing here can need quoting.
    gap = "" if not text else "\n" if text.endswith("\n") else "\n\n"
    added = f'{gap}[[member]]\nname = "{member.name}"\nkey = "{format_public(member.key)}"\nrole = "{member.role}"\n{more}'
    text += added.replace("\n", "\r\n") if "\r\n" in text else added
    try:
        parse(text, str(path))
    except Refused:
        raise Refused(
            Code.FAILED_PRECONDITION, f"the members of {path} are not written as [[member]]", f"add {member.name} by hand"
        ) from None
    return text


def _real(path: Path) -> Path:
    # Unlike Path.resolve, this does not raise if links go in a circle.
    return Path(os.path.realpath(path))


class RosterFile:
    """The roster in force: that of a file, which is read again whenever it changes.

    A missing file is an empty roster. If a change breaks the file, the old roster stays in force; a file that is broken at the start is
    `Refused`. `text` is what is in force. The loop watches `fileno` and calls `drain`.
    """

    def __init__(self, path: Path, on_problem: Callable[[str], None]) -> None:
        self._path = path
        self._on_problem = on_problem
        # Why the file is not in force; empty if it is.
        self.problem = ""
        try:
            self._inotify = inotify.Inotify()
        except OSError as error:
            raise _cannot_watch(path, error) from None
        try:
            private_files.make_folder(path.parent)
            self._watch()
            self.text = _read_text(path, in_force=True)
            self.roster = parse(self.text, str(path))
        except OSError as error:
            self.close()
            raise _cannot_watch(path, error) from None
        except Refused:
            self.close()
            raise

    def member(self, public: bytes) -> Member | None:
        """Return the member with this public key in the roster in force."""
        return self.roster.by_key.get(public)

    def count(self) -> int:
        """Return the number of members."""
        return len(self.roster.members)

    def named(self, name: str) -> Member | None:
        """Return the member with this name."""
        return next((member for member in self.roster.members if member.name == name), None)

    def by_curve(self, curve_public: bytes) -> Member | None:
        """Return the member with this CurveZMQ key."""
        return self.roster.by_curve(curve_public)

    def limits_of(self, public: bytes) -> Limits:
        """Return the limits of the member with this key; the defaults for a key that is not on the roster."""
        member = self.roster.by_key.get(public)
        return member.limits if member is not None else EVERYBODYS

    def fileno(self) -> int:
        """Return the descriptor that is readable when the file may have changed."""
        return self._inotify.fileno()

    def drain(self) -> bool:
        """Apply the current content of the file; return whether another roster is in force. Calls `on_problem` with a new problem.

        Returns at once, or within 0.1 s if the file was removed or is being written.
        """
        if not self._concerns_us(self._read_events()):
            return False
        before = self.roster
        problem = ""
        try:
            # Before reading; otherwise a change in between would be missed.
            self._watch()
        except OSError as error:
            problem = f"changes to {self._path} take effect only after a restart: its folder cannot be watched: {error.strerror}"
        try:
            self._take(_read_text(self._path, in_force=True))
        except Refused as refused:
            problem = f"{refused}; the previous roster stays in force"
        # Report it once: other changes in the folder lead here again.
        if problem and problem != self.problem:
            self._on_problem(problem)
        self.problem = problem
        return self.roster is not before

    def close(self) -> None:
        """Stop watching."""
        self._inotify.close()

    def _take(self, text: str) -> None:
        if text == self.text:
            return
        roster = parse(text, str(self._path))
        self.text = text
        if roster != self.roster:
            self.roster = roster

    def _watch(self) -> None:
        # The folders and not the file, because editors replace the file. If it is a link, its target changes in another folder.
        # Repeated before each reading, as links and folders may be replaced too; the kernel gives the same watch again.
        for folder in {self._path.parent, _real(self._path).parent}:
            self._inotify.add_watch(folder, _WATCHED)

    def _read_events(self) -> list[inotify.Event]:
        deadline = time.monotonic() + _SETTLE_SECONDS
        events: list[inotify.Event] = self._inotify.read()
        while self._amid_a_change(events) and (left := deadline - time.monotonic()) > 0:
            events += self._inotify.read(int(left * 1000) + 1)
        return events

    def _amid_a_change(self, events: Sequence[inotify.Event]) -> bool:
        last = 0
        for event in events:
            if event.name == self._path.name and event.mask & (_WRITTEN | _TAKEN_AWAY | inotify.CREATE):
                last = event.mask
        return bool(last) and not last & _WRITTEN

    def _concerns_us(self, events: Sequence[inotify.Event]) -> bool:
        # An unnecessary read could find a file that is half written. Events without a name concern the folder, or some were lost.
        return any(event.name in ("", self._path.name) for event in events) or self._path.is_symlink()


def _cannot_watch(path: Path, error: OSError) -> Refused:
    # inotify(7): these are the limits of a user.
    reason, step = {
        errno.EMFILE: ("this user has too many inotify instances", "raise fs.inotify.max_user_instances"),
        errno.ENOSPC: ("no more files can be watched", "raise fs.inotify.max_user_watches"),
    }.get(error.errno or 0, (error.strerror, ""))
    return Refused(Code.FAILED_PRECONDITION, f"the folder of {path} cannot be watched: {reason}", step)
