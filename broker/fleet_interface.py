"""The interface between a daemon and the parts that make it a broker instead of a worker. Implemented in broker/fleet/verbs.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from ..keys.members.rights import Member
from .desk.inputs import Asked
from .desk.queue.stock import Stock
from .desk.view import View
from .pairing.edits import RosterEdits
from .requests.dispatch import Handler
from .requests.reads.hello import Silence
from .store.queries import Lookup


class Fleet(Protocol):
    """What makes a daemon a broker: the stock of its workers, and what it does differently from a worker."""

    @property
    def stock(self) -> Stock:
        """The capacity of its workers."""
        ...

    @property
    def features(self) -> Sequence[str]:
        """The features that it announces to clients."""
        ...

    def warnings(self) -> Sequence[str]:
        """Return warnings for its operators, in words."""
        ...

    def silence_of(self, machine: bytes) -> Silence | None:
        """Return for how many seconds a worker has not responded; None: it responds."""
        ...

    def waits(self) -> None:
        """Note that jobs wait."""
        ...

    def guest(self, public: bytes) -> Member | None:
        """Return the member that may connect with this key without being on the roster."""
        ...

    def guest_by_curve(self, curve_public: bytes) -> Member | None:
        """Return the same by the CurveZMQ key."""
        ...

    def check(self, asked: Asked) -> None:
        """Raise Refused for a job that cannot be started here."""
        ...

    def verbs(self, desk: View, lookup: Lookup, edits: RosterEdits) -> Mapping[str, Handler]:
        """Return the handlers that replace those of a worker."""
        ...
