"""The members of a worker or broker, for an admin: `client.members`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .attached import Attached
from .requests.dialogue import carry_out
from .requests.members import Change, Decide, RosterMember, adding, giving_role, members_request, read_members, removing, renaming, steps

if TYPE_CHECKING:
    from .session import Session


class Members(Attached):
    """The members of a worker or broker. All methods need the role admin there."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def list(self) -> tuple[RosterMember, ...]:
        """Return all members, in the order of the roster."""
        return read_members(self._session.reply(members_request(), "list_members"))

    def add(self, name: str, key: str | bytes, role: str) -> bool:
        """Add the holder of a public key, given as printed or as 32 bytes; False if exactly this member exists already.

        Raises `Refused(ALREADY_EXISTS)` if the name or the key is that of another member.
        """
        return self._change(adding(name, key, role)).request is not None

    def remove(self, name: str) -> RosterMember:
        """Remove a member, and return it as it was. It is disconnected at once; its jobs continue. Nobody can remove themselves."""
        return self._change(removing(name)).member

    def set_role(self, name: str, role: str) -> RosterMember:
        """Give a member another role, and return it as it was. Nobody can change their own role."""
        return self._change(giving_role(name, role)).member

    def rename(self, name: str, new: str) -> RosterMember:
        """Give a member another name, and return it as it was. Its jobs stay its own."""
        return self._change(renaming(name, new)).member

    def _change(self, decide: Decide) -> Change:
        return carry_out(self._session.connection.call, steps(decide))
