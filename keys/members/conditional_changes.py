"""Changes of a roster that apply only if it is still the version that the requester has read.

Members are named by their keys, and a change that is already in effect counts as made: a request repeated after a lost connection gets the
same answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...schemas.refusal import Code, Reason, Refused
from ..digests import sha256
from ..identity import curve_public_of
from . import roster
from .rights import Member
from .roster_changes import MemberChange, changed_text
from .roster_text import name_problem, parse, role_problem


@dataclass(frozen=True, slots=True)
class NewMember:
    """A member to be added."""

    name: str
    key: bytes
    role: str


@dataclass(frozen=True, slots=True)
class Known:
    """A change of the member with this key: its new `name` or `role`. Neither: the member is removed."""

    key: bytes
    change: MemberChange
    name: str = ""
    role: str = ""


def version_of(text: str) -> bytes:
    """Return a value that identifies the content of a roster: the SHA-256 of its file."""
    return sha256(text.encode())


def change_roster(path: Path, version: bytes, wanted: NewMember | Known) -> bool:
    """Make one change in a roster's file, and return whether it was not in effect before.

    Raises `Refused`: FAILED_PRECONDITION (ROSTER_CHANGED) if the file no longer is the one of `version`; and what the local changes raise.
    """
    was_so = False

    def changed(text: str, place: Path) -> str:
        nonlocal was_so
        known = parse(text, str(place))
        member = next((member for member in known.members if member.key == wanted.key), None)
        was_so = _is_so(member, wanted)
        if was_so:
            return text
        if version_of(text) != version:
            message = "the roster was changed by somebody else meanwhile"
            raise Refused(Code.FAILED_PRECONDITION, message, "look at it again, and repeat the change", reason=Reason.ROSTER_CHANGED)
        if isinstance(wanted, NewMember):
            return _added(text, place, known, wanted)
        if member is None:
            raise Refused(Code.NOT_FOUND, "no member has this key", "list the members")
        return changed_text(text, place, known.members, member, wanted.change)

    try:
        roster.edit(path, changed)
    except (FileNotFoundError, NotADirectoryError):
        raise Refused(Code.FAILED_PRECONDITION, f"there is no roster {path}, so nobody is a member") from None
    return not was_so


def _is_so(member: Member | None, wanted: NewMember | Known) -> bool:
    if isinstance(wanted, NewMember):
        return member is not None and (member.name, member.role) == (wanted.name, wanted.role)
    if not wanted.name and not wanted.role:
        return member is None
    return member is not None and (wanted.name or member.name, wanted.role or member.role) == (member.name, member.role)


def _added(text: str, place: Path, known: roster.Roster, new: NewMember) -> str:
    if problem := name_problem(new.name) or role_problem(new.role):
        raise Refused(Code.INVALID_ARGUMENT, problem)
    roster.refuse_known(known, place, new.name, curve_public_of(new.key))
    return roster.with_entry(text, place, Member(new.name, new.key, new.role), "")
