"""What makes a daemon a broker instead of a worker, and the parts of the daemon that this needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from ..keys.members.rights import Member
from ..keys.members.roster import RosterFile
from .delegates import Delegates
from .desk.inputs import Asked
from .desk.queue.stock import Stock
from .desk.view import View
from .fairness.turns import Turns
from .pairing.edits import RosterEdits
from .requests.dispatch import Handler
from .requests.reads.hello import Silence
from .retention.followed import Followed
from .store.queries import Lookup
from .store.store import Store
from .streams.watchers import Watchers


class House(NamedTuple):
    """The parts of a daemon that a fleet needs."""

    desk: View
    lookup: Lookup
    store: Store
    watchers: Watchers
    followed: Followed
    roster: RosterFile
    turns: Turns
    edits: RosterEdits
    delegates: Delegates


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

    def connect(self, house: House) -> None:
        """Use these parts of the daemon from now on."""
        ...

    def verbs(self, house: House) -> Mapping[str, Handler]:
        """Return the handlers that take the place of those of a worker."""
        ...
