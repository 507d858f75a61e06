"""The jobs that came through a broker and whose end that has not recorded yet: they are reported, and not forgotten, until it has."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from ...schemas.naming import AttemptKey, JobKey
from ..retention.followed import Followed
from ..store.rows import relays
from ..store.store import Store
from ..store.writes import Settled

# Who has stopped the jobs of a worker that leaves, in what is told about them.
DEPARTURE = "the worker, which leaves"


class Registry:
    """What is not settled, for each broker: how it names an attempt, and the job here."""

    def __init__(self, store: Store, followed: Followed) -> None:
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

    def settle(self, relay: bytes, names: Iterable[AttemptKey], done: Callable[[], None]) -> None:
        """Report these no more; `done` is called when that is durable."""
        mine = self._unsettled.get(relay, {})
        told = list(names)
        for name in told:
            if (key := mine.pop(name, None)) is not None:
                self._followed.let_go(key)
        self._store.submit(Settled(relay, told), done)
        if self.is_empty:
            callbacks, self._settled = self._settled, []
            for callback in callbacks:
                callback()

    @property
    def is_empty(self) -> bool:
        """Whether every end is recorded by its broker, and nothing is arriving."""
        return not self._arriving and not any(self._unsettled.values())

    def when_empty(self, callback: Callable[[], None]) -> None:
        """Call back now, or when nothing is left to be reported."""
        if self.is_empty:
            callback()
        else:
            self._settled.append(callback)

    def find(self, relay: bytes, name: AttemptKey) -> JobKey | None:
        """Return the job that a broker names so, settled or not; None if it has delivered none."""
        return self._unsettled.get(relay, {}).get(name) or relays.find(self._store.read, relay, name)

    def arrives(self, relay: bytes, name: AttemptKey) -> None:
        """Note that a job is being recorded."""
        self._arriving.setdefault((relay, name), [])

    def arrived(self, relay: bytes, name: AttemptKey) -> None:
        """Note that it is recorded, or is not accepted."""
        for callback in self._arriving.pop((relay, name), ()):
            callback()

    def when_arrived(self, relay: bytes, name: AttemptKey, callback: Callable[[], None]) -> None:
        """Call back now, or when the job is there that is being recorded."""
        waiting = self._arriving.get((relay, name))
        if waiting is None:
            callback()
        else:
            waiting.append(callback)
