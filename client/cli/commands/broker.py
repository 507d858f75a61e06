"""`jobwire broker list|drain|undrain`: the workers of the broker in use."""

from __future__ import annotations

from typing import Annotated

import typer

from ....keys.identity import format_public
from ....schemas.jobs.worker_labels import OWN, Labels, labels_text
from ...library.values.broker_workers import BrokerWorker
from ..arguments import Json
from ..chosen_context import client
from ..terminal.screen import Cell, Table, duration, say, write_json

_COLOURS = {"ready": "green", "unreachable": "red", "draining": "yellow", "joining": "yellow"}
Name = Annotated[str, typer.Argument(metavar="WORKER", help="Name of the worker, as in jobwire broker list.")]


def list_workers(ctx: typer.Context, *, json: Json = False) -> None:
    """List the workers of the broker in use: whether they can be reached, and how many jobs they have.

    The jobs of a worker that is unreachable go on there and start nowhere else. Needs a role that may see the jobs of others.
    """
    table = Table("NAME", "STATE", "SINCE", "JOBS", "SLOTS", "HOST", "LABELS", expendable=("LABELS", "HOST"))
    with client(ctx) as connected:
        for one in connected.workers():
            if json:
                write_json(_record(one))
            else:
                state = f"{one.state}, drained" if one.drained and one.state != "draining" else one.state
                since = duration(int(one.since.total_seconds() * 1_000_000)) if one.since else ""
                slots = f"{one.used_slots} of {one.slots}" if one.slots else ""
                table.add(
                    one.name, Cell(state, _COLOURS.get(one.state, "")), since, str(one.jobs), slots, one.host, labels_text(_given(one))
                )
    table.write()


def drain(ctx: typer.Context, worker: Name) -> None:
    """Give a worker no more jobs, also after it or the broker was restarted. Those that it has go on."""
    with client(ctx) as connected:
        connected.drain_worker(worker)
    say(f"{worker} gets no more jobs; jobwire broker undrain {worker} changes that")


def undrain(ctx: typer.Context, worker: Name) -> None:
    """Give a worker jobs again."""
    with client(ctx) as connected:
        connected.drain_worker(worker, drained=False)
    say(f"{worker} gets jobs again")


def _given(one: BrokerWorker) -> Labels:
    """Return the labels that its operator gave it; the others are in other columns, or all alike."""
    return tuple((name, value) for name, value in one.labels if name not in OWN)


def _record(one: BrokerWorker) -> dict[str, object]:
    return {
        "name": one.name,
        "key": format_public(one.key),
        "state": one.state,
        "drained": one.drained,
        "since_s": one.since.total_seconds() if one.since else None,
        "jobs": one.jobs,
        "slots": one.slots,
        "used_slots": one.used_slots,
        "labels": dict(one.labels),
        "resources": {stock.name: stock.total for stock in one.resources},
        "host": one.host or None,
        "version": one.version or None,
    }
