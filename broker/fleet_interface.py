"""The interface of a daemon to what makes it a broker instead of a worker. Implemented in broker/fleet/verbs.py."""

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
    """What makes a daemon a broker: the stock of its workers, and what it does in another way than a worker."""

    @property
    def stock(self) -> Stock:
        """What its workers have for jobs."""
        ...

    @property
    def features(self) -> Sequence[str]:
        """What it tells clients that it can do."""
        ...

    def warnings(self) -> Sequence[str]:
        """Return what its operators should look at, in words."""
        ...

    def silence_of(self, machine: bytes) -> Silence | None:
        """Return for how long a worker has given no sign; None: it does."""
        ...

    def waits(self) -> None:
        """Note that jobs wait."""
        ...

    def guest(self, public: bytes) -> Member | None:
        """Return who may come in with this key without being on the roster."""
        ...

    def guest_by_curve(self, curve_public: bytes) -> Member | None:
        """Return the same by the key of the connection."""
        ...

    def check(self, asked: Asked) -> None:
        """Raise Refused for a job that cannot be started here."""
        ...

    def verbs(self, desk: View, lookup: Lookup, edits: RosterEdits) -> Mapping[str, Handler]:
        """Return the handlers that take the place of those of a worker."""
        ...
