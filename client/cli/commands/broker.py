"""`jobwire broker list|show|drain|undrain|remove`: the workers of the broker in use."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from ....keys.identity import format_public
from ....schemas.naming import format_id, short_id
from ....schemas.text.sizes import format_size
from ....schemas.workers.capacity import MEMORY
from ....schemas.workers.labels import OWN, Labels, labels_text
from ...library.values.broker_workers import BrokerWorker, WorkerJob
from ...library.values.status import Stock
from ..arguments import Json
from ..chosen_broker import broker
from ..parser.parameters import Argument, Context, Option
from ..terminal.screen import Cell, Table, duration, say, write, write_json

# Beyond that, its broker warns.
_CLOCK_MAY_BE_OFF = timedelta(minutes=1)
# Beyond that, it places nothing there.
_GETS_NO_JOBS = timedelta(minutes=5)
_COLOURS = {"ready": "green", "unreachable": "red", "stopped": "red", "draining": "yellow", "joining": "yellow", "removed": "yellow"}
Name = Annotated[str, Argument(metavar="WORKER", help="Name of the worker, as in jobwire broker list.")]


def list_workers(ctx: Context, *, json: Json = False) -> None:
    """List the workers of the broker in use: whether they can be reached, and how many jobs they have.

    The jobs of a worker that is unreachable or stopped continue there and start nowhere else. Needs a role that may see the jobs of others.
    """
    table = Table("NAME", "STATE", "SINCE", "JOBS", "SLOTS", "HOST", "LABELS", expendable=("LABELS", "HOST"))
    with broker(ctx) as connected:
        for one in connected.workers.list():
            if json:
                write_json(_record(one))
            else:
                state = f"{one.state}, drained" if one.drained and one.state != "draining" else one.state
                state += _clock(one)
                since = duration(int(one.since.total_seconds() * 1_000_000)) if one.since else ""
                slots = f"{one.used_slots} of {one.slots}" if one.slots else ""
                table.add(
                    one.name, Cell(state, _COLOURS.get(one.state, "")), since, str(one.jobs), slots, one.host, labels_text(_given(one))
                )
    table.write()


def drain(ctx: Context, worker: Name) -> None:
    """Give a worker no more jobs, even after it or the broker restarts. Its current jobs continue."""
    with broker(ctx) as connected:
        connected.workers.drain(worker)
    say(f"{worker} gets no more jobs; jobwire broker undrain {worker} changes that")


def undrain(ctx: Context, worker: Name) -> None:
    """Give a worker jobs again."""
    with broker(ctx) as connected:
        connected.workers.drain(worker, drained=False)
    say(f"{worker} gets jobs again")


def show(ctx: Context, worker: Name, *, json: Json = False) -> None:
    """Show everything about a worker of the broker in use: its state, what it has, and its jobs."""
    with broker(ctx) as connected:
        found = connected.workers.get(worker)
    one = found.worker
    if json:
        write_json({**_record(one), "store": found.store.hex() or None, "placed": [_job_record(job) for job in found.jobs]})
        return
    since = f" for {duration(int(one.since.total_seconds() * 1_000_000))}" if one.since else ""
    lines = {
        "worker": one.name,
        "state": f"{one.state}{since}{', drained' if one.drained and one.state != 'draining' else ''}",
        "clock": _clock_in_words(one),
        "host": one.host,
        "version": f"jobwire {one.version}" if one.version else "",
        "key": format_public(one.key),
        "store": found.store.hex(),
        "slots": f"{one.slots}, in use: {one.used_slots}" if one.slots else "",
        "resources": ", ".join(f"{stock.name} {_amount(stock)}" for stock in one.resources),
        "labels": labels_text(one.labels),
        "jobs": str(one.jobs),
    }
    for what, value in lines.items():
        if value:
            write(f"{what:<13}{value}")
    table = Table("JOB", "NAME", "STATE", "OWNER", expendable=("OWNER",))
    for job in found.jobs:
        table.add(short_id(job.id), job.name, job.state if job.accepted else f"{job.state}, not accepted yet", job.owner_name)
    if found.jobs:
        table.write()


def remove(
    ctx: Context,
    worker: Name,
    *,
    declare_lost: Annotated[
        bool, Option("--declare-lost", help="Declare the jobs that it has lost. This is final: they never run again.")
    ] = False,
) -> None:
    """Take a worker off the roster and the list of the broker in use. Needs the role admin.

    It must be drained and have no jobs. With --declare-lost, jobs that it has are lost. If it comes back, it stops them, if its own
    roster lets you stop the jobs of others.
    """
    with broker(ctx) as connected:
        lost = connected.workers.remove(worker, declare_lost=declare_lost)
    say(f"{worker} is removed" + (f"; {lost} {'jobs are' if lost != 1 else 'job is'} lost" if declare_lost else ""))


def _amount(stock: Stock) -> str:
    if stock.name == MEMORY:
        return f"{format_size(stock.total)} (in use: {format_size(stock.used)})"
    return f"{stock.total} (in use: {stock.used})"


def _job_record(job: WorkerJob) -> dict[str, object]:
    return {
        "id": format_id(job.id),
        "owner": job.owner_name or None,
        "owner_key": format_public(job.owner),
        "name": job.name,
        "state": job.state or None,
        "attempt": job.attempt,
        "accepted": job.accepted,
    }


def _given(one: BrokerWorker) -> Labels:
    """Return the labels that its operator gave it; the others have columns of their own, or are the same for all."""
    return tuple((name, value) for name, value in one.labels if name not in OWN)


def _clock(one: BrokerWorker) -> str:
    """Return a note that the clock of a worker differs from that of the broker, if that matters."""
    off = abs(one.clock_ahead)
    if off <= _CLOCK_MAY_BE_OFF:
        return ""
    return f", clock {duration(int(off.total_seconds() * 1_000_000))} {'ahead' if one.clock_ahead > timedelta() else 'behind'}"


def _clock_in_words(one: BrokerWorker) -> str:
    """Return what follows from the clock of a worker; empty if nothing."""
    if not (off := _clock(one).removeprefix(", clock ")):
        return ""
    follows = "gets no jobs until it is set and the worker has joined again" if abs(one.clock_ahead) > _GETS_NO_JOBS else "set it"
    return f"{off}: {follows}"


def _record(one: BrokerWorker) -> dict[str, object]:
    return {
        "name": one.name,
        "key": format_public(one.key),
        "state": one.state,
        "drained": one.drained,
        "clock_ahead_s": one.clock_ahead.total_seconds(),
        "since_s": one.since.total_seconds() if one.since else None,
        "jobs": one.jobs,
        "slots": one.slots,
        "used_slots": one.used_slots,
        "labels": dict(one.labels),
        "resources": {stock.name: stock.total for stock in one.resources},
        "host": one.host or None,
        "version": one.version or None,
    }
