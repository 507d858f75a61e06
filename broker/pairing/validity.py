"""How long a token is still valid. Pure: both clocks are passed in.

The expiry of a token is a time of day, and the machine's clock may be set. So the remaining time is computed once from that clock, when the
token is first seen, and then measured by elapsed time: setting the clock back prolongs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

from ...keys.members.rights import Member
from ...keys.pairing.invitations import REMEMBERED_US
from ...schemas.clock import Reading


class Validity:
    """The tokens of a roster, by their temporary keys, and when they expire on the scale of `passed_us`."""

    def __init__(self) -> None:
        self._ends_us: dict[bytes, int] = {}

    def see(self, members: Iterable[Member], now: Reading) -> None:
        """Note the tokens that are in the roster now, and forget all others."""
        tokens = {member.key: member.invited for member in members if member.invited is not None}
        self._ends_us = {key: self._ends_us.get(key, now.passed_us + invited.until_us - now.wall_us) for key, invited in tokens.items()}

    def ended_us(self, temporary: bytes, now: Reading) -> int:
        """Return how long ago a token expired; negative if it is valid, and more than a day for an unknown one."""
        ends_us = self._ends_us.get(temporary)
        return REMEMBERED_US + 1 if ends_us is None else now.passed_us - ends_us

    def may_come(self, temporary: bytes, now: Reading) -> bool:
        """Return whether a temporary key may connect: for another day after its expiry, so that its holder can be told."""
        return self.ended_us(temporary, now) <= REMEMBERED_US
