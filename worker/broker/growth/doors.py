"""Let workers that a broker has requested join it: once each, with a token, and only while their allocations exist."""

from __future__ import annotations

from pathlib import Path

from ....broker.own_process.threads import on_thread
from ....broker.pairing.machine_invitations import invite_machine, withdraw_machine
from ....keys.members import roster_changes
from ....schemas.refusal import Code, Refused

# An allocation may wait for long; its token ends with it.
_VALID_SECONDS = 90 * 86_400.0


class RosterDoors:
    """The roster of the broker at `endpoint` with the public key `public`."""

    def __init__(self, roster: Path, endpoint: str, public: bytes) -> None:
        self._roster = roster
        self._endpoint = endpoint
        self._public = public

    async def invite(self, name: str, endpoint: str) -> tuple[bytes, str]:
        """Return the temporary key of a token with which one worker joins under this name, and the token."""
        made = await on_thread(invite_machine, self._roster, endpoint or self._endpoint, self._public, name, _VALID_SECONDS)
        return made.temporary, made.text

    async def close(self, name: str, token: bytes) -> None:
        """Withdraw the token, or remove the worker that has joined with it from the roster.

        Raises Refused if the roster cannot be changed at the moment.
        """
        await on_thread(self._close, name, token)

    def _close(self, name: str, token: bytes) -> None:
        # Between the two, nobody can join with it.
        if not withdraw_machine(self._roster, token):
            try:
                roster_changes.remove_member(self._roster, name)
            except Refused as refused:
                # It never joined, or somebody has removed it.
                if refused.code is not Code.NOT_FOUND:
                    raise
