"""Jobs that came through a broker which has not recorded their end yet: they are reported, and not forgotten, until it has."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from ...schemas.naming import AttemptKey, JobKey
from ..jobs.job import FIRST_ATTEMPT
from ..retention.followed import Followed
from ..store.rows.fleet import relays
from ..store.store import Store
from ..writes.jobs import Settled

# Who has stopped the jobs of a worker that leaves, in what is told about them.
DEPARTURE = "the worker, which is leaving"


class Registry:
    """What is not settled, for each broker: its name for an attempt, and the job here."""

    def __init__(self, store: Store, followed: Followed, is_hashing: Callable[[AttemptKey], bool] = lambda _: False) -> None:
        """`is_hashing`: whether the output of an attempt is still to be hashed, which is also reported before it is settled."""
        self._is_hashing = is_hashing
        self._store = store
        self._followed = followed
        self._unsettled: dict[bytes, dict[AttemptKey, JobKey]] = {}
        # What waits until a job that is being recorded is there, or is not accepted.
        self._arriving: dict[tuple[bytes, AttemptKey], list[Callable[[], None]]] = {}
        self._settled: list[Callable[[], None]] = []
        for key, relay, name in relays.unsettled(store.read):
            self.add(relay, name, key)

    def of(self, relay: bytes) -> Mapping[AttemptKey, JobKey]:
        """Return the jobs of one broker."""
        return self._unsettled.get(relay, {})

    def add(self, relay: bytes, name: AttemptKey, key: JobKey) -> None:
        """Report a job to its broker from now on."""
        if self._unsettled.setdefault(relay, {}).setdefault(name, key) is key:
            self._followed.hold(key)

    def settle(self, relay: bytes, names: Iterable[AttemptKey], done: Callable[[], None], *, unwanted: bool = False) -> None:
        """Stop reporting these; `done` is called when that is durable. `unwanted`: even if their hashes were not reported yet."""
        mine = self._unsettled.get(relay, {})
        told = [name for name in names if unwanted or not self._awaits_hashes(mine.get(name))]
        for name in told:
            if (key := mine.pop(name, None)) is not None:
                self._followed.let_go(key)
        self._store.submit(Settled(relay, told), done)
        if self.is_empty:
            callbacks, self._settled = self._settled, []
            for callback in callbacks:
                callback()

    def _awaits_hashes(self, key: JobKey | None) -> bool:
        # An attempt that a broker names is a job here, which has no other.
        return key is not None and self._is_hashing(AttemptKey(*key, FIRST_ATTEMPT))

    def name_of(self, key: JobKey) -> tuple[bytes, AttemptKey] | None:
        """Return the broker of an unsettled job, and its name for it."""
        return relays.unsettled_name(self._store.read, key)

    @property
    def is_empty(self) -> bool:
        """Whether every end is recorded by its broker, and no job is arriving."""
        return not self._arriving and not any(self._unsettled.values())

    def when_empty(self, callback: Callable[[], None]) -> None:
        """Call back now, or once nothing is left to be reported."""
        if self.is_empty:
            callback()
        else:
            self._settled.append(callback)

    def find(self, relay: bytes, name: AttemptKey) -> JobKey | None:
        """Return the job that a broker names, settled or not; None if it has not delivered it."""
        return self._unsettled.get(relay, {}).get(name) or relays.find(self._store.read, relay, name)

    def arrives(self, relay: bytes, name: AttemptKey) -> None:
        """Note that a job is being recorded."""
        self._arriving.setdefault((relay, name), [])

    def arriving(self, relay: bytes) -> AttemptKey | None:
        """Return a job of a broker that is being recorded, else None."""
        return next((name for one, name in self._arriving if one == relay), None)

    def arrived(self, relay: bytes, name: AttemptKey) -> None:
        """Note that it is recorded, or was refused."""
        for callback in self._arriving.pop((relay, name), ()):
            callback()

    def when_arrived(self, relay: bytes, name: AttemptKey, callback: Callable[[], None]) -> None:
        """Call back now, or once the job that is being recorded is there."""
        waiting = self._arriving.get((relay, name))
        if waiting is None:
            callback()
        else:
            waiting.append(callback)
