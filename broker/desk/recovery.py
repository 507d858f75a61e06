"""Finds the jobs of the store that have not ended when a desk starts, and what the engine knows of them; in slices, with others in between.

Decides nothing: what it finds are inputs of the desk. Until it is done, the desk decides about nothing else, and nothing starts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from ...schemas import fault_points
from ...schemas.clock import Clock
from ...schemas.naming import JobKey
from ..collector import nothing_collected
from ..engine import Engine, Expected, Fact
from ..fairness.pace import Pace
from ..jobs.life import STORED
from ..jobs.targets import Edge
from ..store.queries import Lookup
from .inputs import AllFound, EdgesFound, Found, Input, Recovered
from .state import State

_log = logging.getLogger(__name__)

# Decided together in some milliseconds.
_JOBS_A_SLICE = 200
_FACTS_A_SLICE = 400


class Recovery:
    """One start of a desk. `take` gives it an input, `heard` is told facts before they are decided about."""

    def __init__(
        self,
        state: State,
        lookup: Lookup,
        engine: Engine,
        clock: Clock,
        take: Callable[[Input], None],
        heard: Callable[[Sequence[Fact]], None],
    ) -> None:
        self._state = state
        self._lookup = lookup
        self._engine = engine
        self._clock = clock
        self._take = take
        self._heard = heard
        self._pace = Pace()
        self.jobs = lookup.count_alive()

    @property
    def found(self) -> int:
        """How many of the jobs were found so far."""
        return len(self._state.live)

    async def run(self) -> None:
        """Find all jobs, and take them up."""
        with nothing_collected():
            await self._run()

    async def _run(self) -> None:
        edges, expected = await self._read()
        jobs = list(self._state.live.values())
        facts = await self._engine.recover(expected)
        if fault_points.ARMED:
            fault_points.reach("during-recovery")
        known = {fact.key for fact in facts}
        for at in range(0, len(jobs), _JOBS_A_SLICE):
            self._take(Found(jobs[at : at + _JOBS_A_SLICE], known, edges))
            await self._pace.rest()
        if jobs:
            known_jobs = len({key.job for key in known} & self._state.live.keys())
            _log.info("recovered %d jobs that had not ended, %d of them known to the engine", len(jobs), known_jobs)
        waits = list(edges.items())
        for at in range(0, len(waits), _JOBS_A_SLICE):
            self._take(EdgesFound(waits[at : at + _JOBS_A_SLICE]))
            await self._pace.rest()
        self._take(AllFound(self._lookup.unfinished_runs()))
        last = max(0, len(facts) - 1) // _FACTS_A_SLICE * _FACTS_A_SLICE
        for at in range(0, last + 1, _FACTS_A_SLICE):
            await self._pace.rest()
            some = facts[at : at + _FACTS_A_SLICE]
            self._heard(some)
            self._lookup.is_whole = at == last
            self._take(Recovered(some, is_last=at == last))

    async def _read(self) -> tuple[dict[JobKey, Sequence[Edge]], list[Expected]]:
        """Read the jobs; return what they wait for, and those that the engine is asked about."""
        edges: dict[JobKey, Sequence[Edge]] = {}
        expected: list[Expected] = []
        only_launched = self._state.queue.stock.places_jobs
        for jobs in self._lookup.alive():
            for job in jobs:
                self._state.hold(job.key.owner, job.spec_bytes)
                self._state.add(job)
                one = job.attempt
                launched = STORED[one.phase].launched
                self._clock.not_before(max(job.queued_at_us, one.started_at_us, *(other.ended_at_us for other in job.earlier)))
                if launched or not only_launched:
                    expected.append(
                        Expected(one.key, one.pid, one.started_at_us, job.queued_at_us, launched, job.spec, job.rerun_of, job.machine)
                    )
            edges.update(self._lookup.edges(jobs))
            await self._pace.rest()
        return edges, expected
