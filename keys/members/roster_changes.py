"""Changes of members in a roster's file, and the differences between two rosters.

Every byte that does not concern the member stays as it was written. A roster keeps at least one admin, if it has one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...schemas.refusal import Code, Refused
from . import roster
from .rights import PAIRING, Member
from .roster_text import BYTE_ORDER_MARK, name_problem, parse, role_problem

if TYPE_CHECKING:
    from tomlkit import TOMLDocument

_ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class MemberChange:
    """A change of a member (None: it is removed), and the same edit for its table in the document."""

    to: Callable[[Member], Member | None]
    write: Callable[[Any, int], None]


def removal() -> MemberChange:
    """Return the change that removes a member."""

    def write(members: Any, index: int) -> None:
        del members[index]

    return MemberChange(lambda _: None, write)


def new_role(role: str) -> MemberChange:
    """Return the change that gives a member this role. Raises `Refused(INVALID_ARGUMENT)`."""
    if problem := role_problem(role):
        raise Refused(Code.INVALID_ARGUMENT, problem)

    def write(members: Any, index: int) -> None:
        members[index]["role"] = role

    def to(member: Member) -> Member:
        if member.role == PAIRING:
            message = f"{member.name} was invited and has not joined yet"
            raise Refused(Code.FAILED_PRECONDITION, message, "remove the invitation, and make another one")
        return replace(member, role=role)

    return MemberChange(to, write)


def new_name(name: str) -> MemberChange:
    """Return the change that gives a member this name. Raises `Refused(INVALID_ARGUMENT)`."""
    if problem := name_problem(name):
        raise Refused(Code.INVALID_ARGUMENT, problem)

    def write(members: Any, index: int) -> None:
        members[index]["name"] = name

    return MemberChange(lambda member: replace(member, name=name), write)


def remove_member(path: Path, name: str) -> Member:
    """Remove a member from a roster's file, and return what it was.

    Raises `Refused`: NOT_FOUND, FAILED_PRECONDITION for the last admin or if the file cannot be written.
    """
    return _change(path, name, removal())


def set_role(path: Path, name: str, role: str) -> Member:
    """Give a member another role, and return what it was before. Raises as `remove_member` does, and INVALID_ARGUMENT."""
    return _change(path, name, new_role(role))


def rename_member(path: Path, name: str, new: str) -> Member:
    """Give a member another name, and return what it was before. Raises as `set_role` does, and ALREADY_EXISTS."""
    return _change(path, name, new_name(new))


def _change(path: Path, name: str, change: MemberChange) -> Member:
    """Change one member in the file, one process at a time."""
    was: Member | None = None

    def changed(text: str, place: Path) -> str:
        nonlocal was
        members = parse(text, str(place)).members
        was = next((member for member in members if member.name == name), None)
        if was is None:
            raise _no_such(path, name)
        return changed_text(text, place, members, was, change)

    try:
        roster.edit(path, changed)
    except (FileNotFoundError, NotADirectoryError):
        raise _no_such(path, name) from None
    assert was is not None
    return was


def changed_text(text: str, place: Path, members: Sequence[Member], member: Member, change: MemberChange) -> str:
    """Return the text of a roster with these members after one of them was changed. Raises `Refused` as `decide` does."""
    index = members.index(member)
    wanted = decide(members, index, change.to(member), str(place))
    if wanted == tuple(members):
        return text
    return _edited(text, str(place), wanted, lambda found: change.write(found["member"], index))


def _no_such(path: Path, name: str) -> Refused:
    return Refused(Code.NOT_FOUND, f"there is no member {name!r} in {path}", "jobwire keys list shows all members")


def decide(members: Sequence[Member], index: int, to: Member | None, path: str) -> tuple[Member, ...]:
    """Return the members after one was changed, or (None) removed.

    Raises `Refused`: FAILED_PRECONDITION if no admin would be left, ALREADY_EXISTS if another member has its new name.
    """
    others = [*members[:index], *members[index + 1 :]]
    if to is not None and any(member.name == to.name for member in others):
        raise Refused(Code.ALREADY_EXISTS, f"the name {to.name} is already in {path}", "choose another name")
    wanted = (*members[:index], *([to] if to is not None else []), *members[index + 1 :])
    if members[index].role == _ADMIN and not any(member.role == _ADMIN for member in wanted):
        raise Refused(
            Code.FAILED_PRECONDITION,
            f"{members[index].name} is the only admin in {path}",
            "make another member admin first, or edit the file",
        )
    return wanted


def _edited(text: str, path: str, wanted: tuple[Member, ...], edit: Callable[[TOMLDocument], None]) -> str:
    """Return the text after an edit; checks that it parses to exactly the intended members."""
    import tomlkit  # noqa: PLC0415 -- only edits need it
    from tomlkit.exceptions import TOMLKitError  # noqa: PLC0415 -- as above

    mark = BYTE_ORDER_MARK if text.startswith(BYTE_ORDER_MARK) else ""
    try:
        document = tomlkit.parse(text.removeprefix(BYTE_ORDER_MARK))
        edit(document)
        if not document.get("member", [None]):
            # As `member = []`, nothing could be appended to it.
            del document["member"]
        edited = mark + tomlkit.dumps(document)
        is_right = parse(edited, path).members == wanted
    except (Refused, TOMLKitError, LookupError, TypeError):
        is_right, edited = False, ""
    if not is_right:
        raise Refused(
            Code.FAILED_PRECONDITION,
            f"this member's entry in {path} is in a form that cannot be changed automatically",
            "edit the file by hand",
        )
    return edited


def differences(before: Sequence[Member], after: Sequence[Member]) -> Iterator[str]:
    """Iterate over the differences between two rosters, one sentence per member, for the worker's log."""
    old, new = ({member.key: member for member in members} for members in (before, after))
    for key, member in old.items():
        if key not in new:
            yield f"{member.name} removed, role {member.role}"
        elif (now := new[key]) != member:
            changed = [f"name {now.name}, was {member.name}"] if now.name != member.name else []
            changed += [f"role {now.role}, was {member.role}"] if now.role != member.role else []
            changed += ["other limits"] if now.limits != member.limits else []
            yield f"{member.name} changed: {'; '.join(changed)}"
    yield from (f"{member.name} added, role {member.role}" for key, member in new.items() if key not in old)
