"""`list --runs`: the runs of batches, one per line, newest first."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from ....keys.identity import fingerprint
from ....schemas.naming import short_id
from ...library.client import Client
from ...library.values.run_info import RunInfo
from ..shown.json_lines import run_record
from ..targets.runs import state_of
from ..terminal.screen import Cell, Table, duration, is_terminal, local_time, say, write_json

# Without --all or --limit: who looks for older ones says so.
_NEWEST = 20
_HEADINGS = ("RUN", "NAME", "STATE", "JOBS", "QUEUED", "RUNNING", "OK", "FAILED", "SUBMITTED", "TIME", "OWNER")
_EXPENDABLE = ("OWNER", "QUEUED", "OK", "TIME", "SUBMITTED", "JOBS", "RUNNING", "FAILED")
_COLOURS = {"queued": "yellow", "running": "cyan", "ok": "green", "failed": "red"}


def list_runs(connected: Client, name: str, user: str, most: int | None, *, everything: bool, header: bool, json: bool) -> None:
    """Print runs of batches, of one name or of any. `most`: at most this many."""
    wanted = most if most is not None or everything else _NEWEST
    # One more, to know whether there are more.
    found = connected.batch_runs(name, user=user, limit=None if wanted is None else wanted + 1)
    shown = islice(found, wanted)
    count = _write_json(shown) if json else _write_table(shown, header=header)
    if not count:
        say(f"there is no run of a batch {name}" if name else "there is no run of a batch")
    elif most is None and next(found, None) is not None:
        say(f"these are the newest {count}; -a lists all, --limit N the newest N")


def _write_json(found: Iterable[RunInfo]) -> int:
    count = 0
    for run in found:
        write_json(run_record(run))
        count += 1
    return count


def _write_table(found: Iterable[RunInfo], *, header: bool) -> int:
    table = Table(*_HEADINGS, header=header, expendable=_EXPENDABLE)
    count = 0
    for run in found:
        table.add(*_row(run))
        count += 1
    table.write()
    return count


def _row(run: RunInfo) -> tuple[str | Cell, ...]:
    state = state_of(run)
    return (
        # A program takes the whole id: it does not know which beginnings there will be.
        short_id(run.batch.id) if is_terminal(1) else run.id,
        run.batch.name,
        Cell(state, _COLOURS[state]),
        *map(str, (run.jobs, run.queued, run.running, run.ok)),
        Cell(str(run.failed), "red" if run.failed else ""),
        local_time(run.queued_at_us),
        duration(run.lasted_us),
        run.owner_name or fingerprint(run.owner),
    )
