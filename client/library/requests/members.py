"""Changes of a roster, one after the other, as dialogues.

A change applies only to the version of the roster that was read before it. If another admin was faster, the roster is read again and the
change is applied to that: if the name belongs to another member by then, nothing is changed. Knows no file: keys/ changes rosters of this
machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from ....keys.identity import parse_public
from ....schemas.generated import request_pb2
from ....schemas.refusal import Code, Reason, Refused
from .dialogue import Dialogue, reply_with

# Of several admins who change the roster at once, each of them is the first one in one of these rounds.
_MOST_ROUNDS = 20


class RosterMember(NamedTuple):
    """A member: its name, its public key (32 bytes) and its role; `pairing` is the role of an unused token."""

    name: str
    key: bytes
    role: str


class Change(NamedTuple):
    """The change to make (None: nothing, it is in effect), and the member that it is about, as it was before, or is added."""

    request: request_pb2.ChangeMembers | None
    member: RosterMember


# What follows for these members, of a roster of this version.
Decide = Callable[[Sequence[RosterMember], bytes], Change]


def members_request() -> request_pb2.Request:
    """Return the request for the members; the reply is `list_members`."""
    return request_pb2.Request(list_members=request_pb2.ListMembers())


def read_members(reply: request_pb2.Reply) -> tuple[RosterMember, ...]:
    """Return the members in a reply."""
    return tuple(RosterMember(one.name, one.key, one.role) for one in reply.list_members.members)


def steps(decide: Decide) -> Dialogue[Change]:
    """Make one change, and return it."""
    for last_round in (*[False] * (_MOST_ROUNDS - 1), True):
        reply = reply_with("list_members", (yield members_request()))
        change = decide(read_members(reply), reply.list_members.version)
        if change.request is None:
            return change
        try:
            yield request_pb2.Request(change_members=change.request)
        except Refused as refused:
            if refused.reason is not Reason.ROSTER_CHANGED or last_round:
                raise
        else:
            return change
    raise AssertionError("the last round returns or raises")


def adding(name: str, key: str | bytes, role: str) -> Decide:
    """Return the change that adds a member. Raises `Refused(INVALID_ARGUMENT)` for an invalid key."""
    new = RosterMember(name, parse_public(key) if isinstance(key, str) else key, role)

    def decide(members: Sequence[RosterMember], version: bytes) -> Change:
        said = request_pb2.RosterMember(name=new.name, key=new.key, role=new.role)
        return Change(None if new in members else request_pb2.ChangeMembers(version=version, add=said), new)

    return decide


def removing(name: str) -> Decide:
    """Return the change that removes a member."""
    return _changing(name, lambda was: request_pb2.ChangeMembers(remove=was.key))


def giving_role(name: str, role: str) -> Decide:
    """Return the change that gives a member a role."""

    def ask(was: RosterMember) -> request_pb2.ChangeMembers | None:
        return None if was.role == role else request_pb2.ChangeMembers(set_role=request_pb2.RosterMember(key=was.key, role=role))

    return _changing(name, ask)


def renaming(name: str, new: str) -> Decide:
    """Return the change that gives a member another name."""

    def ask(was: RosterMember) -> request_pb2.ChangeMembers | None:
        return None if was.name == new else request_pb2.ChangeMembers(rename=request_pb2.RosterMember(key=was.key, name=new))

    return _changing(name, ask)


def _changing(name: str, ask: Callable[[RosterMember], request_pb2.ChangeMembers | None]) -> Decide:
    """Return the requested change of a member; None: it is in effect already."""
    find = _by_name(name)

    def decide(members: Sequence[RosterMember], version: bytes) -> Change:
        was = find(members)
        request = ask(was)
        if request is not None:
            request.version = version
        return Change(request, was)

    return decide


def _by_name(name: str) -> Callable[[Iterable[RosterMember]], RosterMember]:
    """Return a function that finds a member by its name in one version of the roster after the other, and no later owner of that name."""
    key = b""

    def find(members: Iterable[RosterMember]) -> RosterMember:
        nonlocal key
        was = next((member for member in members if member.name == name), None)
        if was is None:
            raise Refused(Code.NOT_FOUND, f"there is no member {name!r}", "jobwire keys list shows all members")
        key = key or was.key
        if was.key != key:
            message = f"{name} is another member now than when the roster was read first"
            raise Refused(Code.FAILED_PRECONDITION, message, "jobwire keys list shows all members")
        return was

    return find
