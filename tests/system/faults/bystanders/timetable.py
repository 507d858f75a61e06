"""Schedules beside the soak: one whose job is started now and then by hand, and two that start by the clock, which is set meanwhile.

These belong to a member of its own, whose jobs nobody ordered: each must have run once, however often daemons were killed. One of them
starts batches, also by hand: each run must be there with all of its jobs, in their order, and with what it ends with.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Sequence
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
_BATCHES = "batches"
_TICK = 'echo "tick $JOBWIRE_JOB_ID" >> "$LEDGER"'
_WIDE = 60
# By the clock never within a day of the times of this test.
_NEVER = "0 0 29 2 *"


class Timetable:
    """The schedules."""

    def __init__(self, scene: Scene, pattern: Order) -> None:
        self._house, self._ledger = scene.house, scene.ledger
        self._identity = scene.house.worker.admit("clockwork", "submitter")
        self.owner = self._identity.public
        self.firings = self.runs = 0
        # Which runs were asked for by hand, and acknowledged.
        self._by_hand: list[bytes] = []
        with self._house.connect(self._house.other) as client:
            client.schedules.add(BY_HAND, pattern.spec(str(self._ledger)), cron=_NEVER, zone="UTC")
        env = {"LEDGER": str(self._ledger)}
        ticking = job_spec(["sh", "-c", _TICK], env=env)
        tables = {
            "batch": {"parallel": 2, "on_finish": ["sh", "-c", _TICK]},
            "defaults": {"env": env},
            "job": [
                {"name": "first", "argv": ["sh", "-c", _TICK], "for_each": f"1..{_WIDE}"},
                {"name": "behind", "argv": ["sh", "-c", _TICK], "after": "first"},
                {"name": "clean", "argv": ["sh", "-c", _TICK], "after": {"any": ["behind"]}},
            ],
        }
        with self._house.connect(self._identity) as client:
            client.schedules.add(_BY_CLOCK, ticking, cron="* * * * *", zone="UTC")
            client.schedules.add_batch(_BATCHES, tables, cron="* * * * *", zone="UTC", overlap="queue")

    def start_run(self, run: bytes) -> None:
        """Start a run by hand, asked for twice."""
        with self._house.connect(self._identity) as client:
            key = client.schedules.get(_BATCHES).key
            client.schedules.run_now(key, run)
            self._by_hand.append(run)
            client.schedules.run_now(key, run)

    def stop(self) -> None:
        """Let nothing be started any more, and wait until what was started has ended."""
        with self._house.connect(self._identity) as client:
            for name in (_BY_CLOCK, _BATCHES):
                client.schedules.remove(client.schedules.get(name).key)
            wait_until(lambda: self._all_queued() and not list(client.list()), "the end of what the clock started", PATIENCE_SECONDS)

    def _all_queued(self) -> bool:
        with closing(sqlite3.connect(self._house.worker.state / "state.db")) as connection:
            return not connection.execute("SELECT 1 FROM staged_runs WHERE NOT is_whole").fetchone()

    def problems(self) -> list[str]:
        """Return what is wrong with the jobs that the clock started."""
        ticks = ledgers.read(self._ledger).ticks
        with closing(sqlite3.connect(self._house.worker.state / "state.db")) as connection:
            rows = connection.execute("SELECT id, started_at, ended_at, outcome FROM jobs WHERE owner = ?", (self.owner,)).fetchall()
            of_runs = connection.execute(
                "SELECT batches.id, jobs.name, jobs.is_finish, jobs.outcome, jobs.started_at, jobs.ended_at FROM jobs"
                " JOIN batches ON batches.row = jobs.batch WHERE batches.owner = ?",
                (self.owner,),
            ).fetchall()
        self.firings = len(rows)
        found = [f"{name} of a schedule ran, and is not in the store" for name in ticks.keys() - {format_id(row[0]) for row in rows}]
        for job_id, begin_us, end_us, raw in rows:
            name, outcome = format_id(job_id), _outcome(raw)
            ran = ticks.get(name, 0)
            slack_us = self._house.clock_slack_us
            may_be_lost = any(gap.touches(begin_us - slack_us, end_us + slack_us) for gap in self._house.gaps)
            if ran > 1 or (outcome.is_ok and ran != 1):
                found.append(f"{name} of a schedule ran {ran} times: {outcome.sentence}")
            elif not outcome.is_ok and not (outcome.kind is OutcomeKind.LOST and may_be_lost) and outcome.kind is not OutcomeKind.CANCELLED:
                found.append(f"{name} of a schedule ended so: {outcome}")
        return found + self._problems_of_runs(of_runs)

    def _problems_of_runs(self, rows: Sequence[tuple[bytes, str, int | None, bytes, int, int]]) -> list[str]:
        runs: defaultdict[bytes, list[tuple[str, bool, Outcome, int, int]]] = defaultdict(list)
        for run, name, is_finish, raw, begin_us, end_us in rows:
            runs[run].append((name, bool(is_finish), _outcome(raw), begin_us, end_us))
        self.runs = len(runs)
        found = [f"run {format_id(run)} was acknowledged, and is not there" for run in self._by_hand if run not in runs]
        for run, jobs in runs.items():
            named = sorted("on_finish" if is_finish else name.partition("[")[0] for name, is_finish, *_ in jobs)
            if named != ["behind", "clean", *["first"] * _WIDE, "on_finish"]:
                found.append(f"run {format_id(run)} is not whole: {len(jobs)} jobs")
            failed = any(name.startswith("first") and not outcome.is_ok for name, _, outcome, *_ in jobs)
            for name, _, outcome, *_ in jobs:
                if outcome.kind is OutcomeKind.CANCELLED and not (name == "behind" and failed):
                    found.append(f"{name} of run {format_id(run)} was cancelled: {outcome.sentence}")
            ends = [end_us for name, _, _, _, end_us in jobs if name.startswith("first")]
            begins = [begin_us for name, _, _, begin_us, _ in jobs if name == "behind" and begin_us]
            if begins and ends and min(begins) + self._house.clock_slack_us < max(ends):
                found.append(f"run {format_id(run)}: what comes behind began before what it waits for had ended")
        return found


def _outcome(raw: bytes) -> Outcome:
    return outcome_from_wire(job_pb2.Outcome.FromString(raw))
