"""Invitations in a roster's file: a temporary key, and the role of the key that is registered with it.

An invitation is an entry with the role `pairing`. When a key is registered, that entry becomes the one of the new member, in a single
replacement of the file: so a new member is in the roster if and only if its token is used up, whatever is killed in between. The entry
keeps the temporary key for a day, so that a repeated request gets the same answer, and another machine is told that the token was used.

The text of an entry is changed as it was written here; knows no socket and no clock.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ...schemas.refusal import Code, Reason, Refused
from ..identity import curve_public_of, fingerprint, format_public, parse_public
from ..members.limits import Limits
from ..members.rights import PAIRING, Member
from ..members.roster import Roster, edit, parse, refuse_known, with_entry
from ..members.roster_text import invited_role_problem, name_problem

MOST_OPEN = 256
# After its time, a token is still told apart from one that never was.
REMEMBERED_US = 24 * 3600 * 1_000_000
_NO_LIMITS: Mapping[str, int] = {}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LINE = r"[^\n]*\n"
_OPEN_ENTRY = re.compile(
    rf'(?P<gap>(?:\r?\n)?)\[\[member\]\]\r?\nname = "(?P<name>[^"\n]*)"\r?\nkey = "(?P<key>[^"\n]*)"\r?\nrole = "pairing"\r?\n'
    rf"(?P<invited>invited = {_LINE})(?P<limits>(?:[a-z_]+ = {_LINE})*)"
)
_USED_LINE = re.compile(rf'^invited = \{{ key = "(?P<key>[^"\n]*)"{_LINE}', re.MULTILINE)
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.@-]+")
_LONGEST_NAME = 64
_ASK_AGAIN = "ask for a new token"


@dataclass(frozen=True, slots=True)
class Joined:
    """A registered key: its present name and role, and whether it had them before."""

    name: str
    role: str
    again: bool = False


def invite(
    path: Path,
    temporary: bytes,
    role: str,
    until_us: int,
    now_us: int,
    *,
    name: str = "",
    limits: Mapping[str, int] = _NO_LIMITS,
) -> None:
    """Let the holder of a temporary key register another key, once and until a time; with an empty name, the new member chooses its own.

    Entries of tokens that expired more than a day ago are removed from the file.

    Raises `Refused`: INVALID_ARGUMENT; ALREADY_EXISTS if the name is in use; RESOURCE_EXHAUSTED with `MOST_OPEN` open invitations.
    """
    any_name = not name
    name = name or f"invited-{fingerprint(temporary)[:9]}"
    if problem := name_problem(name) or invited_role_problem(role):
        raise Refused(Code.INVALID_ARGUMENT, problem)
    until = (_EPOCH + timedelta(microseconds=until_us)).isoformat(timespec="seconds").replace("+00:00", "Z")
    invited = f'invited = {{ role = "{role}", until = {until}{", any_name = true" if any_name else ""} }}\n'
    entry = invited + "".join(f"{limit} = {value}\n" for limit, value in limits.items())

    def change(text: str, place: Path) -> str:
        known = parse(text, str(place))
        cleared = _without_old(text, known, name, now_us)
        if cleared != text:
            text, known = cleared, parse(cleared, str(place))
        if sum(member.role == PAIRING for member in known.members) >= MOST_OPEN:
            message = f"{MOST_OPEN} invitations are open, which is the limit"
            raise Refused(Code.RESOURCE_EXHAUSTED, message, "withdraw some with: jobwire keys rm NAME", reason=Reason.TOO_MANY_INVITATIONS)
        refuse_known(known, place, name, curve_public_of(temporary))
        return with_entry(text, place, Member(name, temporary, PAIRING), entry)

    edit(path, change, make=True)


def withdraw(path: Path, temporary: bytes) -> bool:
    """Remove an unused invitation; return whether there was one. A member that has joined with it stays."""
    found = False

    def change(text: str, place: Path) -> str:
        nonlocal found
        parse(text, str(place))
        entry = _entry_of(text, temporary)
        found = entry is not None
        return text[: entry.start()] + text[entry.end() :] if entry is not None else text

    try:
        edit(path, change)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return found


def join(path: Path, temporary: bytes, key: bytes, *, name: str = "") -> Joined:
    """Make the holder of `key` a member, who authenticated with a temporary key that is still valid; durable when it returns.

    `name`: the one that it would choose for itself. Raises `Refused` as `decide` does, and FAILED_PRECONDITION for an edited entry.
    """
    joined: Joined | None = None

    def change(text: str, place: Path) -> str:
        nonlocal joined
        roster = parse(text, str(place))
        joined = decide(roster, temporary, key, name)
        return text if joined.again else _with_joined(text, place, roster, temporary, key, joined)

    try:
        edit(path, change)
    except (FileNotFoundError, NotADirectoryError):
        raise _withdrawn() from None
    assert joined is not None
    return joined


def decide(roster: Roster, temporary: bytes, key: bytes, name: str) -> Joined:
    """Return the member that the holder of `key` becomes.

    Raises `Refused`: NOT_FOUND (TOKEN_WITHDRAWN), FAILED_PRECONDITION (TOKEN_USED), ALREADY_EXISTS if `key` belongs to a member.
    """
    token = roster.member(temporary)
    if token is None or token.invited is None:
        raise _withdrawn()
    invited = token.invited
    if invited.taken_by == key:
        return Joined(token.name, invited.role, again=True)
    if invited.taken_by:
        message = (
            f"this token was already used, by {token.name} with the key {fingerprint(invited.taken_by)}; a token can be used only once"
        )
        next_step = f"{_ask_unless(token.name)}; {_ASK_AGAIN}"
        raise Refused(Code.FAILED_PRECONDITION, message, next_step, reason=Reason.TOKEN_USED)
    known = roster.by_curve(curve_public_of(key))
    if known is not None:
        message = f"this key is already on the roster, as {known.name} with the role {known.role}; the token was not used"
        raise Refused(Code.ALREADY_EXISTS, message, "no token is needed", reason=Reason.MEMBER_ALREADY)
    taken = {member.name for member in roster.members if member is not token}
    return Joined(_free_name(name, taken) if invited.any_name else token.name, invited.role)


def _ask_unless(name: str) -> str:
    return f"if that was not you, have {name} removed from the roster at once"


def _withdrawn() -> Refused:
    message = "this token is no longer valid: it was withdrawn"
    return Refused(Code.NOT_FOUND, message, _ASK_AGAIN, reason=Reason.TOKEN_WITHDRAWN)


def expired(ended_us: int) -> Refused:
    """Return the refusal of a token that expired this long ago."""
    ago = f"{ended_us // 60_000_000} min" if ended_us >= 60_000_000 else f"{ended_us // 1_000_000} s"  # noqa: PLR2004 -- a minute
    message = f"this token has expired {ago} ago"
    return Refused(Code.FAILED_PRECONDITION, message, _ASK_AGAIN, reason=Reason.TOKEN_EXPIRED)


def _free_name(wanted: str, taken: set[str]) -> str:
    """Return a name derived from the requested one that no member has."""
    name = _NOT_IN_NAMES.sub("-", wanted).lstrip(".@-")[:_LONGEST_NAME] or "machine"
    number = 1
    free = name
    while free in taken:
        number += 1
        free = f"{name[: _LONGEST_NAME - len(str(number)) - 1]}-{number}"
    return free


def _entry_of(text: str, temporary: bytes) -> re.Match[str] | None:
    written = format_public(temporary)
    return next((entry for entry in _OPEN_ENTRY.finditer(text) if entry["key"] == written), None)


def _with_joined(text: str, place: Path, roster: Roster, temporary: bytes, key: bytes, joined: Joined) -> str:
    token = roster.member(temporary)
    entry = _entry_of(text, temporary)
    changed = text
    if entry is not None:
        until = re.search(r"until = [^,} ]+", entry["invited"])
        now = entry[0].replace(f'name = "{entry["name"]}"', f'name = "{joined.name}"', 1).replace(entry["key"], format_public(key), 1)
        now = now.replace('role = "pairing"', f'role = "{joined.role}"', 1)
        ending = "\r\n" if entry["invited"].endswith("\r\n") else "\n"
        used = f'invited = {{ key = "{entry["key"]}", {until[0] if until else ""} }}{ending}'
        changed = text[: entry.start()] + now.replace(entry["invited"], used, 1) + text[entry.end() :]
    limits = token.invited.limits if token is not None and token.invited is not None else Limits()
    wanted = tuple(Member(joined.name, key, joined.role, limits) if member is token else member for member in roster.members)
    try:
        is_right = parse(changed, str(place)).members == wanted
    except Refused:
        is_right = False
    if not is_right:
        message = f"the invitation in {place} was edited, and cannot be used"
        raise Refused(Code.FAILED_PRECONDITION, message, _ASK_AGAIN)
    return changed


def _without_old(text: str, known: Roster, name: str, now_us: int) -> str:
    """Return the text without tokens that expired a day ago, and without an expired one of this name."""

    def is_old(written: str, owner: str) -> bool:
        try:
            token = known.member(parse_public(written))
        except Refused:
            # In a text of several lines, or a comment.
            return False
        if token is None or token.invited is None or token.role != PAIRING:
            return False
        since_us = now_us - token.invited.until_us
        return since_us > (0 if owner == name and not token.invited.taken_by else REMEMBERED_US)

    text = _OPEN_ENTRY.sub(lambda entry: "" if is_old(entry["key"], entry["name"]) else entry[0], text)
    return _USED_LINE.sub(lambda line: "" if is_old(line["key"], "") else line[0], text)
