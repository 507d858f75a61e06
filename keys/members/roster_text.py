"""The text of a roster: the members, their keys and their roles.

    [[member]]
    name = "laptop"
    key = "jobwire-key-..."
    role = "submitter"
    running_jobs = 2    # limits that differ from the default (limits.py)

    [[member]]
    name = "phone"
    key = "jobwire-key-..."    # of a temporary key, which is in a token (invitations.py)
    role = "pairing"
    invited = { role = "viewer", until = 2026-11-29T17:10:00Z }

A member who has joined with a token has `invited = { key = "jobwire-key-...", until = ... }`: the temporary key, whose repeated requests
get the same answer.

Pure: knows neither the file (roster.py) nor what the roles allow (rights.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache

import msgspec

from ...schemas.refusal import Code, Refused
from ...schemas.text import toml_text
from ...schemas.text.msgspec_errors import Wrong, understand
from ...schemas.text.sizes import parse_size
from ..identity import curve_public_of, parse_public
from .limits import NAMES, OF_PAIRING, SIZES, Limits, limit_problem
from .rights import DELEGATE, PAIRING, ROLES, VOUCHED_ROLES, Invitation, Member

# Some editors put it before UTF-8.
BYTE_ORDER_MARK = "\ufeff"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,63}")
# Planned limits: refused, so that nobody relies on them.
_NOT_YET = frozenset({"executables", "user", "folders", "expires"})
# A roster is read again at each change of one member, and half of the time for a member goes into this.
_MOST_CURVES = 4096
_HEADER = re.compile(r"\s*\[\[\s*[\"']?member[\"']?\s*\]\]")


@dataclass(frozen=True, slots=True)
class Roster:
    """The members of a worker, as `parse` returns them, temporary keys among them.

    A temporary key that was used is found by its key only: it is not a member.
    """

    members: tuple[Member, ...] = ()
    by_key: Mapping[bytes, Member] = field(default_factory=dict, repr=False, compare=False)
    _by_curve: Mapping[bytes, Member] = field(default_factory=dict, repr=False, compare=False)

    def member(self, public: bytes) -> Member | None:
        """Return the member with this Ed25519 public key, or None."""
        return self.by_key.get(public)

    def by_curve(self, curve_public: bytes) -> Member | None:
        """Return the member with this CURVE public key, or None."""
        return self._by_curve.get(curve_public)

    @property
    def temporary_keys(self) -> tuple[Member, ...]:
        """The temporary keys of all tokens, used ones included."""
        return tuple(member for member in self.by_key.values() if member.role == PAIRING)


class _Invited(msgspec.Struct, forbid_unknown_fields=True):
    until: datetime
    role: str = ""
    any_name: bool = False
    key: str = ""


class _Entry(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    key: str
    role: str
    vouch: str = ""
    invited: _Invited | None = None


class _Wrong(Exception):  # noqa: N818 -- a fact; it becomes a refusal once its line is known
    def __init__(self, reason: str, index: int = -1, key: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.index = index
        self.key = key


def parse(text: str, path: str) -> Roster:
    """Return the roster in a text; `path` is for messages.

    Raises `Refused(INVALID_ARGUMENT)` that names file, line and reason.
    """
    try:
        document = toml_text.parse(text.removeprefix(BYTE_ORDER_MARK))
    except toml_text.NotTomlError as error:
        raise refused_at(path, error.line, error.reason) from None
    except RecursionError:
        raise refused_at(path, 1, "it is nested too deeply") from None
    try:
        return _roster(document)
    except _Wrong as wrong:
        raise refused_at(path, _line_of(text, wrong.index, wrong.key), wrong.reason) from None


def refused_at(path: str, line: int, reason: str, next_step: str = "") -> Refused:
    """Return the refusal of a roster with a mistake at a line."""
    return Refused(Code.FAILED_PRECONDITION, f"{path}, line {line}: {reason}", next_step or "fix that line")


def _roster(document: Mapping[str, object]) -> Roster:
    for key in document:
        if key != "member":
            raise _Wrong(f"unknown key {key!r}; a roster has only [[member]]", key=key)
    entries = document.get("member", [])
    if not isinstance(entries, list):
        raise _Wrong("members are written [[member]], with two brackets", key="member")
    names: set[str] = set()
    members: list[Member] = []
    by_key: dict[bytes, Member] = {}
    by_curve: dict[bytes, Member] = {}

    def add(member: Member, index: int, key: str) -> None:
        curve = _curve_of(member.key, index, key)
        if member.key in by_key:
            raise _Wrong(f"{by_key[member.key].name!r} has the same key", index, key)
        if curve in by_curve:
            raise _Wrong(f"the key is the negative of that of {by_curve[curve].name!r} and cannot be distinguished from it", index, key)
        by_key[member.key] = by_curve[curve] = member

    for index, raw in enumerate(entries):
        member, used = _member(raw, index)
        if member.name in names:
            raise _Wrong(f"the name {member.name!r} is used twice", index, "name")
        names.add(member.name)
        members.append(member)
        add(member, index, "key")
        if used is not None:
            add(used, index, "invited")
    return Roster(tuple(members), by_key, by_curve)


def _member(raw: object, index: int) -> tuple[Member, Member | None]:
    """Return a member, and the temporary key with which it joined."""
    limits = _limits(raw, index)
    entry = _entry(raw, index)
    if problem := name_problem(entry.name):
        raise _Wrong(problem, index, "name")
    public = _public(entry.key, index, "key")
    if entry.role == PAIRING:
        return Member(entry.name, public, PAIRING, OF_PAIRING, invited=_invitation(entry, limits, index)), None
    if problem := role_problem(entry.role):
        raise _Wrong(problem, index, "role")
    if problem := vouch_problem(entry.vouch, entry.role):
        raise _Wrong(problem, index, "vouch")
    member = Member(entry.name, public, entry.role, limits, vouch=entry.vouch)
    if entry.invited is None:
        return member, None
    invited = _invitation(entry, limits, index)
    used = Member(entry.name, _public(entry.invited.key, index, "invited"), PAIRING, OF_PAIRING, invited=invited)
    return member, used


def _invitation(entry: _Entry, limits: Limits, index: int) -> Invitation:
    said, is_open = entry.invited, entry.role == PAIRING
    if said is None:
        raise _Wrong("the role 'pairing' is that of a token, but 'invited', which says what the token is for, is missing", index, "role")
    if said.until.tzinfo is None:
        raise _Wrong("'until' has no time zone; write it like 2026-11-29T17:10:00Z", index, "invited")
    if is_open and (problem := invited_role_problem(said.role)):
        raise _Wrong(problem, index, "invited")
    if bool(said.key) == is_open or bool(said.role) != is_open:
        raise _Wrong("'invited' needs 'role' while the token is unused (role 'pairing'), and 'key' once it was used", index, "invited")
    until_us = round(said.until.astimezone(UTC).timestamp() * 1_000_000)
    taken_by = b"" if is_open else _public(entry.key, index, "key")
    return Invitation(until_us, said.role if is_open else entry.role, limits, said.any_name, taken_by)


def _public(text: str, index: int, key: str) -> bytes:
    try:
        return parse_public(text)
    except Refused as refused:
        raise _Wrong(refused.message, index, key) from None


@lru_cache(_MOST_CURVES)
def _known_curve(public: bytes) -> bytes:
    return curve_public_of(public)


def _curve_of(public: bytes, index: int, key: str) -> bytes:
    try:
        return _known_curve(public)
    except Refused as refused:
        raise _Wrong(refused.message, index, key) from None


def _limits(raw: object, index: int) -> Limits:
    given = {name: raw[name] for name in NAMES if name in raw} if isinstance(raw, dict) else {}
    for name in SIZES & given.keys():
        if isinstance(said := given[name], str):
            try:
                given[name] = parse_size(said)
            except Refused as refused:
                raise _Wrong(str(refused), index, name) from None
    for name, value in given.items():
        if problem := limit_problem(name, value):
            raise _Wrong(problem, index, name)
    return Limits(**given)


def _entry(raw: object, index: int) -> _Entry:
    if isinstance(raw, dict):
        raw = {name: value for name, value in raw.items() if name not in NAMES}
    try:
        return msgspec.convert(raw, _Entry)
    except msgspec.ValidationError as error:
        mistake = understand(error)
        key = str(mistake.path[-1]) if mistake.path else ""
        if key in _NOT_YET and mistake.wrong is Wrong.UNKNOWN_KEY:
            raise _Wrong(f"the limit '{key}' is not available yet in this version", index, key) from None
        raise _Wrong(mistake.words, index, key) from None


def name_problem(name: str) -> str:
    """Return what is wrong with a member's name; empty if it is valid."""
    return "" if _NAME.fullmatch(name) else f"the name {name!r} may have only letters, digits and _.@-, and at most 64 characters"


def role_problem(role: str) -> str:
    """Return what is wrong with a role; empty if it exists."""
    if role == PAIRING:
        return f"the role {role!r} is only for the temporary key in a token: jobwire worker invite makes one"
    if role == DELEGATE:
        return f"the role {role!r} is only for jobs that act for a member; roles of members are {', '.join(ROLES)}"
    return "" if role in ROLES else f"there is no role {role!r}; roles are {', '.join(ROLES)}"


def invited_role_problem(role: str) -> str:
    """Return what is wrong with the role that a token gives; empty if a token can give it."""
    if role == "relay":
        return "a broker cannot be invited: workers add it to their rosters when they join it"
    return role_problem(role)


def vouch_problem(vouch: str, role: str) -> str:
    """Return what is wrong with the role up to which a member may vouch; empty if it is valid, or not set."""
    if not vouch:
        return ""
    if role != "relay":
        return f"only a relay can vouch for others, but the role is {role!r}"
    return "" if vouch in VOUCHED_ROLES else f"a relay can vouch only for {', '.join(VOUCHED_ROLES)}, not for {vouch!r}"


def _line_of(text: str, index: int, key: str) -> int:
    # tomllib does not keep positions. Counting headers goes wrong only where one stands inside a string of several lines.
    lines = text.split("\n")
    headers = [number for number, line in enumerate(lines) if _HEADER.match(line)]
    start = headers[index] if 0 <= index < len(headers) else 0
    # The header is no key of the table that it begins.
    first = start + 1 if key and index >= 0 else start
    end = headers[index + 1] if 0 <= index < len(headers) - 1 else len(lines)
    wanted = re.compile(rf"[\s\[]*[\"']?{re.escape(key or 'member')}\b")
    return next((number for number in range(first, end) if wanted.match(lines[number])), start) + 1
