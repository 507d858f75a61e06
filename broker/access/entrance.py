"""Who may connect to a desk: members, holders of temporary keys, jobs that act for members, and guests of a fleet. Knows no socket."""

from __future__ import annotations

from ...keys.identity import KEY_BYTES
from ...keys.members.limits import Limits
from ...keys.members.rights import Member
from ...keys.members.roster import RosterFile
from ..fleet_interface import Fleet
from ..pairing.pair import Pairing
from .delegates import Delegates


class Entrance:
    """Looks up keys in the roster in force, and among the keys of running jobs. `fleet`: None for a worker, which has no guests."""

    def __init__(self, roster: RosterFile, pairing: Pairing, delegates: Delegates, fleet: Fleet | None) -> None:
        self._roster = roster
        self._pairing = pairing
        self._delegates = delegates
        self._fleet = fleet

    def admit(self, curve_public: bytes) -> Member | None:
        """Return the member with a CurveZMQ key; None if nobody may connect with it."""
        member = self._roster.by_curve(curve_public) or self._delegates.by_curve(curve_public)
        if member is None and self._fleet is not None:
            member = self._fleet.guest_by_curve(curve_public)
        return member if member is None or self._pairing.may_come(member) else None

    def member(self, public: bytes) -> Member | None:
        """Return the member who sends requests with a public key."""
        member = self._roster.member(public) or self._delegates.acting(public)
        return self._fleet.guest(public) if member is None and self._fleet is not None else member

    def limits_of(self, account: bytes) -> Limits:
        """Return the limits of a member; all jobs that act for it have the same ones together."""
        return self._roster.limits_of(account[:KEY_BYTES])
