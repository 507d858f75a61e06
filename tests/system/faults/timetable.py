"""Schedules beside the soak: one whose job is started now and then by hand, and one that starts by the clock, which is set meanwhile.

The second belongs to a member of its own, whose jobs nobody ordered: each must have run once, however often daemons were killed.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing

import ledger as ledgers
from daemons import wait_until
from house import PATIENCE_SECONDS
from orders import Order
from scene import Scene

from jobwire.client.library.options.specs import job_spec
from jobwire.schemas.generated import job_pb2
from jobwire.schemas.jobs.states import Outcome, OutcomeKind
from jobwire.schemas.naming import format_id
from jobwire.schemas.wire_codec import outcome_from_wire

BY_HAND = "by-hand"
_BY_CLOCK = "by-clock"
# By the clock never within a day of the times of this test.
_NEVER = "0 0 29 2 *"


class Timetable:
    """Both schedules."""

    def __init__(self, scene: Scene, pattern: Order) -> None:
        self._house, self._ledger = scene.house, scene.ledger
        self._identity = scene.house.worker.admit("clockwork", "submitter")
        self.owner = self._identity.public
        self.firings = 0
        with self._house.connect(self._house.other) as client:
            client.schedules.add(BY_HAND, pattern.spec(str(self._ledger)), cron=_NEVER, zone="UTC")
        ticking = job_spec(["sh", "-c", 'echo "tick $JOBWIRE_JOB_ID" >> "$LEDGER"'], env={"LEDGER": str(self._ledger)})
        with self._house.connect(self._identity) as client:
            client.schedules.add(_BY_CLOCK, ticking, cron="* * * * *", zone="UTC")

    def stop(self) -> None:
        """Let nothing be started any more, and wait until what was started has ended."""
        with self._house.connect(self._identity) as client:
            client.schedules.remove(client.schedules.get(_BY_CLOCK).key)
            wait_until(lambda: not list(client.list()), "the end of what the clock started", PATIENCE_SECONDS)

    def problems(self) -> list[str]:
        """Return what is wrong with the jobs that the clock started."""
        ticks = ledgers.read(self._ledger).ticks
        with closing(sqlite3.connect(self._house.worker.state / "state.db")) as connection:
            rows = connection.execute("SELECT id, started_at, ended_at, outcome FROM jobs WHERE owner = ?", (self.owner,)).fetchall()
        self.firings = len(rows)
        found = [f"{name} of a schedule ran, and is not in the store" for name in ticks.keys() - {format_id(row[0]) for row in rows}]
        for job_id, begin_us, end_us, raw in rows:
            name, outcome = format_id(job_id), _outcome(raw)
            ran = ticks.get(name, 0)
            slack_us = self._house.clock_slack_us
            may_be_lost = any(gap.touches(begin_us - slack_us, end_us + slack_us) for gap in self._house.gaps)
            if ran > 1 or (outcome.is_ok and ran != 1):
                found.append(f"{name} of a schedule ran {ran} times: {outcome.sentence}")
            elif not outcome.is_ok and not (outcome.kind is OutcomeKind.LOST and may_be_lost):
                found.append(f"{name} of a schedule ended so: {outcome}")
        return found


def _outcome(raw: bytes) -> Outcome:
    return outcome_from_wire(job_pb2.Outcome.FromString(raw))
