"""An engine that keeps its promises and no more, and a store whose commits a test lets through: for tests of every order of things."""

from __future__ import annotations

import queue
from collections import Counter
from collections.abc import Sequence
from typing import Any

from desk_house import EngineDouble

from jobwire.broker.engine import Ended, Expected, Fact, Launch, Started
from jobwire.schemas.jobs.states import Outcome, OutcomeKind
from jobwire.schemas.naming import AttemptKey
from jobwire.schemas.workers.capacity import Capacity
from jobwire.worker.engine.desk_facts import lost, why_lost

EXITED = Outcome(OutcomeKind.EXITED)
FAILED = Outcome(OutcomeKind.EXITED, exit_status=1)


class Gate:
    """Stands before the disk: the test decides when a group of writes is committed."""

    def __init__(self, disk: queue.SimpleQueue[Sequence[Any] | None]) -> None:
        self._disk = disk
        self.group: Sequence[Any] | None = None

    def put(self, group: Sequence[Any] | None) -> None:
        if group is None:
            self._disk.put(None)
        else:
            self.group = group

    def get(self) -> Sequence[Any] | None:
        return self._disk.get()

    def open(self) -> None:
        group, self.group = self.group, None
        self._disk.put(group)


class HonestEngine(EngineDouble):
    """Starts what is requested, reports what happened until that is settled, and outlives every desk."""

    def __init__(self) -> None:
        super().__init__(Capacity(1))
        self.now = 1_000_000
        self.launched: Counter[AttemptKey] = Counter()
        self.running: dict[AttemptKey, Started] = {}
        self.ended: dict[AttemptKey, Ended] = {}
        self.to_end: set[AttemptKey] = set()
        self.untold: list[Fact] = []
        self.rebooted = False
        # The time limits that jobs got later; an engine keeps them with its jobs.
        self.limits: dict[AttemptKey, int] = {}

    def start(self, launches: Sequence[Launch]) -> None:
        for launch in launches:
            if launch.key in self.running or launch.key in self.ended:
                continue
            self.launched[launch.key] += 1
            if launch.changed_limit_ms is not None:
                self.limits[launch.key] = launch.changed_limit_ms
            self.now += 1
            self.running[launch.key] = fact = Started(launch.key, 100 + len(self.launched), self.now)
            self.untold.append(fact)
        assert len(self.running) <= self.capacity.slots

    def end(self, key: AttemptKey, number: int, grace_ms: int) -> None:
        self.to_end.add(key)

    def limit(self, key: AttemptKey, limit_ms: int) -> None:
        self.limits[key] = limit_ms

    def settled(self, keys: Sequence[AttemptKey]) -> None:
        for key in keys:
            assert key not in self.running
            self.ended.pop(key, None)

    async def recover(self, expected: Sequence[Expected]) -> Sequence[Fact]:
        self.untold.clear()
        facts: list[Fact] = [Started(fact.key, fact.pid, fact.started_at_us, adopted=True) for fact in self.running.values()]
        facts += self.ended.values()
        told = {fact.key for fact in facts}
        missing = [one for one in expected if one.key not in told]
        facts += [lost(one, why) for one in missing if (why := why_lost(one, rebooted=self.rebooted))]
        return facts

    def finish(self, key: AttemptKey, *, failed: bool = False, outcome: Outcome = EXITED) -> None:
        started = self.running.pop(key)
        self.now += 1
        pid = 0 if failed else started.pid
        if failed and started in self.untold:
            self.untold.remove(started)
        # What could not be started is not tried again.
        how = Outcome(OutcomeKind.FAILED_TO_START, exit_status=127) if failed else outcome
        self.ended[key] = Ended(key, pid, started.started_at_us, self.now, how)
        self.untold.append(self.ended[key])
