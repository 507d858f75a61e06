"""Changes of members in a roster's file, and what differs between two rosters.

Every byte that does not concern the member stays as it was written. A roster keeps at least one admin, if it has one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...schemas.refusal import Code, Refused
from . import roster
from .rights import PAIRING, Member
from .roster_text import BYTE_ORDER_MARK, name_problem, parse, role_problem

if TYPE_CHECKING:
    from tomlkit import TOMLDocument

_ADMIN = "admin"


def remove_member(path: Path, name: str) -> Member:
    """Remove a member from a roster's file, and return what it was.

    Raises `Refused`: NOT_FOUND, FAILED_PRECONDITION for the last admin or if the file cannot be written.
    """

    def edit(members: Any, index: int) -> None:
        del members[index]

    return _change(path, name, lambda _: None, edit)


def set_role(path: Path, name: str, role: str) -> Member:
    """Give a member another role, and return what it was before. Raises as `remove_member` does, and INVALID_ARGUMENT."""
    if problem := role_problem(role):
        raise Refused(Code.INVALID_ARGUMENT, problem)

    def edit(members: Any, index: int) -> None:
        members[index]["role"] = role

    def to(member: Member) -> Member:
        if member.role == PAIRING:
            message = f"{name} was invited and has not joined yet"
            raise Refused(Code.FAILED_PRECONDITION, message, f"remove it with jobwire keys rm {name}, and make another invitation")
        return replace(member, role=role)

    return _change(path, name, to, edit)


def rename_member(path: Path, name: str, new: str) -> Member:
    """Give a member another name, and return what it was before. Raises as `set_role` does, and ALREADY_EXISTS."""
    if problem := name_problem(new):
        raise Refused(Code.INVALID_ARGUMENT, problem)

    def edit(members: Any, index: int) -> None:
        members[index]["name"] = new

    return _change(path, name, lambda member: replace(member, name=new), edit)


def _change(path: Path, name: str, to: Callable[[Member], Member | None], edit: Callable[[Any, int], None]) -> Member:
    """Change one member in the file, one process at a time; None: it is removed."""
    was: Member | None = None

    def change(text: str, place: Path) -> str:
        nonlocal was
        members = parse(text, str(place)).members
        index = next((index for index, member in enumerate(members) if member.name == name), -1)
        if index < 0:
            raise _no_such(path, name)
        was = members[index]
        wanted = decide(members, index, to(was), str(place))
        return _edited(text, str(place), wanted, lambda found: edit(found["member"], index)) if wanted != members else text

    try:
        roster.edit(path, change)
    except (FileNotFoundError, NotADirectoryError):
        raise _no_such(path, name) from None
    assert was is not None
    return was


def _no_such(path: Path, name: str) -> Refused:
    return Refused(Code.NOT_FOUND, f"there is no member {name!r} in {path}", "jobwire keys list shows all members")


def decide(members: Sequence[Member], index: int, to: Member | None, path: str) -> tuple[Member, ...]:
    """Return the members after one was changed, or (None) removed.

    Raises `Refused`: FAILED_PRECONDITION if no admin were left, ALREADY_EXISTS if another has its new name.
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
    """Return the text after an edit. It is used only if it says exactly what is wanted."""
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
        raise Refused(Code.FAILED_PRECONDITION, f"the member cannot be changed in {path} as it is written", "edit the file by hand")
    return edited


def differences(before: Sequence[Member], after: Sequence[Member]) -> Iterator[str]:
    """Iterate over what differs between two rosters, a sentence for each member, for the worker's log."""
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
