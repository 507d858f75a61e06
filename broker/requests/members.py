"""list_members and change_members: the roster, for an admin on another machine.

A change is answered when it is on the disk and in force. Admins can neither change their own role nor remove themselves this way: so
whoever changes a roster remotely can always revert the change.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from ...keys.identity import KEY_BYTES, fingerprint
from ...keys.members.conditional_changes import Known, NewMember, change_roster, version_of
from ...keys.members.rights import Right, demand
from ...keys.members.roster import RosterFile
from ...keys.members.roster_changes import new_name, new_role, removal
from ...schemas.generated import request_pb2
from ...schemas.refusal import Code, Refused
from ..pairing.edits import RosterEdits
from .call import Call

_log = logging.getLogger(__name__)


def list_members(call: Call, roster: RosterFile) -> None:
    """Reply with the roster that is in force."""
    demand(call.member, Right.ADMINISTER, call.member.key)
    reply = request_pb2.ListMembersReply(version=version_of(roster.text))
    for member in roster.roster.members:
        reply.members.add(name=member.name, key=member.key, role=member.role)
    call.reply(request_pb2.Reply(list_members=reply))


def change_members(call: Call, edits: RosterEdits) -> None:
    """Make one change, if the roster is still the version that the request names."""
    demand(call.member, Right.ADMINISTER, call.member.key)
    request = call.request.change_members
    wanted = _wanted(request)
    if len(wanted.key) != KEY_BYTES:
        raise Refused(Code.INVALID_ARGUMENT, f"a public key has {KEY_BYTES} bytes, not {len(wanted.key)}")
    if wanted.key == call.member.key and request.WhichOneof("change") in ("remove", "set_role"):
        message = f"{call.member.name} is you, and from another machine nobody can remove or demote themselves"
        raise Refused(Code.FAILED_PRECONDITION, message, "let another admin do that, or do it on the machine itself")

    def changed(result: Callable[[], bool]) -> None:
        if result():
            _log.info("roster: changed over the network by %s, fingerprint %s", call.member.name, fingerprint(call.member.key))
        call.done(None)

    edits.edit(lambda path: change_roster(path, request.version, wanted), lambda result: call.guard(changed, result))


def _wanted(request: request_pb2.ChangeMembers) -> NewMember | Known:
    match request.WhichOneof("change"):
        case "add":
            return NewMember(request.add.name, request.add.key, request.add.role)
        case "remove":
            return Known(request.remove, removal())
        case "set_role":
            return Known(request.set_role.key, new_role(request.set_role.role), role=request.set_role.role)
        case "rename":
            return Known(request.rename.key, new_name(request.rename.name), name=request.rename.name)
        case _:
            raise Refused(Code.INVALID_ARGUMENT, "the request changes nothing")
