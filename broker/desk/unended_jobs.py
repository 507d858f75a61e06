"""Find the unended jobs of the store when a desk starts, and what the engine knows about them; in slices, with other work in between.

Decides nothing: what it finds are inputs of the desk. Until it is done, nothing starts, and the desk decides only about new jobs, whose
rows are higher than those to be found.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TypeVar

from ...schemas import fault_points
from ...schemas.clock import Clock
from ...schemas.naming import AttemptKey, JobKey, short_id
from ..engine import Engine, Expected, Fact, Started
from ..fairness.pace import Pace
from ..jobs.job import Job
from ..jobs.life import STORED
from ..jobs.targets import Edge
from ..own_process.collector import nothing_collected
from ..store.queries import Lookup
from .inputs import EdgesFound, Found, Input, Recovered, RunsFound
from .state import State

_Item = TypeVar("_Item")
_log = logging.getLogger(__name__)

# Decided together in some milliseconds.
_JOBS_A_SLICE = 200
_RUNS_A_SLICE = 200
_FACTS_A_SLICE = 400


class Recovery:
    """One start of a desk. `take` gets the inputs, `heard` is told facts before they are decided about."""

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
        # How many jobs are to be found, and were found so far.
        self.jobs = lookup.count_alive()
        self.found = 0
        self._last = lookup.last_row()
        # Those that may start jobs.
        self.starters: list[Job] = []

    async def run(self) -> None:
        """Find all jobs, and continue with them."""
        with nothing_collected():
            await self._run()

    async def _run(self) -> None:
        jobs, edges, expected = await self._read()
        facts = await self._engine.recover(expected)
        if fault_points.ARMED:
            fault_points.reach("during-recovery")
        known: set[AttemptKey] = set()
        async for some_facts in self._slices(facts, _FACTS_A_SLICE):
            known.update(fact.key for fact in some_facts)
        self._name_strangers(facts, {job.attempt.key for job in jobs})
        known_jobs = 0
        async for some_jobs in self._slices(jobs, _JOBS_A_SLICE):
            known_jobs += sum(job.attempt.key in known for job in some_jobs)
            self._take(Found(some_jobs, known, edges))
        if jobs:
            _log.info("recovered %d jobs that had not ended, %d of them known to the engine", len(jobs), known_jobs)
        async for waits in self._slices(list(edges.items()), _JOBS_A_SLICE):
            self._take(EdgesFound(waits))
        async for unfinished in self._slices(self._lookup.unfinished_runs(), _RUNS_A_SLICE):
            self._take(RunsFound(unfinished))
        async for runs in self._slices(list(self._state.runs), _RUNS_A_SLICE):
            self._take(RunsFound(runs=runs))
        last = max(0, len(facts) - 1) // _FACTS_A_SLICE * _FACTS_A_SLICE
        for at in range(0, last + 1, _FACTS_A_SLICE):
            await self._pace.rest()
            some = facts[at : at + _FACTS_A_SLICE]
            self._heard(some)
            self._lookup.is_whole = at == last
            self._take(Recovered(some, is_last=at == last))

    def _name_strangers(self, facts: Sequence[Fact], alive: set[AttemptKey]) -> None:
        """Log processes of jobs that are not in the store: nobody can see or stop them.

        That happens after an older backup was restored. An ended job that was not settled is known.
        """
        for fact in facts:
            if isinstance(fact, Started) and fact.key not in alive and self._lookup.job(fact.key.job) is None:
                _log.error(
                    "process %d belongs to job %s, which is not in the store, perhaps because a backup was restored: it continues, "
                    "and jobwire cannot stop it; to stop it, on its machine: kill %d",
                    *(fact.pid, short_id(fact.key.id), fact.pid),
                )

    async def _slices(self, items: Sequence[_Item], length: int) -> AsyncIterator[Sequence[_Item]]:
        """Iterate over parts of a list, with other work in between."""
        for at in range(0, len(items), length):
            yield items[at : at + length]
            await self._pace.rest()

    async def _read(self) -> tuple[list[Job], dict[JobKey, Sequence[Edge]], list[Expected]]:
        """Read the jobs; return them, their dependencies, and those that the engine is asked about."""
        found: list[Job] = []
        edges: dict[JobKey, Sequence[Edge]] = {}
        expected: list[Expected] = []
        only_launched = self._state.queue.stock.places_jobs
        for jobs in self._lookup.alive(self._last):
            found += jobs
            self.found = len(found)
            for job in jobs:
                self._state.hold(job.key.owner, job.spec_bytes)
                self._state.add(job)
                if job.spec.may_submit:
                    self.starters.append(job)
                one = job.attempt
                launched = STORED[one.phase].launched
                self._clock.not_before(max(job.queued_at_us, one.started_at_us, *(other.ended_at_us for other in job.earlier)))
                if launched or not only_launched:
                    expected.append(
                        Expected(one.key, one.pid, one.started_at_us, job.queued_at_us, launched, job.spec, job.rerun_of, job.machine)
                    )
            edges.update(self._lookup.edges(jobs))
            await self._pace.rest()
        return found, edges, expected
