"""The members of a worker or broker, for event loops: `AsyncClient.members`, with the methods of `Client.members`."""

from __future__ import annotations

from ..library.attached import Attached
from ..library.requests.members import (
    Change,
    Decide,
    RosterMember,
    adding,
    giving_role,
    members_request,
    read_members,
    removing,
    renaming,
    steps,
)
from .dialogue import carry_out
from .loop.session import AsyncSession


class AsyncMembers(Attached):
    """The members of a worker or broker. All methods need the role admin there."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def list(self) -> tuple[RosterMember, ...]:
        """Return all members, in the order of the roster."""
        return read_members(await self._session.reply(members_request(), "list_members"))

    async def add(self, name: str, key: str | bytes, role: str) -> bool:
        """Add the holder of a public key as a member; see `client.members.add`."""
        return (await self._change(adding(name, key, role))).request is not None

    async def remove(self, name: str) -> RosterMember:
        """Remove a member, and return it as it was; see `client.members.remove`."""
        return (await self._change(removing(name))).member

    async def set_role(self, name: str, role: str) -> RosterMember:
        """Give a member another role, and return it as it was; see `client.members.set_role`."""
        return (await self._change(giving_role(name, role))).member

    async def rename(self, name: str, new: str) -> RosterMember:
        """Give a member another name, and return it as it was."""
        return (await self._change(renaming(name, new))).member

    async def _change(self, decide: Decide) -> Change:
        return await carry_out(self._session.connection, steps(decide))
